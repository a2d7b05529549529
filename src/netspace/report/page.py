"""The page: one HTML file with everything in it, that opens from disk and loads nothing.

Written by hand rather than with a plotting library, because of what it must do: thousands of networks in twenty linked
panels, redrawn at every move of the pointer on one canvas each, with theta counted exactly beside them, in a few dozen
kilobytes. Verdicts, tables and failures are plain HTML and need no script.

Whatever a study holds is text here: HTML is escaped, the data stand in a JSON block that cannot end early, the script
writes text nodes only, and the page's own policy forbids any script but that one and any address at all.
"""

import base64
import hashlib
import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from time import gmtime, strftime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from netspace.arch import MEASURES, AnyNetConfig
from netspace.arch.config import COLUMNS
from netspace.documents import dump_yaml, parse
from netspace.report.network_drawing import networks_svg
from netspace.report.text import (
    ASSISTED_HEAD,
    IMPORTANCE_HEAD,
    IMPORTANCE_TITLE,
    MARKS_HEAD,
    assisted_rows,
    duration,
    figure_text,
    importance_rows,
    last_failures,
    likely_text,
    marks_rows,
    percent,
    range_figures,
)
from netspace.results.marks import marks_sentences
from netspace.results.properties import is_logarithmic, label, unit
from netspace.results.public import place_of, public_settings, without_folders
from netspace.results.runs import structure
from netspace.results.standing import Standing
from netspace.results.stopping import decisions, stopping_sentences
from netspace.results.study_tables import StudyTables, network_yaml
from netspace.space.definition import PARAMETERS
from netspace.space.population import column_names
from netspace.stats.p_values import p_text
from netspace.store import STATUSES, Epoch, RunRecord
from netspace.store.worker import Worker

FIGURES_ELSEWHERE = "<code>netspace report</code> draws them; this page keeps to what changes while a study runs."
STUDY_KEYS = ("name", "n", "seed", "flops", "params", "activations", "resolution", "data", "network", "recipe")
"""What the study file of a restriction takes from the study that it is found in."""
ROWS = 40
"""Rows of the table behind a figure."""
_SMALL = 0.001
"""Below it, six decimals would leave too little of a number, such as a weight decay of 0.00005."""
POINTS = 10_000
"""Runs up to which each is a point of the plots: with more the page is slow to open and to brush."""
DRAWN = 8
"""Networks that are drawn beside the table of the best."""
_MARKS = {
    "better": "better",
    "worse": "worse",
    "no difference detected": "none",
    "not judged": "none",
    "undecided": "none",
}


class Picture(NamedTuple):
    """A figure for the page: what it shows, its PNG, the numbers in it, and whether it is made for two columns."""

    caption: str
    png: bytes
    table: pd.DataFrame
    wide: bool = False


class Live(NamedTuple):
    """What a page that follows its study begins with.

    Attributes:
        version: of the results that it shows.
        seconds: between two looks.
        now: what stands in the section of the runs in hand, see `now_parts`.
    """

    version: str
    seconds: float
    now: str


def page(tables: StudyTables, pictures: Sequence[Picture] = (), *, live: Live | None = None) -> str:
    """Return a study's page as one self-contained HTML document.

    Args:
        tables: see `study_tables`.
        pictures: figures to show in it, below the plots that can be brushed.
        live: for the page that `netspace serve` shows: it asks the server beside it what is new.
    """
    css, script, layout = (_asset(name) for name in ("page.css", "page.js", "page.html"))
    connections = "" if live is None else "; connect-src 'self'"
    data = page_data(tables)
    if live is not None:
        data["live"] = {"version": live.version, "seconds": live.seconds}
    now = "" if live is None else f'<section id="now"><h2>Now</h2><div data-part="now">{live.now}</div></section>\n'
    return Template(layout).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {_hash(css)}; script-src {_hash(script)}{connections}",
        title=_text(f"{tables.study.name}: netspace study"),
        css=css,
        name=_text(tables.study.name),
        live=now,
        chance=f"{tables.chance:g}",
        data=_embedded(data),
        js=script,
        figures=_figures(pictures) if live is None else f'<p class="lead">{FIGURES_ELSEWHERE}</p>',
        **page_parts(tables),
    )


