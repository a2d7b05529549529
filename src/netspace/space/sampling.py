"""Sampling: a fixed stream of candidates in chunks, filtered and freed of repeats.

Chunk k of the stream comes from the generator of `SeedSequence(seed, spawn_key=(k,))`. The stream depends on space and
seed alone, so a sample of 100 is the beginning of the sample of 500. Each chunk goes the same way: draw the parameters,
make networks of them (RegNet: by the quantized linear rule, where the number of stages is right), adjust group widths
and widths to be compatible, count complexity, keep what the windows and conditions accept, skip what was there before.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from netspace.arch import MEASURES, AnyNetBatch, BuiltBatch, BuiltTemplate, Code, Complexity
from netspace.arch.built import NetworkBatch
from netspace.arch.config import BOTTLENECK_BLOCKS
from netspace.arch.regnet import adjust_compatibility, group_into_stages, quantized_linear
from netspace.checks import check_number
from netspace.code import complexity_of, is_counted
from netspace.code.complexity import check_counts
from netspace.errors import WindowError
from netspace.space.constraints import Where, Window, format_count
from netspace.space.definition import OPTIONAL, STAGES, SpaceDefinition
from netspace.space.distributions import Values
from netspace.space.expressions import Expression
from netspace.space.laws import Varying
from netspace.space.population import Population, columns

PATIENCE = 2_000_000
"""Give up after so many candidates in a row without a new network."""

COUNTED_PATIENCE = 5_000
"""The same for networks that must be built to be counted, of which some hundred are counted a second at best."""

COUNTED_AT_ONCE = 32
"""How many of a chunk are counted before it is seen whether they suffice; changes no sample."""

CHUNK = 8192
"""Candidates in a chunk. Part of what a sample depends on: another number gives other samples."""

ONE_GROUP = 2**31 - 1
"""A group width that the compatibility rule cuts down to the whole bottleneck."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Networks of one chunk.

    Attributes:
        positions: where in the chunk each was drawn, int64 (m,), increasing.
        parameters, networks, complexity: as in `Population`.
    """

    positions: NDArray[np.int64]
    parameters: Mapping[str, Values]
    networks: NetworkBatch
    complexity: Complexity

    @classmethod
    def stack(cls, parts: Sequence[Self]) -> Self:
        """Return the networks of one part or more, in order."""
        return cls(
            positions=np.concatenate([part.positions for part in parts]),
            parameters={
                name: np.concatenate([part.parameters[name] for part in parts]) for name in parts[0].parameters
            },
            networks=_stacked([part.networks for part in parts]),
            complexity=Complexity(
                *(np.concatenate([getattr(part.complexity, measure) for part in parts]) for measure in MEASURES)
            ),
        )

    def __len__(self) -> int:
        return len(self.positions)

    def identity(self, recipe: Iterable[str]) -> NDArray[np.int64]:
        """Return rows that are equal exactly where the networks and these numbers of the recipe are."""
        rows = self.networks.identity()
        drawn = [self.parameters[name].astype(np.float64).view(np.int64) for name in recipe]
        return np.ascontiguousarray(np.column_stack([rows, *drawn])) if drawn else rows

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Self:
        """Return those that a numpy `index` over rows selects."""
        return type(self)(
            positions=self.positions[index],
            parameters={name: values[index] for name, values in self.parameters.items()},
            networks=self.networks.take(index),
            complexity=Complexity(*(getattr(self.complexity, measure)[index] for measure in MEASURES)),
        )


def sample(
    space: SpaceDefinition, n: int, seed: int, *, windows: tuple[Window, ...], resolution: int, patience: int
) -> Population:
    """Draw n different networks. See `DesignSpace.sample`."""
    for what, value, least in (("n", n, 1), ("seed", seed, 0), ("patience", patience, 1)):
        check_number(value, what, least=least, whole=True)
    settings = int(space.total(lambda law: Fraction(law.count)))
    if n > settings:
        raise WindowError(f"{space.name} has at most {settings} networks, but {n} were requested")

    windows = space.windows + windows
    search = _Search(space, n, windows)
    patience = patience_of(space, patience)
    for candidates, drawn in stream(space, (int(seed),), resolution):
        search.add(candidates, drawn)
        if search.found >= n:
            population = search.population(resolution)
            if space.code is not None:
                check_counts(population.networks, population.complexity, resolution)
            return population
        if search.fruitless >= patience:
            raise WindowError(search.explanation())
    raise AssertionError("the stream of candidates does not end")


def patience_of(space: SpaceDefinition, patience: int) -> int:
    """Return after how many fruitless candidates to give up: sooner where networks must be built to be counted."""
    return min(patience, COUNTED_PATIENCE) if is_counted(space.network) else patience


def stream(space: SpaceDefinition, seeds: tuple[int, ...], resolution: int) -> Iterator[tuple[Candidates, int]]:
    """Yield the candidates of a space for ever, some at a time, each with how many have been drawn by then.

    Args:
        space: what is sampled.
        seeds: of the stream: a seed, and the beginning of its spawn key if there is one.
        resolution: of the image, for complexity, pixels.
    """
    for k in itertools.count():
        generator = np.random.default_rng(np.random.SeedSequence(seeds[0], spawn_key=(*seeds[1:], k)))
        drawn = drawn_networks(space, generator, CHUNK)
        if not is_counted(space.network):
            yield _with_complexity(drawn, resolution), (k + 1) * CHUNK
            continue
        # what no window concerns is decided first, and no more are counted than it takes
        hopeful = _meeting(drawn, [one for one in space.conditions if not reads_complexity(one)])
        for first in range(0, len(hopeful), COUNTED_AT_ONCE):
            part = hopeful.take(slice(first, first + COUNTED_AT_ONCE))
            yield _with_complexity(part, resolution), k * CHUNK + int(part.positions[-1]) + 1
        yield _with_complexity(drawn.take(slice(0, 0)), resolution), (k + 1) * CHUNK


def _with_complexity(candidates: Candidates, resolution: int) -> Candidates:
    return replace(candidates, complexity=complexity_of(candidates.networks, resolution))


def reads_complexity(condition: Where) -> bool:
    """Return whether a condition needs what networks cost; of a Python function nobody knows."""
    return not isinstance(condition.condition, Expression) or bool(condition.condition.names & set(MEASURES))


def draw(space: SpaceDefinition, generator: np.random.Generator, n: int, resolution: int) -> Candidates:
    """Draw n settings of the parameters and return the networks of those that make one with the right stages."""
    return _with_complexity(drawn_networks(space, generator, n), resolution)


def drawn_networks(space: SpaceDefinition, generator: np.random.Generator, n: int) -> Candidates:
    """Return what `draw` does.

    What they cost is not counted yet: 0.
    """
    parameters: dict[str, Values] = {}
    for name, law in space.laws.items():
        if isinstance(law, Varying):
            parameters[name] = law.draw_for(generator, parameters[STAGES])
        else:
            parameters[name] = law.draw(generator, n)
    for name, source in space.ties.items():
        parameters[name] = parameters[source]
    if space.kind == "regnet":
        positions, depths, widths = regnet_stages(parameters, space.stages)
        parameters = {name: values[positions] for name, values in parameters.items()}
    else:
        positions = np.arange(n)
        depths = widths = np.empty((n, 0), dtype=np.int64)
        if space.kind == "anynet":
            depths, widths = (for_stages(parameters[name], space.stages) for name in ("depth", "width"))
    networks = _networks(space, depths, widths, parameters)
    nothing = np.zeros(len(positions), dtype=np.int64)
    return Candidates(
        positions=positions,
        parameters=parameters,
        networks=networks,
        complexity=Complexity(nothing, nothing, nothing),
    )


def accepted(candidates: Candidates, space: SpaceDefinition, windows: tuple[Window, ...]) -> Candidates:
    """Return the candidates that meet `windows` and the conditions of the space."""
    inside = [w.contains(getattr(candidates.complexity, w.measure)) for w in windows]
    if inside:
        candidates = candidates.take(np.flatnonzero(reduce(np.logical_and, inside)))
    return _meeting(candidates, space.conditions)


def _meeting(candidates: Candidates, conditions: Iterable[Where]) -> Candidates:
    for condition in conditions:
        known = columns(candidates.networks, candidates.parameters, candidates.complexity)
        candidates = candidates.take(condition.holds(known, len(candidates)))
    return candidates


def regnet_stages(
    parameters: Mapping[str, Values], stages: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Apply the quantized linear rule to n settings of RegNet's parameters.

    Returns:
        Which settings give exactly `stages` stages, as positions (m,), and these stages' depths and widths, int64
        (m, stages).
    """
    depth, w_0, w_a, w_m = (parameters[name] for name in ("depth", "w_0", "w_a", "w_m"))
    # levels never fall from block to block: the last one alone rules out most settings, for a fraction of the work
    last_level = np.round(np.log((w_0 + w_a * (depth - 1)) / w_0) / np.log(w_m))
    hopeful = np.flatnonzero(last_level == stages - 1)
    blocks = quantized_linear(depth[hopeful], w_0[hopeful], w_a[hopeful], w_m[hopeful])
    depths, widths, fits = group_into_stages(*blocks, stages)
    return hopeful[fits], depths[fits], widths[fits]


