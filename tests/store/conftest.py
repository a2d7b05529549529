"""The databases that the store's contract is held on: a fixture's name in BACKENDS runs the whole suite on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netspace.store import PlannedRun, Store, StudyRecord

BACKENDS = ["sqlite_url", "postgresql_url"]

MakeRuns = Callable[..., list[PlannedRun]]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def make_runs() -> MakeRuns:
    def make(per_space: int, spaces: tuple[str, ...] = ("AnyNetXA", "RegNetX")) -> list[PlannedRun]:
        return [
            PlannedRun(
                space=space,
                index=index,
                launch=index * len(spaces) + place,
                digest=f"{space}-{index}",
                config={"stages": {"depths": [1, index + 1]}, "se_ratio": 0.25},
                parameters={"depth_1": index + 1} if space == "AnyNetXA" else {"w_0": 24.5, "seed": 3},
                flops=360_000_000_000 + index,
                params=5_000_000,
                activations=2_000_000,
                seed=2**62 + index,
            )
            for index in range(per_space)
            for place, space in enumerate(spaces)
        ]

    return make


@pytest.fixture
def study(store: Store, make_runs: MakeRuns) -> StudyRecord:
    """Two spaces of three runs each."""
    return store.insert_study("first", {"n": 3}, "abc", make_runs(3))
