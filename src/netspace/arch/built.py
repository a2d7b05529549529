"""Networks that a function makes: their parameters as values, one at a time and as arrays.

`BuiltConfig` and `BuiltBatch` are to any function what `AnyNetConfig` and `AnyNetBatch` are to AnyNet.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field
from typing_extensions import override

from netspace.arch.batch import AnyNetBatch
from netspace.arch.code import Code, as_code, code_from, know_file, names_code
from netspace.arch.config import AnyNetConfig, NetworkDescription, Positive
from netspace.arch.regnet import RegNetConfig
from netspace.documents import Document, parse, read_yaml, whole_if_whole
from netspace.errors import ConfigError

Value = int | float | str | list[int | float] | list[str]


class BuiltTemplate(Document):
    """What the networks of one function share.

    Attributes:
        builder: the function or class; it takes `num_classes`, `in_channels` if it has that parameter, and what the
            space declares, by name.
        num_classes: outputs of the classifier.
        in_channels: channels of the image, 3 for colour, 1 for grey.
    """

    builder: Annotated[Code, BeforeValidator(as_code)]
    num_classes: Positive = 1000
    in_channels: Positive = 3


class BuiltConfig(BuiltTemplate, NetworkDescription):
    """One network: a function and its arguments. Frozen; equal configurations have equal digests.

    Attributes:
        arguments: numbers or words, or lists of either, by the name of the parameter.
        total_stride: 1, for nothing says by how much the network reduces the resolution: that it takes images of a
            resolution is seen when it is counted.
    """

    arguments: Mapping[str, Value] = Field(default_factory=dict)

    @property
    def total_stride(self) -> int:
        """1: see the class."""
        return 1

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain values: the inverse of `BuiltConfig(**values)`."""
        plain = {
            name: [whole_if_whole(one) for one in value] if isinstance(value, list) else whole_if_whole(value)
            for name, value in sorted(self.arguments.items())
        }
        return {**self.model_dump(exclude={"arguments"}), "arguments": plain}

    def __str__(self) -> str:
        """Return the call, as messages show it."""
        return f"{self.builder}({', '.join(f'{name}={value}' for name, value in self.to_dict()['arguments'].items())})"


@dataclass(frozen=True, kw_only=True, eq=False)
class BuiltBatch:
    """n networks of one function.

    Attributes:
        template: what they share.
        size: n.
        arguments: by the name of the parameter: (n,) for a number or a word, (n, S) for a list of S of them.
    """

    template: BuiltTemplate
    size: int
    arguments: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def from_configs(cls, configs: Sequence[BuiltConfig]) -> Self:
        """Stack configurations of one function with the same parameters.

        Raises:
            ConfigError: there are none, or they differ in more than the values of the parameters.
        """
        if not configs:
            raise ConfigError("a batch needs at least one network, got none")
        template = _template_of(configs[0])
        shapes = {name: np.shape(value) for name, value in configs[0].arguments.items()}
        for i, config in enumerate(configs):
            if _template_of(config) != template or shapes != {k: np.shape(v) for k, v in config.arguments.items()}:
                raise ConfigError(f"networks of one batch must share function and parameters: network {i} differs")
        arguments = {name: np.array([config.arguments[name] for config in configs]) for name in shapes}
        return cls(template=template, size=len(configs), arguments=arguments)

    @classmethod
    def stack(cls, batches: Sequence[Self]) -> Self:
        """Return the networks of one batch or more, in order."""
        arguments = {
            name: np.concatenate([batch.arguments[name] for batch in batches]) for name in batches[0].arguments
        }
        return cls(template=batches[0].template, size=sum(map(len, batches)), arguments=arguments)

    def __len__(self) -> int:
        return self.size

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Self:
        """Return the networks that a numpy `index` over rows selects."""
        arguments = {name: values[index] for name, values in self.arguments.items()}
        return replace(self, size=len(np.arange(self.size)[index]), arguments=arguments)

    def identity(self) -> NDArray[np.int64]:
        """Return rows that are equal exactly where the networks are.

        That is the bits of their parameters' float64; of a word, those of a number that stands for it.
        """
        columns = [
            np.zeros((self.size, 1)),
            *(_coded(values).reshape(self.size, math.prod(values.shape[1:])) for values in self.arguments.values()),
        ]
        return np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=np.float64).view(np.int64)

    def config(self, i: int) -> BuiltConfig:
        """Return network `i` as a configuration."""
        return BuiltConfig(
            builder=self.template.builder,
            num_classes=self.template.num_classes,
            in_channels=self.template.in_channels,
            arguments={name: values[i].tolist() for name, values in self.arguments.items()},
        )

    def configs(self) -> Iterator[BuiltConfig]:
        """Yield every network as a configuration, in order."""
        return (self.config(i) for i in range(len(self)))

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the parameters by column, each (n,): a list of S numbers as NAME_1 to NAME_S."""
        found: dict[str, NDArray[Any]] = {}
        for name, values in self.arguments.items():
            if values.ndim == 1:
                found[name] = values
            else:
                found |= {f"{name}_{s + 1}": values[:, s] for s in range(values.shape[1])}
        return found


def _coded(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as they are, and for words numbers that are equal exactly where they are."""
    if values.dtype.kind != "U":
        return values
    words, places = np.unique(values, return_inverse=True)
    # 52 bits of a digest: a float64 holds them, and two words of a space that share them are not to be met
    numbers = [int.from_bytes(sha256(word.encode()).digest()[:7]) >> 4 for word in words.tolist()]
    return np.array(numbers, dtype=np.float64)[places].reshape(values.shape)


