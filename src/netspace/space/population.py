"""Population: the networks that a sample drew, as arrays; configurations and a table on request."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch import MEASURES, BuiltBatch, Complexity
from netspace.arch.built import NetworkBatch, NetworkConfig
from netspace.arch.config import STAGE_PROPERTIES
from netspace.displayed import Displayed
from netspace.space.distributions import Values

if TYPE_CHECKING:
    import pandas as pd

ADJUSTED = ("width", "group_width")
"""The stage parameters that the group-compatibility rule may change after the draw."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Population(Displayed):
    """n different networks drawn from a design space.

    Attributes:
        networks: the final networks, their widths and group widths adjusted to be compatible.
        parameters: what was drawn, before that adjustment: (n,) for a parameter drawn once for a network, (n, S) for
            one drawn for each stage; beyond a network's own stages it says nothing.
        complexity: of the final networks, int64 (n,) each.
        resolution: of the image that the complexity is for, pixels.
        candidates: how many settings of the parameters were drawn to find these n.
    """

    networks: NetworkBatch
    parameters: Mapping[str, Values]
    complexity: Complexity
    resolution: int
    candidates: int

    def __len__(self) -> int:
        return len(self.networks)

    def __getitem__(self, i: int) -> NetworkConfig:
        if not -len(self) <= i < len(self):
            raise IndexError(f"network {i} of {len(self)}")
        return self.networks.config(i)

    def __iter__(self) -> Iterator[NetworkConfig]:
        return self.networks.configs()

    @property
    def acceptance(self) -> float:
        """The share of candidates that became a network of the population, in (0, 1]."""
        return len(self) / self.candidates

    def configs(self) -> list[NetworkConfig]:
        """Return every network as a configuration, in the order of the draw."""
        return list(self.networks.configs())

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of `frame` but the digest, each (n,). See `columns` for what they are."""
        return columns(self.networks, self.parameters, self.complexity)

    def frame(self) -> "pd.DataFrame":
        """Return the population as a table, one row a network: the columns of `columns`, and `digest`."""
        import pandas as pd  # a third of a second, which sampling alone need not pay

        return pd.DataFrame({**self.columns(), "digest": [config.digest for config in self]})


def columns(
    networks: NetworkBatch, parameters: Mapping[str, Values], complexity: Complexity
) -> dict[str, NDArray[Any]]:
    """Return everything known of a population by column, each (n,): what predicates see and tables show.

    Parameters drawn once for a network come first, as drawn (`w_0`, `w_a`, `w_m`, shared `bottleneck_ratio` and
    `group_width`, numbers of the recipe); then `depth`, the total; then by stage, counted from 1, the *final*
    `depth_1`, `width_1`, `bottleneck_ratio_1`, `group_width_1` and the parameters of a block of one's own; then what
    the compatibility rule may have changed, as it was drawn for each stage (`drawn_width_1`, `drawn_group_width_1`);
    then `flops`, `params`, `activations` of the final network. Of a stage that a network does not have there is NaN.
    Of networks that a function builds there are their parameters and complexity.
    """
    costs = {measure: np.asarray(getattr(complexity, measure)) for measure in MEASURES}
    if isinstance(networks, BuiltBatch):
        recipe = {name: values for name, values in parameters.items() if name not in networks.arguments}
        return {**networks.columns(), **recipe, **costs}
    once = {name: values for name, values in parameters.items() if values.ndim == 1 and name != "depth"}
    final = networks.by_stage()
    drawn = {f"drawn_{name}": parameters[name] for name in ADJUSTED if name in parameters}
    per_stage = {name: values for name, values in {**final, **drawn}.items() if values.ndim == 2}
    if (absent := networks.depths == 0).any():
        per_stage = {name: np.where(absent, np.nan, values) for name, values in per_stage.items()}
    return {
        **once,
        "depth": networks.depths.sum(axis=1),
        **{f"{name}_{s + 1}": values[:, s] for name, values in per_stage.items() for s in range(networks.num_stages)},
        **costs,
    }


def column_names(parameters: Mapping[str, bool], stages: int, own: Iterable[str] = ()) -> frozenset[str]:
    """Return the names that `columns` gives, for `parameters` that are drawn for each stage (True) or once (False).

    `own` are those of a block of one's own.
    """
    once = {name for name, per_stage in parameters.items() if not per_stage}
    by_stage = {*STAGE_PROPERTIES.values(), *own, *(f"drawn_{name}" for name in ADJUSTED if parameters.get(name))}
    numbered = {f"{name}_{stage + 1}" for name in by_stage for stage in range(stages)}
    return frozenset({"depth", *once, *numbered, *MEASURES})
