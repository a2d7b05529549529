"""Values in a notebook: the extension registers them all, and each shows itself, whatever its name."""

from types import SimpleNamespace

import pytest
import yaml
from small_study import SMALL

from netspace import space as spaces
from netspace.documents import Document
from netspace.report import notebook, study_tables
from netspace.stats.comparison import compare
from netspace.stats.edf import EDF
from netspace.study import Study


class Formatter:
    """What IPython offers an extension to register with."""

    def __init__(self) -> None:
        self.shown = {}

    def for_type(self, kind, show):
        self.shown[kind] = show

    def for_type_by_name(self, module, name, show):
        self.shown[f"{module}.{name}"] = show

    def __call__(self, value) -> str:
        kind = type(value)
        return self.shown.get(kind, self.shown.get(f"{kind.__module__}.{kind.__qualname__}"))(value)


@pytest.fixture
def show() -> Formatter:
    formatter = Formatter()
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/html": formatter}))
    notebook.load_ipython_extension(shell)
    return formatter


def test_spaces_populations_and_networks_show_themselves(show):
    space = spaces.AnyNetXE().refine(spaces.window("flops", "1M:400M"), name="<b>mine</b>")
    assert "&lt;b&gt;mine&lt;/b&gt;" in show(space)
    assert f"{space.size().exact:,}" in show(space)
    population = space.sample(12, seed=0, resolution=32)
    text = show(population)
    assert "data:image/png;base64," in text
    assert "12 rows, 10 shown" in text
    assert population[0].digest in text
    assert "depths" in show(population[0])
    assert "<svg" in show(population[0])


def test_a_space_with_a_python_predicate_says_why_it_has_no_yaml(show):
    space = spaces.AnyNetXE().refine(spaces.where(lambda columns: columns["depth"] > 4))
    assert "cannot be written to YAML" in show(space)


def test_comparisons_and_error_distributions_show_themselves(show):
    a, b = [48.2, 46.1, 51.3, 44.9, 47.5, 50.0, 45.4, 49.1], [44.2, 46.1, 43.8, 47.0, 45.4, 42.9, 48.2, float("inf")]
    comparison = compare(a, b, chance=90.0)
    text = show(comparison)
    assert f"B against A: {comparison.verdict}" in text
    assert f"{comparison.theta:.3f}" in text
    assert "data:image/png;base64," in show(EDF(b, chance=90.0))
    assert "data:image" not in show(EDF(a, [1, 1, 1, 1, 1, 1, 1, 3]))


def test_studies_show_their_verdicts_and_hostile_names_as_text(show, make_study, hostile):
    tables = study_tables(make_study((hostile, "RegNetX"), n=9), "small")
    text = show(tables)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "complete: 18 runs" in text


def test_a_study_shows_its_results_or_before_them_its_specification(tmp_path, show, make_study):
    class Spec(Document):
        name: str
        spaces: tuple[str, ...]

    shown = show.shown["netspace.study.study.Study"]
    spec = Spec(name="small", spaces=("AnyNetXA", "RegNetX"))
    fresh = shown(SimpleNamespace(spec=spec, default_store=tmp_path / "none.db"))
    assert "no such store" in fresh
    assert "AnyNetXA" in fresh
    store = make_study(n=5)
    assert "complete: 10 runs" in shown(SimpleNamespace(spec=spec, default_store=store.url))


def test_no_extension_is_needed(show, make_study):
    """IPython asks a value that it knows nothing of for `_repr_html_`; here by IPython itself, as a notebook does."""
    formatter = pytest.importorskip("IPython.core.formatters").HTMLFormatter()
    space = spaces.AnyNetXE()
    population = space.sample(9, seed=0, resolution=32)
    errors = [44.2, 46.1, 43.8, 47.0, 45.4, 42.9, 48.2, 41.0]
    store = make_study(n=9)
    values = [
        space,
        population,
        population[0],
        EDF(errors),
        compare([e + 1 for e in errors], errors, chance=90.0),
        study_tables(store, "small"),
    ]
    for value in values:
        assert formatter(value) == show(value)


def test_a_study_needs_no_extension_either(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "n": 2}))
    text = Study.from_yaml(path)._repr_html_()  # the protocol's name
    assert "<h4>small</h4>" in text
    assert "no such store" in text


def test_what_a_notebook_does_not_show_is_told():
    with pytest.raises(TypeError, match="cannot show a value of type int"):
        notebook.html_of(3)
