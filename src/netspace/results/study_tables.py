"""Store and statistics to plot-ready tables: everything that figures, page and text show is computed here, once."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from netspace.arch import MEASURES
from netspace.arch.built import network_from
from netspace.displayed import Displayed
from netspace.documents import dump_yaml
from netspace.errors import StatisticsError
from netspace.results.assistance import study_assistance
from netspace.results.claims import JudgedClaim
from netspace.results.figure_tables import chosen_curves, chosen_runs
from netspace.results.imported_model import GIVEN
from netspace.results.likely_errors import Likely, likely_errors, training_of
from netspace.results.marks import study_marks
from netspace.results.runs import (
    number_columns,
    properties_of,
    runs_table,
    structure,
)
from netspace.results.standing import Standing, standing
from netspace.results.stopping import judge_claims
from netspace.results.verdicts import Verdict, compare_spaces, models_of, study_with_runs
from netspace.stats.assistance import Assistance
from netspace.stats.edf import EDF
from netspace.stats.ranges import best_range
from netspace.store import JUDGED, RunRecord, Store, StudyRecord

BEST = 10
"""Networks in the table of the best."""
NETWORKS = "networks"
"""The folder of a report with what its best networks are trained from."""
DATA_FILE = f"{NETWORKS}/data.yaml"
"""Where, in a report's folder, the settings of the study's images are."""
RECIPE_FILE = f"{NETWORKS}/recipe.yaml"
"""Where, in a report's folder, a recipe is that the study spells out."""
PERMUTATIONS = 499
"""Random pairings behind the p-value of each best range: there are many ranges and the value is only indicative."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyTables(Displayed):
    """A study as tables. Errors are top-1 in %, times in seconds; spaces stand in the order of their first launch.

    Attributes:
        study: name, specification, digest and time of the start.
        store: where the results are, for messages and commands.
        runs: see `runs_table`.
        configs: each run's network as plain data, by run id; of imported models it may not be known.
        spaces: every space of the study, whether or not a run of it ended.
        populations: errors of the runs that ended, failures as +inf, float64 (n,); only spaces with one.
        properties: by space, the columns of `runs` that vary in it.
        chance: error of guessing, with which failures enter means.
        summary: one row a space with runs that ended: `n`, `failures`, `min`, `mean`, `median`.
        edf: the exact corners of F(e) = share of errors < e: `space`, `error`, `share`, and the simultaneous 95 % band
            `lower`, `upper`; a share holds from its error to the next one.
        ranges: the paper's best range: `space`, `property`, `low`, `median`, `high`, `width_p_value`, `n`; only where
            8 models ended whose errors are not all equal.
        best: the best networks: `space`, `run_id`, `error`, `flops`, `params`, `activations`, `structure`, `digest`,
            `yaml`, `command`; the last three are empty if the network is not known. `recipe`: as YAML, where numbers
            of it were drawn for the network; else empty. `likely`, `low`, `high`: the error shrunk against the winner's
            curse with its 95 % interval, see `likely_errors`; NaN if refused.
        likely_note: how these were made, in a sentence; empty if there is none.
        verdicts: each space compared with the one before it; see `compare_spaces`.
        assistance: what assists the verdicts, and why it is refused.
        claims: those that the study was started with, judged; see `judge_claims`.
        marks: single networks beside the spaces, see `netspace.results.marks.marks_table`.
        standing: where the study stands: counts, early stopping, failures.
        curves: of each space's best, median and worst network, see `chosen_curves`.
        environments: distinct devices and versions, with the number of `runs` of each.
        notes: what a report of these results leaves out, and what was understood when they were imported, in sentences.
    """

    study: StudyRecord
    store: str
    runs: pd.DataFrame
    configs: Mapping[int, Mapping[str, Any]]
    spaces: tuple[str, ...]
    populations: Mapping[str, NDArray[np.float64]]
    properties: Mapping[str, tuple[str, ...]]
    chance: float
    summary: pd.DataFrame
    edf: pd.DataFrame
    ranges: pd.DataFrame
    best: pd.DataFrame
    likely_note: str
    verdicts: Sequence[Verdict]
    assistance: Assistance
    claims: Sequence[JudgedClaim]
    standing: Standing
    marks: pd.DataFrame
    curves: pd.DataFrame
    environments: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Training time over all runs, in seconds of one worker."""
        return float(self.runs["seconds"].sum())


