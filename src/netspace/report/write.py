"""Write a study's report into a folder, in every format asked for."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from netspace.arch import MEASURES
from netspace.arch.built import code_of, network_from, with_code_from
from netspace.arch.code import known_file, sources
from netspace.documents import dump_yaml
from netspace.errors import ConfigError, StudyError, first_line, raise_unknown
from netspace.files import whole_file, write_whole
from netspace.report.assisted_figures import assisted_edf_figure, pool_check_figure, prediction_figure
from netspace.report.cost_figures import complexity_figure, front_figure, trends_figure
from netspace.report.figures import edf_figure, property_figure
from netspace.report.page import Picture, page
from netspace.report.paper_tables import as_latex, as_markdown, paper_tables
from netspace.report.search_figures import (
    curves_figure,
    e_process_figure,
    efficiency_figure,
    narrowing_figure,
    sequence_figure,
)
from netspace.report.structure_figures import e_fit_figure, networks_figure, pairwise_figure
from netspace.report.style import COLUMN_WIDTH, IMAGE_FORMATS, labelled, png, save
from netspace.report.text import markdown
from netspace.results.assisted_tables import assisted_edf_table, narrowing_table, pool_check_table, prediction_table
from netspace.results.figure_tables import (
    baseline_table,
    complexity_fits,
    e_fit_table,
    efficiency_table,
    front_table,
    front_with_marks,
    known_measures,
    ranked,
    trend_table,
    with_marks,
)
from netspace.results.properties import column
from netspace.results.runs import structure
from netspace.results.stopping import e_process_table, sequence_table, thresholds
from netspace.results.study_tables import (
    DATA_FILE,
    NETWORKS,
    RECIPE_FILE,
    StudyTables,
    network_file,
    recipe_file,
    recipe_yaml,
    study_tables,
)
from netspace.stats.regimes import apart
from netspace.stats.sequential import METHODS, StoppingRule
from netspace.store import Store
from netspace.training.images.data import completed
from netspace.training.images.sources import divided, located

FORMATS = ("html", "md", *IMAGE_FORMATS)
"""What a report can be written as: the page, the text, and pictures."""
PAPER_FORMATS = ("tex", "md", *IMAGE_FORMATS)
"""What there is for a paper: tables as LaTeX and Markdown, and pictures."""
STYLES = {"page": FORMATS, "paper": PAPER_FORMATS}
"""Whom a report is for, and in which formats there is one."""
PROPERTIES = "properties"
"""How the files of the property figures begin; the page has its own, which can be brushed."""
FIGURES = (
    "edf",
    "edf-assisted",
    "predictor",
    "narrowing",
    "pool-check",
    "efficiency",
    "sequence",
    "evidence",
    "curves",
    "front",
    "complexity",
    "e-fit",
    "networks",
    "trends",
    "map",
    PROPERTIES,
)
"""The names of all figures; of properties there is one for each space."""
EXTREMES = 6
"""Networks drawn at each end."""
PANELS = 12
"""Properties of a space up to which all are drawn; of more, those of single stages are left to page and table."""
COMPARABLE = 8
"""Published networks stand beside the study's where their flops are within this factor of its range."""
MAPPED = 5
"""Properties in the map of two properties each."""


