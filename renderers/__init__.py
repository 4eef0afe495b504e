"""The NeRF: hash grid, field, occupancy, volume rendering. Sees rays; knows nothing of gpslift or systems."""
