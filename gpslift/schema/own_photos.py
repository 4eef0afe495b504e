"""What holds where `data.photos` names a folder: the steps of a config are those for its embedded photos."""

OWN_PHOTOS = {
    "optim.steps": "0",  # by the number of photos
}
"""As FINETUNING, where a compact prior is trained."""
