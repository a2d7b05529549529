"""The page of the paper's study, from the kept results alone: `uv run python examples/paper/page.py`.

Puts the study together again from `results/`, without training and without images, and writes the tables and figures
of `docs/paper.md`. What stands between `<!-- begin NAME -->` and `<!-- end -->` there is written here.
"""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from netspace.report import write_report
from netspace.report.figures import edf_figure
from netspace.report.style import save
from netspace.report.text import percent
from netspace.results.assistance import study_assistance
from netspace.results.assisted_tables import importance_table
from netspace.results.imported import read_results
from netspace.results.stopping import judge_claims
from netspace.results.study_tables import study_tables
from netspace.results.verdicts import Verdict, compare_spaces, models_of
from netspace.stats.assistance import Assistance
from netspace.store import FINAL, RunState, Store, StudyRecord
from netspace.study.pools import ensure_pools

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parents[1] / "docs" / "paper.md"
PICTURES = PAGE.parent / "paper"
FIGURES = ("edf", "edf-assisted", "efficiency", "e-fit", "complexity", "front", "map", "properties-6-RegNetX")
WINDOW_FIGURES = ("edf", "trends", "front", "complexity")
"""Of the study of other windows, whose pictures are called `windows-NAME.svg`."""
STEPS, VARIANTS, WINDOWS = (
    tuple(f"{study}{table}" for table in ("runs", "curves")) for study in ("", "variants-", "windows-")
)
"""The kept tables of each study, in `results/`."""
OPPOSITES = {
    "edf-widths": ("AnyNetXC", "AnyNetXD", "AnyNetXConstantWidth", "AnyNetXDecreasingWidth"),
    "edf-depths": ("AnyNetXD", "AnyNetXE", "AnyNetXConstantDepth", "AnyNetXDecreasingDepth"),
    "edf-regnet": ("RegNetX", "RegNetXDoubling", "RegNetXTied", "RegNetXFastWidening"),
}
"""The paper's figures 7, 8 and 10: which of the variants stand together in each."""
SIZES = (16, 32, 64)
_TOO_FEW = f"assisted statistics need {SIZES[0]} networks of each space"


def main() -> None:
    """Write the page's tables and figures."""
    with tempfile.TemporaryDirectory() as scratch, Store.open(Path(scratch) / "paper.db") as store:
        study, variants, windows = (kept_study(store, kept) for kept in (STEPS, VARIANTS, WINDOWS))
        PICTURES.mkdir(exist_ok=True)
        for one, names, prefix in ((study, FIGURES, ""), (windows, WINDOW_FIGURES, "windows-")):
            report = Path(scratch) / one.name
            write_report(store, one.name, report, formats=["png", "svg"])
            for name in names:
                shutil.copy(report / f"{name}.svg", PICTURES / f"{prefix}{name}.svg")
        shutil.copy(Path(scratch) / study.name / "edf.png", PICTURES / "edf.png")  # for the README
        drawn = study_tables(store, variants.name)
        for name, spaces in OPPOSITES.items():
            figure = edf_figure(drawn.edf[drawn.edf["space"].isin(spaces)], drawn.summary.loc[list(spaces)])
            save(figure, PICTURES / name, ["svg"])
        text = PAGE.read_text(encoding="utf-8")
        written = tables(store, study) | further_tables(store, variants) | further_tables(store, windows)
        for name, table in written.items():
            text = re.sub(
                rf"(<!-- begin {name} -->\n).*?(<!-- end -->)",
                lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}",
                text,
                flags=re.DOTALL,
            )
        PAGE.write_text(text, encoding="utf-8")


def kept_study(store: Store, kept: Sequence[str]) -> StudyRecord:
    """Put a study into a store as its kept tables have it, with its pools."""
    study = read_results(None, [RESULTS / f"{name}.parquet" for name in kept]).add_to(store)
    ensure_pools(study, store)
    return study


