"""Complexity of any network: by the formulas of `netspace.arch` where there are some, else by counting.

What must be counted is counted once: each distinct block (by widths, stride, size and its parameters) or each distinct
network of a function, as long as the process lives.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspace.arch.batch import AnyNetBatch
from netspace.arch.built import BuiltBatch, BuiltConfig, BuiltTemplate, NetworkBatch, NetworkConfig, batch_of
from netspace.arch.code import Code
from netspace.arch.complexity import MEASURES, Complexity, complexity
from netspace.arch.config import AnyNetConfig, Template
from netspace.arch.regnet import RegNetConfig
from netspace.checks import check_number
from netspace.code.counting import count, made_without_memory
from netspace.code.loading import Maker, load, shown
from netspace.errors import ConfigError

_CACHED = 200_000

OFFERED = ("bottleneck_ratio", "group_width", "se_ratio", "activation")
"""What it is given if it has a parameter of this name."""


def complexity_of(network: NetworkConfig | RegNetConfig | NetworkBatch, resolution: int = 224) -> Complexity:
    """Return what a network, or each network of a batch, costs on square images.

    Args:
        network: one configuration, or a batch of n, of any kind.
        resolution: height and width of the image in pixels, >= 1.

    Returns:
        Ints for one configuration; int64 (n,) for a batch.

    Raises:
        ConfigError: the resolution is not a positive integer, or code cannot be loaded, raises, or does not give what a
            block or a network must give.
    """
    if isinstance(network, AnyNetBatch | BuiltBatch):
        return _of_batch(network, resolution, formulas=True)
    if isinstance(network, RegNetConfig):
        network = network.to_anynet()
    one = _of_batch(batch_of([network]), resolution, formulas=True)
    return Complexity(*(int(getattr(one, measure)[0]) for measure in MEASURES))


def is_counted(template: Template | BuiltTemplate) -> bool:
    """Return whether the networks of a template must be built to be counted: code without a formula of its own."""
    if isinstance(template, Template):
        return isinstance(template.block, Code) and _formula(load(template.block)) is None
    return True


def check_counts(networks: NetworkBatch, known: Complexity, resolution: int) -> None:
    """Raise unless these networks, built once more and counted, cost what is known of them.

    Raises:
        ConfigError: a formula is wrong, or code does not make the same network twice.
    """
    if isinstance(networks, AnyNetBatch) and not isinstance(networks.template.block, Code):
        return
    _count_block.cache_clear()
    _count_network.cache_clear()
    again = _of_batch(networks, resolution, formulas=False)
    for measure in MEASURES:
        before, now = getattr(known, measure), getattr(again, measure)
        if (different := np.flatnonzero(before != now)).size:
            i = int(different[0])
            template = networks.template
            code = template.block if isinstance(template, Template) else template.builder
            why = "it does not make the same network twice"
            if not is_counted(template):
                why = "its formula does not say what it costs"
            raise ConfigError(
                f"{code}: {why}: {measure} {int(before[i]):,} at first, {int(now[i]):,} counted, in the network "
                f"{_short_config(networks.config(i))}"
            )


def block_arguments(
    maker: Maker, template: Template, w_in: int, w_out: int, stride: int, stage: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a block of one's own is called with.

    Args:
        maker: the block.
        template: of the network, for squeeze-and-excitation and activation.
        w_in, w_out, stride: of the block.
        stage: `bottleneck_ratio`, `group_width` and the block's own parameters.

    Raises:
        ConfigError: a parameter does not reach the block, or it needs one that it does not get.
    """
    offered = {"se_ratio": template.se_ratio, "activation": template.activation, **stage}
    taken = {name: value for name, value in offered.items() if name not in OFFERED or name in maker.names}
    arguments: dict[str, Any] = {"w_in": w_in, "w_out": w_out, "stride": stride, **taken}
    check_reaches(maker, arguments)
    if template.se_ratio and "se_ratio" not in maker.names:
        raise ConfigError(f"{maker.code}: se_ratio must be 0, because the block has no parameter 'se_ratio'")
    return arguments


def check_reaches(maker: Maker, names: Mapping[str, Any]) -> None:
    """Raise unless each of these parameters reaches code, and it needs no other.

    Raises:
        ConfigError: which does not.
    """
    for name in names:
        if not maker.takes(name):
            raise ConfigError(
                f"{maker.code}: does not take the parameter '{name}'; it takes {', '.join(sorted(maker.names))}"
            )
    if missing := sorted(maker.required - set(names)):
        raise ConfigError(
            f"{maker.code}: needs '{missing[0]}', which the space does not define: give its distribution in parameters"
        )


def network_arguments(maker: Maker, config: BuiltConfig) -> dict[str, Any]:
    """Return what a function that builds networks is called with.

    Raises:
        ConfigError: a parameter does not reach it, or it needs one that it does not get.
    """
    arguments: dict[str, Any] = {"num_classes": config.num_classes, **config.arguments}
    for channels in ("in_channels", "in_chans"):
        if channels in maker.names:
            arguments[channels] = config.in_channels
    check_reaches(maker, arguments)
    return arguments


