"""Commands that advise: what a study will cost, what to restrict next, which claims hold."""

import re
from collections.abc import Iterable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspace.commands.options import AsJson, Device, StoreTarget, StudyFile, Workers
from netspace.commands.output import print_json, print_records, print_table, write_text
from netspace.commands.study_argument import open_store, started
from netspace.errors import StudyError

if TYPE_CHECKING:
    from netspace.store import PlannedRun, RunRecord
    from netspace.study import Study
    from netspace.study.advice import Proposal, SpaceAdvice
    from netspace.study.planning import Plan, Speed

SHOWN = 5
"""Restrictions that are shown beside the advised ones."""
LEAST_MODELS = 8
"""Models of each space below which a template is not worth its budget."""


def plan(
    study: StudyFile, workers: Workers = None, device: Device = None, store: StoreTarget = None, as_json: AsJson = False
) -> None:
    """Say what a study will cost on this machine and what differences it can find, before anything is spent."""
    from netspace.commands.latency_progress import watch_timings
    from netspace.study import Study
    from netspace.study.executors.local import available_cores
    from netspace.study.planning import plan_study

    loaded = Study.load(study)
    with watch_timings() as observe:
        planned = loaded.plan(observe)
    runs = _known_runs(loaded, store)
    speed = _speed(loaded, planned, runs, device)
    found = plan_study(loaded, planned, speed, workers=workers or available_cores(), runs=runs)
    if as_json:
        print_json(asdict(found))
    else:
        _print_plan(found)


def refine(
    study: StudyFile,
    space: Annotated[str, typer.Argument(metavar="SPACE", help="A space of the study.")],
    apply: Annotated[
        Path | None, typer.Option("--apply", metavar="FILE", help="Write the study that tests the advice.")
    ] = None,
    store: StoreTarget = None,
    as_json: AsJson = False,
) -> None:
    """Advise how to restrict a space: each candidate scored, corrected for the search, and the space it gives."""
    from netspace.study import Study
    from netspace.study.advice import advice_rows, advise, next_study

    if apply is not None and apply.exists():
        raise StudyError(f"{apply}: it exists already; name a new file")
    loaded = Study.load(study)
    with open_store(loaded, store, create=False) as opened:
        found = advise(loaded, started(loaded, opened), opened, space)
    if apply is not None:
        write_text(apply, next_study(study, found, apply))
    if as_json:
        print_json(
            {
                "study": loaded.spec.name,
                "space": found.space.name,
                "models": found.advice.n,
                "failures": found.advice.failures,
                "held_out": found.advice.held_out,
                "restrictions": advice_rows(found.scored),
                "fresh": [
                    {"restriction": one.restriction.name, "space": one.space.name, "yaml": one.space.to_yaml()}
                    for one in found.fresh
                ],
                "next": [one.space.name for one in found.next],
                "written": None if apply is None else str(apply),
            }
        )
    else:
        _print_advice(found)
        if apply is not None:
            print(f"\n{apply}: the next study; run it with: netspace run {apply}")


def claims(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY.yaml]", help="The study file.")] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Write a study of the RegNet paper's claims instead.")
    ] = False,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the template goes.")] = Path(
        "paper-claims.yaml"
    ),
    budget: Annotated[
        float | None, typer.Option(min=0, metavar="HOURS", help="Core-hours that the template may cost here.")
    ] = None,
    store: StoreTarget = None,
    as_json: AsJson = False,
) -> None:
    """Judge the claims of a study file by its results: confirmed, refuted or undecided, with the evidence."""
    if template == (study is not None):
        raise StudyError("claims takes a study file, or --template and no study file")
    if study is None:
        _write_template(output, budget)
        return
    from netspace.results.stopping import judge_claims
    from netspace.study import Study

    loaded = Study.load(study)
    if not loaded.claims:
        raise StudyError(f"{study}: the key 'claims' lists none; `netspace claims --template` writes a study with some")
    with open_store(loaded, store, create=False) as opened:
        record = started(loaded, opened)
        judged = judge_claims(record, opened, loaded.claims, loaded.spec.stop)
    rows = [asdict(one) for one in judged]
    if as_json:
        print_json(rows)
        return
    print_table(["claim", "judgement"], ([row["claim"], row["judgement"]] for row in rows))
    for row in rows:
        print(f"  {row['claim']}: {row['judgement']}. {row['evidence']}.")


def _known_runs(study: "Study", target: str | None) -> "list[RunRecord]":
    """Return what the study's store holds of it; nothing where there is no store yet."""
    if target is None and not study.default_store.exists():
        return []
    with open_store(study, target, create=False) as store:
        record = store.find_study(study.spec.name)
        return [] if record is None else store.runs(record.id)


