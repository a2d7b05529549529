"""netspace: design convolutional networks by designing the space they come from.

Every name below is imported when it is first used; torch only when a model is built or trained.
"""

from typing import TYPE_CHECKING

from netspace._lazy import lazy_names

if TYPE_CHECKING:
    from netspace import space as spaces
    from netspace.arch import AnyNetConfig, Complexity, RegNetConfig, Stage, Stem, complexity, zoo
    from netspace.models import AnyNet, build
    from netspace.space import DesignSpace, Population
    from netspace.stats import EDF, compare
    from netspace.store import Store
    from netspace.study import Study
    from netspace.training import DataSpec, Recipe, TrainResult, load_data, train

_HOMES = {
    "netspace.arch": ("AnyNetConfig", "Complexity", "RegNetConfig", "Stage", "Stem", "complexity"),
    "netspace.models": ("AnyNet", "build"),
    "netspace.space": ("DesignSpace", "Population"),
    "netspace.stats": ("EDF", "compare"),
    "netspace.store": ("Store",),
    "netspace.study": ("Study",),
    "netspace.training": ("DataSpec", "Recipe", "TrainResult", "load_data", "train"),
}
__getattr__ = lazy_names(
    __name__,
    {name: f"{home}:{name}" for home, names in _HOMES.items() for name in names}
    | {"spaces": "netspace.space", "zoo": "netspace.arch.zoo"},
)

__all__ = [
    "EDF",
    "AnyNet",
    "AnyNetConfig",
    "Complexity",
    "DataSpec",
    "DesignSpace",
    "Population",
    "Recipe",
    "RegNetConfig",
    "Stage",
    "Stem",
    "Store",
    "Study",
    "TrainResult",
    "build",
    "compare",
    "complexity",
    "load_data",
    "spaces",
    "train",
    "zoo",
]
