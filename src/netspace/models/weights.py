"""Weights into networks: recognised, checked against the network, loaded."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from netspace.arch import zoo
from netspace.arch.config import AnyNetConfig
from netspace.arch.published import Published
from netspace.errors import WeightsError
from netspace.models.anynet import AnyNet, build
from netspace.models.convert import Layout, detect_layout, tensor_shapes, to_netspace
from netspace.models.weights_file import read_weights

STEM = ("stem.conv.weight",)
HEAD = ("head.fc.weight", "head.fc.bias")

_SHOWN = 5


def load_weights(
    network: AnyNet | AnyNetConfig | str,
    path: Path | str,
    *,
    key: str | None = None,
    reinit_head: bool = False,
    reinit_stem: bool = False,
    seed: int | None = None,
) -> AnyNet:
    """Load weights of pycls, torchvision, timm or our own from a file into a network.

    The network computes what the weights' publisher computes: networks that end linearly (linear bottlenecks without a
    head convolution) are given timm's activation before the pooling, or none as in pycls.

    Args:
        network: a built network, changed in place; or a configuration or a name of the zoo, which is built first. By
            name, weights with torchvision's widths (`-tv` in the zoo) are recognised and the network built as such.
        path: a `.safetensors` file, or a checkpoint that `torch.load` reads with `weights_only=True`.
        key: which weights, where the file holds several; see `read_weights`.
        reinit_head: keep the network's own classifier instead of the file's, as for another number of classes.
        reinit_stem: keep the network's own first convolution, as for another number of image channels.
        seed: what the tensors that the file does not give depend on, where the network is built here.

    Returns:
        The network.

    Raises:
        WeightsError: the file is missing, damaged, holds code or several sets of weights, or its weights are not this
            network's or not finite.
        UnknownNameError: the zoo has no such name, or the file no such key.
    """
    return load_state(
        network, read_weights(path, key), str(path), reinit_head=reinit_head, reinit_stem=reinit_stem, seed=seed
    )


def load_state(
    network: AnyNet | AnyNetConfig | str,
    state: Mapping[str, Tensor],
    where: str,
    *,
    reinit_head: bool = False,
    reinit_stem: bool = False,
    seed: int | None = None,
) -> AnyNet:
    """Load a state dict of any known layout, as `load_weights` loads a file; `where` begins the error messages."""
    try:
        source = detect_layout(state)
    except WeightsError as error:
        raise error.at(where) from None
    if isinstance(network, str):
        network = _named_network(network, state, source)
    config = _as_published(network.config if isinstance(network, AnyNet) else network, source)
    own = (HEAD if reinit_head else ()) + (STEM if reinit_stem else ())
    _check(config, state, source, own, where)
    given = {key: tensor for key, tensor in to_netspace(state, config, source).items() if key not in own}
    _check_finite(given, source, where)
    model = network if isinstance(network, AnyNet) else build(config, seed=seed)
    model.set_head_activation(config.head_activation)
    # files of old torch versions lack the counters of batch normalisation; the network's own, 0, will do
    model.load_state_dict({**model.state_dict(), **given})
    return model


def recognise(state: Mapping[str, Tensor]) -> Published | None:
    """Return the zoo's network whose tensors have these shapes, whatever the classes and image channels."""
    source = detect_layout(state)
    for entry in zoo.ZOO:
        try:
            if not _problems(entry.config, state, source, STEM + HEAD):
                return entry
        except WeightsError:  # the layout has no place for this kind of block
            continue
    return None


def _named_network(name: str, state: Mapping[str, Tensor], source: Layout) -> AnyNetConfig:
    entry = zoo.find(name)
    variant = next((other for other in zoo.ZOO if other.name == f"{entry.name}-tv"), None)
    if variant is not None and not _problems(variant.config, state, source, STEM + HEAD):
        return variant.config
    return entry.config


def _as_published(config: AnyNetConfig, source: Layout) -> AnyNetConfig:
    """Return the network as the code base of the weights ends it."""
    if source.head_activation is None or not config.ends_linearly:
        return config
    return config.changed(head_activation=source.head_activation)


def _check_finite(tensors: Mapping[str, Tensor], source: Layout, where: str) -> None:
    broken = [source.key(ours) for ours, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise WeightsError(
            f"{where}: not all weights are finite, in {', '.join(broken[:_SHOWN])}{more}: a training that diverged?"
        )


def _problems(
    config: AnyNetConfig, state: Mapping[str, Tensor], source: Layout, ignored: tuple[str, ...]
) -> dict[str, str]:
    """Say what is wrong with each tensor, by our name (by the file's, if we have none)."""
    problems, unused = {}, set(state)
    for ours, shape in tensor_shapes(config).items():
        theirs = source.key(ours)
        unused.discard(theirs)
        if ours in ignored:
            continue
        if theirs not in state:
            if not ours.endswith("num_batches_tracked"):
                problems[ours] = f"{theirs} is missing"
        elif state[theirs].shape != shape:
            problems[ours] = f"{theirs} is {tuple(state[theirs].shape)} in the file, {tuple(shape)} in the network"
    return problems | {theirs: f"{theirs} is not in the network" for theirs in sorted(unused)}


def _check(config: AnyNetConfig, state: Mapping[str, Tensor], source: Layout, own: tuple[str, ...], where: str) -> None:
    problems = _problems(config, state, source, own)
    if not problems:
        return
    remedies = []
    if problems.keys() & set(HEAD):
        remedies.append("reinit_head=True keeps the network's own classifier")
    if problems.keys() & set(STEM):
        remedies.append("reinit_stem=True keeps the network's own first convolution")
    if not problems.keys() <= set(HEAD + STEM):
        remedies = []
        if (known := recognise(state)) is not None:
            remedies = [f"they have the shapes of {known.name}"]
    first = "; ".join(list(problems.values())[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    hint = f" ({', '.join(remedies)})" if remedies else ""
    raise WeightsError(f"{where}: the {source.name} weights are not this network's: {first}{more}{hint}")
