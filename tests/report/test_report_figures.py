"""Figures hold the numbers of their tables, whatever the names; pictures were looked at by eye."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_hex

from netspace.errors import StatisticsError, UnknownNameError
from netspace.report import (
    baseline_table,
    complexity_figure,
    curves_figure,
    e_fit_figure,
    e_process_figure,
    edf_figure,
    efficiency_figure,
    figures,
    front_figure,
    front_table,
    narrowing_figure,
    networks_figure,
    pairwise_figure,
    property_figure,
    save,
    study_tables,
    trends_figure,
)
from netspace.report.axes import log_ticks, plain_number, visible_errors
from netspace.report.style import colours, dashes, markers, shown
from netspace.report.text import percent
from netspace.results.figure_tables import ComplexityFit


@pytest.fixture
def tables(make_study):
    return study_tables(make_study(("AnyNetXA", "_RegNetX"), n=12, failures={"AnyNetXA": 3}), "small")


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_the_edf_curve_is_the_table_and_the_legend_the_summary(tables):
    figure = edf_figure(tables.edf, tables.summary)
    (axes,) = figure.axes
    for line, (space, row) in zip(axes.get_lines(), tables.summary.iterrows(), strict=True):
        steps = tables.edf[tables.edf["space"] == space]
        x, y = line.get_data()
        assert x[1:-1].tolist() == steps["error"].tolist()
        assert y[1:-1].tolist() == steps["share"].tolist()
        assert y[-1] == pytest.approx(1 - row["failures"] / row["n"])
        assert {space, f"{row['min']:.2f}", f"{row['mean']:.2f}"} <= set(texts(figure))
    assert texts(figure).count("3") == 1


def test_the_best_range_is_shaded_in_the_unit_of_the_axis(tables):
    runs = tables.runs[tables.runs["space"] == "_RegNetX"]
    ranges = tables.ranges[tables.ranges["space"] == "_RegNetX"]
    figure = property_figure(runs, ranges, ("depth", "flops"), title="_RegNetX")
    for axes, name, scale in zip(figure.axes, ("depth", "flops"), (1, 1e6), strict=True):
        row = ranges.set_index("property").loc[name]
        shade = axes.patches[0].get_extents().transformed(axes.transData.inverted())
        assert (shade.x0, shade.x1) == pytest.approx((row["low"] / scale, row["high"] / scale))


def test_a_space_has_one_colour_in_every_figure(tables):
    expected = colours(tables.spaces)
    for name, _, figure in figures(tables):
        if name in {"edf", "efficiency", "front", "curves"}:
            drawn = [to_hex(line.get_color()).upper() for line in figure.axes[0].get_lines()]
            assert drawn[: len(expected)] == list(expected.values()), name


def test_no_two_of_many_spaces_look_alike():
    names = [f"space {i}" for i in range(30)]
    for second in (dashes(names), markers(names)):
        looks = {(colours(names)[name], str(second[name])) for name in names}
        assert len(looks) == len(names)


def test_figures_leave_matplotlibs_settings_as_they_were(tables, tmp_path):
    before = {name: value for name, value in rcParams.items() if name != "backend"}  # settled at its first reading
    save(edf_figure(tables.edf, tables.summary), tmp_path / "edf", ("png",))
    assert {name: rcParams[name] for name in before} == before


def test_too_little_to_draw_is_told(tables):
    empty = pd.DataFrame(columns=["space", "error", "family"])
    calls = [
        lambda: property_figure(tables.runs, tables.ranges, ()),
        lambda: pairwise_figure(tables.runs, ("depth",)),
        lambda: networks_figure([], []),
        lambda: e_fit_figure(empty, {}),
        lambda: trends_figure(empty),
        lambda: complexity_figure(tables.runs[tables.runs["status"] == "failed"], ()),
        lambda: front_figure(empty),
        lambda: efficiency_figure(empty),
        lambda: curves_figure(empty),
        lambda: e_process_figure(empty, {}),
        lambda: narrowing_figure(empty),
    ]
    for call in calls:
        with pytest.raises(StatisticsError):
            call()
    with pytest.raises(UnknownNameError, match="png, svg"):
        save(edf_figure(tables.edf, tables.summary), "edf", ("gif",))


def test_published_networks_stand_beside_ours(tables):
    figure = front_figure(front_table(tables.runs), baseline_table(1000))
    drawn = {tuple(np.round(y, 3)) for line in figure.axes[0].get_lines() if len(y := line.get_ydata()) == 3}
    assert (23.19, 21.414, 20.87) in drawn  # ResNet-50, -101, -152


def test_a_few_very_bad_models_do_not_squeeze_the_axis():
    errors = np.array([*np.linspace(40, 50, 50), 89.0, 90.0, np.inf])
    low, high, beyond = visible_errors(errors)
    assert 39 < low < 40
    assert 50 < high < 80
    assert beyond == 2
    assert visible_errors(np.array([np.inf])) == (0.0, 100.0, 0)


def test_names_are_one_short_line_of_signs_the_font_has(hostile):
    assert "\n" not in shown(hostile)
    assert len(shown("x" * 500)) == 28
    assert shown("a\x00b\u2028c") == "a b c"


@pytest.mark.parametrize(("value", "text"), [(0.03125, "0.0312"), (128, "128"), (16384, "16.4k"), (2.5e6, "2.5M")])
def test_ticks_have_no_exponents(value, text):
    assert plain_number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "powers_of_two", "expected"),
    [
        (8, 256, True, [16, 64, 256]),
        (1, 16, True, [1, 2, 4, 8, 16]),
        (0.0078, 0.6, False, [0.01, 0.03, 0.1, 0.3]),
        (0.016, 0.25, False, [0.02, 0.05, 0.1, 0.2]),
        (300, 9e5, False, [1e3, 1e4, 1e5]),
        (16, 24, True, [16, 18, 20, 22, 24]),
    ],
)
def test_logarithmic_axes_have_numbers_that_readers_count_in(low, high, powers_of_two, expected):
    assert log_ticks(low, high, 5, powers_of_two=powers_of_two) == pytest.approx(expected)


def test_bands_that_overlap_do_not_blend(tables):
    bands = edf_figure(tables.edf, tables.summary).axes[0].collections
    assert len(bands) == 2
    assert all(band.get_facecolor().size == 0 or not band.get_facecolor()[:, 3].any() for band in bands)
    assert len({band.get_hatch() for band in bands}) == 2


def test_the_bands_of_many_spaces_stand_apart(make_study):
    spaces = ("AnyNetXA", "AnyNetXB", "AnyNetXC", "_RegNetX")
    tables = study_tables(make_study(spaces, n=8), "small")
    main, *panels = edf_figure(tables.edf, tables.summary).axes
    assert not main.collections
    assert [panel.get_title(loc="left") for panel in panels] == list(spaces)
    for panel, space in zip(panels, spaces, strict=True):
        (band,) = panel.collections
        own = tables.edf[tables.edf["space"] == space]
        heights = band.get_paths()[0].vertices[:, 1]
        assert set(own["lower"]) | set(own["upper"]) == set(heights)
        assert to_hex(band.get_facecolor()[0]).upper() == colours(spaces)[space]


def test_a_falling_law_is_written_with_a_minus(tables):
    fit = ComplexityFit(measure="params", law="a + b f", a=52200, b=-0.00291, r_squared=0.5)
    title = complexity_figure(tables.runs, [fit]).axes[0].get_title(loc="left")
    assert title == "params (M); best quarter: 0.0522 - 0.00291 MF, R² = 0.50"


def test_one_epoch_is_no_curve_and_epochs_begin_at_zero(tables):
    curves = pd.DataFrame({"space": "a", "role": "best", "run_id": 1, "epoch": [1], "val_error": [50.0]})
    ticks = curves_figure(curves).axes[0].get_xticks()
    assert set(ticks) <= {0, 1, 2}
    last = tables.curves.groupby("run_id").tail(1)
    names = {name for name, _, _ in figures(replace(tables, curves=last))}
    assert "curves" not in names
    assert "curves" in {name for name, _, _ in figures(tables)}


def test_a_mark_far_above_all_models_is_named_at_the_edge(tables):
    single = pd.DataFrame([{"network": "theirs", "error": 99.0, "low": 98.0, "high": 100.0}])
    single[["flops", "params", "activations"]] = 5e6
    models = tables.edf["error"].max()
    distributions, front = (
        edf_figure(tables.edf, tables.summary, single=single),
        front_figure(front_table(tables.runs), single=single),
    )
    assert distributions.axes[0].get_xlim()[1] == pytest.approx(models, rel=0.05)
    assert [text.get_text() for text in distributions.axes[0].texts] == ["theirs, 99.0 %"]
    assert "beyond" not in distributions.axes[0].get_xlabel()  # all models are seen
    assert [text.get_text() for axes in front.axes for text in axes.texts] == ["at 99.0 %"] * 3


@pytest.mark.parametrize(
    ("value", "text"), [(81.625, "81.62"), (81.62499999999999, "81.62"), (81.635, "81.64"), (56.235, "56.24")]
)
def test_a_tie_is_rounded_alike_however_its_sum_was_added(value, text):
    assert percent(value) == text
