"""Do assisted intervals hold? A small version of benchmarks/assisted_coverage.py, whose figures are in docs/log.md."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "assisted_coverage.py"
STUDIES = 200
LEAST = 0.94 - 2.5 * (0.94 * 0.06 / STUDIES) ** 0.5
"""Coverage below which .94 is not believed."""


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("assisted_coverage", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_intervals_hold_on_a_public_table_whose_truth_is_known(benchmark):
    if not benchmark.TABLE.is_file():
        pytest.skip(f"{benchmark.TABLE} is not there")
    for cell in benchmark.cells(benchmark.TABLE):
        if cell.name.startswith("nas-bench-macro") and cell.sizes in ((24, 24), (50, 50)):
            found = benchmark.run_cell(cell, STUDIES, seed=1)
            assert found["assisted covers"] >= LEAST, cell.name
            assert found["variance ratio"] > 2.5, cell.name


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "R2 0",
        "linear, other features",
        "heavy tails",
        "the largest 4 % fail",
        "other parameters, unlike costs",
        "theta .3",
    ],
)
def test_intervals_hold_in_simulated_studies(benchmark, name, tmp_path):
    cell = next(one for one in benchmark.cells(tmp_path / "none") if one.name == name and one.sizes == (24, 24))
    found = benchmark.run_cell(cell, STUDIES, seed=1)
    assert found["assisted covers"] >= LEAST
    assert found["variance ratio"] > 0.9
    assert abs(found["bias / sd"]) < 0.25
    assert found["refused"] < 0.02


@pytest.mark.slow
def test_a_chain_of_six_like_spaces_claims_a_difference_in_one_study_of_twenty_at_most(benchmark):
    assert benchmark.run_chain(16, 100, seed=1)["assisted familywise error"] <= 0.05 + 2.5 * (0.05 * 0.95 / 100) ** 0.5


@pytest.mark.slow
def test_means_and_bands_of_one_space_hold_though_failures_depend_on_the_features(benchmark):
    found = benchmark.run_one_space(benchmark.linear(failing="largest"), 50, STUDIES, seed=1)
    for name in ("mean", "pointwise", "band", "median"):
        assert found[name] >= LEAST, name
