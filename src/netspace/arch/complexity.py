"""Complexity: flops, parameters and activations of networks, from one set of array formulas.

Counted as pycls counts (the numbers of the RegNet paper): flops are multiply-adds of convolutions and fully connected
layers; activations are the elements of their outputs and of the max-pool's; normalisation adds 2 c parameters and
nothing else; global pooling and activation functions are free. Every formula broadcasts, int64 throughout, so that a
population is counted at once and a single network is a batch of one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netspace.arch.batch import AnyNetBatch
from netspace.arch.code import Code
from netspace.arch.config import AnyNetConfig
from netspace.arch.regnet import RegNetConfig
from netspace.checks import check_number
from netspace.errors import ConfigError

Counts = Any  # int or int64 array: the formulas do not care


@dataclass(frozen=True)
class Complexity:
    """What networks cost: ints for one network, int64 arrays (n,) for a population.

    Attributes:
        flops: multiply-adds of one forward pass on one image.
        params: learned parameters.
        activations: elements of the outputs of convolutions, fully connected layers and max-pools, for one image.
    """

    flops: Counts
    params: Counts
    activations: Counts

    def __add__(self, other: "Complexity") -> "Complexity":
        return Complexity(self.flops + other.flops, self.params + other.params, self.activations + other.activations)

    def times(self, n: Counts) -> "Complexity":
        """Return what `n` of these cost."""
        return Complexity(self.flops * n, self.params * n, self.activations * n)

    def as_dict(self) -> dict[str, Counts]:
        """Return the three by name."""
        return {"flops": self.flops, "params": self.params, "activations": self.activations}


MEASURES = ("flops", "params", "activations")


def complexity(
    network: AnyNetConfig | RegNetConfig | AnyNetBatch,
    resolution: int = 224,
    block: Callable[..., Complexity] | None = None,
) -> Complexity:
    """Return what a network, or each network of a batch, costs on square images.

    Args:
        network: one configuration, or a batch of n.
        resolution: height and width of the image in pixels, >= 1.
        block: what a block of one's own costs, with the arguments of the formulas below and its own parameters by name;
            `netspace.code.complexity_of` has it.

    Returns:
        Ints for one configuration; int64 (n,) for a batch.

    Raises:
        ConfigError: the resolution is not a positive integer, or nothing says what a block of one's own costs.
    """
    check_number(resolution, "resolution", least=1, whole=True)
    if isinstance(network, RegNetConfig):
        network = network.to_anynet()
    if isinstance(network, AnyNetBatch):
        return _count(network, int(resolution), block)
    one = _count(AnyNetBatch.from_configs([network]), int(resolution), block)
    return Complexity(int(one.flops[0]), int(one.params[0]), int(one.activations[0]))


class Part(NamedTuple):
    """A part of a network, and what it costs.

    Attributes:
        name: "stem", "stage 1", "stage 2", ..., "head".
        resolution: height and width of what it puts out, in pixels; of the head, of what it takes in.
        cost: of the part alone.
    """

    name: str
    resolution: Counts
    cost: Complexity


def parts(network: AnyNetConfig | RegNetConfig, resolution: int = 224) -> list[Part]:
    """Return what stem, stages and head of a network cost on square images; their sum is `complexity`'s.

    Raises:
        ConfigError: the resolution is not a positive integer, or the network has a block of one's own.
    """
    check_number(resolution, "resolution", least=1, whole=True)
    config = network.to_anynet() if isinstance(network, RegNetConfig) else network
    found = _parts(AnyNetBatch.from_configs([config]), int(resolution), None)
    return [
        Part(name, _one(size), Complexity(_one(cost.flops), _one(cost.params), _one(cost.activations)))
        for name, size, cost in found
    ]


def _one(value: Counts) -> int:
    return int(np.ravel(value)[0])


def _count(batch: AnyNetBatch, resolution: int, own_block: Callable[..., Complexity] | None) -> Complexity:
    total = Complexity(0, 0, 0)
    for part in _parts(batch, resolution, own_block):
        total += part.cost
    return total


def _parts(batch: AnyNetBatch, resolution: int, own_block: Callable[..., Complexity] | None) -> Iterator[Part]:
    template = batch.template
    if isinstance(template.block, Code) and own_block is None:
        raise ConfigError(
            f"there is no formula for the complexity of {template.block}: netspace.code.complexity_of counts it"
        )
    stem, stem_size = _stem(template.stem.kind, template.in_channels, template.stem.width, resolution)
    yield Part("stem", stem_size, stem)
    block = own_block or _BLOCKS[str(template.block)]
    w_in: Counts = np.full(len(batch), template.stem.width, dtype=np.int64)
    size: Counts = np.full(len(batch), stem_size, dtype=np.int64)
    inner = batch.bottleneck_widths
    for s in range(batch.num_stages):
        have = batch.depths[:, s] > 0
        rows: Any = slice(None) if have.all() else have
        w, v, g, stride = batch.widths[rows, s], inner[rows, s], batch.group_widths[rows, s], batch.strides[rows, s]
        own = {name: values[rows, s] for name, values in batch.own.items()}
        first = block(w_in[rows], w, v, g, template.se_ratio, size[rows], stride, **own)
        out = _reduced(size[rows], stride)
        rest = block(w, w, v, g, template.se_ratio, out, 1, **own).times(batch.depths[rows, s] - 1)
        cost = first + rest
        if have.all():
            w_in, size = w, out
        else:  # the others go without this stage: it costs them nothing, and changes neither width nor size
            w_in, size = _where(have, w, w_in), _where(have, out, size)
            cost = Complexity(*(_where(have, one, 0 * w_in) for one in (cost.flops, cost.params, cost.activations)))
        yield Part(f"stage {s + 1}", size, cost)
    head = Complexity(0, 0, 0)
    if template.head_width:
        head = conv(w_in, template.head_width, 1, size) + norm(template.head_width)
        w_in = np.full_like(w_in, template.head_width)
    yield Part("head", size, head + linear(w_in, template.num_classes))


def _where(rows: Counts, values: Counts, others: Counts) -> Counts:
    """Return `others` (n,) with `values`, one for each row that is selected, in their places."""
    result = np.array(others)
    result[rows] = values
    return result


def conv(w_in: Counts, w_out: Counts, k: int, size: Counts, *, groups: Counts = 1, bias: bool = False) -> Complexity:
    """Count a k x k convolution whose output is size x size."""
    weights = k * k * w_in * w_out // groups + (w_out if bias else 0)
    area = size * size
    return Complexity(weights * area, weights, w_out * area)


def norm(w: Counts) -> Complexity:
    """Count a batch normalisation of w channels: scale and shift."""
    return Complexity(0, 2 * w, 0)


def linear(w_in: Counts, w_out: Counts) -> Complexity:
    """Count a fully connected layer with bias."""
    weights = w_in * w_out + w_out
    return Complexity(weights, weights, w_out + 0 * w_in)


def squeeze_excite(w: Counts, w_se: Counts) -> Complexity:
    """Count squeeze-and-excitation on w channels: two 1x1 convolutions with bias on the pooled 1 x 1 map."""
    return conv(w, w_se, 1, 1, bias=True) + conv(w_se, w, 1, 1, bias=True)


def se_width(w_in: Counts, se_ratio: float) -> Counts:
    """Return the squeeze width: `se_ratio` of the block's *input* width (pycls `blocks.py`), half-to-even, >= 1."""
    return np.maximum(1, np.rint(w_in * se_ratio)).astype(np.int64)


