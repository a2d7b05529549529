import subprocess
import sys

import numpy as np
import pytest

from netspace.arch import MEASURES, complexity
from netspace.space import CATALOG, AnyNetXA, AnyNetXC, RegNetX, get


def test_the_frame_has_a_row_for_each_network_with_its_final_values():
    population = AnyNetXC().sample(30, seed=1)
    frame = population.frame()
    assert len(frame) == 30
    for i, config in enumerate(population.configs()):
        row = frame.iloc[i]
        assert row["digest"] == config.digest
        assert row["depth"] == config.total_depth
        for s, stage in enumerate(config.stages, start=1):
            assert row[f"depth_{s}"] == stage.depth
            assert row[f"width_{s}"] == stage.width
            assert row[f"bottleneck_ratio_{s}"] == stage.bottleneck_ratio == row["bottleneck_ratio"]
            assert row[f"group_width_{s}"] == stage.group_width <= row["group_width"]
            assert abs(row[f"drawn_width_{s}"] - stage.width) <= row[f"drawn_width_{s}"] / 3
        assert {measure: row[measure] for measure in MEASURES} == complexity(config).as_dict()


def test_regnet_s_own_parameters_come_first():
    assert list(RegNetX().sample(2).frame().columns[:3]) == ["w_0", "w_a", "w_m"]


@pytest.mark.parametrize("name", CATALOG)
def test_conditions_may_read_exactly_the_columns_of_the_table(name):
    space = get(name)
    assert space.column_names == set(space.sample(1).columns())


def test_a_population_is_a_sequence_of_configurations():
    population = AnyNetXA().sample(4)
    assert [config.digest for config in population] == [population[i].digest for i in range(4)]
    assert population[-1] == population[3]
    with pytest.raises(IndexError):
        population[4]


def test_parameters_hold_what_was_drawn():
    parameters = AnyNetXC().sample(100).parameters
    assert parameters["width"].shape == (100, 4)
    assert parameters["group_width"].shape == (100,)
    assert (parameters["width"] % 8 == 0).all()
    assert set(np.unique(parameters["group_width"])) <= {1, 2, 4, 8, 16, 32}


def test_sampling_imports_neither_torch_nor_pandas_nor_scipy():
    program = (
        "import sys; from netspace import space; space.AnyNetXA().sample(2); "
        "print(*sorted({'torch', 'pandas', 'scipy', 'statsmodels', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
