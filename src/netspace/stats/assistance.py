"""Assisted statistics of all spaces of a study by one predictor, and the reasons where it is refused.

The idea: what a network is made of is known without training. A predictor of the error, fitted on the trained models,
is averaged over a large pool of untrained networks; the difference between sample and pool is the luck of the sample
and is taken off. See `predictor`, `assisted_theta`, `assisted_edf` and `assisted_mean` for the formulas.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from netspace.errors import StatisticsError, raise_unknown
from netspace.stats.arguments import Floats, as_errors
from netspace.stats.assisted_edf import AssistedEDF, assisted_edf, training_errors
from netspace.stats.assisted_mean import AssistedMean, assisted_mean
from netspace.stats.assisted_theta import LEAST_SIGMA, AssistedTheta, Predicted, assisted_theta, predict
from netspace.stats.importance import Importance, importances
from netspace.stats.p_values import p_is
from netspace.stats.pool_check import (
    ADVISED_POOL,
    LEAST_MODELS,
    REFUSE_BELOW,
    WARN_BELOW,
    Features,
    PoolCheck,
    RefusedError,
    check_pool,
    check_repeats,
    read_features,
    too_few,
)
from netspace.stats.predictor import CrossFit, Response, Scale, cross_fit, normal_scores
from netspace.stats.shrinkage import Shrunken, log_errors, shrink
from netspace.stats.superiority import superiority
from netspace.stats.together import put_together

NOT_GIVEN = "no features and pool of untrained networks are given"


@dataclass(frozen=True, kw_only=True, eq=False)
class Assistance:
    """What assists the statistics of a study's spaces: made by `Assistance.of`.

    Attributes:
        errors: float64 (n,) in % by space, in launch order; +inf for failures. All spaces, refused ones too.
        features: of the spaces that are assisted, each with its own.
        alike: names of features that mean the same in spaces whose features differ; None if all do.
        refusals: why a space is not assisted, by space.
        warnings: what a reader must know of a space that is.
        checks: each space's sample compared with its pool, if both could be read.
    """

    errors: Mapping[str, Floats]
    features: Mapping[str, Features]
    refusals: Mapping[str, str]
    warnings: Mapping[str, str]
    checks: Mapping[str, PoolCheck]
    alike: Collection[str] | None = None

    @classmethod
    def of(
        cls,
        populations: Mapping[str, Any],
        features: Mapping[str, Any],
        pools: Mapping[str, Any],
        *,
        refused: Mapping[str, str] | None = None,
        notes: Mapping[str, str] | None = None,
        without_pool: str = NOT_GIVEN,
        alike: Collection[str] | None = None,
    ) -> Self:
        """Read features and pools of the spaces, and decide which of them can be assisted.

        Args:
            populations: (n,) errors in % by space, models in launch order; +inf is a failed model.
            features: (n, p) numbers or a data frame by space, rows in the same order.
            pools: (N, p) numbers or a data frame by space: networks with the law of the sample, N >= 100 n.
            refused: spaces that the caller knows not to be fit for assistance, with the reason.
            notes: what else a reader must know of a space's sample.
            without_pool: the reason of spaces without features or pool.
            alike: names of features that mean the same in spaces whose features differ, see `together`; None if all
                do.

        Raises:
            StatisticsError: unusable errors, or features with another number of rows.
        """
        errors = {name: as_errors(values, f"errors of {name}", at_least=0) for name, values in populations.items()}
        refusals = dict(refused or {})
        found: dict[str, Features] = {}
        checks: dict[str, PoolCheck] = {}
        warnings: dict[str, str] = {}
        for name, values in errors.items():
            if name in refusals:
                continue
            try:
                if name not in features or name not in pools:
                    raise RefusedError(too_few(values.size) if values.size < LEAST_MODELS else without_pool)
                found[name] = read_features(features[name], pools[name], values.size)
                check_repeats(found[name], values)
                checks[name] = check_pool(found[name])
                said = [*_warnings(checks[name], found[name]), *filter(None, [(notes or {}).get(name)])]
                if said:
                    warnings[name] = "; ".join(said)
            except RefusedError as reason:
                refusals[name] = str(reason)
                found.pop(name, None)
            except StatisticsError as error:
                raise StatisticsError(f"{name}: {error}") from None
        if found and not Scale.of([one.pool for one in put_together(found, alike).values()]).kept.any():
            refusals |= dict.fromkeys(found, "all features are constant")
            found.clear()
        return cls(errors=errors, features=found, refusals=refusals, warnings=warnings, checks=checks, alike=alike)

    def of_models(self, space: str, which: np.ndarray, networks: int | None = None) -> Self:
        """Return what assists some models of one space: its predictor is fitted on them, and on no other space.

        Args:
            space: an assisted space.
            which: bool (n,) in launch order, at least 2 of them.
            networks: of the pool to keep, the first ones; None keeps all.

        Raises:
            RefusedError: it is not assisted.
            UnknownNameError: no such space.
        """
        self._check_assisted(space)
        found = self.features[space]
        part = Features(found.names, found.sample[which], found.pool[:networks])
        return replace(self, errors={space: self.errors[space][which]}, features={space: part})

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that are assisted."""
        return tuple(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        """The features that the predictor uses, those of all spaces first; constant ones are left out."""
        if not self.features:
            return ()
        first = next(iter(self.together.values()))
        return tuple(np.array(first.names, dtype=object)[self._scale.kept])

    @property
    def shared(self) -> int:
        """How many of them all spaces have."""
        return int(np.all([self._has(name) for name in self.features], axis=0).sum()) if self.features else 0

    @cached_property
    def together(self) -> Mapping[str, Features]:
        """The features of all assisted spaces with the same columns; see `netspace.stats.together`."""
        return put_together(self.features, self.alike)

    @property
    def r2(self) -> float | None:
        """The share of the variance of (ranked) errors that the predictor explains on held-out networks."""
        return self._ranks.r2 if self.features else None

    def theta(self, a: str, b: str) -> AssistedTheta:
        """Estimate P(a network of `b` beats one of `a`).

        Raises:
            RefusedError: one of them is not assisted, or the comparison is degenerate.
            UnknownNameError: no such space.
        """
        self._check_assisted(a, b)
        if superiority(self.errors[a], self.errors[b]).degenerate:
            raise RefusedError("their errors are all equal or do not overlap, and leave no spread to assist")
        found = assisted_theta(self.errors[a], self.errors[b], self.predicted[a], self.predicted[b])
        if found.superiority.degenerate:
            raise RefusedError("the predictor leaves no spread to judge by")
        return found

    def edf(self, space: str) -> AssistedEDF:
        """Estimate the error distribution of a space.

        Raises:
            RefusedError: it is not assisted.
            UnknownNameError: no such space.
        """
        self._check_assisted(space)
        if not np.isfinite(self.errors[space]).any():
            raise RefusedError("every model failed")
        return assisted_edf(self.errors[space], self.predicted[space], self._training)

    def mean(self, space: str) -> AssistedMean:
        """Estimate the mean error of a space's networks that train.

        Raises:
            RefusedError: it is not assisted, or fewer than 16 models trained.
            UnknownNameError: no such space.
        """
        self._check_assisted(space)
        trained = np.isfinite(self.errors[space])
        if trained.sum() < LEAST_MODELS:
            raise RefusedError(too_few(int(trained.sum()), "models that trained"))
        spaces, fit = self._means
        # a failed model is in no training set: any fold holds it out
        folds = np.arange(trained.size) % len(fit.fits)
        folds[trained] = fit.folds(int(trained.sum()))
        sample, pool = self._standardised[space]
        return assisted_mean(self.errors[space], predict(fit, spaces.index(space), sample, pool, folds))

    def importances(self, space: str) -> tuple[Importance, ...]:
        """Return what each feature is worth in predicting the ranked errors of a space; see `importance`.

        Raises:
            RefusedError: it is not assisted, or its errors are all equal.
            UnknownNameError: no such space.
        """
        self._check_assisted(space)
        if np.unique(self.errors[space]).size < 2:
            raise RefusedError("its errors are all equal")
        names = list(self.features)
        sizes = np.cumsum([one.size for one in self._errors_of(self.features)])
        ranks = np.split(normal_scores(np.concatenate(self._errors_of(self.features))), sizes[:-1])
        place = names.index(space)
        own = [name if has else None for name, has in zip(self.names, self._has(space), strict=True)]
        return importances(self._ranks, place, self._standardised[space][0], ranks[place], own)

    def shrunken(self, space: str, *, noise: float | None = None, alpha: float = 0.05) -> Shrunken:
        """Estimate the error of each network of a space, freed of the luck of its training; see `shrinkage`.

        Args:
            space: an assisted space.
            noise: see `shrink`.
            alpha: probability that an interval misses.

        Returns:
            (n,) each, NaN for failed models.

        Raises:
            RefusedError: it is not assisted, fewer than 16 models trained, or their errors are predicted exactly.
            UnknownNameError: no such space.
        """
        self._check_assisted(space)
        trained = np.isfinite(self.errors[space])
        if trained.sum() < LEAST_MODELS:
            raise RefusedError(too_few(int(trained.sum()), "models that trained"))
        spaces, fit = self._logs
        sigma = float(np.sqrt(np.mean([one.sigma**2 for one in fit.fits])))
        if sigma < LEAST_SIGMA:
            raise RefusedError("the predictor leaves no spread to judge by")
        total = sum(int(np.isfinite(self.errors[name]).sum()) for name in spaces)
        sample = self._standardised[space][0][trained]
        predicted = fit.held_out(spaces.index(space), sample)
        found = shrink(self.errors[space][trained], predicted, sigma, total - len(spaces) - 1, noise=noise, alpha=alpha)
        ends = np.full((3, trained.size), np.nan)
        ends[:, trained] = found[:3]
        return Shrunken(ends[0], ends[1], ends[2], found.noise_share)

    @cached_property
    def predicted(self) -> Mapping[str, Predicted]:
        """What the predictor of ranked errors says of each assisted space's models and pool."""
        return {
            name: predict(self._ranks, index, *self._standardised[name]) for index, name in enumerate(self.features)
        }

    @cached_property
    def _scale(self) -> Scale:
        return Scale.of([one.pool for one in self.together.values()])

    @cached_property
    def _standardised(self) -> Mapping[str, tuple[Floats, Floats]]:
        return {name: (self._scale(one.sample), self._scale(one.pool)) for name, one in self.together.items()}

    @cached_property
    def _ranks(self) -> CrossFit:
        return cross_fit([self._standardised[name][0] for name in self.features], self._errors_of(self.features))

    @cached_property
    def _training(self) -> Sequence[Floats]:
        return training_errors(self._errors_of(self.features), self._ranks)

    @cached_property
    def _means(self) -> tuple[list[str], CrossFit]:
        """Return the spaces with enough models that trained, and the predictor of their errors in %."""
        return self._of_trained(np.asarray)

    @cached_property
    def _logs(self) -> tuple[list[str], CrossFit]:
        """Return the same spaces and the predictor of the logarithms of their errors."""
        return self._of_trained(log_errors)

    def _of_trained(self, response: Response) -> tuple[list[str], CrossFit]:
        trained = {name: np.isfinite(self.errors[name]) for name in self.features}
        enough = [name for name, which in trained.items() if which.sum() >= LEAST_MODELS]
        fit = cross_fit(
            [self._standardised[name][0][trained[name]] for name in enough],
            [self.errors[name][trained[name]] for name in enough],
            response=response,
        )
        return enough, fit

    def _errors_of(self, names: Mapping[str, Any]) -> list[Floats]:
        return [self.errors[name] for name in names]

    def _has(self, space: str) -> np.ndarray:
        """Return which of `names` are features of a space, bool (p,)."""
        return np.asarray(~np.isnan(self.together[space].pool[0, self._scale.kept]))

    def _check_assisted(self, *spaces: str) -> None:
        for space in spaces:
            if space in self.refusals:
                raise RefusedError(self.refusals[space])
            if space not in self.errors:
                raise_unknown("space", space, self.errors)


def _warnings(check: PoolCheck, features: Features) -> list[str]:
    """Return what is to be said of a sample against its pool.

    Raises:
        RefusedError: the pool cannot have the law of the sample.
    """
    off = f"{check.farthest} ({p_is(check.p_value)})"
    if check.p_value < REFUSE_BELOW:
        raise RefusedError(
            f"the sample does not follow the distribution of its pool, as of another window or space: {off}"
        )
    said = []
    if check.p_value < WARN_BELOW:
        said.append(f"the sample is unlike its pool: {off}")
    n, size = len(features.sample), len(features.pool)
    if size < ADVISED_POOL * n:
        said.append(f"a pool of {size} is small for {n} models, {ADVISED_POOL * n} are advised")
    return said
