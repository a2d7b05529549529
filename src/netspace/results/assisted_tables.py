"""Tables of what assistance says: distributions, means, predictions against observations, samples against pools."""

import numpy as np
import pandas as pd
from scipy.special import ndtr

from netspace.errors import StatisticsError
from netspace.stats.assistance import Assistance
from netspace.stats.pool_check import RefusedError


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


def pool_check_table(assistance: Assistance) -> pd.DataFrame:
    """Return each feature of the samples that were doubtful, held against their pools.

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
