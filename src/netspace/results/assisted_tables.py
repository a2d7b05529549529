"""Tables of what assistance says: distributions, means, predictions against observations, samples against pools."""

import numpy as np
import pandas as pd
from scipy.special import ndtr

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


def assisted_mean_table(assistance: Assistance, alpha: float = 0.05) -> pd.DataFrame:
    """Return the mean error of the networks that train, assisted and plain, and the share of those that fail.

    Returns:
        Columns `space`, `n`, `failures`, `mean`, `low`, `high`, `plain_mean`, `plain_se`, `se` (all in %), and
        `failing_low`, `failing_high`, the exact interval of the share that fails.
    """
    rows = []
    for space in assistance.spaces:
        try:
            found = assistance.mean(space)
        except RefusedError:
            continue
        rows.append(
            (
                *(space, found.n, found.failures, found.mean, *found.interval(alpha)),
                *(found.plain_mean, found.plain_se, found.se, *found.failure_interval(alpha)),
            )
        )
    columns = ["space", "n", "failures", "mean", "low", "high", "plain_mean", "plain_se", "se"]
    return pd.DataFrame(rows, columns=[*columns, "failing_low", "failing_high"])


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
