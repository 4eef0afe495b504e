"""How much the loss at each timestep counts."""

from torch import Tensor


def min_snr_weight(alpha: Tensor, gamma: float, velocity: bool) -> Tensor:
    """Min-SNR weights (Hang et al. 2023, eq. 9): min(snr, gamma) / snr for noise, / (snr + 1) for velocity.

    alpha: the noise schedule's cumulative product at the timesteps, in [0, 1]; snr = alpha / (1 - alpha).
    """
    snr = alpha / (1 - alpha).clamp_min(1e-8)
    return snr.clamp_max(gamma) / (snr + 1 if velocity else snr.clamp_min(1e-8))
