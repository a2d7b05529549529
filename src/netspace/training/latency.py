"""Measured latency: what a study file sets, and samples whose networks are timed on this machine.

A sample inside a latency window comes from the same stream as one without: networks are timed in the order of the draw,
those outside the window are passed over, and the sample ends when enough are inside. So it depends on (space, n, seed)
and the timings alone. Timings are kept (`netspace.training.timing`): under the same conditions on the same machine the
same networks are chosen again.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, field_validator

from netspace.arch import MEASURES, Complexity
from netspace.arch.built import NetworkConfig
from netspace.checks import check_rule
from netspace.documents import Document
from netspace.errors import ConfigError, WindowError, short
from netspace.space import DesignSpace, Population

LATENCY = "latency_ms"
"""What the property is called in tables: milliseconds a batch."""

PATIENCE = 100
"""Give up after so many networks in a row outside the window."""

_FORM = 'a latency window is written "LO:HI" in milliseconds, such as "2:5", ":5" or "0.5 ms:"'
_TIME = r"(?:(\d+\.?\d*|\.\d+)\s*(?:ms)?)?"
_WINDOW = re.compile(rf"\s*{_TIME}\s*:\s*{_TIME}\s*")


def parse_milliseconds(text: str) -> tuple[float | None, float | None]:
    """Return the bounds that "LO:HI" writes: "2:5" is (2, 5), ":5 ms" (None, 5), ":" (None, None).

    Raises:
        ConfigError: the text is not two times in milliseconds around a colon, either of which may be left out.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ConfigError(f"{_FORM}, got {short(text)}")
    low, high = (None if bound is None else float(bound) for bound in match.groups())
    return low, high


def _window(data: Any) -> Any:
    if isinstance(data, str):
        return parse_milliseconds(data)
    if isinstance(data, int | float):
        # YAML 1.1 counts in sixties: 2:5 without quotes is the number 125
        raise ConfigError(f"{_FORM}, with the quotes: without them YAML reads a number, here {short(data)}")
    return data


