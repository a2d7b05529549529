"""The zoo under timm's roof: after `register()`, `timm.create_model("netspace_regnetx_400mf")` gives our network."""

import re
from collections.abc import Callable
from typing import Any

from netspace.arch import zoo
from netspace.arch.published import Published
from netspace.models.anynet import AnyNet
from netspace.models.pretrained import create


def timm_name(entry: Published) -> str:
    """Return what a network of the zoo is called in timm: `netspace_regnetx_1_6gf` for RegNetX-1.6GF.

    timm's names are Python identifiers, and a dot would begin a tag of weights.
    """
    return "netspace_" + re.sub(r"[^a-z0-9]+", "_", entry.name.lower())


def register() -> list[str]:
    """Register every network of the zoo with timm, once, and return the names.

    `timm.create_model` then takes `num_classes`, `in_chans`, `drop_path_rate` and `pretrained`.
    """
    from timm.models import is_model, register_model

    for entry in zoo.ZOO:
        if not is_model(timm_name(entry)):
            register_model(_entrypoint(entry))
    return [timm_name(entry) for entry in zoo.ZOO]


def _entrypoint(entry: Published) -> Callable[..., AnyNet]:
    def make(pretrained: bool = False, **options: Any) -> AnyNet:
        model = create(
            entry.name,
            pretrained=pretrained,
            num_classes=options.pop("num_classes", None),
            in_channels=options.pop("in_chans", None),
            drop_path=options.pop("drop_path_rate", 0.0),
        )
        # timm hands its own bookkeeping to every entry point; ours has no use for it
        unknown = options.keys() - {"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
        if unknown:
            raise TypeError(f"{timm_name(entry)} does not take {', '.join(sorted(unknown))}")
        return model

    make.__name__ = make.__qualname__ = timm_name(entry)
    return make
