"""The NeRF: hash grid, field, occupancy, volume rendering, background. Sees rays; knows nothing of gpslift or systems."""
