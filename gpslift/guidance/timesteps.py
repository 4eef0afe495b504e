"""Which noise levels the prior is asked at, from the first step to the last."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class TimestepSchedule:
    """From which range of timesteps, as shares of the noise schedule, a step's is drawn, by `kind`.

    annealed: from `start` linearly to `end` (paper, 3.4). constant: all that they span, at every step (Poole et al.
    2022). sqrt: no range, but t_max - (t_max - t_min) sqrt(share of the steps done), from the highest that they span to
    the lowest (Zhu et al. 2024, HiFA; threestudio's `sqrt_anneal`): details get most of the steps.

    anneal_share: the share of all steps that annealed and sqrt take; afterwards they stay at their ends.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    anneal_share: float
    kind: str = "annealed"

    def limits(self, share: float) -> tuple[float, float]:
        """Lower and upper end of the range when `share` (0 to 1) of the steps are done."""
        progress = min(share / self.anneal_share, 1.0) if self.anneal_share > 0 else 1.0
        lowest, highest = min(self.start[0], self.end[0]), max(self.start[1], self.end[1])
        if self.kind == "constant":
            return lowest, highest
        if self.kind == "sqrt":
            only = highest - (highest - lowest) * math.sqrt(progress)
            return only, only
        low, high = (a + (b - a) * progress for a, b in zip(self.start, self.end, strict=True))
        return low, high

    def timestep(self, share: float, draw: float, timesteps: int) -> int:
        """The timestep (0 to timesteps - 1) that a uniform `draw` in [0, 1) picks from the range."""
        low, high = self.limits(share)
        return min(int((low + (high - low) * draw) * timesteps), timesteps - 1)
