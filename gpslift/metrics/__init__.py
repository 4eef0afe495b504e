"""Metrics: the paper's, and those against a known shape, with the small networks that some of them need."""
