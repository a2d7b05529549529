"""AnyNetBatch: many networks of one template as arrays, one row a network, one column a stage.

Everything that must be fast (sampling, complexity, windows) works on these arrays; a single network is a batch of one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from netspace.arch.code import Code
from netspace.arch.config import (
    BOTTLENECK_BLOCKS,
    COLUMNS,
    STAGE_PROPERTIES,
    TEMPLATE_KEYS,
    AnyNetConfig,
    Stage,
    Template,
)
from netspace.errors import ConfigError

IntArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class AnyNetBatch:
    """n networks with up to S stages each.

    A network with fewer has none of the last columns: there depth, width, stride and group width are 0, the bottleneck
    ratio is 1.

    Attributes:
        template: what they share.
        depths, widths, strides, group_widths: int64 (n, S).
        bottleneck_ratios: float64 (n, S), b = width / bottleneck width.
        own: parameters of a block of one's own by name, int64 or float64 (n, S).
    """

    template: Template
    depths: IntArray
    widths: IntArray
    strides: IntArray
    bottleneck_ratios: NDArray[np.float64]
    group_widths: IntArray
    own: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def from_configs(cls, configs: Sequence[AnyNetConfig]) -> Self:
        """Stack configurations of one template.

        Raises:
            ConfigError: there are none, or they differ in template.
        """
        if not configs:
            raise ConfigError("a batch needs at least one network, got none")
        first = configs[0]
        template = template_of(first)
        for i, config in enumerate(configs):
            if template_of(config) != template:
                raise ConfigError(
                    f"networks of one batch must share their template: network {i} (of '{config.block}') differs from "
                    f"network 0 (of '{first.block}')"
                )
        most = max(len(config.stages) for config in configs)

        def stacked(rows: Sequence[Sequence[float]], absent: float) -> NDArray[np.float64]:
            return np.array([[*row, *[absent] * (most - len(row))] for row in rows], np.float64)

        def column(attribute: str, absent: float = 0) -> NDArray[np.float64]:
            return stacked([[getattr(stage, attribute) for stage in config.stages] for config in configs], absent)

        def own(name: str) -> NDArray[Any]:
            values = [[stage.own[name] for stage in config.stages] for config in configs]
            whole = all(isinstance(value, int) for row in values for value in row)
            return stacked(values, 0).astype(np.int64 if whole else np.float64)

        return cls(
            template=template,
            depths=column("depth").astype(np.int64),
            widths=column("width").astype(np.int64),
            strides=column("stride").astype(np.int64),
            bottleneck_ratios=column("bottleneck_ratio", absent=1),
            group_widths=column("group_width").astype(np.int64),
            own={name: own(name) for name in first.stages[0].own},
        )

    @classmethod
    def stack(cls, batches: Sequence[Self]) -> Self:
        """Return the networks of one batch or more, in order; template and number of columns must be equal."""
        stacked = {column: np.concatenate([getattr(batch, column) for batch in batches]) for column in COLUMNS}
        own = {name: np.concatenate([batch.own[name] for batch in batches]) for name in batches[0].own}
        return cls(template=batches[0].template, own=own, **stacked)

    def __len__(self) -> int:
        return len(self.depths)

    @property
    def num_stages(self) -> int:
        """S, the most stages that a network may have here."""
        return int(self.depths.shape[1])

    @property
    def bottleneck_widths(self) -> IntArray:
        """Channels of the 3x3 convolutions, int64 (n, S)."""
        return np.rint(self.widths / self.bottleneck_ratios).astype(np.int64)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Self:
        """Return the networks that a numpy `index` over rows selects."""
        own = {name: values[index] for name, values in self.own.items()}
        return replace(self, own=own, **{column: getattr(self, column)[index] for column in COLUMNS})

    def identity(self) -> IntArray:
        """Return rows that are equal exactly where the networks are: int64 (n, 5 S, and S for each own parameter).

        Parameters of a block's own are there as the bits of their float64.
        """
        own = [np.ascontiguousarray(values, dtype=np.float64).view(np.int64) for values in self.own.values()]
        return np.concatenate(
            [self.depths, self.widths, self.strides, self.bottleneck_widths, self.group_widths, *own], axis=1
        )

    def by_stage(self) -> dict[str, NDArray[Any]]:
        """Return what tells the stages of the networks apart, by the name of the property: each (n, S)."""
        return {**{name: getattr(self, column) for column, name in STAGE_PROPERTIES.items()}, **self.own}

    def with_stages(self, counts: IntArray) -> Self:
        """Return the networks with their first stages alone, of each as many as `counts` (n,) says."""
        kept = np.arange(self.num_stages) < counts[:, None]
        columns: dict[str, Any] = {
            column: np.where(kept, getattr(self, column), column == "bottleneck_ratios") for column in COLUMNS
        }
        return replace(self, own={name: values * kept for name, values in self.own.items()}, **columns)

    def config(self, i: int) -> AnyNetConfig:
        """Return network `i` as a configuration."""
        grouped = self.template.block in BOTTLENECK_BLOCKS or isinstance(self.template.block, Code)
        stages = tuple(
            Stage(
                depth=int(self.depths[i, s]),
                width=int(self.widths[i, s]),
                stride=1 if self.strides[i, s] == 1 else 2,
                bottleneck_ratio=float(self.bottleneck_ratios[i, s]) if grouped else 1.0,
                group_width=int(self.group_widths[i, s] if grouped else self.widths[i, s]),
                own={name: values[i, s].item() for name, values in self.own.items()},
            )
            for s in np.flatnonzero(self.depths[i]).tolist()
        )
        return AnyNetConfig(**_template_values(self.template), stages=stages)

    def configs(self) -> Iterator[AnyNetConfig]:
        """Yield every network as a configuration, in order."""
        return (self.config(i) for i in range(len(self)))


def template_of(config: Template) -> Template:
    """Return what `config` shares with the other networks of its space: everything but its own parameters."""
    return Template(**_template_values(config))


def _template_values(template: Template) -> dict[str, object]:
    return {key: getattr(template, key) for key in TEMPLATE_KEYS}
