"""Single networks beside the spaces of a study: where each stands in each space's error distribution.

A network is trained from several seeds, and its error is the mean over them. The share of a space's models that it is
better than has an interval that covers both the luck of the seeds and that of the models drawn.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from netspace.arch import MEASURES
from netspace.results.verdicts import models_of
from netspace.stats.arguments import Floats, at_chance
from netspace.store import JUDGED, RunState, Store, StudyRecord

COLUMNS = (
    *("network", "space", "seeds", "failures", "error", "low", "high"),
    *("share", "share_low", "share_high", "models"),
    *MEASURES,
    "sentence",
)


def study_marks(store: Store, study: StudyRecord) -> pd.DataFrame:
    """Return the single networks of a study as `marks_table` does; empty, and nothing is read, if it has none."""
    if not study.networks:
        return pd.DataFrame(columns=list(COLUMNS))
    runs = store.states(study.id)
    models = models_of([run for run in runs if run.space not in study.networks])
    errors = {space: one.errors for space, one in models.items()}
    return marks_table(runs, study.networks, errors, store.chance_error(study.id))


def marks_table(
    runs: Sequence[RunState],
    networks: Sequence[str],
    populations: Mapping[str, Floats],
    chance: float,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return where each network stands in each space.

    Args:
        runs: of the study, those of its single networks among them.
        networks: their names.
        populations: errors of each space's models that ended, in %, +inf for failures, float64 (n,).
        chance: error of guessing, in %, with which a seed that failed enters the mean.
        alpha: 1 - the level of the intervals.

    Returns:
        A row for each network of which a run ended and each space: `network`, `space`; `seeds` that ended and
        `failures` among them; `error`, the mean over seeds (%), with its t interval `low` to `high` (NaN for one seed);
        `share` of the space's models with a higher error, half of ties, and its interval `share_low` to `share_high`;
        `models`, of the space that ended; `flops`, `params`, `activations`; and all of it as a `sentence`.
    """
    rows = []
    for name in networks:
        ended = [run for run in runs if run.space == name and run.status in JUDGED]
        if not ended:
            continue
        scores = np.array([run.score for run in ended])
        errors = at_chance(scores, chance)
        error, (low, high) = float(errors.mean()), _mean_interval(errors, alpha)
        costs = tuple(getattr(ended[0], measure) for measure in MEASURES)
        failures = int(np.isinf(scores).sum())
        for space, models in populations.items():
            share, share_low, share_high = better_than(errors, at_chance(models, chance), alpha)
            figures = (len(ended), failures, error, low, high, share, share_low, share_high, len(models))
            rows.append((name, space, *figures, *costs))
    marks = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "sentence"])
    level = f"{100 * (1 - alpha):g} % interval "
    marks["sentence"] = [f"{_who(row)} is better than {_share(row, level)}" for row in marks.itertuples()]
    return marks


def marks_sentences(marks: pd.DataFrame) -> list[str]:
    """Return a sentence for each network about all spaces; `marks` as `marks_table` returns them."""
    found = []
    for _, rows in marks.groupby("network", sort=False):
        first, *others = rows.itertuples()
        found.append("; ".join([str(first.sentence), *(_share(row) for row in others)]))
    return found


def _who(row: Any) -> str:
    """Return a network with its mean error and the seeds that it is the mean of."""
    seeds = f"{row.seeds} {'seed' if row.seeds == 1 else 'seeds'}"
    spread = "" if math.isnan(row.low) else f", {row.low:.2f} to {row.high:.2f} %"
    failed = f", {row.failures} of them failed" if row.failures else ""
    return f"{row.network} ({row.error:.2f} %{spread}; {seeds}{failed})"


def _share(row: Any, of: str = "") -> str:
    """Return the share of a space's models that a network is better than, and `of` what level its interval is."""
    interval = f"{of}{100 * row.share_low:.0f} to {100 * row.share_high:.0f} %"
    return f"{100 * row.share:.0f} % of {row.space} ({interval}, {row.models} models)"


def better_than(errors: Floats, models: Floats, alpha: float = 0.05) -> tuple[float, float, float]:
    """Return the share of a space's models that a network is better than, with its interval.

    The share of models whose error is higher than the network's expected one, in (low, high) by its t interval at
    1 - alpha / 2, lies between the exact lower limit of the share above `high` and the exact upper limit of the share
    above `low`, at 1 - alpha / 4 each (Clopper & Pearson 1934): by Bonferroni, at the level 1 - alpha or more. A single
    seed says nothing of its own luck; the interval is then of the share that this training is better than.

    Args:
        errors: of the network from several seeds, in %, finite, float64 (k,), k >= 1.
        models: errors of the space's models, in %, finite, float64 (n,), n >= 1.
        alpha: 1 - the level.
    """
    from scipy.stats import beta

    error, n = errors.mean(), models.size
    share = float((models > error).mean() + (models == error).mean() / 2)
    low, high = (error, error) if errors.size == 1 else _mean_interval(errors, alpha / 2)
    tail = alpha / 2 if errors.size == 1 else alpha / 4
    least, most = int((models > high).sum()), int((models >= low).sum())
    share_low = 0.0 if least == 0 else float(beta.ppf(tail, least, n - least + 1))
    share_high = 1.0 if most == n else float(beta.ppf(1 - tail, most + 1, n - most))
    return share, share_low, share_high


def _mean_interval(errors: Floats, alpha: float) -> tuple[float, float]:
    """Return the t interval of the mean within [0, 100]; NaN for fewer than two."""
    if errors.size < 2:
        return math.nan, math.nan
    from scipy.stats import t

    margin = float(t.ppf(1 - alpha / 2, errors.size - 1) * errors.std(ddof=1) / math.sqrt(errors.size))
    mean = float(errors.mean())
    return max(0.0, mean - margin), min(100.0, mean + margin)
