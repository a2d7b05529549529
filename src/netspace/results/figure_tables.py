"""Tables behind the paper's further figures: search efficiency, structure, cost and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.arch import MEASURES, complexity
from netspace.arch.zoo import ZOO
from netspace.errors import StatisticsError
from netspace.stats.best_of import BestOf
from netspace.stats.fit import fit_widths
from netspace.stats.ranges import MIN_MODELS, best_range
from netspace.stats.regimes import apart

PAPERS = ("pycls", "He et al.")
"""How the sources of errors begin that a paper's authors measured."""
FITTED = 24
"""Networks of a space whose widths are fitted: a fit takes some 10 ms, and so many show the trend."""
LARGEST = 35e9
"""Flops up to which published networks stand beside ours: the paper's figures end at 32 GF."""
REGIMES = 4
"""Groups of equal size, by flops, that a study's networks are split into to see trends."""


def ranked(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each space's networks that have an error, the best first; spaces in the order of `runs`."""
    done = runs[runs["status"] == "done"].sort_values(["error", "launch"])
    spaces = (str(space) for space in runs["space"].unique())
    return {space: models for space in spaces if len(models := done[done["space"] == space])}


def efficiency_table(populations: Mapping[str, NDArray[np.float64]], chance: float) -> pd.DataFrame:
    """Return the best error among m random networks of each space (RegNet paper, figure 9 right), exactly.

    Args:
        populations: errors in % by space, +inf for failures.
        chance: error of guessing, with which failures enter.

    Returns:
        Columns `space`, `m` (powers of two, and n), `mean`, `median`, and `low`, `high`: the 95 % interval of the
        median over new networks of the space; NaN if m > n / 5, which n networks cannot support.
    """
    rows = []
    for space, errors in populations.items():
        n = len(errors)
        sizes = sorted({*(2 ** np.arange(int(np.log2(n)) + 1)).tolist(), n})
        for m in sizes:
            best = BestOf(errors, m, chance=chance)
            try:
                low, high = best.interval()
            except StatisticsError:
                low = high = np.nan
            rows.append((space, m, best.mean, best.quantile(0.5), low, high))
    return pd.DataFrame(rows, columns=["space", "m", "mean", "median", "low", "high"])


def block_widths(config: Mapping[str, Any]) -> list[int]:
    """Return the width of every block of a stored network, in order."""
    stages = config["stages"]
    return [width for depth, width in zip(stages["depths"], stages["widths"], strict=True) for _ in range(depth)]


def e_fit_table(runs: pd.DataFrame, configs: Mapping[int, Mapping[str, Any]], limit: int = FITTED) -> pd.DataFrame:
    """Fit the quantized linear rule to networks of each space (RegNet paper, figure 8).

    Args:
        runs: see `runs_table`.
        configs: networks by run id; runs without one, or of one that has no stages, are left out.
        limit: networks of a space at most, evenly over its ranks.

    Returns:
        One row a network, the best first within its space: `run_id`, `space`, `error` (%), `e_fit`, `w_0`, `w_a`,
        `w_m`.
    """
    rows = []
    with_stages = [run for run, config in configs.items() if "stages" in config]
    for space, models in ranked(runs[runs.index.isin(with_stages)]).items():
        chosen = np.unique(np.linspace(0, len(models) - 1, min(limit, len(models))).round().astype(int))
        for run_id, error in models["error"].iloc[chosen].items():
            fit = fit_widths(block_widths(configs[int(str(run_id))]))
            rows.append((run_id, space, error, fit.error, fit.w_0, fit.w_a, fit.w_m))
    return pd.DataFrame(rows, columns=["run_id", "space", "error", "e_fit", "w_0", "w_a", "w_m"])


def trend_table(runs: pd.DataFrame, properties: Sequence[str], regimes: int = REGIMES) -> pd.DataFrame:
    """Return the best range of properties in each flop regime (RegNet paper, figure 11).

    Args:
        runs: rows of `runs_table` that ended, of one space, or of one in several windows: then these are the regimes.
        properties: columns of `runs`.
        regimes: groups of equal size by flops; fewer if they would hold fewer than 8 networks.

    Returns:
        Columns `property`, `flops` (median of the regime), `low`, `median`, `high`, `n`.
    """
    none = pd.DataFrame(columns=["property", "flops", "low", "median", "high", "n"])
    if runs["flops"].isna().any():
        return none
    if runs["space"].nunique() > 1:
        sizes = runs["space"].map(runs["space"].value_counts())
        runs = runs[sizes >= MIN_MODELS]
        regime, groups = runs["space"].to_numpy(), runs["space"].nunique()
    else:
        groups = min(regimes, len(runs) // MIN_MODELS)
        regime = np.floor((runs["flops"].rank(method="first").to_numpy() - 1) * groups / max(len(runs), 1))
    if groups < 2:
        return none
    rows = []
    for _, models in runs.groupby(regime):
        for name in properties:
            try:
                found = best_range(models[name], models["score"], permutations=1)
            except StatisticsError:
                continue  # all errors of this regime are equal
            rows.append((name, models["flops"].median(), found.low, found.median, found.high, found.n))
    return pd.DataFrame(rows, columns=["property", "flops", "low", "median", "high", "n"])


def front_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return which networks no other one beats in both error and a measure of complexity.

    Returns:
        One row per measure and network with an error: `measure`, `run_id`, `space`, `value`, `error`, `on_front`;
        sorted by measure and value. Measures that are not known of every network are left out.
    """
    done = runs[runs["status"] == "done"]
    parts = []
    for measure in known_measures(done):
        ordered = done.sort_values([measure, "error"])
        best_before = ordered["error"].cummin().shift(fill_value=np.inf)
        parts.append(
            pd.DataFrame(
                {
                    "measure": measure,
                    "run_id": ordered.index,
                    "space": ordered["space"].to_numpy(),
                    "value": ordered[measure].to_numpy(),
                    "error": ordered["error"].to_numpy(),
                    "on_front": (ordered["error"] < best_before).to_numpy(),
                }
            )
        )
    columns = ["measure", "run_id", "space", "value", "error", "on_front"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def with_marks(edf: pd.DataFrame, marks: pd.DataFrame) -> pd.DataFrame:
    """Return error distributions with the single networks drawn on them, for the table behind their picture.

    Args:
        edf: see `StudyTables.edf`.
        marks: see `StudyTables.marks`.

    Returns:
        The same; if there are networks, with a column `network`, empty in the rows of a space itself, and a row for
        each network in each space: its error, the share of models with a lower one, and the ends of its interval.
    """
    if marks.empty:
        return edf
    standing = pd.DataFrame(
        {
            "space": marks["space"],
            "error": marks["error"],
            "share": 1 - marks["share"],
            "lower": 1 - marks["share_high"],
            "upper": 1 - marks["share_low"],
            "network": marks["network"],
        }
    )
    return pd.concat([edf.assign(network=""), standing], ignore_index=True)


def front_with_marks(front: pd.DataFrame, marks: pd.DataFrame) -> pd.DataFrame:
    """Return the networks on the fronts of `front_table`, and behind them the single ones, with the name as the space.

    Returns:
        Columns `measure`, `space`, `value`, `error`; single networks have a row for each measure of the front.
    """
    shown = front.loc[front["on_front"], ["measure", "space", "value", "error"]]
    alone = marks.drop_duplicates("network").to_dict("records")
    rows = [
        (measure, row["network"], float(row[measure]), row["error"])
        for measure in dict.fromkeys(shown["measure"])
        for row in alone
    ]
    return pd.concat([shown, pd.DataFrame(rows, columns=shown.columns)], ignore_index=True) if rows else shown


def known_measures(runs: pd.DataFrame) -> tuple[str, ...]:
    """Return the measures of complexity that are known of each of these runs."""
    return tuple(measure for measure in MEASURES if runs[measure].notna().all())


def baseline_table(num_classes: int) -> pd.DataFrame:
    """Return the zoo's networks of that many classes, up to `LARGEST`, with the errors that their papers publish.

    Those that torchvision or timm trained by recipes of their own are left out: they differ by more than the network.

    Returns:
        Columns `name`, `family`, `error` (top-1, %), `flops`, `params`, `activations` at the resolution published for.
    """
    rows = []
    for entry in ZOO:
        if not entry.source.startswith(PAPERS) or entry.config.num_classes != num_classes:
            continue
        cost = complexity(entry.config, entry.resolution)
        if cost.flops <= LARGEST:
            family = entry.name.partition("-")[0]
            rows.append((entry.name, family, entry.top1_error, cost.flops, cost.params, cost.activations))
    return pd.DataFrame(rows, columns=["name", "family", "error", *MEASURES])


@dataclass(frozen=True, kw_only=True)
class ComplexityFit:
    """How params or activations of the best networks grow with flops (RegNet paper, figure 12).

    Attributes:
        measure: `params` or `activations`.
        law: "a + b f" (params) or "b sqrt(f)" (activations), as the paper finds; f is flops.
        a, b: its coefficients, in units of the measure and flops.
        r_squared: share of the variance that the law explains; negative if it does worse than the mean.
    """

    measure: str
    law: str
    a: float
    b: float
    r_squared: float

    def __call__(self, flops: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fitted measure at `flops`."""
        return self.a + self.b * (np.sqrt(flops) if self.measure == "activations" else flops)


def complexity_fits(runs: pd.DataFrame, best: float = 0.25) -> tuple[ComplexityFit, ...]:
    """Fit params linearly and activations with the square root of flops, over the best networks.

    Args:
        runs: see `runs_table`.
        best: share of the networks with an error that enter, the best ones.

    Returns:
        One fit a measure; none if fewer than 3 networks or a single flop count enter.
    """
    done = runs[runs["status"] == "done"].sort_values("error")
    # in each window of a study with several, for the best of all would be the most expensive ones
    regimes = done.groupby(done["space"].map(lambda name: apart(str(name))[1]), sort=False)
    chosen = pd.concat([part.head(max(3, int(best * len(part)))) for _, part in regimes]) if len(done) else done
    if len(chosen) < 3 or chosen["flops"].nunique() < 2:
        return ()
    flops = chosen["flops"].to_numpy(np.float64)
    fits = []
    for measure, law in (("params", "a + b f"), ("activations", "b sqrt(f)")):
        y = chosen[measure].to_numpy(np.float64)
        if measure == "params":
            b, a = np.polyfit(flops, y, 1)
        else:
            a, b = 0.0, float((np.sqrt(flops) @ y) / flops.sum())
        fit = ComplexityFit(measure=measure, law=law, a=float(a), b=float(b), r_squared=float("nan"))
        spread = float(((y - y.mean()) ** 2).sum())
        unexplained = float(((y - fit(flops)) ** 2).sum())
        r_squared = 1 - unexplained / spread if spread else float("nan")
        fits.append(ComplexityFit(measure=measure, law=law, a=fit.a, b=fit.b, r_squared=r_squared))
    return tuple(fits)


def chosen_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each space's best, median and worst network: columns `space`, `role` ("best", ...), `run_id`."""
    rows = [
        (space, role, models.index[place])
        for space, models in ranked(runs).items()
        for role, place in (("best", 0), ("median", (len(models) - 1) // 2), ("worst", -1))
    ]
    return pd.DataFrame(rows, columns=["space", "role", "run_id"])


def chosen_curves(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return the validation curves of `chosen_runs`.

    Returns:
        Columns `space`, `role`, `run_id`, `epoch`, `val_error` (%).
    """
    return chosen_runs(runs).merge(curves[["run_id", "epoch", "val_error"]].dropna(), on="run_id")
