"""How many small models train on one GPU at a time: decided by its memory and by what a study's own runs measure.

A network of a few million flops keeps a fraction of a GPU busy; several processes side by side get more done, until the
device is full or the next ones only slow the others down.
"""

import statistics

MEMORY_SHARE = 0.9
"""Of a device's memory that its models may take together; the rest is for what the driver cannot foresee."""
GAIN = 1.3
"""How much more twice the models must get done to be worth it; at best it is 2."""
FEWEST_RUNS = 12
"""Runs that a number of models is judged by; models of one space differ severalfold in time."""


class Crowd:
    """Finds the number of models per device by doubling it for as long as that pays.

    Each number is judged by runs that began and ended under it: its rate is the number over the geometric mean of
    their seconds. Twice the number is tried next where its memory would suffice, and given up again where its rate is
    not higher by `GAIN`; then the number stays. If memory runs out all the same, half of it stays.

    Args:
        most: no more than this, the CPU cores for each device.

    Attributes:
        size: how many models to train on each device now, at least 1.
    """

    def __init__(self, most: int) -> None:
        self.size: int = 1
        self._most = max(1, most)
        self._settled = self._most == 1
        self._seconds: list[float] = []
        self._rate_before: float | None = None
        self._largest_share = 0.0

    def ended(self, seconds: float, memory_share: float, began_with: int) -> None:
        """Take note of a run.

        Args:
            seconds: its training time.
            memory_share: of the device's memory that its process held at most, in [0, 1].
            began_with: `size` when it was started.
        """
        self._largest_share = max(self._largest_share, memory_share)
        if self.size > 1 and self.size * self._largest_share > MEMORY_SHARE:
            # a larger network came than any before: fewer from here on, whatever the rate
            self._settle(max(1, int(MEMORY_SHARE / self._largest_share)))
        if self._settled or began_with != self.size:
            return
        self._seconds.append(seconds)
        if len(self._seconds) < max(FEWEST_RUNS, 2 * self.size):
            return
        rate = self.size / statistics.geometric_mean(self._seconds)
        if self._rate_before is not None and rate < GAIN * self._rate_before:
            self._settle(self.size // 2)
        elif self._fits(2 * self.size):
            self._rate_before, self._seconds = rate, []
            self.size *= 2
        else:
            self._settle(self.size)

    def starved(self, began_with: int) -> bool:
        """Take note of a run that ended for want of memory; half as many are trained at a time from here on.

        Args:
            began_with: `size` when it was started.

        Returns:
            Whether there were more than one, so that the run may find its memory with fewer beside it.
        """
        crowd = max(began_with, self.size)
        # several may starve of the same crowd: it is halved once
        self._settle(max(1, min(self.size, crowd // 2)))
        return crowd > 1

    def _fits(self, size: int) -> bool:
        return size <= self._most and size * self._largest_share <= MEMORY_SHARE

    def _settle(self, size: int) -> None:
        self.size, self._settled = size, True