def write_report(
    store: Store,
    study_name: str,
    folder: Path | str,
    formats: Sequence[str] | None = None,
    *,
    root: Path | None = None,
    style: str = "page",
    labels: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
) -> list[Path]:
    """Write the report of a study, whether or not all its runs ended.

    `index.html` is the page and `report.md` the text; pictures lie beside them, and `networks/` holds the YAML of the
    best networks, of the images and of the recipe, for the commands that the report shows, and the code of someone's
    own that they are made by, if it is known where that lies. For a paper there are
    pictures, and tables in `tables.tex` and `tables.md`. What is already there under these names is overwritten.

    Args:
        store: where the study lies.
        study_name: its name there.
        folder: made if need be.
        formats: of `STYLES[style]`; None for the page and its pictures as PNG and SVG, for a paper everything, and of
            single figures the pictures.
        root: the study file's folder, which a relative path to the study's images is relative to; None for the working
            directory.
        style: "page", or "paper": for one or both columns of a two-column page (3.3 and 6.9 inches), the fonts in the
            files.
        labels: what spaces are called in pictures, and in a paper's tables, by name; on the page and in the text they
            have the names that commands take, and a note says which is which.
        only: names of figures (`FIGURES`): these alone are written, and nothing else.

    Returns:
        The files written, the page first.

    Raises:
        UnknownNameError: an unknown format, style, figure or space, or the store holds no study of this name.
        StudyError: no run of it has ended, the folder cannot be written, the study has too little for a figure that is
            asked for, or the same label is given to two spaces.
    """
    if style not in STYLES:
        raise_unknown("style of a report", style, STYLES)
    for name in only:
        if name not in FIGURES:
            raise_unknown("figure", name, FIGURES)
    if formats is None:
        pictures = IMAGE_FORMATS if style == "paper" else ("png", "svg")
        formats = pictures if only else STYLES[style] if style == "paper" else ("html", *pictures)
    for format_ in formats:
        if format_ not in STYLES[style]:
            raise_unknown("report format" if style == "page" else "format for a paper", format_, STYLES[style])
        if only and format_ not in IMAGE_FORMATS:
            raise StudyError(f"single figures are pictures ({', '.join(IMAGE_FORMATS)}), got the format {format_}")
    tables = study_tables(store, study_name)
    names = _labelled(labels or {}, tables.spaces)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if only or style == "paper":
            return _write_paper(tables, folder, formats, names, only, paper=style == "paper")
        if told := "; ".join(f"{name} is {label}" for name, label in names.items() if name != label):
            tables = replace(tables, notes=(*tables.notes, f"In the pictures {told}."))
        with labelled(names):
            return _write(tables, folder, formats, root)
    except OSError as error:
        where = error.filename or folder
        raise StudyError(f"{where}: cannot write the report ({first_line(error)})") from error


def _labelled(labels: Mapping[str, str], spaces: Sequence[str]) -> dict[str, str]:
    """Return what each space is called."""
    for name in labels:
        if name not in spaces:
            raise_unknown("space", name, spaces)
    found = {space: labels.get(space, space) for space in spaces}
    for label, times in Counter(found.values()).items():
        if times > 1:
            raise StudyError(f"'{label}' would be the label of {times} spaces; give each space its own")
    return found


def _write_paper(
    tables: StudyTables,
    folder: Path,
    formats: Sequence[str],
    labels: Mapping[str, str],
    only: Sequence[str],
    *,
    paper: bool,
) -> list[Path]:
    written = []
    images = [format_ for format_ in IMAGE_FORMATS if format_ in formats]
    if "tex" in formats:
        written.append(_text(folder / "tables.tex", as_latex(paper_tables(tables, labels))))
    if "md" in formats:
        written.append(_text(folder / "tables.md", as_markdown(paper_tables(tables, labels))))
    if not images:
        return written
    drawn = set()
    with labelled(labels):
        for name, _, figure in figures(tables, only):
            written += save(figure, folder / name, images, paper=paper)
            drawn.add(_kind(name))
    if missing := [name for name in only if name not in drawn]:
        raise StudyError(f"{tables.study.name}: the study has too few results for the figure {', '.join(missing)}")
    return written


