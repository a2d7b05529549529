"""Synthetic studies: recorded through the store's own interface, with errors that depend on the network's numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspace.arch import AnyNetConfig, complexity
from netspace.store import Epoch, Outcome, PlannedRun, Store, StudyRecord

HOSTILE = "<script>alert('x')</script> \"q\" $w_0$ `&amp; </script> | _x_\n第二"

MakeStudy = Callable[..., Store]


def network(generator: np.random.Generator, num_classes: int = 10) -> tuple[AnyNetConfig, dict[str, Any]]:
    """Return a random network of four stages and what was drawn for it."""
    ratio, group = float(generator.choice([1, 2, 4])), int(generator.choice([1, 2, 4, 8]))
    widths = [int(w) for w in np.sort(generator.integers(1, 24, size=4)) * 32]
    depths = [int(d) for d in generator.integers(1, 9, size=4)]
    config = AnyNetConfig(
        stages={
            "depths": depths,
            "widths": widths,
            "strides": [2] * 4,
            "bottleneck_ratios": [ratio] * 4,
            "group_widths": [group] * 4,
        },
        num_classes=num_classes,
    )
    return config, {"bottleneck_ratio": ratio, "group_width": group}


def error_of(config: AnyNetConfig, shift: float, generator: np.random.Generator) -> float:
    """Return an error in %, least at a depth near 18 and smaller for a bottleneck ratio of 1."""
    base = 42 + 0.05 * (config.total_depth - 18) ** 2 + 2 * np.log2(config.stages[0].bottleneck_ratio)
    return float(np.clip(base + shift + generator.gamma(2, 1.5), 0, 100))


@pytest.fixture
def hostile() -> str:
    """A name that tries to become HTML, script, Markdown, mathematics and a second line."""
    return HOSTILE


@pytest.fixture
def make_study(tmp_path: Path) -> Iterator[MakeStudy]:
    """Return a maker of stores that hold one finished, partial or failed study."""
    opened: list[Store] = []

    def make(
        spaces: Sequence[str] = ("AnyNetXA", "RegNetX"),
        n: int = 12,
        *,
        name: str = "small",
        finished: int | None = None,
        failures: Mapping[str, int] | None = None,
        equal_errors: bool = False,
        epochs: int = 2,
        gap: float = 1.5,
        chance: float | None = 90.0,
        spec: Mapping[str, Any] | None = None,
        drawn: Mapping[str, int] | None = None,
        target: str | None = None,
        message: str = "Traceback (most recent call last):\n  File ...\nRuntimeError: <b>boom</b>",
    ) -> Store:
        """Plan n runs in each space and end the first `finished` of each, of which the first `failures` fail.

        Errors of each space are `gap` points below those of the one before it. `drawn` are further parameters, each
        random below its bound. The store lies at `target`, or in the test's folder.
        """
        generator = np.random.default_rng(0)
        planned, errors = [], {}
        for index in range(n):
            for place, space in enumerate(spaces):
                config, parameters = network(generator)
                parameters |= {key: int(generator.integers(bound)) for key, bound in (drawn or {}).items()}
                cost = complexity(config, 32)
                errors[space, index] = 50.0 if equal_errors else error_of(config, -gap * place, generator)
                planned.append(
                    PlannedRun(
                        space=space,
                        index=index,
                        launch=index * len(spaces) + place,
                        digest=config.digest,
                        config=config.to_dict(),
                        parameters=parameters,
                        flops=cost.flops,
                        params=cost.params,
                        activations=cost.activations,
                        seed=index,
                    )
                )
        store = Store.open(target or tmp_path / "store.db")
        opened.append(store)
        values = {"name": name, "spaces": list(spaces), "n": n, "seed": 0, "data": "mnist", "resolution": 32}
        values |= {"recipe": "quick"}
        study = store.insert_study(name, values | dict(spec or {}), "d1", planned)
        details = {} if chance is None else {"chance_error": chance}
        allowed = n if finished is None else finished
        for run in store.runs(study.id):
            if run.index >= allowed:
                continue
            assert store.lease(run.id, "w")
            if run.index < (failures or {}).get(run.space, 0):
                if run.index % 2:
                    store.fail(run.id, "w", message, max_attempts=1)
                else:
                    store.record(run.id, "w", Outcome(status="diverged", seconds=1.0, details=details))
                continue
            error = errors[run.space, run.index]
            curve = [
                Epoch(epoch=e, train_loss=2 / e, lr=0.1 / e, seconds=1.5 * e, val_error=error + 5 * (epochs - e))
                for e in range(1, epochs + 1)
            ]
            store.record(
                run.id,
                "w",
                Outcome(
                    status="done",
                    error=error,
                    curve=curve,
                    seconds=1.5 * epochs,
                    environment={"device": "cpu", "torch": "2.15.0", "netspace": "0.1.0"},
                    details=details,
                ),
            )
        return store

    yield make
    for store in opened:
        store.close()


def plan_runs(store: Store, n: int = 10, *, flops: int = 1) -> StudyRecord:
    """Put a study of n runs into a store, of two spaces by turns, whose networks nobody can train."""
    runs = [
        PlannedRun(
            space="AB"[i % 2], index=i // 2, launch=i, digest=f"d{i}", config={}, parameters={},
            flops=flops, params=1, activations=1, seed=i,
        )
        for i in range(n)
    ]  # fmt: skip
    return store.insert_study("study", {}, "digest", runs)
