"""Geotagged photos: EXIF, manifest, filters, the three parts, and the batches that training reads."""