def _write(tables: StudyTables, folder: Path, formats: Sequence[str], root: Path | None) -> list[Path]:
    images = [format_ for format_ in IMAGE_FORMATS if format_ in formats]
    pictures: list[Path] = []
    shown: list[Picture] = []
    for name, caption, draw, table in _drawings(tables) if images or "html" in formats else ():
        figure = draw()
        pictures += save(figure, folder / name, images)
        if "html" in formats and _kind(name) != PROPERTIES:
            wide = figure.get_figwidth() > COLUMN_WIDTH
            shown.append(Picture(caption, png(figure), table(), wide=wide))
    code, lacking = _code_of_best(tables, root or Path())
    if lacking:
        named = " and ".join(sorted(lacking))
        tables = replace(
            tables,
            notes=(*tables.notes, f"To train the best networks, lay {named} into {NETWORKS}/: it was not found here."),
        )
    texts = []
    if "html" in formats:
        texts.append(_text(folder / "index.html", page(tables, shown)))
    if "md" in formats:
        links = [path.relative_to(folder) for path in pictures if path.suffix == f".{images[0]}"] if images else []
        texts.append(_text(folder / "report.md", markdown(tables, links)))
    data, recipe = tables.study.spec.get("data"), tables.study.spec.get("recipe")
    if isinstance(data, Mapping):
        settings = {**completed(data), "source": _from_here(located(str(data["source"]), root), folder)}
        texts.append(_text(folder / DATA_FILE, dump_yaml(settings)))
    if isinstance(recipe, dict):
        texts.append(_text(folder / RECIPE_FILE, recipe_yaml(recipe)))
    best = tables.best.to_dict("records")
    texts += [_text(folder / recipe_file(row["run_id"]), row["recipe"]) for row in best if row["recipe"]]
    networks = [_text(folder / network_file(row["digest"]), row["yaml"]) for row in best if row["yaml"]]
    for name, content in code.items():
        with whole_file(folder / NETWORKS / name) as draft:
            draft.write_bytes(content)
    return [*texts, *pictures, *networks, *(folder / NETWORKS / name for name in code)]


def _code_of_best(tables: StudyTables, root: Path) -> tuple[dict[str, bytes], set[str]]:
    """Return the files of code of someone's own that the best networks are made by, by name, and those not found.

    They are those that this process knows, or that lie beside the study's file; a store alone does not say where.
    """
    found: dict[str, bytes] = {}
    lacking: set[str] = set()
    for row in tables.best.to_dict("records"):
        if not row["yaml"]:
            continue
        config = with_code_from(tables.configs[row["run_id"]], root, "")
        code = code_of(network_from(config, "stored network"))
        if code is None or not code.in_file:
            continue
        try:
            files = sources(known_file(code))
        except ConfigError:
            lacking.add(code.source)
            continue
        if any(found.get(name, content) != content for name, content in files.items()):
            lacking.add(code.source)  # another of this name is there already
        else:
            found |= files
    return found, lacking


def _from_here(source: str, folder: Path) -> str:
    """Return a source as seen from the report's folder, or the name of its folder alone where nothing is in common."""
    prefix, path = divided(source)
    if not Path(path).is_absolute():
        return source
    near = len(Path(os.path.commonpath([path, folder.resolve()])).parts) > 1
    return prefix + (os.path.relpath(path, folder.resolve()) if near else Path(path).name)


class Drawing(NamedTuple):
    """A figure that can be drawn: file name, caption, what draws it, and the numbers that it shows."""

    name: str
    caption: str
    draw: Callable[[], Figure]
    table: Callable[[], pd.DataFrame]


def figures(tables: StudyTables, only: Sequence[str] = ()) -> Iterator[tuple[str, str, Figure]]:
    """Yield every figure of a study's report, drawn when asked for: file name, caption, figure.

    Property figures are drawn for every space; the map, the trends over flops and the best and worst networks for the
    space with the least mean error. Figures that the study has too little for are left out; `StudyTables.notes` says so
    where that is because networks or costs are not known.

    Args:
        tables: see `study_tables`.
        only: names of `FIGURES` to draw alone; empty for all.
    """
    for name, caption, draw, _ in _drawings(tables):
        if not only or _kind(name) in only:
            yield name, caption, draw()


def _kind(name: str) -> str:
    """Return which of `FIGURES` a file's name is of: those of properties have a space in it."""
    return PROPERTIES if name.startswith(PROPERTIES) else name