def page_parts(tables: StudyTables) -> dict[str, str]:
    """Return the parts of the page that need no script, as HTML by name."""
    return {
        "state": _state(tables.standing),
        "facts": _facts(tables),
        "notes": "".join(f'<p class="note">{_text(note)}</p>' for note in (*tables.notes, *_thinned(tables))),
        "verdicts": _verdicts(tables) + _single_networks(tables) + _claims(tables),
        "best": _best(tables),
        "ranges": _ranges(tables),
        "failures": _failures(tables),
        "study": _study(tables),
    }


def now_parts(
    standing: Standing,
    running: Sequence[RunRecord],
    moment: float,
    *,
    curves: Mapping[int, Sequence[Epoch]] | None = None,
    epochs: int | None = None,
) -> dict[str, str]:
    """Return the parts of a live page that change from minute to minute, as HTML by name.

    Args:
        standing: of the study.
        running: its runs in hand.
        moment: now, in seconds since the epoch.
        curves: of runs in hand so far, by run.
        epochs: of a whole training, where that is known.
    """
    curves = curves or {}
    drivers = len({run.worker for run in running})  # who holds their leases
    facts = [f"{standing.ended} of {standing.total} runs ended"]
    if running:
        facts.append(f"{len(running)} in hand by {drivers} driver{'s' * (drivers != 1)}")
    if standing.rate is not None and standing.seconds_left is not None:
        facts += [f"{standing.rate:.0f} an hour", f"about {duration(standing.seconds_left)} left"]
    elif not standing.complete and not running:
        facts.append("none is running")
    parts = [f"<p>{_text(' · '.join(facts))}</p>"]
    if running:
        rows = [
            [
                run.space,
                run.index,
                run.attempts,
                duration(max(moment - (run.started or moment), 0.0)),
                _worker(run.worker),
                _progress(curves.get(run.id, ()), epochs),
                curve_svg(curves.get(run.id, ()), epochs),
            ]
            for run in running
        ]
        # a table of many columns that is rewritten every other second must not push what stands below it
        parts.append(_table(["space", "network", "attempt", "for", "driver", "epoch", "curve"], rows, cards=True))
    if standing.troubled:
        tried = [[run.space, run.index, run.attempts, without_folders(run.reason)] for run in standing.troubled]
        parts += ["<h3>Tried again</h3>", _table(["space", "network", "attempts", "why"], tried)]
    if standing.chain is not None:
        sentences = stopping_sentences(standing.chain, ended=standing.ended, planned=standing.planned)
        # the script announces the decisions that it has not shown yet
        decided = decisions(standing.chain)
        lines = [f"<p{' data-decided' if one in decided else ''}>{_text(one)}</p>" for one in sentences]
        parts += ["<h3>Early stopping</h3>", *lines]
    return {"now": "".join(parts), "state": _state(standing)}


def _progress(curve: Sequence[Epoch], epochs: int | None) -> str:
    """Return how far a run is: the epoch that ended last, and what it said."""
    if not curve:
        return "in its first epoch" if epochs != 1 else "in its only epoch"
    last = curve[-1]
    done = f"{last.epoch} of {epochs}" if epochs else f"{last.epoch}"
    tested = next((epoch for epoch in reversed(curve) if epoch.val_error is not None), None)
    error = "" if tested is None or tested.val_error is None else f", error {percent(tested.val_error)} %"
    return f"{done}: loss {figure_text(last.train_loss)}{error}"


def curve_svg(curve: Sequence[Epoch], epochs: int | None) -> "_Markup":
    """Return the training loss of a run in hand over epochs as a small picture; nothing before the second epoch.

    Args:
        curve: so far.
        epochs: of the whole training: what is still to come is left free.
    """
    points = [(epoch.epoch, epoch.train_loss) for epoch in curve if math.isfinite(epoch.train_loss)]
    if len(points) < 2:
        return _Markup("")
    width, height, edge = 120, 28, 3
    last, low, high = epochs or points[-1][0], min(y for _, y in points), max(y for _, y in points)
    place = [
        (
            edge + (x - 1) / max(last - 1, 1) * (width - 2 * edge),
            height - edge - (y - low) / ((high - low) or 1) * (height - 2 * edge),
        )
        for x, y in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in place)
    words = f"training loss from {figure_text(points[0][1])} to {figure_text(points[-1][1])} in {points[-1][0]} epochs"
    return _Markup(
        f'<svg class="curve" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{words}"><polyline points="{line}"/>'
        f'<circle cx="{place[-1][0]:.1f}" cy="{place[-1][1]:.1f}" r="2.2"/></svg>'
    )


