"""What an image prior is told: text tokens, place tokens, and how they are dropped in training."""