def _reduced(size: Counts, stride: Counts) -> Counts:
    return (size - 1) // stride + 1


def _stem(kind: str, w_in: int, w: int, resolution: int) -> tuple[Complexity, int]:
    if kind == "cifar":
        return conv(w_in, w, 3, resolution) + norm(w), resolution
    size = _reduced(resolution, 2)
    if kind == "simple":
        return conv(w_in, w, 3, size) + norm(w), size
    pooled = _reduced(size, 2)
    return conv(w_in, w, 7, size) + norm(w) + Complexity(0, 0, w * pooled * pooled), pooled


def _projection(w_in: Counts, w: Counts, size: Counts, stride: Counts) -> Complexity:
    """Count the 1x1 shortcut of a residual block, which is there only where the shape changes."""
    needed: Counts = (w_in != w) | (np.asarray(stride) != 1)
    return (conv(w_in, w, 1, size) + norm(w)).times(needed)


def _linear_bottleneck(
    w_in: Counts, w: Counts, v: Counts, g: Counts, se_ratio: float, size: Counts, stride: Counts
) -> Complexity:
    out = _reduced(size, stride)
    total = conv(w_in, v, 1, size) + norm(v) + conv(v, v, 3, out, groups=v // g) + norm(v)
    if se_ratio:
        total += squeeze_excite(v, se_width(w_in, se_ratio))
    return total + conv(v, w, 1, out) + norm(w)


def _bottleneck(
    w_in: Counts, w: Counts, v: Counts, g: Counts, se_ratio: float, size: Counts, stride: Counts
) -> Complexity:
    branch = _linear_bottleneck(w_in, w, v, g, se_ratio, size, stride)
    return branch + _projection(w_in, w, _reduced(size, stride), stride)


def _v(w_in: Counts, w: Counts, _v: Counts, _g: Counts, _se: float, size: Counts, stride: Counts) -> Complexity:
    return conv(w_in, w, 3, _reduced(size, stride)) + norm(w)


def _vr(w_in: Counts, w: Counts, v: Counts, g: Counts, se: float, size: Counts, stride: Counts) -> Complexity:
    return _v(w_in, w, v, g, se, size, stride) + _projection(w_in, w, _reduced(size, stride), stride)


def _vanilla(w_in: Counts, w: Counts, v: Counts, g: Counts, se: float, size: Counts, stride: Counts) -> Complexity:
    return _v(w_in, w, v, g, se, size, stride) + _v(w, w, v, g, se, _reduced(size, stride), 1)


def _basic(w_in: Counts, w: Counts, v: Counts, g: Counts, se: float, size: Counts, stride: Counts) -> Complexity:
    return _vanilla(w_in, w, v, g, se, size, stride) + _projection(w_in, w, _reduced(size, stride), stride)


_BLOCKS: dict[str, Callable[..., Complexity]] = {
    "bottleneck": _bottleneck,
    "linear_bottleneck": _linear_bottleneck,
    "basic": _basic,
    "vanilla": _vanilla,
    "v": _v,
    "vr": _vr,
}