def _worker(name: str | None) -> str:
    """Return who holds a run: machine and process, without the marks that tell boots and containers apart."""
    known = None if name is None else Worker.parse(name)
    return name or "" if known is None else f"{known.host.partition(' ')[0]}, process {known.pid}"


def waiting_page(title: str, body: str, *, seconds: float) -> str:
    """Return a page without a script that a browser loads again every so many seconds: HTML in, HTML out.

    Args:
        title: as text.
        body: as HTML.
        seconds: between two looks.
    """
    css = _asset("page.css")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src {_hash(css)}">'
        f'<meta http-equiv="refresh" content="{max(1, round(seconds))}"><title>{_text(title)}</title>'
        f"<style>{css}</style></head><body><header><h1>{_text(title)}</h1></header><main>{body}</main></body></html>\n"
    )


def _asset(name: str) -> str:
    return (files("netspace.report") / "assets").joinpath(name).read_text(encoding="utf-8")


def _state(standing: Standing) -> str:
    return f'<p class="state {"complete" if standing.complete else "partial"}">{_text(standing.state)}</p>'


def page_data(tables: StudyTables) -> dict[str, Any]:
    """Return what the page's script draws, as plain values: one entry a run that is shown, in columns."""
    runs = _shown(tables)
    spaces = [space for space in tables.spaces if space in tables.populations]
    names = [name for name in _ordered(tables) if name in runs]
    readable = _readable(tables)
    templates: dict[str, int] = {}
    stages: list[list[Any] | None] = []
    made: list[list[str] | None] = []
    template: list[int | None] = []
    for run_id in runs.index:
        config = tables.configs.get(run_id)
        # of a network that code makes, the script shows what is written here
        by_code = config is not None and ("builder" in config or not isinstance(config["block"], str))
        made.append([structure(config), network_yaml(config)] if config is not None and by_code else None)
        if config is None or by_code:
            stages.append(None)
            template.append(None)
            continue
        stages.append([config["stages"].get(column, []) for column in COLUMNS])
        shared = json.dumps({key: value for key, value in config.items() if key != "stages"})
        template.append(templates.setdefault(shared, len(templates)))
    return {
        "spaces": spaces,
        "summary": [
            {key: _number(value) for key, value in row.items()} for row in tables.summary.loc[spaces].to_dict("records")
        ],
        "chance": tables.chance,
        "study": _study_settings(tables),
        "definitions": [_definition(tables, space) for space in spaces],
        "space": [spaces.index(space) for space in runs["space"]],
        "index": runs["index"].tolist(),
        "status": runs["status"].tolist(),
        "error": [_number(value) for value in runs["error"]],
        "stages": stages,
        "made": made,
        "template": template,
        "templates": [json.loads(text) for text in templates],
        "properties": [
            {
                "name": name,
                "label": label(name),
                "unit": unit(name),
                "log": is_logarithmic(name),
                "condition": name in readable,
                "whole": bool((runs[name].dropna() % 1 == 0).all()) and unit(name) == 1,
            }
            for name in names
        ],
        "columns": {name: [_number(value) for value in runs[name]] for name in names},
    }


def _shown(tables: StudyTables) -> pd.DataFrame:
    """Return the runs that ended; of more than `POINTS` so many, of each space evenly over its ranks."""
    runs = tables.runs[tables.runs["score"].notna()]
    if len(runs) <= POINTS:
        return runs
    kept = np.zeros(len(runs), dtype=np.bool_)
    for space in tables.populations:
        ranks = np.flatnonzero(runs["space"] == space)
        ranks = ranks[np.argsort(runs["score"].to_numpy()[ranks], kind="stable")]
        number = max(1, round(POINTS * ranks.size / len(runs)))
        kept[ranks[np.linspace(0, ranks.size - 1, number).round().astype(int)]] = True
    return runs[kept]


def _thinned(tables: StudyTables) -> list[str]:
    """Say that not every run is a point, if so."""
    ended = sum(len(errors) for errors in tables.populations.values())
    if ended <= POINTS:
        return []
    return [
        f"The plots show {len(_shown(tables)):,} of {ended:,} models, of each space evenly from its best to its worst, "
        "and selections count these alone. Verdicts, tables and figures are of all models."
    ]


