"""Our networks under timm's roof: after `register()`, `timm.create_model` knows the zoo, and opens packages.

`timm.create_model("netspace_regnetx_400mf")` gives a network of the zoo, `timm.create_model("local-dir:FOLDER",
pretrained=True)` and `"hf-hub:OWNER/NAME"` that of a package.
"""

import re
from collections.abc import Callable
from typing import Any

from netspace.arch import zoo
from netspace.arch.published import Published
from netspace.models.anynet import AnyNet, build
from netspace.models.hub import from_pretrained, read_package
from netspace.models.package import ARCHITECTURE
from netspace.models.pretrained import create


def timm_name(entry: Published) -> str:
    """Return what a network of the zoo is called in timm: `netspace_regnetx_1_6gf` for RegNetX-1.6GF.

    timm's names are Python identifiers, and a dot would begin a tag of weights.
    """
    return "netspace_" + re.sub(r"[^a-z0-9]+", "_", entry.name.lower())


def register() -> list[str]:
    """Register every network of the zoo with timm, and what opens packages, once; return the zoo's names.

    `timm.create_model` then takes `num_classes`, `in_chans`, `drop_path_rate` and `pretrained`.
    """
    from timm.models import is_model, register_model

    for entry in zoo.ZOO:
        if not is_model(timm_name(entry)):
            register_model(_entrypoint(entry))
    if not is_model(ARCHITECTURE):
        register_model(netspace_anynet)
    return [timm_name(entry) for entry in zoo.ZOO]


def netspace_anynet(pretrained: bool = False, **options: Any) -> AnyNet:
    """Return the network of a package that timm has found in a folder or on the hub, with its weights or fresh."""
    found = options.pop("pretrained_cfg")
    source = found.get("file") or found["hf_hub_id"]
    _must_know(ARCHITECTURE, options)
    return from_pretrained(source) if pretrained else build(read_package(source)[0])


def _entrypoint(entry: Published) -> Callable[..., AnyNet]:
    def make(pretrained: bool = False, **options: Any) -> AnyNet:
        model = create(
            entry.name,
            pretrained=pretrained,
            num_classes=options.pop("num_classes", None),
            in_channels=options.pop("in_chans", None),
            drop_path=options.pop("drop_path_rate", 0.0),
        )
        _must_know(timm_name(entry), options)
        return model

    make.__name__ = make.__qualname__ = timm_name(entry)
    return make


def _must_know(name: str, options: dict[str, Any]) -> None:
    # timm hands its own bookkeeping to every entry point; ours has no use for it
    unknown = options.keys() - {"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
    if unknown:
        raise TypeError(f"{name} does not take {', '.join(sorted(unknown))}")