Bound = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Latency(Document):
    """Under which conditions the networks of a study are timed, and which latencies are wanted.

    Attributes:
        window: least and greatest latency in milliseconds a batch, inclusive, as "LO:HI"; an open side sets no limit,
            and with both open the latency is measured and recorded, no more.
        what: `inference`, or `training_step`: forward, backward and update.
        batch_size: images at a time.
        resolution: of the images in pixels; None for that of the study.
        device: where networks are timed, whatever they are trained on.
        threads: of the CPU.
        precision, channels_last, fast, warmup, repeats: see `netspace.training.timing.Conditions`.
    """

    window: Annotated[tuple[Bound | None, Bound | None], BeforeValidator(_window)] = (None, None)
    what: Literal["inference", "training_step"] = "inference"
    batch_size: Annotated[int, Field(ge=1)] = 1
    resolution: Annotated[int, Field(ge=1)] | None = None
    device: str = "cpu"
    threads: Annotated[int, Field(ge=1)] = 1
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    fast: bool = True
    warmup: Annotated[int, Field(ge=0)] = 3
    repeats: Annotated[int, Field(ge=2)] = 20

    @field_validator("window")
    @classmethod
    def _window_is_ordered(cls, window: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
        low, high = window
        if low is not None and high is not None:
            check_rule(low <= high, "LO <= HI", LO=low, HI=high)
        return window

    def contains(self, milliseconds: float) -> bool:
        """Return whether a latency lies in the window."""
        low, high = self.window
        return (low is None or milliseconds >= low) and (high is None or milliseconds <= high)

    def measure(self, config: NetworkConfig, resolution: int) -> float:
        """Return the latency of a network with random weights, in milliseconds a batch: kept, or measured and kept.

        It is the least over the repeats: other work on the machine only ever adds to a time. On two busy cores, two
        measurements of one network differed by 6 to 8 % in the least of 20 to 40 repeats and by 20 % in their median.

        Args:
            config: the network.
            resolution: of the study, in pixels, if no other is set here.

        Raises:
            TrainingError: the device cannot be used, or what is timed does not work on it.
        """
        # torch is loaded where a network is timed, not where a study file is read
        from netspace.training.threads import cpu_threads
        from netspace.training.timing import Conditions, keep_timing, kept_timing, time_network

        shared = {name: getattr(self, name) for name in Conditions.model_fields if name != "resolution"}
        conditions = Conditions(resolution=self.resolution or resolution, **shared)
        with cpu_threads(self.threads):
            timing = kept_timing(config, conditions, self.device, [self.what])
            if timing is None:
                timing = time_network(config, conditions, self.device, [self.what])
                keep_timing(timing)
        return 1e3 * float(timing[self.what]["least"])

    def machine(self) -> dict[str, str]:
        """Return where networks are timed: this machine, the device and the versions that timings depend on.

        Raises:
            TrainingError: the device cannot be used.
        """
        from netspace.training.device import usable_device
        from netspace.training.result import environment

        return environment(usable_device(self.device))

    def __str__(self) -> str:
        low, high = ("" if bound is None else f"{bound:g}" for bound in self.window)
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return f"{self.what.replace('_', ' ')} in {low}:{high} ms (batch {self.batch_size} on {self.device}{threads})"


@dataclass(frozen=True, kw_only=True, eq=False)
class TimedPopulation(Population):
    """A population whose networks were timed.

    Attributes:
        latency_ms: of each network, milliseconds a batch, float64 (n,).
        timed: how many networks were timed to find these n.
    """

    latency_ms: NDArray[np.float64]
    timed: int

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of a population, and `latency_ms`."""
        return {**super().columns(), LATENCY: self.latency_ms}


@dataclass(frozen=True, kw_only=True)
class Timings:
    """How far the timing of a space's networks is.

    Attributes:
        space: which one.
        wanted: networks that are to be inside the window.
        inside: those that are.
        timed: networks timed so far.
        last_ms: latency of the last one.
        seconds: since the first one.
    """

    space: str
    wanted: int
    inside: int
    timed: int
    last_ms: float
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Estimated time until enough are inside, at the rate so far; None before the first."""
        return (self.wanted - self.inside) * self.seconds / self.inside if self.inside else None


def sample_timed(
    space: DesignSpace,
    n: int,
    latency: Latency,
    *,
    seed: int = 0,
    resolution: int = 224,
    windows: Mapping[str, Any] | None = None,
    observe: Callable[[Timings], None] = lambda _: None,
) -> TimedPopulation:
    """Draw n different networks inside a latency window and the windows on complexity, and return them with latencies.

    Args:
        space, n, seed, resolution: as for `DesignSpace.sample`, of whose stream this is a part.
        latency: how networks are timed, and the window.
        windows: on complexity, by measure.
        observe: called after each network.

    Raises:
        WindowError: the space holds fewer than n networks, or 100 timed in a row were outside the window.
        TrainingError: the device cannot be used.
    """

    def draw(count: int) -> Population:
        return space.sample(count, seed=seed, resolution=resolution, **(windows or {}))

    started = time.monotonic()
    population: Population | None = draw(n)
    seen: list[float] = []
    inside: list[int] = []
    while population is not None:
        for place in range(len(seen), len(population)):
            seen.append(latency.measure(population[place], resolution))
            if latency.contains(seen[place]):
                inside.append(place)
            observe(
                Timings(
                    space=space.name,
                    wanted=n,
                    inside=len(inside),
                    timed=len(seen),
                    last_ms=seen[place],
                    seconds=time.monotonic() - started,
                )
            )
            if len(inside) == n:
                # drawn once more, so that what it counts as candidates ends with its last network
                return _chosen(draw(place + 1), inside, seen)
            fruitless = place - (inside[-1] if inside else -1)
            if fruitless >= PATIENCE:
                raise WindowError(_explanation(space, n, latency, inside, seen))
        population = _longer(draw, population)
    raise WindowError(f"{_explanation(space, n, latency, inside, seen)}; the space has no more networks")


def _longer(draw: Callable[[int], Population], population: Population) -> Population | None:
    """Return a population that begins with `population`, twice as long if there are as many; None at the end."""
    step = len(population)
    while step:
        try:
            return draw(len(population) + step)
        except WindowError:
            step //= 2
    return None


def _chosen(population: Population, rows: list[int], latencies: list[float]) -> TimedPopulation:
    index = np.array(rows, dtype=np.int64)
    return TimedPopulation(
        networks=population.networks.take(index),
        parameters={name: values[index] for name, values in population.parameters.items()},
        complexity=Complexity(*(getattr(population.complexity, measure)[index] for measure in MEASURES)),
        resolution=population.resolution,
        candidates=population.candidates,
        latency_ms=np.array(latencies)[index],
        timed=len(population),
    )


def _explanation(space: DesignSpace, n: int, latency: Latency, inside: list[int], seen: list[float]) -> str:
    """Say why the search was given up, with the latencies that were seen."""
    low, median, high = np.quantile(seen, [0, 0.5, 1])
    return (
        f"found {len(inside)} of {n} networks of {space.name} with {latency}: {len(seen)} were timed, "
        f"with latencies from {low:.3g} to {high:.3g} ms, median {median:.3g}"
    )
