"""Tables of what assistance gives: distributions, means, shrunken errors, predictions, samples against pools."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtr

from netspace.errors import StatisticsError
from netspace.stats.assistance import Assistance
from netspace.stats.pool_check import ADVISED_POOL, LEAST_MODELS, Features, RefusedError
from netspace.stats.superiority import superiority


def assisted_edf_table(assistance: Assistance, alpha: float = 0.05) -> pd.DataFrame:
    """Return the corners of each assisted space's error distribution, with its simultaneous band.

    Returns:
        Columns `space`, `error`, `share`, `lower`, `upper`, as those of `StudyTables.edf`.
    """
    columns = ["space", "error", "share", "lower", "upper"]
    parts = [pd.DataFrame(columns=columns)]
    for space in assistance.spaces:
        try:
            found = assistance.edf(space)
        except RefusedError:
            continue
        (x, share), band = found.steps(), found.band(alpha)
        parts.append(
            pd.DataFrame({"space": space, "error": x, "share": share, "lower": band.lower, "upper": band.upper})
        )
    return pd.concat(parts[1:] or parts, ignore_index=True)


def assisted_summary(assistance: Assistance, alpha: float = 0.05) -> pd.DataFrame:
    """Return the mean error of each assisted space's networks that train, their median error, and how many fail.

    Returns:
        Columns `space`, `n`, `failures`, `mean`, `low`, `high` (of the mean), `plain_mean`, `plain_se`, `se`, `median`,
        `median_low`, `median_high`, all in %, the last two NaN if the models are too few for an interval; and
        `failing_low`, `failing_high`, the exact interval of the share that fails.
    """
    columns = ["space", "n", "failures", "mean", "low", "high", "plain_mean", "plain_se", "se"]
    columns += ["median", "median_low", "median_high", "failing_low", "failing_high"]
    rows = []
    for space in assistance.spaces:
        try:
            found, curve = assistance.mean(space), assistance.edf(space)
        except RefusedError:
            continue
        try:
            median = curve.quantile_interval(0.5, alpha)
        except StatisticsError:
            median = np.nan, np.nan
        means = (found.mean, *found.interval(alpha), found.plain_mean, found.plain_se, found.se)
        failing = found.failure_interval(alpha)
        rows.append((space, found.n, found.failures, *means, curve.quantile(0.5), *median, *failing))
    return pd.DataFrame(rows, columns=columns)


def prediction_table(assistance: Assistance) -> pd.DataFrame:
    """Return each model's error beside what a predictor that did not see it expects of its rank.

    Returns:
        Columns `space`, `error` (%, +inf for failures) and `expected`, the share of all models, in %, that are expected
        to have a lower error.
    """
    parts = [
        pd.DataFrame({"space": space, "error": assistance.errors[space], "expected": 100 * ndtr(predicted.scores)})
        for space, predicted in assistance.predicted.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["space", "error", "expected"])


def importance_table(assistance: Assistance, spaces: Sequence[str] | None = None, alpha: float = 0.05) -> pd.DataFrame:
    """Return what each feature is worth in predicting the errors of each assisted space, the greatest first.

    Args:
        assistance: of a study.
        spaces: to show; None are all.
        alpha: probability that an interval misses.

    Returns:
        Columns `space`, `feature`, `importance`, `low`, `high`: the share of the variance of ranked errors that
        held-out predictions lose if the feature is permuted, with its interval over the folds.
    """
    rows = []
    for space in assistance.spaces if spaces is None else spaces:
        try:
            found = assistance.importances(space)
        except RefusedError:
            continue
        rows += [(space, one.feature, one.importance, *one.interval(alpha)) for one in found]
    return pd.DataFrame(rows, columns=["space", "feature", "importance", "low", "high"])


def narrowing_table(
    assistance: Assistance, pairs: Sequence[tuple[str, str]], alpha: float = 0.05, looks: int = 8
) -> pd.DataFrame:
    """Return the assisted and the classical interval of theta from the first models alone, for more and more of them.

    Each row fits the predictor anew, on the first `n` models of every assisted space in launch order.

    Args:
        assistance: of a study.
        pairs: of spaces that are compared; those that are not assisted are left out.
        alpha: probability that one interval, by itself, misses.
        looks: numbers of models, evenly spaced on a logarithmic axis, besides all of each pair.

    Returns:
        Columns `against`, `space`, `n`, `theta`, `low`, `high`, `classical_low`, `classical_high`; numbers of models at
        which a comparison is degenerate are left out.
    """
    rows = []
    pairs = [pair for pair in pairs if set(pair) <= set(assistance.spaces)]
    most = {pair: max(assistance.errors[space].size for space in pair) for pair in pairs}
    longest = max((assistance.errors[space].size for space in assistance.spaces), default=0)
    steps = np.geomspace(LEAST_MODELS, max(most.values(), default=LEAST_MODELS), looks).round().astype(int)
    for n in np.union1d(steps, list(most.values())).astype(int).tolist() if pairs else ():
        first = assistance if n >= longest else _first(assistance, n)
        for against, space in pairs:
            if n > most[against, space]:
                continue
            try:
                found = first.theta(against, space).superiority
            except RefusedError:
                continue
            plain = superiority(first.errors[against], first.errors[space])
            rows.append((against, space, n, found.theta, *found.interval(alpha), *plain.interval(alpha)))
    columns = ["against", "space", "n", "theta", "low", "high", "classical_low", "classical_high"]
    return pd.DataFrame(rows, columns=columns)


def _first(assistance: Assistance, n: int) -> Assistance:
    """Return what assists the first n models of each space, with pools of the size for that many."""
    features = {
        space: Features(one.names, one.sample[:n], one.pool[: ADVISED_POOL * n])
        for space, one in assistance.features.items()
    }
    return replace(assistance, errors={space: one[:n] for space, one in assistance.errors.items()}, features=features)


def pool_check_table(assistance: Assistance) -> pd.DataFrame:
    """Return each feature of the samples that were doubtful, compared with their pools.

    Returns:
        Columns `space`, `feature` and `z`, by how many standard errors the sample's mean is off; only spaces whose
        check warns or refuses.
    """
    rows = [
        (space, name, z)
        for space, check in assistance.checks.items()
        if check.doubtful
        for name, z in zip(check.names, check.z.tolist(), strict=True)
        if np.isfinite(z)
    ]
    return pd.DataFrame(rows, columns=["space", "feature", "z"])