def _readable(tables: StudyTables) -> frozenset[str]:
    """Return which of the properties of a network a space's `where` can read: a latency, for one, it cannot."""
    stages = max((len(one["stages"]["depths"]) for one in tables.configs.values() if "stages" in one), default=0)
    drawn_once = {name: False for names in PARAMETERS.values() for name in names}
    described = [one for one in tables.study.spec.get("spaces") or () if isinstance(one, Mapping)]
    own = {str(name): one["parameters"][name] for one in described for name in one.get("parameters", ())}
    recipe = {str(name) for one in described for name in one.get("recipe") or ()}
    lengths = {name: law.get("stages", stages) if isinstance(law, Mapping) else 0 for name, law in own.items()}
    lists = {f"{name}_{s + 1}" for name, length in lengths.items() for s in range(length)}
    return column_names(drawn_once, stages) | own.keys() | lists | recipe


def _study_settings(tables: StudyTables) -> dict[str, Any] | None:
    """Return what a study file says beside its spaces; None for results that were imported."""
    spec = public_settings(tables.study.spec)
    if not isinstance(spec.get("data"), Mapping) or not isinstance(spec.get("recipe"), Mapping):
        return None
    kept = {name: spec[name] for name in STUDY_KEYS if spec.get(name) is not None}
    recipe = {key: value for key, value in spec["recipe"].items() if key != "peak_lr"}
    return {"seed": 0, **kept, "recipe": recipe}


def _definition(tables: StudyTables, name: str) -> dict[str, Any] | None:
    """Return what the study's specification says of a space, if a file can say it too: a Python predicate it cannot."""
    described = tables.study.spec.get("spaces") or []
    for space in described:
        if isinstance(space, dict) and space.get("name") == name:
            constraints = space.get("constraints") or []
            if any("python" in constraint for constraint in constraints):
                return None
            kept = {key: value for key, value in space.items() if value is not None and key != "description"}
            return {**kept, "constraints": constraints}
    return None


def _ordered(tables: StudyTables) -> list[str]:
    """Return every property that varies in some space, in the order of the runs' columns."""
    varying = {name for names in tables.properties.values() for name in names}
    return [name for name in map(str, tables.runs.columns) if name in varying]


def _number(value: Any) -> Any:
    """Return a number as JSON can hold it: whole ones as ints, infinite and missing ones as null."""
    if not math.isfinite(value):
        return None
    if float(value).is_integer():
        return int(value)
    return round(float(value), 6) if abs(value) >= _SMALL else float(f"{value:.6g}")


def _embedded(data: Mapping[str, Any]) -> str:
    """Return JSON that no text in it can turn into markup."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_TURNING = {code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that change the direction of the writing after them, and how they are shown instead."""


def _text(value: Any) -> str:
    return html.escape(str(value).translate(_TURNING), quote=True)


def _facts(tables: StudyTables) -> str:
    spec = public_settings(tables.study.spec)
    shown = {
        "spaces": f"{len(tables.spaces)}, {spec.get('n', '?')} networks each",
        "data": _short(spec.get("data", "not recorded")),
        "recipe": _short(spec.get("recipe", "not recorded")),
        "training time": f"{duration(tables.seconds)} over all runs",
        "started": strftime("%Y-%m-%d %H:%M UTC", gmtime(tables.study.created)),
    }
    return "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in shown.items())


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        told = {key: item for key, item in value.items() if item is not None and not isinstance(item, Mapping | list)}
        return ", ".join(f"{key} {item}" for key, item in told.items())
    return str(value)


