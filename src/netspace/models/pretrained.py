"""Networks by name: those of the zoo, with the weights that timm and torchvision publish, and those of packages."""

from collections.abc import Mapping, Sequence
from typing import Literal, overload

from torch import Tensor, nn

from netspace.arch import zoo
from netspace.arch.built import BuiltConfig, NetworkConfig, code_of
from netspace.arch.published import Published
from netspace.errors import ConfigError, WeightsError, first_line
from netspace.models.anynet import AnyNet, build
from netspace.models.convert import detect_layout
from netspace.models.hub import is_package, read_package, weights_path
from netspace.models.weights import load_state
from netspace.models.weights_file import read_weights

Library = Literal["timm", "torchvision"]


@overload
def create_model(
    name: str,
    *,
    features_only: Literal[True],
    out_indices: Sequence[int] | None = None,
    pretrained: bool = False,
    library: Library | None = None,
    in_channels: int | None = None,
    seed: int | None = None,
    drop_path: float = 0.0,
) -> nn.Module: ...


@overload
def create_model(
    name: str,
    *,
    pretrained: bool = False,
    library: Library | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    global_pool: str = "avg",
    seed: int | None = None,
    drop_path: float = 0.0,
    features_only: Literal[False] = False,
) -> AnyNet: ...


def create_model(
    name: str,
    *,
    pretrained: bool = False,
    library: Library | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
    global_pool: str = "avg",
    seed: int | None = None,
    drop_path: float = 0.0,
    features_only: bool = False,
    out_indices: Sequence[int] | None = None,
) -> nn.Module:
    """Return a network of the zoo by its name, or that of a package by its folder or its name on the hub.

    Args:
        name: of the zoo, spelled leniently; a package's folder; or `owner/name` on the Hugging Face hub.
        pretrained: with the published weights (of the zoo: downloaded through timm's hub or torchvision's), or those of
            the package; else freshly initialised.
        library: whose weights of the zoo; None for timm, or torchvision if timm does not have the network.
        num_classes: another number of classes than the network's; with `pretrained`, the classifier is a new one. 0
            for none: the network then gives features, (n, `num_features`).
        in_channels: another number of image channels; with `pretrained`, the first convolution is a new one.
        global_pool: `avg`, `max`, or nothing for features that are not pooled, (n, `num_features`, h, w), which needs
            `num_classes=0`.
        seed: what fresh weights depend on.
        drop_path: see `build`.
        features_only: return a network that gives a list of feature maps, finest first, and says in `feature_info` of
            which channels and reduction they are.
        out_indices: which, with `features_only`: 0 is the stem, 1 the first stage; None for all.

    Raises:
        ConfigError: a number of classes or channels is out of range, or classes need a pooling.
        UnknownNameError: neither the zoo nor this folder has such a name.
        WeightsError: nobody publishes weights for it, they cannot be downloaded, or the package cannot be read.
    """
    given = {"num_classes": num_classes or None, "in_channels": in_channels}
    changes = {key: value for key, value in given.items() if value is not None}
    package = None
    original: NetworkConfig
    if is_package(name):
        original, package = read_package(name)
    else:
        original = zoo.find(name).config
    if code_of(original) is not None or isinstance(original, BuiltConfig):
        raise ConfigError(f"{name}: its network is made by code of its own: netspace.from_pretrained opens it")
    config = original.changed(**changes)
    model = build(config, seed=seed, drop_path=drop_path)
    if pretrained and is_package(name):
        state, where = read_weights(weights_path(name)), name
        load_adapted(model, state, where, new_head=config.num_classes != original.num_classes)
        if package is not None and config.in_channels == original.in_channels:
            model.know(package)
            model.package = package if config == original else None
    elif pretrained:
        load_published(model, zoo.find(name), library)
    if features_only:
        return _features(model, out_indices)
    if num_classes == 0 or global_pool != "avg":
        model.reset_classifier(model.num_classes if num_classes is None else num_classes, global_pool)
    return model


def load_published(model: AnyNet, entry: Published, library: Library | None = None) -> str:
    """Load the published weights of a network of the zoo into one that may have other classes or channels.

    What differs keeps the model's own weights. Its `pretrained_cfg` then says how the weights are shown images.

    Args:
        model: changed in place.
        entry: of the zoo.
        library: whose weights; None for timm, or torchvision if timm does not have the network.

    Returns:
        Whose weights they are, for people.

    Raises:
        WeightsError: nobody publishes weights for it, or they cannot be downloaded.
    """
    library = library or ("timm" if entry.timm else "torchvision")
    published = _downloaded(entry, library)
    where = f"the weights of {entry.name} from {library}"
    new_head = model.config.num_classes != entry.config.num_classes
    load_adapted(model, published.state_dict(), where, new_head=new_head)
    known = getattr(published, "pretrained_cfg", None) or {}
    kept = ("input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std", "license")
    model.pretrained_cfg |= {key: known[key] for key in kept if known.get(key) is not None}
    return f"{entry.name}, published through {library}"


def load_adapted(model: AnyNet, state: Mapping[str, Tensor], where: str, *, new_head: bool) -> None:
    """Load weights into a network that may see images of other channels: its first convolution then stays its own.

    Args:
        model: changed in place.
        state: a state dict of any known layout.
        where: what begins error messages.
        new_head: whether the model's own classifier is kept instead of the weights'.

    Raises:
        WeightsError: the weights are not this network's.
    """
    stem = state.get(detect_layout(state).key("stem.conv.weight"))
    new_stem = stem is not None and stem.shape[1] != model.config.in_channels
    load_state(model, state, where, reinit_head=new_head, reinit_stem=new_stem)


def _features(model: AnyNet, indices: Sequence[int] | None) -> nn.Module:
    from timm.models._features import FeatureGetterNet

    stages = len(model.config.stages)
    for index in indices or ():
        if not 0 <= index <= stages:
            raise ConfigError(f"out_indices: must be 0 (the stem) to {stages}, got {index}")
    taken = tuple(indices) if indices is not None else tuple(range(stages + 1))
    net: nn.Module = FeatureGetterNet(model, out_indices=taken)
    return net


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
    peer_name(entry, library)  # distinguishes a missing network from a missing download
    try:
        return peer(entry, library, pretrained=True)
    except Exception as error:  # each hub has its own tree of network errors
        reason = first_line(error)
        raise WeightsError(
            f"cannot download the weights of {entry.name} from {library} ({reason}); without a network, fetch the file "
            f"elsewhere and use load_weights('{entry.name}', 'FILE')"
        ) from error