def study_tables(store: Store, study_name: str) -> StudyTables:
    """Compute every table of a study's report.

    Args:
        store: where the study is.
        study_name: its name there.

    Raises:
        UnknownNameError: the store holds no study of this name.
        StudyError: no run of it has ended.
    """
    study, records = study_with_runs(store, study_name)
    runs = runs_table(records)
    configs = {run.id: run.config for run in records if run.config}
    recipes = {run.id: drawn for run in records if (drawn := study.drawn_recipe(run))}
    spaces = tuple(runs["space"].unique())
    ended = runs[runs["status"].isin(JUDGED)]
    models = models_of(records)
    populations = {space: one.errors for space, one in models.items()}
    chance = store.chance_error(study.id)
    numbers = number_columns(runs)
    properties = {space: properties_of(ended[ended["space"] == space], numbers) for space in populations}
    now = standing(study, store)
    assistance = study_assistance(study, records, store)
    likely, likely_note = likely_errors(records, {run.id: training_of(study, run) for run in records}, assistance)
    return StudyTables(
        study=study,
        store=store.where,
        runs=runs,
        configs=configs,
        spaces=spaces,
        populations=populations,
        properties=properties,
        chance=chance,
        summary=_summary(populations, chance),
        edf=edf_table(populations),
        ranges=_ranges(ended, properties),
        best=_best(ended, configs, study, recipes).join(_likely_columns(likely), on="run_id"),
        likely_note=likely_note,
        verdicts=compare_spaces(models, chance=chance, complete=now.complete, chain=now.chain, assistance=assistance),
        assistance=assistance,
        claims=judge_claims(
            study, store, study.spec.get("claims") or (), now.chain, assistance=assistance, lenient=True
        ),
        standing=now,
        marks=study_marks(store, study),
        curves=chosen_curves(runs, store.curves(study.id, chosen_runs(runs)["run_id"].tolist())),
        environments=_environments(records),
        notes=(*_left_out(ended, len(records) - len(configs), properties), *_imported(study.spec)),
    )


def edf_table(
    populations: Mapping[str, NDArray[np.float64]], alpha: float = 0.05, method: Literal["beta", "dkw"] | None = None
) -> pd.DataFrame:
    """Return the corners of each population's EDF with its simultaneous band; see `StudyTables.edf`."""
    parts = []
    for space, errors in populations.items():
        distribution = EDF(errors)
        x, share = distribution.steps()
        band = distribution.band(alpha, method)
        parts.append(
            pd.DataFrame({"space": space, "error": x, "share": share, "lower": band.lower, "upper": band.upper})
        )
    return pd.concat(parts, ignore_index=True)


def _likely_columns(likely: Mapping[int, Likely]) -> pd.DataFrame:
    """Return the likely errors as columns by run id."""
    rows = np.array(list(likely.values()), np.float64).reshape(-1, 3)
    return pd.DataFrame(rows, index=list(likely), columns=["likely", "low", "high"])