def _drawings(tables: StudyTables) -> Iterator[Drawing]:
    runs = tables.runs[tables.runs["score"].notna()]
    yield Drawing(
        "edf",
        "Error distributions with simultaneous 95 % bands.",
        lambda: edf_figure(tables.edf, tables.summary, single=tables.marks),
        lambda: with_marks(tables.edf, tables.marks),
    )
    yield from _assisted_figures(tables)
    efficiency = efficiency_table(tables.populations, tables.chance)
    yield Drawing(
        "efficiency",
        "Best error among m random networks: median, with its exact 95 % interval if n supports one.",
        lambda: efficiency_figure(efficiency),
        lambda: efficiency,
    )
    yield from _stopping_figures(tables, runs)
    curves = tables.curves
    if curves["epoch"].nunique() > 1:  # a single point is no curve
        caption = "Training curves of each space's best, median and worst network."
        yield Drawing("curves", caption, lambda: curves_figure(curves), lambda: curves)
    if len(front := front_table(runs)):
        caption = "Error against cost; highlighted networks are not beaten by any other in both."
        yield Drawing(
            "front",
            caption,
            lambda: front_figure(front, _baselines(tables), spaces=tables.spaces, single=tables.marks),
            lambda: front_with_marks(front, tables.marks),
        )
    done = runs[runs["status"] == "done"]
    if len(done) and known_measures(done) == MEASURES:
        caption = "Params and activations against flops, with the paper's laws fitted to the best quarter."
        fitted = complexity_fits(runs)
        yield Drawing("complexity", caption, lambda: complexity_figure(runs, fitted), lambda: pd.DataFrame(fitted))
    if len(fits := e_fit_table(runs, tables.configs)):
        caption = "Quantized linear fits to the widths of networks."
        yield Drawing("e-fit", caption, lambda: e_fit_figure(fits, tables.configs), lambda: fits)
    yield from _leader_figures(tables, runs)
    for number, (space, properties) in enumerate(tables.properties.items(), start=1):
        if drawn := _drawn(properties):
            models, ranges = runs[runs["space"] == space], tables.ranges[tables.ranges["space"] == space]
            yield Drawing(
                f"{PROPERTIES}-{number}-{_file_name(space)}",
                f"Error against each property of {space}.",
                partial(property_figure, models, ranges, drawn, title=space),
                partial(models.filter, [*drawn, "score"]),
            )


def _stopping_figures(tables: StudyTables, runs: pd.DataFrame) -> Iterator[Drawing]:
    """Yield what decided early stopping; of a study without it, what the sign process would have seen."""
    chain = tables.standing.chain
    rule = StoppingRule() if chain is None else chain.rule
    if len(sequence := sequence_table(chain)):
        within = ", or when, at twice that level, it lies between the dashed lines (equivalent)" if rule.delta else ""
        caption = (
            f"What early stopping saw: theta and its {METHODS['confidence_sequence']}. A pair is decided when the "
            f"sequence leaves out 1/2{within}."
        )
        yield Drawing("sequence", caption, lambda: sequence_figure(sequence, rule.delta), lambda: sequence)
    if len(evidence := e_process_table(runs, tables.spaces, chain)):
        drawn = dict.fromkeys(zip(evidence["against"], evidence["space"], strict=True))
        methods = ("sign" if chain is None else chain.pairs[pair].process.method for pair in drawn)
        judged = " and ".join(METHODS[method] for method in dict.fromkeys(methods))
        caption = f"Evidence pair by pair in launch order: {judged}."
        if chain is None:
            caption += " This study did not stop early, so that nothing was decided by it."
        limits = thresholds(len(tables.spaces) - 1, rule.alpha)
        yield Drawing("evidence", caption, lambda: e_process_figure(evidence, limits), lambda: evidence)


