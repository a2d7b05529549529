"""What is known of the networks that someone has selected on a page that `netspace serve` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.arch.config import STAGE_PROPERTIES
from netspace.errors import ConfigError, StudyError, raise_unknown
from netspace.results.study_tables import StudyTables
from netspace.space.spec import space_from_dict
from netspace.stats.assisted_restrictions import normal_quantile, split_theta
from netspace.stats.looked import LEAST, best_by_luck, corrected
from netspace.stats.p_values import p_is
from netspace.stats.predictor import normal_scores
from netspace.stats.superiority import Superiority, superiority
from netspace.store import FINAL, JUDGED, StoredPool

Bounds = Mapping[str, tuple[float, float]]
"""The closed interval of each bounded property; infinite ends are open."""
_SLACK = 1e-9  # relative: values of a pool are kept as logarithms


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is known of a selection within one space.

    Attributes:
        kept, models: selected networks, of those that ended.
        theta: P(a selected network has a lower error than one of the rest), with its standard error.
        luck_p_value: two-sided, corrected for having looked at all such selections.
        low, high: of theta, 95 %, as if the selection had been fixed beforehand.
        corrected_low, corrected_high: the same, corrected for having looked.
        assisted: whether a predictor assists theta.
        reason: why it does not; empty if it does.
        share: of the space's networks in its window that the selection keeps, in [0, 1]; None if that is not known.
        drawn: untrained networks that say so.
        size: settings of the space's parameters that it keeps, about; None if that is not known.
        r2: share of the variance of ranked errors that the predictor explains among the selected networks; None
            without one.
    """

    kept: int
    models: int
    theta: Superiority
    luck_p_value: float
    low: float
    high: float
    corrected_low: float
    corrected_high: float
    assisted: bool
    reason: str = ""
    share: float | None = None
    drawn: int = 0
    size: float | None = None
    r2: float | None = None


def judge_selection(tables: StudyTables, space: str, bounds: Bounds, stored: StoredPool | None = None) -> Selection:
    """Return what is known of the networks of a space within bounds.

    Theta is assisted where the space is and its pool says which of its networks are within the bounds. The
    correction is that of `netspace.stats.looked`, for as many bounded properties.

    Args:
        tables: of the study.
        space: whose networks.
        bounds: of its properties.
        stored: the space's pool as the store keeps it, with what the space drew of each network; None goes by the
            predictor's features alone.

    Raises:
        UnknownNameError: no such space, or no such property.
        StudyError: no bounds, or fewer than 3 networks are selected, or not.
    """
    if space not in tables.populations:
        raise_unknown("space", space, tables.populations)
    names = tables.properties[space]
    for name in bounds:
        if name not in names:
            raise_unknown(f"property of {space}", name, names)
    if not bounds:
        raise StudyError("nothing is selected: give a property bounds")
    runs = tables.runs[tables.runs["space"] == space].sort_values("index")
    ended = runs[runs["status"].isin(JUDGED)]
    assisted, reason = space in tables.assistance.features, tables.assistance.refusals.get(space, "")
    pool = None
    if assisted:
        pool = _pool_within(tables, space, bounds, stored)
        if pool is None:
            assisted, reason = False, "its pool does not say which networks are within these bounds"
    # an assisted estimate takes the first runs in launch order, all of which ended
    models = _first(runs) if assisted else ended
    keep, errors = _within(models, bounds), models["score"].to_numpy(np.float64)
    if min(keep.sum(), (~keep).sum()) < LEAST:
        raise StudyError(
            f"at least {LEAST} networks must be selected, and {LEAST} not; got {keep.sum()} of {keep.size}"
        )
    found = superiority(errors[~keep], errors[keep])
    r2 = None
    if assisted and pool is not None:
        predicted = tables.assistance.predicted[space]
        if pool.all() or not pool.any():
            assisted, reason = False, "all networks of its pool are within these bounds, or none"
        else:
            found, _ = split_theta(errors, predicted, keep, pool)
            if found.degenerate:
                assisted, reason = False, "the errors of selected and other networks do not overlap, or are all equal"
        r2 = _r2(errors[keep], predicted.scores[keep])
    luck = best_by_luck(models[list(names)].to_numpy(np.float64), len(bounds))
    p_value, alpha = corrected(normal_quantile(found), luck)
    share = None if pool is None else float(pool.mean())
    return Selection(
        kept=int(keep.sum()),
        models=keep.size,
        theta=found,
        luck_p_value=p_value,
        low=found.interval()[0],
        high=found.interval()[1],
        corrected_low=found.interval(alpha)[0],
        corrected_high=found.interval(alpha)[1],
        assisted=assisted,
        reason=reason,
        share=share,
        drawn=0 if pool is None else pool.size,
        size=_size(tables, space, share),
        r2=r2,
    )


