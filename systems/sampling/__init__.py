"""`--sample`: pictures from a trained prior."""
