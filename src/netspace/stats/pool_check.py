"""May a pool stand for a sample? Features read and compared before anything is assisted (assisted statistics, 1 and 6).

Whatever forbids assistance is a `RefusedError` with the reason in one line; classical statistics are used then.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtrc, ndtr, pdtrc

from netspace.errors import StatisticsError
from netspace.stats.arguments import Floats

LEAST_MODELS = 16
"""Models of a space below which nothing is assisted: the intervals are not known to hold."""
LEAST_POOL = 10
"""Networks of a pool for each model of the sample, below which it is refused."""
ADVISED_POOL = 100
"""Networks of a pool for each model of the sample, below which a reader is warned."""
LEAST_REPEATS = 3
"""Repeated models from which on a sample may have been resampled."""
REFUSE_BELOW, WARN_BELOW = 0.001, 0.01
"""p-values of the check of a sample against its pool."""
COMPONENTS = 5
"""Principal components that the check looks at."""


class RefusedError(StatisticsError):
    """Why a space cannot be assisted: a reason that is shown beside its classical figures."""


class Features(NamedTuple):
    """What the networks of one space are made of.

    Attributes:
        names: of the p features.
        sample: float64 (n, p), of the models in launch order.
        pool: float64 (N, p), of untrained networks with the law of the sample.
    """

    names: tuple[str, ...]
    sample: Floats
    pool: Floats


class PoolCheck(NamedTuple):
    """A sample compared with its pool.

    Attributes:
        p_value: of a sample that has the pool's law being as far from it.
        z: float64 (p,), by how many standard errors the sample's mean of each feature is off; infinite where the pool
            has one value and the sample others.
        names: of the features.
    """

    p_value: float
    z: Floats
    names: tuple[str, ...]

    @property
    def doubtful(self) -> bool:
        """Whether a reader is warned of the sample, or its assistance refused."""
        return self.p_value < WARN_BELOW

    @property
    def farthest(self) -> str:
        """The feature that is off most, and by how much, in words."""
        worst = int(np.argmax(np.abs(self.z)))
        if np.isinf(self.z[worst]):
            return f"'{self.names[worst]}' has one value in the pool and others in the sample"
        return f"the sample's mean of '{self.names[worst]}' is {abs(self.z[worst]):.1f} standard errors off"


def read_features(sample: Any, pool: Any, n: int) -> Features:
    """Read the features of a sample and its pool.

    Args:
        sample: (n, p) numbers, or a data frame or a mapping with numeric columns.
        pool: (N, p) numbers, or the same columns in any order.
        n: models of the sample.

    Raises:
        RefusedError: too few models or networks, values that are not finite numbers, or other features in the pool.
        StatisticsError: `sample` has not n rows.
    """
    names, in_pool = _names_of(sample), _names_of(pool)
    if names is not None and in_pool is not None:
        missing = [name for name in names if name not in set(in_pool)]
        extra = [name for name in in_pool if name not in set(names)]
        if missing or extra:
            raise RefusedError(
                "sample and pool have different features: "
                + "; ".join(
                    f"{', '.join(map(repr, some))} only in the {where}"
                    for some, where in ((missing, "sample"), (extra, "pool"))
                    if some
                )
            )
        pool = {name: pool[name] for name in sample} if isinstance(pool, Mapping) else pool[list(sample)]
    of_sample, of_pool = _numbers(sample, "sample"), _numbers(pool, "pool")
    if len(of_sample) != n:
        raise StatisticsError(f"features: one row for each of the {n} models is needed, got {len(of_sample)}")
    if of_sample.shape[1] != of_pool.shape[1]:
        raise RefusedError(f"the sample has {of_sample.shape[1]} features and the pool {of_pool.shape[1]}")
    names = names or in_pool or _numbered(of_pool.shape[1])
    for values, where in ((of_sample, "sample"), (of_pool, "pool")):
        wrong = ~np.isfinite(values)
        if wrong.any():
            column = int(np.flatnonzero(wrong.any(axis=0))[0])
            raise RefusedError(
                f"feature '{names[column]}' has {int(wrong[:, column].sum())} values in the {where} that are not finite"
            )
    if n < LEAST_MODELS:
        raise RefusedError(too_few(n))
    if len(of_pool) < LEAST_POOL * n:
        raise RefusedError(f"a pool of {len(of_pool)} for {n} models, at least {LEAST_POOL * n} are needed")
    return Features(names, of_sample, of_pool)


def too_few(n: int, what: str = "models") -> str:
    """Return the reason against assisting so few models."""
    return f"{n} {what}, at least {LEAST_MODELS} are needed"


def check_repeats(features: Features, errors: Floats) -> None:
    """Refuse a sample that was drawn again from itself (resampled), or read twice.

    Models that repeat another in every feature and in their error to the last digit are counted against the number of
    networks that would meet another like it if the sample were drawn as the pool was. Failed models do not count.

    Args:
        features: of a sample of n models and its pool.
        errors: (n,) in %; +inf for failures.

    Raises:
        RefusedError: more repeats than chance gives in one sample of a thousand.
    """
    trained = np.isfinite(errors)
    rows = np.column_stack([features.sample[trained], errors[trained]])
    repeats = len(rows) - len(np.unique(rows, axis=0))
    if repeats < LEAST_REPEATS:
        return
    size, n = len(features.pool), len(rows)
    _, counts = np.unique(features.pool, axis=0, return_counts=True)
    alike = float((counts * (counts - 1.0)).sum()) / (size * (size - 1))
    if pdtrc(repeats - 1, alike * n * (n - 1) / 2) < REFUSE_BELOW:
        raise RefusedError(
            f"{repeats} of {n} models repeat another one, features and error alike: a sample that was resampled, or "
            "read twice, counts the same models again"
        )


def check_pool(features: Features) -> PoolCheck:
    """Test whether a sample has the law of its pool.

    Five principal components together (chi-square) and each feature by itself (Bonferroni); twice the lesser p-value.
    """
    n, size = len(features.sample), len(features.pool)
    mean, sd = features.pool.mean(axis=0), features.pool.std(axis=0)
    constant = sd <= 1e-9 * np.maximum(1, np.abs(mean))
    off = np.abs(features.sample - mean).max(axis=0) > 1e-6 * np.maximum(1, np.abs(mean))
    spread = np.where(constant, 1.0, sd)
    shift = np.where(constant, 0.0, (features.sample.mean(axis=0) - mean) / spread)
    error = np.sqrt(1 / n + 1 / size)
    z = np.where(constant & off, np.inf, shift / error)

    standardised = np.where(constant, 0.0, (features.pool - mean) / spread)
    values, vectors = np.linalg.eigh(standardised.T @ standardised / size)
    leading = np.flatnonzero(values > 1e-9)[-COMPONENTS:]
    components = (shift @ vectors[:, leading]) / (np.sqrt(values[leading]) * error)
    together = float(chdtrc(leading.size, float(components @ components))) if leading.size else 1.0
    alone = z.size * 2 * float(ndtr(-np.abs(z).max())) if z.size else 1.0
    return PoolCheck(min(1.0, 2 * min(together, alone)), z, features.names)


def _is_frame(values: Any) -> bool:
    """Return whether these are a data frame, without the half second that pandas takes to load for arrays."""
    return hasattr(values, "columns")


def _names_of(values: Any) -> tuple[str, ...] | None:
    return tuple(map(str, values)) if _is_frame(values) or isinstance(values, Mapping) else None


def _numbers(values: Any, where: str) -> Floats:
    if isinstance(values, Mapping):
        values = np.column_stack(list(values.values()))
    if _is_frame(values):
        import pandas as pd

        for name, column in values.items():
            if not pd.api.types.is_numeric_dtype(column):
                raise RefusedError(f"feature '{name}' of the {where} has values that are not numbers")
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise RefusedError(f"the features of the {where} have values that are not numbers") from None
    if array.ndim != 2 or 0 in array.shape:
        raise RefusedError(f"the features of the {where} must be a table (networks, features), got {array.shape}")
    return array


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"feature {i + 1}" for i in range(count))
