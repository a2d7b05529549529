"""Reports as files: every format, every awkward study, and names that try to become markup."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from netspace import spaces
from netspace.arch import AnyNetConfig, read_network
from netspace.errors import StudyError, UnknownNameError
from netspace.report import FIGURES, FORMATS, figures, study_tables, write_report
from netspace.report.page import page
from netspace.report.style import png
from netspace.results.imported import import_results
from netspace.store import Store


class Reader(HTMLParser):
    """Collects the tags, the addresses and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.data = ""
        self._script = False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "action", "data", "poster"}]
        self._script = tag == "script" and ("type", "application/json") in attrs
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        if self._script:
            self.data += data
        else:
            self.text += data

    def handle_endtag(self, tag):  # noqa: ARG002 (the base's name)
        self._script = False


def read_page(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_every_format_is_written_and_readable(make_study, tmp_path):
    paths = write_report(make_study(n=8, failures={"RegNetX": 1}), "small", tmp_path / "out", FORMATS)
    names = [path.relative_to(tmp_path / "out").as_posix() for path in paths]
    assert names[:2] == ["index.html", "report.md"]
    assert {"edf.png", "edf.svg", "edf.pdf", "properties-1-AnyNetXA.png", "properties-2-RegNetX.svg"} <= set(names)
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert min(picture.size) > 300
        elif path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        elif path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
    networks = [path for path in paths if path.parent.name == "networks"]
    assert [read_network(path).digest for path in networks] == [path.stem for path in networks]
    text = (tmp_path / "out" / "report.md").read_text()
    for link in re.findall(r"\]\((.*?)\)", text):
        assert (tmp_path / "out" / link).exists()


@pytest.mark.parametrize(
    "options",
    [
        {"spaces": ("only",), "n": 3},
        {"n": 1},
        {"n": 9, "equal_errors": True},
        {"n": 9, "finished": 4},
        {"n": 3, "failures": {"AnyNetXA": 3}},
        {"n": 3, "failures": {"AnyNetXA": 3, "RegNetX": 3}},
        {"n": 9, "epochs": 0},
        {"n": 9, "spec": {"stop": {"alpha": 0.05, "delta": 0.1}, "claims": ["RegNetX better than AnyNetXA"]}},
        {"spaces": tuple(f"space {i}" for i in range(9)), "n": 1},
    ],
    ids=[
        "one space",
        "one run",
        "ties",
        "partial",
        "one space failed",
        "all failed",
        "no curves",
        "stop and claims",
        "nine spaces",
    ],
)
def test_awkward_studies_are_reported(make_study, tmp_path, options):
    store = make_study(**options)
    paths = write_report(store, "small", tmp_path / "out", ("html", "md", "png"))
    assert all(path.stat().st_size > 0 for path in paths)
    read_page(paths[0].read_text())
    assert not re.search(r"\bnan\b", paths[1].read_text(), re.IGNORECASE)


def test_hostile_names_are_text_in_every_format(make_study, tmp_path, hostile):
    store = make_study((hostile, "_hidden"), n=9, name=hostile, message=hostile, failures={hostile: 2})
    paths = write_report(store, hostile, tmp_path / "out", FORMATS)
    assert all(path.is_relative_to(tmp_path / "out") for path in paths)
    reader = read_page(paths[0].read_text())
    assert reader.tags.count("script") == 2
    assert hostile in reader.text
    assert json.loads(reader.data)["spaces"][0] == hostile
    assert "<script" not in reader.data.lower()
    text = paths[1].read_text()
    assert "<script>" not in re.sub(r"```+yaml.*?```+", "", text.replace(r"\<script\>", ""), flags=re.DOTALL)


def test_behind_every_picture_of_the_page_are_its_numbers(make_study, tmp_path):
    store = make_study(n=20, failures={"RegNetX": 2})
    text = write_report(store, "small", tmp_path / "out", ("html",))[0].read_text()
    part = text[text.index('data-part="figures"') :]
    pictures = part[: part.index("<section")].split("<figure")[1:]
    tables = [table_rows(picture) for picture in pictures]
    assert len(tables) == text.count("data:image/png") >= 8
    edf, known = tables[0], study_tables(store, "small").edf
    assert edf[0] == ["space", "error", "share", "lower", "upper"]
    assert [row[0] for row in edf[1:]] == known["space"].tolist()
    shown = np.array([row[1:] for row in edf[1:]], dtype=float)
    assert shown == pytest.approx(known[edf[0][1:]].to_numpy(), rel=5e-3, abs=5e-3)
    assert all(2 <= len(table) <= 41 for table in tables)


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of the first table in a piece of a page."""
    table = text[text.index("<table") : text.index("</table>")]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr")[1:]]
    return [[html.unescape(cell) for cell in row] for row in rows]


def test_the_page_loads_nothing_and_runs_no_script_but_its_own(make_study):
    reader = read_page(text := page(study_tables(make_study(n=9), "small")))
    # the drawings of the best networks are in the page itself, as images, in which no script runs
    assert all(address.startswith("data:image/svg+xml;base64,") for address in reader.addresses)
    assert not re.search(r"(https?:)?//[a-z]", text.split("<style>")[0])
    assert "@import" not in text
    assert "url(" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_a_name_that_turns_the_direction_of_writing_turns_no_other_text(make_study):
    tables = study_tables(make_study(spaces=("A", "B\u202efed"), n=9), "small")
    text = page(tables)
    assert "\u202e" not in text
    assert "B\\u202efed" in read_page(text).text


def test_the_page_holds_every_run_that_ended_and_its_whole_network(make_study):
    store = make_study(n=6, finished=5, failures={"RegNetX": 2})
    tables = study_tables(store, "small")
    data = json.loads(read_page(page(tables)).data)
    runs = [run for run in store.runs(tables.study.id) if run.index < 5]
    assert data["error"] == [run.error if run.error is None else round(run.error, 6) for run in runs]
    for place, run in enumerate(runs):
        columns = ("depths", "widths", "strides", "bottleneck_ratios", "group_widths")
        stages = dict(zip(columns, data["stages"][place], strict=True))
        config = AnyNetConfig(**data["templates"][data["template"][place]], stages=stages)
        assert config.digest == run.digest


def test_the_page_of_very_many_models_shows_some_from_the_best_to_the_worst_and_says_so(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"space": ["a"] * 12_000 + ["b"] * 3_000, "error": rng.normal(50, 5, 15_000).clip(0, 100)})
    table.loc[::20, "error"] = np.inf
    table["width"] = rng.integers(1, 100, 15_000)
    table.to_csv(tmp_path / "many.csv", index=False)
    with Store.open(tmp_path / "many.db") as store:
        import_results(store, "many", [tmp_path / "many.csv"])
        tables = study_tables(store, "many")
    read = read_page(page(tables))
    data = json.loads(read.data)
    assert "The plots show 10,000 of 15,000 models" in read.text
    assert "The last 500 of 750 failures" in read.text
    assert [data["space"].count(place) for place in (0, 1)] == [8000, 2000]
    assert {len(column) for column in (data["index"], data["error"], data["stages"], *data["columns"].values())} == {
        10_000
    }
    for place, (space, errors) in enumerate(tables.populations.items()):
        shown = [
            np.inf if error is None else error
            for error, of in zip(data["error"], data["space"], strict=True)
            if of == place
        ]
        assert np.isinf(shown).mean() == pytest.approx(0.05, abs=0.001), space
        assert (min(shown), np.median(shown)) == pytest.approx((errors.min(), np.median(errors)), abs=0.02), space


def test_the_page_knows_which_properties_a_condition_can_read(make_study):
    described = [spaces.AnyNetXE().to_dict()]
    store = make_study(("AnyNetXE",), n=9, spec={"spaces": described}, drawn={"latency_ms": 50})
    properties = json.loads(read_page(page(study_tables(store, "small"))).data)["properties"]
    # a shared ratio is drawn once: AnyNetXE has it for the network and by stage
    known = spaces.AnyNetXE().column_names
    assert {one["name"]: one["condition"] for one in properties} == {
        one["name"]: one["name"] in known for one in properties
    }
    assert [one["name"] for one in properties if not one["condition"]] == ["latency_ms"]


@pytest.mark.parametrize(("stop", "threshold"), [(None, 40), ({"alpha": 0.01, "delta": 0.1}, 200)])
def test_the_evidence_is_held_against_the_level_of_the_study(make_study, stop, threshold):
    store = make_study(n=4, spec={} if stop is None else {"stop": stop})
    evidence = next(figure for name, _, figure in figures(study_tables(store, "small")) if name == "evidence")
    axes = evidence.axes[0]
    assert [text.get_text() for text in axes.texts] == [f"one comparison: {threshold}"]
    heights = [float(line.get_ydata()[0]) for line in axes.lines if len(set(line.get_ydata())) == 1]
    assert np.log10(threshold) in [pytest.approx(height) for height in heights]


@pytest.mark.parametrize(
    ("data", "published"),
    [
        ({"source": "cifar10"}, True),
        ({"source": "/images/CIFAR-10", "normalise": "computed"}, True),
        ({"source": "/images/tissue", "normalise": "cifar10"}, False),
        ({"source": "/images/tissue", "image_column": "imagenet"}, False),
    ],
)
def test_published_errors_stand_beside_those_on_the_same_data_alone(make_study, data, published):
    tables = study_tables(make_study(n=3, spec={"data": data}), "small")
    front = next(figure for name, _, figure in figures(tables) if name == "front")
    labels = [text.get_text() for text in front.findobj(Text)]
    assert any("published" in label for label in labels) == published


def test_an_unknown_format_and_an_unwritable_folder_are_told(make_study, tmp_path: Path):
    store = make_study(n=2)
    with pytest.raises(UnknownNameError, match=r"unknown report format 'htm'.*did you mean 'html'"):
        write_report(store, "small", tmp_path, ("htm",))
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"file.*cannot write the report"):
        write_report(store, "small", tmp_path / "file" / "out")


def test_the_same_study_gives_the_same_files(make_study, tmp_path):
    store = make_study(("only",), n=9)
    first = write_report(store, "small", tmp_path / "a", FORMATS)
    second = write_report(store, "small", tmp_path / "b", FORMATS)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_nothing_that_is_written_names_this_machine_its_user_or_their_folders(make_study, tmp_path):
    """Searched as bytes, in every text and picture of a report; words of the page itself are no user's name."""
    home, user, host = f"{tmp_path}/ann", "ann-of-nowhere", "machine-of-ann"
    message = f'OSError: {home}/{user}/images/0.png\n  File "{home}/{user}/netspace/loop.py", line 3\nworker lost'
    data = {"source": f"{home}/{user}/images", "train": 10}
    spec = {"data": data, "timed_on": {"host": host, "device": "cpu"}}
    store = make_study(spec=spec, failures={"AnyNetXA": 4}, message=message)
    written = write_report(store, "small", tmp_path / "report", formats=list(FORMATS))
    assert any(path.name == "index.html" for path in written)
    for path in written:
        content = path.read_bytes()
        for secret in (home, host, str(tmp_path), "/tmp/"):
            assert secret.encode() not in content, f"{path.name} holds {secret}"
    assert "loop.py" in (tmp_path / "report" / "index.html").read_text()


def test_a_paper_has_figures_of_its_columns_with_fonts_in_them_and_tables(make_study, tmp_path, hostile):
    store = make_study((hostile, "RegNetX"), n=9, name=hostile, failures={hostile: 2})
    paths = write_report(store, hostile, tmp_path, style="paper", labels={"RegNetX": "Ours_50%"})
    names = {path.name for path in paths}
    assert {"edf.pdf", "edf.svg", "edf.png", "front.pdf", "tables.tex", "tables.md"} <= names
    for path in paths:
        if path.suffix == ".pdf":
            width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", path.read_bytes())[1]) / 72
            assert round(width, 6) in {3.3, 6.9}, path
            assert b"/FontFile2" in path.read_bytes()
            assert b"/Subtype /Type3" not in path.read_bytes()
        elif path.suffix == ".svg":
            assert "<text" not in path.read_text()
    tex = (tmp_path / "tables.tex").read_text()
    assert r"Ours\_50\%" in tex
    for line in tex.splitlines():
        if line.endswith(r" \\"):
            bare = re.sub(r"\\[&%$#_{}]|\\text\w+\{\}|\$[<>]\$|\$\\theta\$", "", line.removesuffix(r"\\"))
            assert bare.count("&") in (5, 6)
            assert not set(bare) & set("\\%$#_{}~^<>"), line
    best = study_tables(store, hostile).best.iloc[0]
    assert f"{best['error']:.2f}" in tex
    assert r"Ours\_50%" in (tmp_path / "tables.md").read_text()


def test_wide_tables_of_a_paper_span_both_columns(make_study, tmp_path):
    (path,) = write_report(make_study(n=9), "small", tmp_path, ("tex",), style="paper")
    # verdicts and networks take both, the errors by space one
    assert re.findall(r"begin\{(table\*?)\}", path.read_text()) == ["table*", "table", "table*"]


TWO_COLUMNS = r"""
\documentclass[twocolumn,10pt]{article}
\usepackage[letterpaper,margin=0.75in,columnsep=0.1in]{geometry}
\usepackage{graphicx}
\let\toprule\hline \let\midrule\hline \let\bottomrule\hline % as booktabs has them, which may be absent
\begin{document}
\begin{figure}\includegraphics{edf.pdf}\end{figure}
\begin{figure*}\includegraphics{complexity.pdf}\end{figure*}
\input{tables.tex}
Text.
\end{document}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex (apt-get install texlive-latex-base)")
def test_figures_and_tables_fit_a_page_of_two_columns(make_study, tmp_path):
    store = make_study(("AnyNetXA", "AnyNetXB", "AnyNetXC", "RegNetX"), n=16)
    write_report(store, "small", tmp_path, ("pdf", "tex"), style="paper")
    (tmp_path / "page.tex").write_text(TWO_COLUMNS)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout
    assert (tmp_path / "page.pdf").exists()


def test_single_figures_are_written_alone(make_study, tmp_path):
    store = make_study(n=9)
    paths = write_report(store, "small", tmp_path, only=("front", "properties"))
    assert {path.name.split(".")[0] for path in paths} == {"front", "properties-1-AnyNetXA", "properties-2-RegNetX"}
    assert {path.suffix for path in paths} == {".png", ".svg"}
    with pytest.raises(UnknownNameError, match="did you mean 'front'"):
        write_report(store, "small", tmp_path, only=("frnt",))
    with pytest.raises(StudyError, match="too few results for the figure pool-check"):
        write_report(store, "small", tmp_path, only=("pool-check",))
    with pytest.raises(StudyError, match="single figures are pictures"):
        write_report(store, "small", tmp_path, ("html",), only=("edf",))


def test_every_figure_has_a_name_that_can_be_asked_for(make_study, tmp_path):
    paths = write_report(make_study(n=9), "small", tmp_path, ("png",))
    kinds = {re.sub(r"^properties-.*", "properties", path.stem) for path in paths if path.suffix == ".png"}
    assert kinds <= set(FIGURES)


def test_labels_name_spaces_and_no_two_alike(make_study, tmp_path):
    store = make_study(n=3)
    with pytest.raises(UnknownNameError, match="unknown space 'x'"):
        write_report(store, "small", tmp_path, style="paper", labels={"x": "y"})
    with pytest.raises(StudyError, match="label of 2 spaces"):
        write_report(store, "small", tmp_path, style="paper", labels={"AnyNetXA": "RegNetX"})
    with pytest.raises(StudyError, match="label of 2 spaces"):
        write_report(store, "small", tmp_path, labels={"AnyNetXA": "A", "RegNetX": "A"})


def test_labels_stand_in_every_picture_and_the_page_says_which_space_is_meant(make_study, tmp_path, monkeypatch):
    store, drawn = make_study(n=20), []
    monkeypatch.setattr(
        "netspace.report.write.png",
        lambda figure: drawn.append({text.get_text() for text in figure.findobj(Text)}) or png(figure),
    )
    labels = {"AnyNetXA": "any <b>one</b>", "RegNetX": "ours"}
    files = write_report(store, "small", tmp_path / "all", ("html", "svg", "md"), labels=labels)
    assert len(drawn) >= 5
    assert any("ours" in words for words in drawn)
    assert not any("RegNetX" in words or "AnyNetXA" in words for words in drawn)
    reader = read_page(files[0].read_text())
    assert "In the pictures AnyNetXA is any <b>one</b>; RegNetX is ours." in reader.text
    assert "RegNetX beats a random one of AnyNetXA" in reader.text
    assert json.loads(reader.data)["spaces"] == ["AnyNetXA", "RegNetX"]
    (alone,) = write_report(store, "small", tmp_path / "edf", ("svg",), only=["edf"], labels=labels)
    assert "ours" in alone.read_text()
    assert "RegNetX" not in alone.read_text()
