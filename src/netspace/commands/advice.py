"""Commands that advise: what a study will cost, how to restrict a space next, which claims hold."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import (
    AsJson,
    ColumnMap,
    Device,
    ErrorUnit,
    Maximize,
    OutcomeWord,
    StoreTarget,
    StudyFile,
    Workers,
    check_options_apply,
)
from netspace.commands.output import amount, print_images, print_json, print_records, print_table, write_text
from netspace.commands.study_argument import ResultsOrTable, StudyName, is_store, open_store, results_of
from netspace.commands.table_options import table_meaning
from netspace.errors import StudyError

if TYPE_CHECKING:
    from netspace.stats import Advice
    from netspace.stats.assistance import Assistance
    from netspace.store import PlannedRun, RunRecord
    from netspace.study import Study
    from netspace.study.advice import Proposal, SpaceAdvice
    from netspace.study.planning import Plan, Speed

LEVEL = 0.05
"""Corrected p-value up to which a restriction is advised."""
SHOWN = 5
"""Number of restrictions shown besides the advised ones."""
LEAST_MODELS = 8
"""Fewest models of each space that make the template worth running."""


def plan(
    study: StudyFile, workers: Workers = None, device: Device = None, store: StoreTarget = None, as_json: AsJson = False
) -> None:
    """Estimate what a study will cost and what it can detect.

    Prints the total and the remaining core-hours, the smallest detectable difference, and how many models a difference
    needs. Times come from the study's finished runs, or, if there are too few or --device is given, from a measurement.

    Examples:
        netspace plan study.yaml
        netspace plan study.yaml --workers 32 --device cuda
    """
    from netspace.commands.progress import watch_timings
    from netspace.study import Study
    from netspace.study.executors.local import available_cores
    from netspace.study.planning import plan_study

    loaded, runs, r2 = _with_known_runs(Study.from_yaml(study), store)
    print_images(loaded.data)
    with watch_timings() as observe:
        planned = loaded.planned_runs(observe)
    speed = _speed(loaded, planned, runs, device)
    found = plan_study(loaded, planned, speed, workers=workers or available_cores(), runs=runs, r2=r2)
    if as_json:
        print_json(asdict(found))
    else:
        _print_plan(found)


def refine(
    study: ResultsOrTable,
    space: Annotated[str, typer.Argument(metavar="SPACE", help="Name of a space of the study.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", "--apply", metavar="FILE", help="Study file to write, which tests the advice."),
    ] = None,
    store: StoreTarget = None,
    name: StudyName = None,
    mapping: ColumnMap = None,
    maximize: Maximize = False,
    unit: ErrorUnit = None,
    outcome: OutcomeWord = None,
    as_json: AsJson = False,
) -> None:
    """Advise how to restrict a space of a finished study.

    Prints the candidate restrictions with their scores, assisted by what the networks are made of and corrected for the
    search, the spaces that the advised ones give, and which features of networks the predictor of errors needs; of a
    table, or results that came from one, the restrictions of its numbers alone. With -o it also writes the study that
    tests the advice on fresh samples.

    Examples:
        netspace refine study.yaml RegNetX
        netspace refine study.yaml RegNetX -o next.yaml
    """
    from netspace.results.assistance import study_assistance
    from netspace.study import Study
    from netspace.study.advice import advise, next_study, recorded_space, score_columns
    from netspace.study.pools import ensure_pools

    if output is not None and output.exists():
        raise StudyError(f"{output}: the file exists already; name a new one")
    meaning = table_meaning(study, mapping, maximize=maximize, unit=unit, outcomes=outcome)
    loaded = None if meaning is not None or is_store(study) else Study.from_yaml(Path(study))
    if loaded is None:
        check_options_apply({"--output": output}, f"on {study}: the next study is made from a study file")
    with results_of(study, store, name, meaning) as (opened, record, _):
        if loaded is None and recorded_space(record, opened, space) is None:
            _show_scores(space, score_columns(record, opened, space), as_json)
            return
        ensure_pools(record, opened)
        found = advise(loaded, record, opened, space)
        assistance = study_assistance(record, opened.states(record.id), opened)
        study_name = record.name
    if output is not None:
        write_text(output, next_study(Path(study), found, output))
    if as_json:
        print_json(_advice_values(study_name, found, output) | _importance_values(space, assistance))
    else:
        _print_advice(found)
        _print_importances(space, assistance)
        if output is not None:
            print(f"\nRun the next study with: {shlex.join(['netspace', 'run', str(output)])}")


def claims(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY.yaml|STORE|TABLE.csv",
            help="Study file, store (SQLite file or database URL), or table of any tool's results.",
        ),
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option("--claim", metavar="TEXT", help="Claim to judge, such as 'B better than A'. May be repeated."),
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Write a new study of the RegNet paper's claims instead.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="File for --template. Default: paper-claims.yaml."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, metavar="HOURS", help="Core-hours that --template may cost on this machine.")
    ] = None,
    store: StoreTarget = None,
    name: StudyName = None,
    mapping: ColumnMap = None,
    maximize: Maximize = False,
    unit: ErrorUnit = None,
    outcome: OutcomeWord = None,
    as_json: AsJson = False,
) -> None:
    """Judge the claims of a study by its results.

    Prints for each claim whether it is confirmed, refuted or undecided, and the evidence. The claims are those of the
    study file, or those that a store's study was started with, and each --claim.

    Examples:
        netspace claims study.yaml
        netspace claims sweep.csv --claim "new better than old"
        netspace claims --template --budget 100 -o paper-claims.yaml
    """
    if template == (study is not None):
        raise StudyError("claims takes either a study file, a store or a table, or --template")
    if study is None:
        check_options_apply({"--store": store, "--study": name, "--claim": claim}, "with --template")
        _write_template(output or Path("paper-claims.yaml"), budget, as_json)
        return
    check_options_apply({"--output": output, "--budget": budget}, "without --template")
    from netspace.results.assistance import study_assistance
    from netspace.results.stopping import judge_claims, stopping_chain
    from netspace.study import Study
    from netspace.study.pools import ensure_pools

    meaning = table_meaning(study, mapping, maximize=maximize, unit=unit, outcomes=outcome)
    # the claims of a study file may have changed since the study was started
    of_file = None if meaning is not None or is_store(study) else Study.from_yaml(Path(study)).claims
    with results_of(study, store, name, meaning) as (opened, record, _):
        written = (record.spec.get("claims") or ()) if of_file is None else of_file
        judged_claims = [*written, *(claim or ())]
        if not judged_claims:
            raise StudyError(
                f"{study}: there are no claims; give some with --claim, or see `netspace claims --template` for a "
                "study that has some"
            )
        ensure_pools(record, opened)
        judged = judge_claims(
            record,
            opened,
            judged_claims,
            stopping_chain(record, opened),
            assistance=study_assistance(record, opened.states(record.id), opened),
        )
    rows = [asdict(one) for one in judged]
    if as_json:
        print_json(rows)
        return
    print_table(["claim", "judgement"], ([row["claim"], row["judgement"]] for row in rows))
    for row in rows:
        print(f"  {row['claim']}: {row['judgement']}. {row['evidence']}.")


def _with_known_runs(study: "Study", target: str | None) -> "tuple[Study, list[RunRecord], float | None]":
    """Return the study, as its store holds it, its runs there, and the R2 of the predictor fitted to them.

    Without a store, there are no runs; before 16 models of each space have ended, R2 is None.
    """
    from netspace.results.assistance import study_assistance

    if target is None and not study.default_store.exists():
        return study, [], None
    with open_store(study, target, create=False) as store:
        record = store.find_study(study.spec.name)
        if record is None:
            return study, [], None
        r2 = study_assistance(record, store.states(record.id), store).r2
        return study.as_started(store), store.runs(record.id), r2


def _speed(study: "Study", planned: "list[PlannedRun]", runs: "list[RunRecord]", device: str | None) -> "Speed":
    from netspace.study.planning import measure_speed, speed_of_runs

    known = speed_of_runs(planned, runs)
    if known is not None and device is None:
        return known
    import torch

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return measure_speed(study, planned, device=where)


def _print_plan(plan: "Plan") -> None:
    single = plan.models - plan.n * plan.spaces
    beside = f", {single} of single networks" if single else ""
    print(f"{plan.models} models: {plan.n} from each of {plan.spaces} spaces{beside}; {plan.ended} have ended.")
    print(
        f"{amount(plan.seconds_per_model)} s per model, from {plan.speed}: "
        f"{amount(plan.core_hours)} core-hours in total."
    )
    print(
        f"Left: {amount(plan.core_hours_left)} core-hours, {amount(plan.wall_hours_left)} hours "
        f"on {plan.workers} workers with one core or device each."
    )
    n = f"n = {plan.n}"
    if plan.detectable_theta is None:
        print(f"With {n}, no difference between two spaces can be detected with 80 % power.")
    else:
        strict = plan.detectable_theta_in_chain
        chain = "none" if strict is None else f"{strict:.3f}"
        print(
            f"With {n}, a difference is detectable (80 % power, 5 % level) if P(a model of one space beats one of the "
            f"other) is at least {plan.detectable_theta:.3f}; {chain} at the strictest step of Holm's correction."
        )
    if plan.smallest_delta is None:
        print(f"With {n}, equivalence cannot be shown.")
    else:
        print(f"Equal spaces can be shown to be equivalent within a margin of {plan.smallest_delta:.3f} (80 % power).")
    seen = "not known before 16 models of each space have ended" if plan.r2 is None else f"{plan.r2:.2f} so far"
    print("\nModels needed to detect a difference, by the R2 of the predictor that assists the verdict")
    print(f"(on networks that it was not fitted to; 0 is without a predictor; this study's is {seen}):")
    print_records(plan.needed, False)
    if plan.stopping:
        print("Early stopping, if the true P(a model of one space beats one of the other) is theta:")
        if "pairs" in plan.stopping[0]:
            print(f"(pairs after which half of all studies are decided; -: not with n = {plan.n})")
        elif plan.stopping_method == "betting":
            print(
                "(mean pairs, and how often each decision falls, without a predictor, when bets are the sign process. "
                "With one they need fewer; how many fewer has no formula. Simulated with R2 0.8: 115 instead of 167 "
                "at theta 0.6, 38 instead of 53 at 0.7, 149 instead of 233 to call equal spaces equivalent)"
            )
        else:
            print("(mean pairs, and how often each decision falls)")
        print_records(plan.stopping, False)


def _advice_values(study: str, found: "SpaceAdvice", written: Path | None) -> dict[str, Any]:
    from netspace.study.advice import advice_rows

    return {
        "study": study,
        "space": found.space.name,
        "models": found.advice.n,
        "failures": found.advice.failures,
        "held_out": found.advice.held_out,
        "scores_assisted": found.advice.assisted,
        "scores_not_assisted": found.advice.not_assisted or None,
        "scores_r2": found.advice.r2,
        "restrictions": advice_rows(found.scored),
        "fresh": [
            {"restriction": one.restriction.name, "space": one.space.name, "yaml": one.space.to_yaml()}
            for one in found.fresh
        ],
        "next": [one.space.name for one in found.next],
        "written": None if written is None else str(written),
    }


def _show_scores(space: str, advice: "Advice", as_json: bool) -> None:
    """Print the scores of a space whose definition is not known, so that they give no space to sample."""
    from netspace.stats.p_values import p_text

    columns = ["fraction", "theta", "gain", "p_value", "advised"]
    if as_json:
        scores = [
            {"restriction": one.restriction.name, **{column: getattr(one, column) for column in columns}}
            for one in advice.scores
        ]
        print_json({"space": space, "models": advice.n, "failures": advice.failures, "restrictions": scores})
        return
    print(f"{space}: {_population(advice)}")
    advised = [one for one in advice.scores if one.advised]
    rest = [one for one in advice.scores if not one.advised]
    print_table(
        ["restriction", "kept", "theta", "gain", "corrected p", "advised"],
        (
            [
                one.restriction.name,
                one.fraction,
                one.theta,
                one.gain,
                p_text(one.p_value),
                "yes" if one.advised else "no",
            ]
            for one in [*advised, *rest[:SHOWN]]
        ),
    )
    print("The space's definition is unknown: these restrictions are on recorded properties, and no space is written.")


def _print_advice(found: "SpaceAdvice") -> None:
    advice = found.advice
    if found.space.varies:
        print("Restrictions of single stages are not sought: the networks differ in how many stages they have.")
    if words := sorted(found.space.words):
        print(f"Restrictions of parameters that have words for values are not sought: {', '.join(words)}.")
    print(f"{found.space.name}: {_population(advice)}")
    rest = [one for one in found.scored if one not in found.advised]
    shown = [*found.advised, *rest[:SHOWN]]
    if shown:
        print_table(
            ["restriction", "kept", "theta", "from", "to", "gain", "corrected p", "advised"],
            (_score_row(one) for one in shown),
        )
    if advice.r2 is not None:
        print(
            f"Assisted: a predictor explains {advice.r2:.2f} of the variance of errors on models that it did not see."
        )
        plain = [one.restriction.name for one in advice.scores if one.plain_p_value <= LEVEL and one.plain_theta > 0.5]
        print(f"Without it, {_counted(plain)} would be advised.")
    elif advice.not_assisted:
        print(f"Scores are not assisted: {advice.not_assisted}.")
    if len(rest) > SHOWN:
        left = len(rest) - SHOWN
        print(f"{left} more {'is' if left == 1 else 'are'} not advised; --json lists them.")
    if not found.advised:
        print("Nothing is advised: after the correction for the search, no restriction is better than chance.")
    elif not advice.held_out:
        print("Fewer than 300 models: theta was computed on the models that were searched, so it is optimistic.")
    if shown:
        print("From and to: the 95 % interval of theta, of each restriction by itself.")
    _print_spaces("Spaces that the advised restrictions give:", (one for one in found.next if one.score is not None))
    if found.fresh:
        names = "; ".join(one.restriction.name for one in found.fresh)
        print(f"\nToo few models satisfy these by chance, so only fresh samples can test them: {names}.")
        print("netspace refine ... -o FILE writes the study that samples them.")


def _population(advice: "Advice") -> str:
    from netspace.report.text import counted

    scored = counted(len(advice.scores), "restriction")
    return f"{counted(advice.n, 'model')}, {advice.failures} failed; {scored} scored."


def _score_row(one: "Proposal") -> list[Any]:
    from netspace.stats.p_values import p_text

    score = one.score
    if score is None:
        raise AssertionError(f"'{one.restriction.name}' has no score")
    advised = "yes" if score.advised else "no"
    interval = [score.low, score.high]
    return [one.restriction.name, score.fraction, score.theta, *interval, score.gain, p_text(score.p_value), advised]


def _counted(names: list[str]) -> str:
    return {0: "nothing", 1: f"only '{''.join(names)}'"}.get(len(names), f"{len(names)} restrictions")


def _importance_values(space: str, assistance: "Assistance") -> dict[str, Any]:
    """Return what each feature is worth, and the reason if that is not known."""
    from netspace.results.assisted_tables import importance_table

    table = importance_table(assistance, [space])
    return {
        "r2": assistance.r2,
        "importances": table.drop(columns="space").to_dict("records"),
        "not_assisted": assistance.refusals.get(space),
    }


def _print_importances(space: str, assistance: "Assistance") -> None:
    values = _importance_values(space, assistance)
    rows = values["importances"]
    if not rows:
        print(f"\nWhich features matter is not known: {values['not_assisted'] or 'the errors are all equal'}.")
        return
    print(
        f"\nFeatures that the predictor of errors needs most (R2 {values['r2']:.2f} on held-out networks of all "
        "spaces): the share of the variance that is no longer explained if one is permuted, with 95 % interval."
    )
    print_table(
        ["feature", "importance", "from", "to"],
        ([row["feature"], row["importance"], row["low"], row["high"]] for row in rows[:SHOWN]),
    )
    if len(rows) > SHOWN:
        left = len(rows) - SHOWN
        matter = "1 more matters" if left == 1 else f"{left} more matter"
        print(f"{matter} less; --json lists them. Correlated features share what they explain.")


def _print_spaces(title: str, proposals: "Iterable[Proposal]") -> None:
    for i, one in enumerate(proposals):
        print(f"\n{title}\n" if i == 0 else "", end="")
        print(f"---\n{one.space.to_yaml()}", end="")


def _write_template(output: Path, budget: float | None, as_json: bool) -> None:
    """Write the study of the paper's claims, with as many models of each space as the budget allows."""
    import yaml

    from netspace.documents import parse
    from netspace.study import Study, StudySpec

    if output.exists():
        raise StudyError(f"{output}: the file exists already; name a new one with -o")
    text = files("netspace.study").joinpath("paper-claims.yaml").read_text(encoding="utf-8")
    spec = parse(StudySpec, yaml.safe_load(text), "the template")
    n = spec.n if budget is None else _affordable(Study(spec=spec), budget)
    write_text(output, re.sub(r"(?m)^n: \d+$", f"n: {n}", text))
    if as_json:
        print_json({"written": str(output), "claims": len(spec.claims), "spaces": len(spec.spaces), "n": n})
        return
    print(f"{output}: {len(spec.claims)} claims about {len(spec.spaces)} spaces, {n} models of each.")
    print(f"Estimate its cost with: {shlex.join(['netspace', 'plan', str(output)])}")


def _affordable(study: "Study", budget: float) -> int:
    """Return how many models of each space `budget` core-hours allow, at most the template's own number."""
    from netspace.study import Study

    few = Study(spec=study.spec.model_copy(update={"n": LEAST_MODELS}), root=study.root)
    planned = few.planned_runs()
    one_of_each = float(_speed(few, planned, [], None).seconds.sum()) / LEAST_MODELS / 3600
    n = int(budget / one_of_each)
    if n < LEAST_MODELS:
        raise StudyError(
            f"{budget:g} core-hours allow {n} models of each space; at least {LEAST_MODELS} are needed, which take "
            f"{amount(LEAST_MODELS * one_of_each)} core-hours"
        )
    return min(n, study.spec.n)