def _speed(study: "Study", planned: "list[PlannedRun]", runs: "list[RunRecord]", device: str | None) -> "Speed":
    from netspace.study.planning import measure_speed, speed_of_runs

    known = speed_of_runs(planned, runs)
    if known is not None:
        return known
    import torch

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return measure_speed(study, planned, device=where)


def _print_plan(plan: "Plan") -> None:
    print(f"{plan.models} models: {plan.n} of each of {plan.spaces} spaces; {plan.ended} ended already.")
    print(f"{plan.seconds_per_model:.3g} s a model by {plan.speed}: {plan.core_hours:.3g} core-hours in all.")
    print(
        f"Left: {plan.core_hours_left:.3g} core-hours, {plan.wall_hours_left:.3g} hours "
        f"with {plan.workers} workers of one core or device each."
    )
    n = f"n = {plan.n}"
    if plan.detectable_theta is None:
        print(f"With {n} no difference between two spaces can be detected with 80 % power.")
    else:
        strict = plan.detectable_theta_in_chain
        chain = "none" if strict is None else f"{strict:.3f}"
        print(
            f"With {n}, two spaces differ detectably (80 % power, 5 %) from P(a model of one beats one of the other) = "
            f"{plan.detectable_theta:.3f} on; {chain} at the strictest step of Holm's correction."
        )
    if plan.smallest_delta is None:
        print(f"With {n} equivalence cannot be shown.")
    else:
        print(f"Equal spaces are found equivalent within {plan.smallest_delta:.3f} or more (80 % power).")
    print("\nModels that a difference needs:")
    print_records(plan.needed, False)
    if plan.stopping:
        print("Early stopping, for a true P(a model of one beats one of the other) = theta:")
        print_records(plan.stopping, False)


def _print_advice(found: "SpaceAdvice") -> None:
    advice = found.advice
    print(f"{found.space.name}: {advice.n} models, {advice.failures} failed; {len(found.scored)} restrictions scored.")
    rest = [one for one in found.scored if one not in found.advised]
    shown = [*found.advised, *rest[:SHOWN]]
    if shown:
        print_table(
            ["restriction", "kept", "theta", "gain", "corrected p", "advised"],
            (_score_row(one) for one in shown),
        )
    if len(rest) > SHOWN:
        print(f"{len(rest) - SHOWN} more that are not advised; --json lists them.")
    if not found.advised:
        print("Nothing is advised: no restriction stands out from chance after the correction for the search.")
    elif not advice.held_out:
        print("Fewer than 300 models: theta comes from the models that were searched, and flatters the best ones.")
    _print_spaces("What the advised ones would give:", (one for one in found.next if one.score is not None))
    if found.fresh:
        names = "; ".join(one.restriction.name for one in found.fresh)
        print(f"\nChance rarely meets these, so only fresh samples can settle them: {names}.")
        print("netspace refine ... --apply FILE writes the study that samples them.")


def _score_row(one: "Proposal") -> list[Any]:
    score = one.score
    if score is None:
        raise AssertionError(f"'{one.restriction.name}' has no score")
    advised = "yes" if score.advised else "no"
    return [one.restriction.name, score.fraction, score.theta, score.gain, score.p_value, advised]


def _print_spaces(title: str, proposals: "Iterable[Proposal]") -> None:
    for i, one in enumerate(proposals):
        print(f"\n{title}\n" if i == 0 else "", end="")
        print(f"---\n{one.space.to_yaml()}", end="")


def _write_template(output: Path, budget: float | None) -> None:
    """Write the study of the paper's claims, with as many models of each space as the budget pays for."""
    import yaml

    from netspace.documents import parse
    from netspace.study import Study, StudySpec

    if output.exists():
        raise StudyError(f"{output}: it exists already; name a new file with -o")
    text = files("netspace.study").joinpath("paper-claims.yaml").read_text(encoding="utf-8")
    spec = parse(StudySpec, yaml.safe_load(text), "the template")
    n = spec.n if budget is None else _affordable(Study(spec=spec), budget)
    write_text(output, re.sub(r"(?m)^n: \d+$", f"n: {n}", text))
    print(f"{output}: {len(spec.claims)} claims about {len(spec.spaces)} spaces, {n} models of each.")
    print(f"What it costs and what it can find: netspace plan {output}")


def _affordable(study: "Study", budget: float) -> int:
    """Return how many models of each space `budget` core-hours pay for, at most the template's own number."""
    from netspace.study import Study

    few = Study(spec=study.spec.model_copy(update={"n": LEAST_MODELS}), root=study.root)
    planned = few.plan()
    one_of_each = float(_speed(few, planned, [], None).seconds.sum()) / LEAST_MODELS / 3600
    n = int(budget / one_of_each)
    if n < LEAST_MODELS:
        raise StudyError(
            f"{budget:g} core-hours pay for {n} models of each space; {LEAST_MODELS} are the least that say anything, "
            f"for {LEAST_MODELS * one_of_each:.2g} core-hours"
        )
    return min(n, study.spec.n)
