"""What networks are made of, as numbers: the features that assisted statistics predict errors from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch.batch import AnyNetBatch
from netspace.arch.built import BuiltBatch
from netspace.arch.complexity import MEASURES, Complexity


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureTable:
    """Features of n networks.

    Attributes:
        names: of the p features; `features` gives 4 S + 5 of an AnyNet with S stages, S more for each parameter of a
            block of one's own, and one more where the number of stages varies; of a network that a function builds one
            for each number that it takes, and 3.
        values: float64 (n, p).
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)


_LEAST = 1e-6
"""Added to numbers of the recipe before their logarithm, for a weight decay may be 0."""


def features(
    networks: AnyNetBatch | BuiltBatch,
    complexity: Complexity,
    recipe: Mapping[str, NDArray[Any]] | None = None,
    *,
    stages: int | None = None,
    words: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> FeatureTable:
    """Return total depth, its log, logs of depth, width, bottleneck ratio and group width by stage, and of complexity.

    Parameters that others have named, of a block or of a function, may be 0 or less: of them it is
    sign(x) log(1 + |x|). Of a stage that a network does not have, all features are 0.

    Args:
        networks: n of them.
        complexity: theirs, (n,) each.
        recipe: what was drawn of the recipe by name, (n,) each: the features are the number and its log.
        stages: the most that a network of the space may have, if they differ in it: the features are those of so many,
            and their number; None if all have the same number.
        words: of each parameter of a function that has words for values, all that the space has; those that are not
            named here have the words that are met. The features are 1 for the word of a network, 0 for the others.
    """
    if isinstance(networks, BuiltBatch):
        columns = {}
        for name, values in networks.columns().items():
            if values.dtype.kind != "U":
                columns[f"log_{name}"] = _any_log(values)
                continue
            parameter = name if name in networks.arguments else name.rpartition("_")[0]
            for word in words.get(parameter, np.unique(values).tolist()):
                columns[indicator(name, word)] = (values == word).astype(np.float64)
    else:
        columns = _of_anynet(networks, stages)
    columns |= {f"log_{measure}": np.log(np.asarray(getattr(complexity, measure))) for measure in MEASURES}
    for name, values in sorted((recipe or {}).items()):
        columns |= dict(zip(recipe_features(name), (values.astype(np.float64), np.log(values + _LEAST)), strict=True))
    return FeatureTable(names=tuple(columns), values=np.column_stack(list(columns.values())))


def indicator(name: str, word: str) -> str:
    """Return what the column is called that is 1 where a parameter has this word, and 0 elsewhere."""
    return f"{name}={word}"


def recipe_features(name: str) -> tuple[str, str]:
    """Return what the features are called that come of a number of the recipe: the number and its log."""
    return f"recipe_{name}", f"log_recipe_{name}"


def _of_anynet(networks: AnyNetBatch, most: int | None) -> dict[str, NDArray[np.float64]]:
    depth = networks.depths.sum(axis=1)
    by_stage = {
        "depth": networks.depths,
        "width": networks.widths,
        "bottleneck_ratio": networks.bottleneck_ratios,
        "group_width": networks.group_widths,
    }
    columns: dict[str, NDArray[np.float64]] = {"depth": depth.astype(np.float64), "log_depth": np.log(depth)}
    if most is not None:
        columns["stages"] = np.count_nonzero(networks.depths, axis=1).astype(np.float64)
    logs = {name: np.log(np.where(networks.depths > 0, values, 1)) for name, values in by_stage.items()}
    logs |= {name: _any_log(values) for name, values in networks.own.items()}
    for name, values in logs.items():
        columns |= {f"log_{name}_{s + 1}": values[:, s] for s in range(networks.num_stages)}
        columns |= {f"log_{name}_{s + 1}": np.zeros(len(depth)) for s in range(networks.num_stages, most or 0)}
    return columns


def _any_log(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
