"""Our networks under timm's roof: after `register()`, `timm.create_model` knows the zoo, and opens packages.

`timm.create_model("netspace_regnetx_400mf")` gives a network of the zoo, `timm.create_model("local-dir:FOLDER",
pretrained=True)` and `"hf-hub:OWNER/NAME"` that of a package.
"""

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from netspace.arch import zoo
from netspace.arch.published import Published
from netspace.models.package import ARCHITECTURE
from netspace.models.pretrained import create_model


def timm_name(entry: Published) -> str:
    """Return what a network of the zoo is called in timm: `netspace_regnetx_1_6gf` for RegNetX-1.6GF.

    timm's names are Python identifiers, and a dot would begin a tag of weights.
    """
    return "netspace_" + re.sub(r"[^a-z0-9]+", "_", entry.name.lower())


def register() -> list[str]:
    """Register every network of the zoo with timm, and what opens packages, once; return the zoo's names.

    `timm.create_model` then takes `pretrained`, `num_classes`, `in_chans`, `drop_path_rate`, `global_pool`,
    `features_only` and `out_indices`.
    """
    from timm.models import is_model, register_model

    for entry in zoo.ZOO:
        if not is_model(timm_name(entry)):
            register_model(_entrypoint(entry))
    if not is_model(ARCHITECTURE):
        register_model(netspace_anynet)
    return [timm_name(entry) for entry in zoo.ZOO]


def netspace_anynet(pretrained: bool = False, **options: Any) -> nn.Module:
    """Return the network of a package that timm has found in a folder or on the hub, with its weights or fresh."""
    found = options["pretrained_cfg"]
    return _made(found.get("file") or found["hf_hub_id"], ARCHITECTURE, pretrained, options)


def _entrypoint(entry: Published) -> Callable[..., nn.Module]:
    def make(pretrained: bool = False, **options: Any) -> nn.Module:
        return _made(entry.name, timm_name(entry), pretrained, options)

    make.__name__ = make.__qualname__ = timm_name(entry)
    return make


def _made(name: str, called: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    """Return a network made by what timm calls its options."""
    given = {ours: options.pop(theirs) for theirs, ours in _OPTIONS.items() if theirs in options}
    # timm hands its own bookkeeping to every entry point; ours has no use for it
    unknown = options.keys() - {"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
    if unknown:
        raise TypeError(f"{called} does not take {', '.join(sorted(unknown))}")
    model: nn.Module = create_model(name, pretrained=pretrained, **given)
    return model


_OPTIONS = {
    "num_classes": "num_classes",
    "in_chans": "in_channels",
    "drop_path_rate": "drop_path",
    "global_pool": "global_pool",
    "features_only": "features_only",
    "out_indices": "out_indices",
}
"""What timm calls the arguments of `create_model`."""
