"""Which noise levels the prior is asked at, from the first step to the last."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TimestepSchedule:
    """A range of timesteps, as shares of the noise schedule, annealed linearly from `start` to `end` (paper, 3.4).

    anneal_share: the share of all steps that annealing takes; afterwards the range stays at `end`.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    anneal_share: float

    def limits(self, share: float) -> tuple[float, float]:
        """Lower and upper end of the range when `share` (0 to 1) of the steps are done."""
        progress = min(share / self.anneal_share, 1.0) if self.anneal_share > 0 else 1.0
        low, high = (a + (b - a) * progress for a, b in zip(self.start, self.end, strict=True))
        return low, high

    def timestep(self, share: float, draw: float, timesteps: int) -> int:
        """The timestep (0 to timesteps - 1) that a uniform `draw` in [0, 1) picks from the range."""
        low, high = self.limits(share)
        return min(int((low + (high - low) * draw) * timesteps), timesteps - 1)