def tables(store: Store, study: StudyRecord) -> dict[str, str]:
    """Return the page's tables as Markdown, by name."""
    runs = store.states(study.id)
    assistance = study_assistance(study, runs, store)
    return {
        "standing": _standing(runs),
        "spaces": _spaces(runs),
        "verdicts": _verdicts(_compared(store, study, runs)),
        "claims": _claims(store, study, assistance),
        "sizes": _sizes(store, study, runs),
        "features": _features(assistance),
    }


def further_tables(store: Store, study: StudyRecord) -> dict[str, str]:
    """Return the tables of the variants, or of the windows, as Markdown, by name."""
    runs, name = store.states(study.id), study.name.removeprefix("paper-")
    return {
        f"{name}-standing": _standing(runs),
        f"{name}-spaces": _spaces(runs),
        f"{name}-claims": _claims(store, study, study_assistance(study, runs, store)),
    }


def _standing(runs: Sequence[RunState]) -> str:
    ended = [run for run in runs if run.status in FINAL]
    failed = sum(run.status != "done" for run in ended)
    return f"{len(ended)} of {len(runs)} networks are trained, {failed} failed."


def _spaces(runs: Sequence[RunState]) -> str:
    rows = []
    for space in dict.fromkeys(run.space for run in runs):
        errors = sorted(run.error for run in runs if run.space == space and run.error is not None)
        mean, median = sum(errors) / len(errors), errors[(len(errors) - 1) // 2]
        rows.append([space, str(len(errors)), percent(errors[0]), percent(median), percent(mean)])
    return _markdown(["space", "n", "least error, %", "median, %", "mean, %"], rows)


def _compared(store: Store, study: StudyRecord, runs: Sequence[RunState]) -> list[Verdict]:
    """Return the verdicts of the chain on some of the study's runs."""
    return compare_spaces(
        models_of(runs),
        chance=store.chance_error(study.id),
        complete=all(run.status in FINAL for run in runs),
        assistance=study_assistance(study, runs, store),
    )


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = [
        [
            f"{one.against} to {one.space}",
            f"{one.n_against}, {one.n}",
            f"{one.theta:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            f"{one.holm_p_value:.2g}",
            one.verdict,
            f"{one.r2:.2f}" if one.assisted else "not assisted",
            f"{one.equivalent_models:.0f}" if one.assisted else "",
            one.classical_verdict or one.verdict,
        ]
        for one in verdicts
    ]
    head = ["step", "n", "theta", "interval", "p (Holm)", "verdict", "R2", "worth, unassisted", "unassisted verdict"]
    return _markdown(head, rows)


def _claims(store: Store, study: StudyRecord, assistance: Assistance) -> str:
    judged = judge_claims(study, store, study.spec["claims"], None, assistance=assistance)
    return _markdown(["claim", "judgement", "evidence"], [[one.claim, one.judgement, one.evidence] for one in judged])


def _features(assistance: Assistance) -> str:
    if not assistance.spaces:
        return f"Not yet: {_TOO_FEW}."
    table = importance_table(assistance)
    rows = [
        [str(space), ", ".join(f"{row.feature} {row.importance:.2f}" for row in part.head(4).itertuples())]
        for space, part in table.groupby("space", sort=False)
    ]
    return _markdown(["space", "features, with the share of the variance that is lost without them"], rows)


def _sizes(store: Store, study: StudyRecord, runs: Sequence[RunState]) -> str:
    """Return what each step's verdict would have been with fewer networks, with assistance and without."""
    rows = []
    for n in SIZES:
        first = [run for run in runs if run.index < n]
        if not all(run.status in FINAL for run in first):
            break
        rows += [
            [str(n), f"{one.against} to {one.space}", one.verdict, one.classical_verdict or one.verdict]
            for one in _compared(store, study, first)
        ]
    if not rows:
        return f"Not yet: {_TOO_FEW}."
    return _markdown(["n", "step", "assisted", "unassisted"], rows)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