def _summary(populations: Mapping[str, NDArray[np.float64]], chance: float) -> pd.DataFrame:
    rows = {}
    for space, errors in populations.items():
        distribution = EDF(errors, chance=chance)
        counted = np.where(np.isinf(errors), chance, errors)
        rows[space] = {
            "n": distribution.n,
            "failures": distribution.failures,
            "min": distribution.min,
            "mean": distribution.mean,
            "median": float(np.median(counted)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("space").astype({"n": int, "failures": int})


def _ranges(ended: pd.DataFrame, properties: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    rows = []
    for space, names in properties.items():
        models = ended[ended["space"] == space]
        for name in names:
            try:
                found = best_range(models[name], models["score"], permutations=PERMUTATIONS)
            except StatisticsError:
                break  # too few models, or all errors equal: no property of this space has a range
            rows.append((space, name, found.low, found.median, found.high, found.width_p_value, found.n))
    return pd.DataFrame(rows, columns=["space", "property", "low", "median", "high", "width_p_value", "n"])


def _best(
    ended: pd.DataFrame,
    configs: Mapping[int, Mapping[str, Any]],
    study: StudyRecord,
    recipes: Mapping[int, Mapping[str, float]],
) -> pd.DataFrame:
    """Return the best networks; `recipes` are the numbers of the recipe drawn for each run, where there are any."""
    done = ended[ended["status"] == "done"].sort_values(["error", "launch"]).head(BEST)
    columns = ["space", "error", "flops", "params", "activations", "digest"]
    table = done[columns].reset_index()
    known = [configs.get(run) for run in table["run_id"]]
    drawn = [recipes.get(run, {}) for run in table["run_id"]]
    numbers = [", ".join(f"{name} {value:g}" for name, value in one.items()) for one in drawn]
    table["structure"] = [
        "" if config is None else "; ".join(filter(None, (structure(config), own)))
        for config, own in zip(known, numbers, strict=True)
    ]
    table["yaml"] = ["" if config is None else network_yaml(config) for config in known]
    table["recipe"] = [recipe_yaml({**study.spec.get("recipe", {}), **one}) if one else "" for one in drawn]
    table["command"] = [
        "" if config is None else train_command(digest, study.spec, run=run if one else None)
        for config, digest, run, one in zip(known, table["digest"], table["run_id"], drawn, strict=True)
    ]
    return table


def _left_out(ended: pd.DataFrame, unknown: int, properties: Mapping[str, Sequence[str]]) -> list[str]:
    """Say what cannot be shown of results that come without networks or without costs."""
    notes = []
    if unknown:
        notes.append(
            f"The networks of {unknown} models are not known: left out are their structure, YAML and the commands that "
            "train them, the fits of the quantized linear rule, and drawings of networks."
        )
    lacking = [measure for measure in MEASURES if ended[measure].isna().any()]
    if lacking:
        notes.append(
            f"Not known of every model: {', '.join(lacking)}; figures of cost and trends that need them are left out."
        )
    gaps = [
        f"{name} of {space}"
        for space, found in properties.items()
        for name in number_columns(ended)
        if name not in (*MEASURES, *found)
        and (values := ended.loc[ended["space"] == space, name]).notna().any()
        and values.isna().any()
    ]
    if gaps:
        notes.append(f"Numbers that some models lack have no ranges or figures: {', '.join(gaps)}.")
    return notes


def _imported(spec: Mapping[str, Any]) -> list[str]:
    """Say how imported results were understood."""
    about = spec.get("imported")
    if not isinstance(about, Mapping):
        return []
    notes = [f"Imported ({about.get('format', 'another tool')}); the error is {about.get('error', GIVEN)}."]
    if about.get("left_out"):
        notes.append(f"{about['left_out']} models that had not ended were left out.")
    return [*notes, *(f"{str(note)[:1].upper()}{str(note)[1:]}." for note in about.get("notes") or ())]


def network_yaml(config: Mapping[str, Any]) -> str:
    """Return a stored network as the YAML that `netspace train` reads."""
    return network_from(config, "stored network").to_yaml()


def recipe_yaml(recipe: Mapping[str, Any]) -> str:
    """Return a stored recipe as the YAML that `netspace train` reads."""
    return dump_yaml({key: value for key, value in recipe.items() if key != "peak_lr"})


def network_file(digest: str) -> str:
    """Return where, in a report's folder, the YAML of one of the best networks is."""
    return f"{NETWORKS}/{''.join(c if c.isalnum() or c in '-_' else '_' for c in digest)}.yaml"


def recipe_file(run: int) -> str:
    """Return where, in a report's folder, the recipe is of a run that has its own."""
    return f"{NETWORKS}/recipe-{run}.yaml"


def train_command(digest: str, spec: Mapping[str, Any], *, run: int | None = None) -> str:
    """Return the command that, in the report's folder, trains a network of it on the study's images, by its recipe.

    Of imported results the images are not known: the command has the word DATA in their place.

    Args:
        digest: of the network.
        spec: the study's.
        run: its id, if it has a recipe of its own.
    """
    network = network_file(digest)
    data, recipe, resolution = spec.get("data", "DATA"), spec.get("recipe"), spec.get("resolution")
    words = ["netspace", "train", network, "--data", data if isinstance(data, str) else DATA_FILE]
    if recipe:
        named = RECIPE_FILE if run is None else recipe_file(run)
        words += ["--recipe", recipe if isinstance(recipe, str) else named]
    if resolution:
        words += ["--resolution", str(resolution)]
    folder = f"trained/{PurePosixPath(network).stem}"
    return shlex.join([*words, "-o", folder if run is None else f"{folder}-{run}"])


def _environments(records: Sequence[RunRecord]) -> pd.DataFrame:
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    for run in records:
        if run.environment:
            key = tuple((str(name), str(value)) for name, value in run.environment.items() if name != "host")
            seen[key] = seen.get(key, 0) + 1
    return pd.DataFrame([{**dict(key), "runs": count} for key, count in seen.items()])