def _verdicts(tables: StudyTables) -> str:
    if not tables.verdicts:
        return '<p class="lead">There is only one space, so there is nothing to compare.</p>'
    parts = []
    for verdict in tables.verdicts:
        mark = _MARKS.get(verdict.verdict, "equivalent")
        notes = "".join(f'<p class="note">{_text(line)}</p>' for line in verdict.lines[1:])
        parts.append(f'<div class="verdict {mark}"><p>{_text(verdict.sentence)}</p>{notes}</div>')
    columns = {
        "space": "space",
        "against": "against",
        "verdict": "verdict",
        "theta": "θ",
        "low": "from",
        "high": "to",
        "holm_p_value": "p (Holm)",
        "equivalence_p_value": "p (equivalence)",
        "mean_difference": "mean difference",
        "median_difference": "median difference",
        "p_value_at_equal_flops": "p at equal flops",
        "r2": "R² of the predictor",
        "equivalent_models": "as good as n without it",
        "classical_verdict": "classical verdict",
        "classical_theta": "classical θ",
        "classical_low": "from",
        "classical_high": "to",
        "classical_holm_p_value": "p (Holm)",
    }
    rows = [
        [_Figure(p_text(value)) if "p_value" in name else value for name, value in zip(columns, values, strict=True)]
        for values in ([getattr(verdict, name) for name in columns] for verdict in tables.verdicts)
    ]
    parts.append(_details("The numbers behind the verdicts", _table(list(columns.values()), rows)))
    if assisted := assisted_rows(tables):
        parts.append(_details("Assisted means and medians", _table(list(ASSISTED_HEAD), assisted)))
    if important := importance_rows(tables):
        parts.append(_details(IMPORTANCE_TITLE, _table(list(IMPORTANCE_HEAD), important)))
    return "".join(parts)


def _single_networks(tables: StudyTables) -> str:
    if tables.marks.empty:
        return ""
    sentences = "".join(f'<p class="note">{_text(sentence)}</p>' for sentence in marks_sentences(tables.marks))
    return f"<h3>Single networks</h3>{sentences}{_table(MARKS_HEAD, marks_rows(tables))}"


def _claims(tables: StudyTables) -> str:
    if not tables.claims:
        return ""
    marks = {"confirmed": "better", "refuted": "worse", "undecided": "none"}
    parts = [
        f'<div class="verdict {marks[one.judgement]}"><p><strong>{one.judgement}</strong>: {_text(one.claim)}</p>'
        f'<p class="note">{_text(one.evidence)}</p></div>'
        for one in tables.claims
    ]
    return f"<h3>Claims</h3>{''.join(parts)}"


def _best(tables: StudyTables) -> str:
    if tables.best.empty:
        return '<p class="lead">No network has finished training.</p>'
    rows = []
    for place, row in enumerate(tables.best.to_dict("records"), start=1):
        yaml = f"yaml-{place}"
        button = _Markup(f'<button type="button" data-copy="{yaml}">Copy YAML</button>')
        known = _Markup(
            f'<details><summary>{_text(row["structure"])}</summary><pre id="{yaml}">{_text(row["yaml"])}</pre>'
            f"<p><code>{_text(row['command'])}</code></p></details>"
        )
        cost = [_Figure(figure_text(row[name] / unit(name))) for name in MEASURES]
        shown = [known, button] if row["yaml"] else ["not known", ""]
        errors = [_Figure(percent(row["error"])), _Figure(likely_text(row))]
        rows.append([place, *errors, row["space"], *cost, *shown])
    head = [
        "place",
        "error %",
        "likely error %",
        "space",
        "MF",
        "M params",
        "M activations",
        "structure",
        "",
    ]
    note = f'<p class="note">{_text(tables.likely_note)}</p>' if tables.likely_note else ""
    lead = "Open a structure to see the network's YAML and the command that trains it, in the report's folder."
    return f'{note}<p class="lead">{lead}</p>{_table(head, rows, cards=True)}{_drawn(tables)}'


def _drawn(tables: StudyTables) -> str:
    """Return the best networks that are known as drawings side by side."""
    known = [
        (f"{place}: {percent(row['error'])} %, {row['space']}", parse(AnyNetConfig, config, "stored network"))
        for place, row in enumerate(tables.best.to_dict("records"), start=1)
        if "stages" in (config := tables.configs.get(row["run_id"], {}))
    ]
    if not known:
        return ""
    caption = "The best networks: a bar is a block, its height the root of its width; colours are stages."
    # two columns are read on a telephone too; the picture is scaled
    parts = []
    for columns, name in ((4, "spread"), (2, "narrow")):
        drawn = base64.b64encode(networks_svg(known[:DRAWN], columns=columns).encode()).decode()
        words = _text(f"{caption} {'; '.join(f'{title}: {structure(config.to_dict())}' for title, config in known)}")
        parts.append(f'<img class="{name}" src="data:image/svg+xml;base64,{drawn}" alt="{words}">')
    return f'<figure id="drawn">{"".join(parts)}<figcaption>{_text(caption)}</figcaption></figure>'


