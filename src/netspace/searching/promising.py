"""Which networks are worth a training, and which of those trained is the best, by a predictor of their errors.

The predictor is that of assisted statistics: a ridge regression of the logarithm of the error on what networks are made
of. Its leave-one-out residuals say how far it can be believed: an untrained network's log error is taken to be
m + sigma t, with m its prediction and t of Student's distribution. A network is *hopeless* if by this its probability
of an error below the least likely one so far is under 5 %. sigma holds the noise of training too, which makes the rule
the more careful. Networks are chosen by what they are made of, never by their errors, so that those that were chosen
can be fitted together with the random ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from netspace.arch.features import FeatureTable
from netspace.stats.predictor import Fit, Scale, cross_fit, fit_ridge
from netspace.stats.shrinkage import Shrunken, log_errors, repeat_noise, shrink

HOPELESS = 0.05
"""Probability of beating the best network so far below which a network is not trained."""
LEAST_FITTED = 8
"""Trained networks from which a predictor is fitted."""

_LEAST_SIGMA = 1e-6  # of log errors: below, the networks do not differ

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network that was trained, perhaps several times.

    Attributes:
        space: its space.
        row: its place in the space's pool.
        errors: of its trainings, in %; all finite.
    """

    space: str
    row: int
    errors: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Likely:
    """An error freed of the luck of training, in %, with the ends of its 95 % interval; see `stats.shrinkage`."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Promise:
    """What is expected of the networks that were not trained.

    Attributes:
        order: space and row of those that are not hopeless, the best prediction first.
        hopeless: how many are.
        missed: how many of the hopeless ones are expected to be better than `best` all the same.
        best: the least likely error of a trained network, %.
        r2: of the predictor on networks that it was not fitted to.
    """

    order: tuple[tuple[str, int], ...]
    hopeless: int
    missed: float
    best: float
    r2: float

    def __str__(self) -> str:
        return (
            f"{self.hopeless:,} of {len(self.order) + self.hopeless:,} untrained networks are not worth a training: "
            f"each has less than a {HOPELESS:.0%} chance of beating the best likely error so far, {self.best:.1f} % "
            f"(of all of them about {self.missed:.1f} would); the predictor's R2 is {self.r2:.2f}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A predictor of the log errors of networks, fitted on some that were trained.

    Attributes:
        trained: those.
        expected: of each of them, by a fit that did not see it, (n,).
        sigma: root mean square of the leave-one-out residuals.
        df: degrees of freedom behind sigma.
        fit: on all of them.
        spaces: in the order of the fit.
        scale: of the features.
    """

    trained: tuple[Trained, ...]
    expected: Floats
    sigma: float
    df: int
    fit: Fit
    spaces: tuple[str, ...]
    scale: Scale

    @classmethod
    def of(cls, trained: Sequence[Trained], pools: Mapping[str, FeatureTable]) -> Self | None:
        """Fit one.

        Args:
            trained: in the order of training; of each the first error counts, so that all have the same noise.
            pools: the features of very many networks of each space.

        Returns:
            None if fewer than 8 networks trained, or their errors do not differ.
        """
        by_space = {name: [one for one in trained if one.space == name] for name in pools}
        by_space = {name: several for name, several in by_space.items() if len(several) > 1}
        kept = [one for several in by_space.values() for one in several]
        if len(kept) < LEAST_FITTED:
            return None
        scale = Scale.of([pools[name].values for name in by_space])
        features = [scale(pools[name].values[[one.row for one in several]]) for name, several in by_space.items()]
        errors = [np.array([one.errors[0] for one in several]) for several in by_space.values()]
        crossed = cross_fit(features, errors, response=log_errors)
        sigma = float(np.sqrt(np.mean([one.sigma**2 for one in crossed.fits])))
        if sigma < _LEAST_SIGMA:
            return None
        return cls(
            trained=tuple(kept),
            expected=np.concatenate([crossed.held_out(place, rows) for place, rows in enumerate(features)]),
            sigma=sigma,
            df=max(1, len(kept) - len(by_space) - 1),
            fit=fit_ridge(features, [log_errors(one) for one in errors]),
            spaces=tuple(by_space),
            scale=scale,
        )

    def likely(self) -> tuple[Likely, ...]:
        """Return the likely error of each trained network, in the order of `trained`.

        The noise is known where five networks were trained again. A network that was trained k times is then judged by
        the mean of its log errors, whose noise is less by the root of k.
        """
        noise = repeat_noise([one.errors for one in self.trained])
        counts = np.array([len(one.errors) for one in self.trained])
        means = np.array([np.exp(log_errors(one.errors).mean()) for one in self.trained])
        found: list[Likely | None] = [None] * len(self.trained)
        for count in np.unique(counts):
            which = np.flatnonzero(counts == count)
            sigma, own = self.sigma, None if noise is None else noise / float(np.sqrt(count))
            if noise is not None and own is not None:
                sigma = float(np.sqrt(max(self.sigma**2 - noise**2, 0.0) + own**2))
            shrunken: Shrunken = shrink(means[which], self.expected[which], sigma, self.df, noise=own)
            for place, estimate, low, high in zip(which.tolist(), *shrunken[:3], strict=True):
                found[place] = Likely(estimate=float(estimate), low=float(low), high=float(high))
        return tuple(one for one in found if one is not None)

    def promise(self, pools: Mapping[str, FeatureTable]) -> Promise:
        """Return which untrained networks of the pools are worth a training."""
        best = min(one.estimate for one in self.likely())
        hopeful: list[tuple[float, str, int]] = []
        missed: list[float] = []
        for place, name in enumerate(self.spaces):
            expected = self.fit.score(place, self.scale(pools[name].values))
            chances = student.cdf((np.log(best) - expected) / self.sigma, self.df)
            known = [one.row for one in self.trained if one.space == name]
            for row in np.setdiff1d(np.arange(len(expected)), known).tolist():
                if chances[row] < HOPELESS:
                    missed.append(float(chances[row]))
                else:
                    hopeful.append((float(expected[row]), name, row))
        order = tuple((name, row) for _, name, row in sorted(hopeful))
        return Promise(order=order, hopeless=len(missed), missed=float(np.sum(missed)), best=best, r2=self.fit.r2)
