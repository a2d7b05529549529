"""Networks of the zoo with the weights that timm and torchvision publish."""

from typing import Literal

from torch import nn

from netspace.arch import zoo
from netspace.arch.published import Published
from netspace.errors import WeightsError, first_line
from netspace.models.anynet import AnyNet, build
from netspace.models.weights import load_state

Library = Literal["timm", "torchvision"]


def create(
    name: str,
    *,
    pretrained: bool = False,
    library: Library | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    seed: int | None = None,
    drop_path: float = 0.0,
) -> AnyNet:
    """Return a network of the zoo, by name.

    Args:
        name: spelled leniently.
        pretrained: download published weights, through timm's hub or torchvision's; else freshly initialised.
        library: where from; None for timm, or torchvision where timm does not have the network.
        num_classes: another number of classes than the zoo's; with `pretrained`, the classifier is a new one.
        in_channels: another number of image channels; with `pretrained`, the first convolution is a new one.
        seed: what fresh weights depend on.
        drop_path: see `build`.

    Raises:
        ConfigError: the number of classes or channels is not at least 1.
        UnknownNameError: the zoo has no such name.
        WeightsError: nobody publishes weights for it, or they cannot be downloaded.
    """
    entry = zoo.find(name)
    given = {"num_classes": num_classes, "in_channels": in_channels}
    config = entry.config.changed(**{key: value for key, value in given.items() if value is not None})
    model = build(config, seed=seed, drop_path=drop_path)
    if not pretrained:
        return model
    library = library or ("timm" if entry.timm else "torchvision")
    state = _downloaded(entry, library).state_dict()
    where = f"the weights of {entry.name} from {library}"
    return load_state(
        model,
        state,
        where,
        reinit_head=config.num_classes != entry.config.num_classes,
        reinit_stem=config.in_channels != entry.config.in_channels,
    )


def peer(entry: Published, library: Library, *, pretrained: bool = False) -> nn.Module:
    """Return the same network as built by another library.

    Raises:
        WeightsError: the library does not have it.
    """
    name = peer_name(entry, library)
    # both libraries take seconds to import, and most users never need them
    model: nn.Module
    if library == "timm":
        import timm

        model = timm.create_model(name, pretrained=pretrained)
    else:
        from torchvision import models

        model = models.get_model(name, weights=_first_weights(name) if pretrained else None)
    return model


def peer_name(entry: Published, library: Library) -> str:
    """Return what another library calls the network.

    Raises:
        WeightsError: the library does not have it.
    """
    name = entry.timm if library == "timm" else entry.torchvision
    if name is None:
        raise WeightsError(f"{library} does not have {entry.name}")
    return name


def _first_weights(torchvision_name: str) -> object:
    from torchvision import models

    weights = list(models.get_model_weights(torchvision_name))
    # IMAGENET1K_V1 comes first; RegNetY-128GF has SWAG weights only, and of those the E2E ones expect 384 px
    return next((one for one in weights if "E2E" not in one.name), weights[0])


def _downloaded(entry: Published, library: Library) -> nn.Module:
    peer_name(entry, library)  # tells a missing network apart from a missing download
    try:
        return peer(entry, library, pretrained=True)
    except Exception as error:  # each hub has its own tree of network errors
        reason = first_line(error)
        raise WeightsError(
            f"cannot download the weights of {entry.name} from {library} ({reason}); without a network, fetch the file "
            f"elsewhere and use load_weights('{entry.name}', 'FILE')"
        ) from error
