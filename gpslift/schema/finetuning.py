"""What holds where `prior.base` names a pretrained model: the other settings of a config are the compact prior's."""

FINETUNING = {
    "prior.start": "",
    "data.cache_latents": "yes",
    "backbone.image_size": "512",  # what Stable Diffusion was made for: of other sizes it draws other, doubled things
    "backbone.pooled_text": "no",
    "optim.steps": "4000",
    "optim.batch_size": "32",
    "optim.accumulate": "8",  # four images at a time
    "optim.optimizer": "adamw",
    "optim.lr": "1e-5",  # of what is known already; the compact prior's 2e-3 would undo it
    "optim.place_lr": "1e-3",  # of what is new: its gates start at zero, and at 1e-5 would hardly open
    "optim.encoder_lr": "0",
    "optim.schedule": "constant",
    "optim.warmup_steps": "100",
    "optim.timestep_power": "1",
    "optim.place_weight": "0",
    "optim.gradient_checkpointing": "yes",
    "sample.guidance_scale_text": "3.5",
    "sample.guidance_scale_place": "7.5",
    "sample.steps": "50",
}
"""Key and value, as on the command line. It goes over all files below the one that sets `prior.base`, or over all of
them where the command line does. That file, those that extend it and the command line go over it."""