def _networks(
    space: SpaceDefinition,
    depths: NDArray[np.int64],
    widths: NDArray[np.int64],
    parameters: Mapping[str, Values],
) -> NetworkBatch:
    """Return the networks of settings, an AnyNet's with widths and group widths that fit each other."""
    if isinstance(space.network, BuiltTemplate):
        lists = {name: for_stages(parameters[name], length) for name, length in space.lengths.items()}
        taken = {name: values for name, values in sorted(parameters.items()) if name not in space.recipe}
        arguments = {name: lists.get(name, values) for name, values in taken.items()}
        return BuiltBatch(template=space.network, size=len(next(iter(parameters.values()))), arguments=arguments)
    ratios = np.ones(widths.shape)
    groups: NDArray[np.int64] = widths
    block = space.network.block
    drawn = isinstance(block, Code) and OPTIONAL & parameters.keys()
    if drawn or block in BOTTLENECK_BLOCKS:
        if "bottleneck_ratio" in parameters:
            ratios = for_stages(parameters["bottleneck_ratio"], space.stages).astype(np.float64)
        groups = np.full_like(widths, ONE_GROUP)
        if "group_width" in parameters:
            groups = for_stages(parameters["group_width"], space.stages)
        widths, groups = adjust_compatibility(widths, ratios, groups)
    batch = AnyNetBatch(
        template=space.network,
        depths=depths,
        widths=widths,
        strides=np.broadcast_to(np.asarray(space.strides, dtype=np.int64), widths.shape),
        bottleneck_ratios=ratios,
        group_widths=groups,
        own={name: for_stages(parameters[name], space.stages) for name in space.own},
    )
    return batch.with_stages(parameters[STAGES].astype(np.int64)) if space.varies else batch