def _of_batch(networks: NetworkBatch, resolution: int, *, formulas: bool) -> Complexity:
    check_number(resolution, "resolution", least=1, whole=True)
    if isinstance(networks, BuiltBatch):
        costs = [_count_network(json.dumps(config.to_dict()), resolution) for config in networks.configs()]
        return _stacked(costs)
    template = networks.template
    if not isinstance(template.block, Code):
        return complexity(networks, resolution)
    return complexity(networks, resolution, _block(load(template.block), template, formulas=formulas))


def _stacked(costs: list[Complexity]) -> Complexity:
    return Complexity(*(np.array([getattr(cost, measure) for cost in costs], dtype=np.int64) for measure in MEASURES))


def _formula(maker: Maker) -> Callable[..., Any] | None:
    formula = getattr(maker.call, "complexity", None)
    return formula if callable(formula) else None


def _block(maker: Maker, template: Template, *, formulas: bool) -> Callable[..., Complexity]:
    """Return what a block costs, in the form in which `netspace.arch.complexity` asks: arrays (n,) of each argument."""
    formula = _formula(maker) if formulas else None

    def cost(
        w_in: NDArray[Any],
        w: NDArray[Any],
        v: NDArray[Any],
        g: NDArray[Any],
        _se: float,
        size: NDArray[Any],
        stride: NDArray[Any],
        **own: NDArray[Any],
    ) -> Complexity:
        strides = np.broadcast_to(stride, w.shape)
        stage = {"bottleneck_ratio": w / v, "group_width": g, **own}
        if formula is not None:
            return _by_formula(maker, formula, template, w_in, w, strides, size, stage)
        columns = {"w_in": w_in, "w_out": w, "stride": strides, "size": size, **stage}
        rows, places = np.unique(np.column_stack(list(columns.values())), axis=0, return_inverse=True)
        costs = [_count_block(maker.code, template, tuple(columns), tuple(row)) for row in rows.tolist()]
        counted = _stacked(costs)
        index = places.reshape(-1)
        return Complexity(*(getattr(counted, measure)[index] for measure in MEASURES))

    return cost


def _by_formula(
    maker: Maker,
    formula: Callable[..., Any],
    template: Template,
    w_in: NDArray[Any],
    w: NDArray[Any],
    strides: NDArray[Any],
    size: NDArray[Any],
    stage: Mapping[str, Any],
) -> Complexity:
    arguments = block_arguments(maker, template, 0, 0, 0, stage) | {"w_in": w_in, "w_out": w, "stride": strides}
    try:
        said = formula(size=size, **arguments)
        parts = said if isinstance(said, tuple) else (said.flops, said.params, said.activations)
        flops, params, activations = (np.broadcast_to(np.asarray(part, dtype=np.int64), w.shape) for part in parts)
    except Exception as error:  # whatever someone else's code raises
        raise ConfigError(
            f"{maker.code}.complexity must return flops, params and activations, as arrays of the shape of w_out: "
            f"{type(error).__name__}: {error}"
        ) from error
    return Complexity(flops, params, activations)


@lru_cache(maxsize=_CACHED)
def _count_block(code: Code, template: Template, names: tuple[str, ...], values: tuple[float, ...]) -> Complexity:
    maker = load(code)
    given = {
        name: int(value) if float(value).is_integer() else value for name, value in zip(names, values, strict=True)
    }
    w_in, w_out, stride, size = (int(given.pop(name)) for name in ("w_in", "w_out", "stride", "size"))
    arguments = block_arguments(maker, template, w_in, w_out, stride, given)
    what = shown(code, arguments)
    counted = count(made_without_memory(lambda: maker(**arguments)), (1, w_in, size, size), what)
    out = (size - 1) // stride + 1
    if counted.shape != (1, w_out, out, out):
        raise ConfigError(
            f"{what} must give w_out={w_out} channels of {out} x {out} for an input of {size} x {size}, "
            f"got the shape {counted.shape[1:]}"
        )
    return counted.cost


@lru_cache(maxsize=_CACHED)
def _count_network(config: str, resolution: int) -> Complexity:
    network = BuiltConfig(**json.loads(config))
    maker = load(network.builder)
    arguments = network_arguments(maker, network)
    what = shown(network.builder, arguments)
    module = made_without_memory(lambda: maker(**arguments))
    counted = count(module, (1, network.in_channels, resolution, resolution), what)
    if counted.shape != (1, network.num_classes):
        raise ConfigError(
            f"{what} must give one output for each of num_classes={network.num_classes} classes, "
            f"got the shape {counted.shape[1:]}"
        )
    return counted.cost


def _short_config(config: AnyNetConfig | BuiltConfig) -> str:
    return str(config) if isinstance(config, BuiltConfig) else str(config.to_dict()["stages"])