def selection_rows(found: Selection) -> list[tuple[str, str]]:
    """Return a selection in words: what is known, and what of it."""
    how = "assisted" if found.assisted else f"not assisted{f': {found.reason}' if found.reason else ''}"
    rows = [
        ("θ against the rest", f"{found.theta.theta:.3f}, 95 % from {found.low:.3f} to {found.high:.3f} ({how})"),
        (
            "corrected for looking",
            f"from {found.corrected_low:.3f} to {found.corrected_high:.3f}, {p_is(found.luck_p_value)}",
        ),
        ("judged by", f"{found.kept} of {found.models} networks"),
    ]
    if found.share is not None:
        rows.append(("acceptance", f"{found.share:.1%} of the space, by {found.drawn:,} untrained networks"))
    if found.size is not None:
        rows.append(("size", f"about {found.size:.2g} settings of its parameters"))
    if found.r2 is not None:
        rows.append(("expected R²", f"{found.r2:.2f} of a study of the selection, by this one's predictor"))
    return rows


def _first(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs, in order, up to the first that has not ended, without those that were lost."""
    open_ = ~runs["status"].isin(FINAL).to_numpy()
    prefix = runs[: int(open_.argmax())] if open_.any() else runs
    return prefix[prefix["status"].isin(JUDGED)]


def _within(models: pd.DataFrame, bounds: Bounds) -> NDArray[np.bool_]:
    inside = np.ones(len(models), dtype=np.bool_)
    for name, (low, high) in bounds.items():
        values = models[name].to_numpy(np.float64)
        inside &= (values >= low) & (values <= high)
    return inside


def _pool_within(
    tables: StudyTables, space: str, bounds: Bounds, stored: StoredPool | None
) -> NDArray[np.bool_] | None:
    """Return which networks of a space's pool are within bounds, (N,); None if it does not hold a property."""
    features = tables.assistance.features[space]
    drawn: dict[str, NDArray[np.float64]] = {}
    if stored is not None and stored.drawn is not None and len(stored.drawn) == len(features.pool):
        drawn = dict(zip(stored.parameters, stored.drawn.T, strict=True))
    place = {str(name): column for column, name in enumerate(features.names)}
    inside = np.ones(len(features.pool), dtype=np.bool_)
    for name, (low, high) in bounds.items():
        if name in drawn:
            values = drawn[name]
        elif name in place:
            values = features.pool[:, place[name]]
        else:
            columns = [place[column] for column in _logs(name, place)]
            if not columns:
                return None
            values = np.exp(features.pool[:, columns[0]])
        reach = _SLACK * np.abs(values)
        inside &= (values >= low - reach) & (values <= high + reach)
    return inside


def _logs(name: str, place: Mapping[str, int]) -> Sequence[str]:
    """Return the features that are the logarithm of a property; one that all stages share is that of each stage."""
    if f"log_{name}" in place:
        return [f"log_{name}"]
    return [f"log_{name}_1"] if name in STAGE_PROPERTIES.values() and f"log_{name}_1" in place else []


def _r2(errors: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return how much of the ranks of these errors the predictions explain, at least 0."""
    ranks = normal_scores(errors)
    if np.ptp(ranks) == 0 or np.ptp(scores) == 0:
        return 0.0
    correlation = float(np.corrcoef(ranks, scores)[0, 1])
    return max(correlation, 0.0) ** 2


def _size(tables: StudyTables, space: str, share: float | None) -> float | None:
    """Return about how many settings of a space's parameters a share of it holds."""
    described = next(
        (one for one in tables.study.spec.get("spaces") or () if isinstance(one, Mapping) and one.get("name") == space),
        None,
    )
    if share is None or described is None:
        return None
    if any("python" in constraint for constraint in described.get("constraints") or ()):
        return None
    try:
        return share * space_from_dict(dict(described), tables.store, name=space).size().exact
    except ConfigError:  # of code that lies elsewhere
        return None