NetworkConfig = AnyNetConfig | BuiltConfig
"""One network, however it is made."""

NetworkBatch = AnyNetBatch | BuiltBatch
"""Many networks of one kind as arrays."""


def network_from(data: Any, where: str) -> NetworkConfig:
    """Return the network that plain values describe: one that a function builds, a RegNet or an AnyNet.

    Raises:
        ConfigError: they break a rule; the message begins with `where`.
    """
    if isinstance(data, Mapping) and "builder" in data:
        return parse(BuiltConfig, dict(data), where)
    if isinstance(data, Mapping) and "w_0" in data:
        return parse(RegNetConfig, dict(data), where).to_anynet()
    return parse(AnyNetConfig, dict(data) if isinstance(data, Mapping) else data, where)


def read_network(path: Path | str) -> NetworkConfig:
    """Read a network from a file: one that a function builds (it has the key `builder`), a RegNet (`w_0`) or an AnyNet.

    Files of code are looked for beside the file.

    Raises:
        ConfigError: the file cannot be read, or what it holds breaks a rule; the message names file and key.
    """
    return network_from(with_code_from(read_yaml(path), Path(path).parent, str(path)), str(path))


def code_of(config: NetworkConfig) -> Code | None:
    """Return the code of someone's own that a network is made by; None if netspace makes all of it."""
    made_by = config.builder if isinstance(config, BuiltConfig) else config.block
    return made_by if isinstance(made_by, Code) else None


def with_code_from(data: Any, folder: Path, where: str) -> Any:
    """Return plain values in which the keys `block` and `builder` hold code instead of its name.

    Where they hold its value already, the file is looked for in the folder: the digest tells whether it is the one.

    Raises:
        ConfigError: there is no such code; the message begins with `where`.
    """
    if not isinstance(data, Mapping):
        return data
    changed = dict(data)
    for key in ("block", "builder"):
        value = data.get(key)
        if isinstance(value, Mapping) and (beside := folder / str(value.get("code", "")).rpartition(":")[0]).is_file():
            with suppress(ConfigError):
                know_file(beside)
        if isinstance(value, str) and names_code(value):
            try:
                changed[key] = code_from(value, folder).model_dump()
            except ConfigError as error:
                raise ConfigError(f"{where}: {key}: {error}" if where else f"{key}: {error}") from None
    return changed


def batch_of(configs: Sequence[NetworkConfig]) -> NetworkBatch:
    """Return configurations as arrays.

    Raises:
        ConfigError: they are not of one kind, or differ in more than their parameters.
    """
    built = [config for config in configs if isinstance(config, BuiltConfig)]
    if built and len(built) == len(configs):
        return BuiltBatch.from_configs(built)
    return AnyNetBatch.from_configs([config for config in configs if isinstance(config, AnyNetConfig)])


def _template_of(config: BuiltTemplate) -> BuiltTemplate:
    return BuiltTemplate(builder=config.builder, num_classes=config.num_classes, in_channels=config.in_channels)