def _assisted_figures(tables: StudyTables) -> Iterator[Drawing]:
    """Yield what assistance shows, if any space of the study is assisted, and what speaks against it."""
    if len(assisted := assisted_edf_table(tables.assistance)):
        caption = "Assisted error distributions with simultaneous 95 % bands, over the classical steps (thin)."
        yield Drawing("edf-assisted", caption, lambda: assisted_edf_figure(assisted, tables.edf), lambda: assisted)
        caption = (
            "Is the predictor honest? Error observed against the rank expected by fits that did not see the model."
        )
        r2 = tables.assistance.r2 or 0.0
        predictions = prediction_table(tables.assistance)
        yield Drawing("predictor", caption, lambda: prediction_figure(predictions, r2), lambda: predictions)
    narrowing = narrowing_table(tables.assistance, [(one.against, one.space) for one in tables.verdicts])
    if narrowing["n"].nunique() > 1:
        caption = (
            "How the interval of theta narrowed as models came in: assisted (bands) and, of at most two comparisons, "
            "classical (dotted). Each interval holds by itself; none is for stopping when it leaves out 1/2."
        )
        yield Drawing("narrowing", caption, lambda: narrowing_figure(narrowing), lambda: narrowing)
    if len(checked := pool_check_table(tables.assistance)):
        caption = "Samples that are unlike their pools, feature by feature."
        yield Drawing("pool-check", caption, lambda: pool_check_figure(checked), lambda: checked)


def _drawn(properties: Sequence[str]) -> tuple[str, ...]:
    """Return the properties that a space's figure has panels for: all, or of many stages only the widths."""
    if len(properties) <= PANELS:
        return tuple(properties)
    return tuple(name for name in properties if not column(name).stage or column(name).property.key == "width")


def _leader_figures(tables: StudyTables, runs: pd.DataFrame) -> Iterator[Drawing]:
    """Yield the figures that are drawn for the space with the least mean error alone."""
    leader = str(tables.summary["mean"].idxmin())
    models = runs[runs["space"] == leader]
    order = ranked(models).get(leader, models[:0])
    ranks = zip(order.index, order["error"], strict=True)
    networks = [(error, tables.configs[run]) for run, error in ranks if "stages" in tables.configs.get(run, {})]
    if networks:
        best, worst = networks[:EXTREMES], networks[EXTREMES:][-EXTREMES:][::-1]
        caption = f"The best and the worst networks of {leader}: width per block."
        rows = [(error, structure(config)) for error, config in (*best, *reversed(worst))]
        drawn = pd.DataFrame(rows, columns=["error", "structure"])
        yield Drawing("networks", caption, lambda: networks_figure(best, worst, title=leader), lambda: drawn)
    properties = tables.properties[leader]
    space, window = apart(leader)
    everywhere = runs[[apart(name)[0] == space for name in runs["space"]]] if window else models
    if len(trends := trend_table(everywhere, [name for name in properties if name != "flops"])):
        caption = f"Best ranges of {space} over flops{', window by window' if window else ''}."
        yield Drawing("trends", caption, lambda: trends_figure(trends, title=space), lambda: trends)
    if len(properties) >= 2:
        ranges = tables.ranges[tables.ranges["space"] == leader].sort_values("width_p_value")
        telling = list(ranges["property"][:MAPPED]) or list(properties[:MAPPED])
        chosen = [name for name in properties if name in telling]
        if len(chosen) >= 2:
            caption = f"{leader}: networks by two properties each, the ones with the narrowest best ranges."
            mapped = models[[*chosen, "score"]]
            yield Drawing("map", caption, lambda: pairwise_figure(models, chosen, title=leader), lambda: mapped)


def _baselines(tables: StudyTables) -> pd.DataFrame | None:
    """Return published networks of about the study's flops, where its data are ImageNet's or CIFAR-10's."""
    data = tables.study.spec.get("data")
    source = str(data.get("source", "") if isinstance(data, Mapping) else data).lower()
    classes = {"imagenet": 1000, "cifar10": 10, "cifar-10": 10}
    found = next((number for name, number in classes.items() if name in source), None)
    recorded = {config.get("num_classes") for config in tables.configs.values()}
    if found is None or found not in recorded:
        return None
    published, flops = baseline_table(found), tables.runs["flops"]
    near = published["flops"].between(flops.min() / COMPARABLE, flops.max() * COMPARABLE)
    return published[near] if near.any() else None


def _file_name(name: str) -> str:
    """Return a name as part of a file's: letters, digits and hyphens, short."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name).strip("-")
    return "-".join(filter(None, kept.split("-")))[:40] or "space"


def _text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path