def _ranges(tables: StudyTables) -> str:
    if tables.ranges.empty:
        return '<p class="lead">Best ranges need at least 8 finished networks of a space, with different errors.</p>'
    head = ["property", "from", "likely best", "to", "p of the width"]
    parts = []
    for space, found in tables.ranges.groupby("space", sort=False):
        rows = [[label(row["property"]), *map(_Figure, range_figures(row))] for row in found.to_dict("records")]
        parts.append(_details(str(space), _table(head, rows)))
    return "".join(parts)


def _figures(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return '<p class="lead">There are no figures.</p>'
    parts = []
    for picture in pictures:
        source = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
        caption = _text(picture.caption)
        wide = ' class="wide"' if picture.wide else ""
        parts.append(
            f'<figure{wide}><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption>'
            f"{_numbers(picture.table)}</figure>"
        )
    return f'<div class="figures">{"".join(parts)}</div>'


def _numbers(table: pd.DataFrame) -> str:
    """Return a figure's numbers, folded, for those who do not see it: at most `ROWS` rows, from all parts of it."""
    if table.empty:
        return ""
    shown = table.iloc[np.unique(np.linspace(0, len(table) - 1, min(len(table), ROWS)).astype(int))]
    scales = [unit(str(name)) for name in shown.columns]
    rows = [list(map(_shown_value, row, scales)) for row in shown.astype(object).itertuples(index=False)]
    note = f'<p class="note">{len(shown)} of {len(table):,} rows.</p>' if len(shown) < len(table) else ""
    return _details("The numbers as a table", note + _table([label(str(name)) for name in shown.columns], rows))


def _shown_value(value: Any, scale: float) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if math.isnan(value):
        return _Figure("")
    return _Figure("failed" if value == math.inf else figure_text(value / scale))


def _failures(tables: StudyTables) -> str:
    if not tables.standing.failures:
        return '<p class="lead">None.</p>'
    rows = []
    shown, note = last_failures(tables)
    for run in shown:
        message, short = without_folders((run.message or "").strip()), without_folders(run.reason)
        whole = _Markup(f"<details><summary>{_text(short)}</summary><pre>{_text(message)}</pre></details>")
        reason = short if message in ("", short) else whole
        rows.append([run.space, run.index, run.status, run.attempts, reason])
    lead = f'<p class="lead">{_text(note)}</p>' if note else ""
    return lead + _table(["space", "network", "status", "attempts", "reason"], rows)


def _study(tables: StudyTables) -> str:
    counts = tables.standing.counts
    rows = [[space, *numbers.values(), sum(numbers.values())] for space, numbers in counts.items()]
    parts = [_table(["space", *STATUSES, "total"], rows)]
    parts.append(_details("Specification", f"<pre>{_text(dump_yaml(public_settings(tables.study.spec)))}</pre>"))
    if not tables.environments.empty:
        environments = tables.environments.fillna("")
        parts.append(_table(list(environments.columns), environments.to_numpy().tolist()))
    identity = f"Digest of the specification {tables.study.digest}; results in {place_of(tables.store)}"
    return "".join(parts) + f'<p class="note">{_text(identity)}</p>'


class _Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class _Figure(str):
    """A number as it is shown."""

    __slots__ = ()


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, cards: bool = False) -> str:
    """Return a table; as `cards`, a narrow window has each row below the other, its cells with their heads."""
    numeric = [all(isinstance(row[place], int | float | _Figure) for row in rows) for place in range(len(head))]
    tags = ['<th class="number" role="columnheader"' if number else '<th role="columnheader"' for number in numeric]
    titles = "".join(f"{tag}>{_text(title)}</th>" for tag, title in zip(tags, head, strict=True))
    body = "".join(f'<tr role="row">{"".join(map(_cell, row, head))}</tr>' for row in rows)
    # a browser forgets that it is a table where its style makes blocks of the rows; the roles remind it
    looks = ' class="cards"' if cards else ""
    return (
        f'<div class="scroll"><table role="table"{looks}><thead role="rowgroup"><tr role="row">{titles}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _cell(value: Any, title: str) -> str:
    start = f'<td role="cell" data-title="{_text(title)}"'
    if isinstance(value, _Markup):
        return f"{start}>{value}</td>"
    if isinstance(value, int | float):
        value = _Figure(figure_text(value))
    if isinstance(value, _Figure):
        return f'{start} class="number">{_text(value)}</td>'
    return f'{start} class="name">{_text(value)}</td>'


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{_text(summary)}</summary>{content}</details>"
