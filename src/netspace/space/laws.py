"""Laws of one parameter over the stages of a network: drawn once, independently per stage, or in order.

An ordered parameter has the law of independent draws *conditioned* on the order. Sorting independent draws would give
every permutation of a tuple to its sorted form, and so too little weight to tuples with ties (5, 5, 5, 5 has one
permutation, 1, 2, 3, 4 has 24); rejecting until the order holds would keep one of 24 for four stages. Dynamic
programming over the support gives the conditioned law itself, at the price of one table look-up a stage.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from netspace.errors import ConfigError
from netspace.space.distributions import Distribution, Edges, Values

Order = Literal["non_decreasing", "increasing", "non_increasing", "decreasing", "constant"]
ORDERS: tuple[str, ...] = get_args(Order)


class Law(Protocol):
    """The joint law of one parameter over a network."""

    @property
    def distribution(self) -> Distribution:
        """The law of one value, before any order."""

    @property
    def count(self) -> int:
        """How many different settings there are."""

    @property
    def paper_count(self) -> Fraction:
        """How many the RegNet paper counts: an order over S stages divides the free count by S!, ties or not."""

    @property
    def dimensions(self) -> int:
        """How many numbers are free."""

    def draw(self, generator: np.random.Generator, n: int) -> Values:
        """Return n draws: (n,) if drawn once for a network, else (n, stages)."""


@dataclass(frozen=True, eq=False)
class Once:
    """One value for the whole network."""

    distribution: Distribution

    @property
    def count(self) -> int:
        """K, the size of the support."""
        return len(self.distribution)

    @property
    def paper_count(self) -> Fraction:
        """K, too."""
        return Fraction(self.count)

    @property
    def dimensions(self) -> int:
        """1, or 0 for a fixed value."""
        return int(self.count > 1)

    def draw(self, generator: np.random.Generator, n: int) -> Values:
        """Return n values, (n,)."""
        return self.distribution.draw(generator, n)


@dataclass(frozen=True, eq=False)
class PerStage:
    """An independent value for each stage."""

    distribution: Distribution
    stages: int

    @property
    def count(self) -> int:
        """K^S."""
        return int(len(self.distribution) ** self.stages)

    @property
    def paper_count(self) -> Fraction:
        """K^S, too."""
        return Fraction(self.count)

    @property
    def dimensions(self) -> int:
        """S, or 0 for a fixed value."""
        return self.stages if len(self.distribution) > 1 else 0

    def draw(self, generator: np.random.Generator, n: int) -> Values:
        """Return n rows of values, (n, stages)."""
        return self.distribution.draw(generator, (n, self.stages))


@dataclass(frozen=True, eq=False)
class InOrder:
    """Values for the stages, independent but for being conditioned on their order.

    Raises:
        ConfigError: a strict order asks for more different values than there are.
    """

    distribution: Distribution
    stages: int
    order: Literal["non_decreasing", "increasing", "non_increasing", "decreasing"]

    def __post_init__(self) -> None:
        if self._strict and len(self.distribution) < self.stages:
            raise ConfigError(
                f"'{self.order}' over {self.stages} stages needs {self.stages} different values, "
                f"got {self.distribution.support()}"
            )

    @property
    def _strict(self) -> bool:
        return self.order in {"increasing", "decreasing"}

    @property
    def count(self) -> int:
        """C(K, S) for a strict order, C(K + S - 1, S) where ties are allowed."""
        values = len(self.distribution)
        return math.comb(values if self._strict else values + self.stages - 1, self.stages)

    @property
    def paper_count(self) -> Fraction:
        """K^S / S!."""
        return Fraction(len(self.distribution) ** self.stages, math.factorial(self.stages))

    @property
    def dimensions(self) -> int:
        """S, or 0 for a fixed value: an order shrinks a space without removing a dimension."""
        return self.stages if len(self.distribution) > 1 else 0

    def draw(self, generator: np.random.Generator, n: int) -> Values:
        """Return n rows of values, (n, stages)."""
        support = len(self.distribution)
        index = np.empty((n, self.stages), dtype=np.int64)
        lowest = np.zeros(n, dtype=np.int64)
        for stage, (tail, ascending) in enumerate(zip(self._tails, self._ascending, strict=True)):
            # 1 - random() lies in (0, 1]: the level is never 0, so the largest index with tail >= level is in range
            level = (1.0 - generator.random(n)) * tail[lowest]
            index[:, stage] = support - ascending.find(level)
            lowest = index[:, stage] + self._strict
        if self.order in {"non_increasing", "decreasing"}:  # independent draws have the same law back to front
            index = index[:, ::-1]
        return self.distribution.values[index]

    @cached_property
    def _ascending(self) -> list[Edges]:
        """The tails from their far end, ready to be searched."""
        return [Edges(tail[::-1], side="left") for tail in self._tails]

    @cached_property
    def _tails(self) -> list[NDArray[np.float64]]:
        """For each stage, the weight of all ordered completions that start there at value v or above, (K + 1,).

        Weight is the probability under independent draws; the entry past the end is 0. Summed from the far end, so
        that the small tails keep their precision.
        """
        tails: list[NDArray[np.float64]] = []
        weight = self.distribution.probabilities
        for _ in range(self.stages):
            tail = np.append(np.cumsum(weight[::-1])[::-1], 0.0)
            tails.insert(0, tail)
            weight = self.distribution.probabilities * (tail[1:] if self._strict else tail[:-1])
        return tails


@dataclass(frozen=True, eq=False)
class Varying:
    """Values for the stages of networks that differ in how many they have.

    Attributes:
        by_stages: the law of the values by the number of stages.
        stages: how many values there are for each network, its own first.
    """

    by_stages: Mapping[int, PerStage | InOrder]
    stages: int

    @property
    def _longest(self) -> PerStage | InOrder:
        return self.by_stages[max(self.by_stages)]

    @property
    def distribution(self) -> Distribution:
        """The law of one value, before any order."""
        return self._longest.distribution

    @property
    def order(self) -> Order | None:
        """The order over the stages, if there is one."""
        return self._longest.order if isinstance(self._longest, InOrder) else None

    @property
    def count(self) -> int:
        """How many settings there are, whatever the number of stages."""
        return sum(law.count for law in self.by_stages.values())

    @property
    def paper_count(self) -> Fraction:
        """The same as the paper counts."""
        return sum((law.paper_count for law in self.by_stages.values()), start=Fraction(0))

    @property
    def dimensions(self) -> int:
        """How many numbers are free in the network with the most stages."""
        return self._longest.dimensions

    def draw(self, generator: np.random.Generator, n: int) -> Values:
        """Return n draws for networks with the most stages, (n, stages)."""
        return self.draw_for(generator, np.full(n, max(self.by_stages)))

    def draw_for(self, generator: np.random.Generator, stages: Values) -> Values:
        """Return a draw for each network, (n, stages); beyond a network's own stages it says nothing.

        Args:
            generator: of the draws.
            stages: how many each network has, (n,).
        """
        drawn = np.full((len(stages), self.stages), self.distribution.values[0])
        for number, law in sorted(self.by_stages.items()):
            rows = np.flatnonzero(stages == number)
            drawn[rows, :number] = law.draw(generator, len(rows))
        return drawn
