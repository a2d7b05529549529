"""What networks are made of, as numbers: the features that assisted statistics predict errors from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspace.arch.batch import AnyNetBatch
from netspace.arch.complexity import MEASURES, Complexity


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureTable:
    """Features of n networks.

    Attributes:
        names: of the p features; `features` gives 4 S + 5 of networks with S stages.
        values: float64 (n, p).
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)


def features(networks: AnyNetBatch, complexity: Complexity) -> FeatureTable:
    """Return total depth, its log, logs of depth, width, bottleneck ratio and group width by stage, and of complexity.

    Args:
        networks: n of them.
        complexity: theirs, (n,) each.
    """
    depth = networks.depths.sum(axis=1)
    by_stage = {
        "depth": networks.depths,
        "width": networks.widths,
        "bottleneck_ratio": networks.bottleneck_ratios,
        "group_width": networks.group_widths,
    }
    columns: dict[str, NDArray[np.float64]] = {"depth": depth.astype(np.float64), "log_depth": np.log(depth)}
    for name, values in by_stage.items():
        columns |= {f"log_{name}_{s + 1}": np.log(values[:, s]) for s in range(networks.num_stages)}
    columns |= {f"log_{measure}": np.log(np.asarray(getattr(complexity, measure))) for measure in MEASURES}
    return FeatureTable(names=tuple(columns), values=np.column_stack(list(columns.values())))
