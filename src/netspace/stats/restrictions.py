"""Candidate restrictions of a space, as the paper's steps from A to RegNet: ranges, shared and ordered parameters."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.errors import StatisticsError

RANGE_QUANTILES = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Where ranges are cut: inside the share that `refine` accepts, and coarse, for each cut costs power."""
ORDERED = ("depth", "width")
"""Per-stage parameters for which a non-decreasing order is meaningful (spaces D and E)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Restriction:
    """One way of making a space smaller, with the models that it would keep.

    Attributes:
        name: in plain words, unique among the candidates.
        kind: "range" (low <= every stage's value <= high), "shared" (equal over the stages) or "non-decreasing".
        parameter: a column of the table, or the common name of per-stage columns ("width" for width_1, width_2, ...).
        keep: bool (n,), the models that meet it.
        low, high: the closed range, for kind "range"; None leaves a side open.
    """

    name: str
    kind: Literal["range", "shared", "non-decreasing"]
    parameter: str
    keep: NDArray[np.bool_]
    low: float | None = None
    high: float | None = None

    def met_by(self, parameters: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which networks of another table meet it, bool (N,).

        Args:
            parameters: the columns that the candidates were made from, one row for each network.
        """
        name = self.parameter
        columns = [name] if name in parameters else _stage_columns(list(parameters.columns))[name]
        values = parameters[columns].to_numpy(dtype=np.float64)
        if self.kind == "shared":
            return _shared(values)
        if self.kind == "non-decreasing":
            return _rising(values)
        return _inside(values, self.low, self.high)


def candidate_restrictions(parameters: pd.DataFrame) -> list[Restriction]:
    """List the restrictions worth scoring for a population.

    Every parameter's ranges, cut at quantiles; every per-stage parameter shared over the stages; non-decreasing depths
    and widths; w_m >= 2 and bottleneck ratio 1 (paper, sections 3 and 4). Restrictions that keep all models, none, or
    the same models as an earlier one are left out.

    Args:
        parameters: one row for each model, numeric columns only: depth_1, depth_2, ..., width_1, ...,
            bottleneck_ratio_1, ..., or scalars such as depth, w_0, w_a, w_m, group_width.

    Raises:
        StatisticsError: a column that is not numeric or not finite.
    """
    for column in parameters.columns:
        if not pd.api.types.is_numeric_dtype(parameters[column]) or not np.isfinite(parameters[column]).all():
            raise StatisticsError(f"parameter column '{column}': finite numbers are needed in every row")
    stages = _stage_columns(list(parameters.columns))
    candidates: list[Restriction] = []
    for parameter, columns in stages.items():
        values = parameters[columns].to_numpy(dtype=np.float64)
        if len(columns) > 1:
            name = f"{parameter} shared by all stages"
            candidates.append(Restriction(name=name, kind="shared", parameter=parameter, keep=_shared(values)))
            if parameter in ORDERED:
                name = f"{parameter} non-decreasing over the stages"
                candidates.append(
                    Restriction(name=name, kind="non-decreasing", parameter=parameter, keep=_rising(values))
                )
        if parameter == "bottleneck_ratio":
            candidates.append(_range(parameter, values, low=1.0, high=1.0))
    if "w_m" in parameters:
        candidates.append(_range("w_m", parameters[["w_m"]].to_numpy(dtype=np.float64), low=2.0))
    for column in parameters.columns:
        values = parameters[[column]].to_numpy(dtype=np.float64)
        for cut in np.unique(np.quantile(values, RANGE_QUANTILES, method="inverted_cdf")).tolist():
            candidates.append(_range(str(column), values, high=cut))
            candidates.append(_range(str(column), values, low=cut))
    return _distinct(candidates)


def _stage_columns(columns: list[str]) -> dict[str, list[str]]:
    """Group the columns name_1, name_2, ... under their name; scalars (w_0 among them) stand alone.

    By their names alone: this package knows no networks, and a table of another tool may have stages of its own kind.
    """
    groups: dict[str, list[str]] = {}
    for column in columns:
        match = re.fullmatch(r"(.+)_([1-9]\d*)", str(column))
        groups.setdefault(match[1] if match else str(column), []).append(column)
    return groups


def _range(
    parameter: str, values: NDArray[np.float64], *, low: float | None = None, high: float | None = None
) -> Restriction:
    if low == high:
        name = f"{parameter} = {low:g}"
    else:
        name = f"{parameter} >= {low:g}" if high is None else f"{parameter} <= {high:g}"
    keep = _inside(values, low, high)
    return Restriction(name=name, kind="range", parameter=parameter, keep=keep, low=low, high=high)


def _shared(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((values == values[:, :1]).all(axis=1))


def _rising(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((np.diff(values, axis=1) >= 0).all(axis=1))


def _inside(values: NDArray[np.float64], low: float | None, high: float | None) -> NDArray[np.bool_]:
    keep = np.ones(len(values), dtype=np.bool_)
    if low is not None:
        keep &= (values >= low).all(axis=1)
    if high is not None:
        keep &= (values <= high).all(axis=1)
    return keep


def _distinct(candidates: list[Restriction]) -> list[Restriction]:
    """Drop restrictions that keep everything or repeat another; one that keeps nothing stays only when it is shared."""
    first: dict[bytes, Restriction] = {}
    for candidate in candidates:
        if candidate.kind == "shared" and not candidate.keep.any():
            # rarely met by chance, yet a step of the paper: proposed for fresh samples
            first.setdefault(candidate.name.encode(), candidate)
        elif candidate.keep.any() and not candidate.keep.all():
            first.setdefault(candidate.keep.tobytes(), candidate)
    return list(first.values())