def for_stages(values: NDArray[Any], stages: int) -> NDArray[Any]:
    """Return what was drawn once for a network as a column for each stage."""
    return values if values.ndim == 2 else np.repeat(values[:, None], stages, axis=1)


@dataclass
class _Search:
    """What a running sample has found so far."""

    space: SpaceDefinition
    n: int
    windows: tuple[Window, ...]
    seen: set[bytes] = field(default_factory=set)
    kept: list[Candidates] = field(default_factory=list)
    drawn: int = 0
    found: int = 0
    last: int = 0
    with_stages: int = 0
    nearest: dict[str, float] = field(default_factory=dict)

    @property
    def fruitless(self) -> int:
        """Candidates since the last new network."""
        return self.drawn - self.last

    def add(self, candidates: Candidates, drawn: int) -> None:
        """Keep the new ones among the next candidates that meet every constraint; `drawn` is their number so far."""
        self.with_stages += len(candidates)
        met = accepted(candidates, self.space, self.windows)
        new = met.take(self._first_of_their_kind(met)[: self.n - self.found])
        if len(new):
            self.kept.append(new)
            self.found += len(new)
            self.last = (drawn - 1) // CHUNK * CHUNK + int(new.positions[-1]) + 1
        elif not self.found:
            self._note_nearest(candidates)
        self.drawn = drawn

    def _first_of_their_kind(self, candidates: Candidates) -> NDArray[np.int64]:
        """Return the rows whose network has not been seen before, and remember them."""
        new = []
        for row, values in enumerate(candidates.identity(self.space.recipe)):
            key = values.tobytes()
            if key not in self.seen:
                self.seen.add(key)
                new.append(row)
        return np.array(new, dtype=np.int64)

    def _note_nearest(self, candidates: Candidates) -> None:
        for w in self.windows:
            values = getattr(candidates.complexity, w.measure)
            if len(values):
                seen = np.append(values.astype(np.float64), self.nearest.get(w.measure, np.inf))
                self.nearest[w.measure] = float(seen[np.argmin(np.abs(seen - np.clip(seen, w.low, w.high)))])

    def population(self, resolution: int) -> Population:
        """Return what was found."""
        kept = Candidates.stack(self.kept)
        return Population(
            networks=kept.networks,
            parameters=kept.parameters,
            complexity=kept.complexity,
            resolution=resolution,
            candidates=self.last,
        )

    def explanation(self) -> str:
        """Say why the search was given up, with the evidence."""
        limits = [f"{w.measure} {w}" for w in self.windows] + [
            str(next(iter(condition.spec().values()))) for condition in self.space.conditions
        ]
        within = f" with {' and '.join(limits)}" if limits else ""
        text = (
            f"found {self.found} of {self.n} networks of {self.space.name}{within} in {self.drawn:,} candidates "
            f"(acceptance {self.found / self.drawn:.2g}), none new in the last {self.fruitless:,}"
        )
        if not self.with_stages:
            return f"{text}; no candidate had {self.space.stages} stages"
        nearest = "".join(f"; nearest {measure} seen: {_short(value)}" for measure, value in self.nearest.items())
        return text if self.found else text + nearest


def _stacked(batches: list[NetworkBatch]) -> NetworkBatch:
    built = [batch for batch in batches if isinstance(batch, BuiltBatch)]
    return BuiltBatch.stack(built) if built else AnyNetBatch.stack([b for b in batches if isinstance(b, AnyNetBatch)])


def _short(value: float) -> str:
    return format_count(float(f"{value:.3g}"))
