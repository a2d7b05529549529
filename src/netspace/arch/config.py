"""AnyNetConfig: one network, as a value.

A network is a stem, a body of stages and a head (RegNet paper, section 3.1). `Template` holds everything but the
stages: it is what all the networks of a design space have in common. `AnyNetConfig` adds the stages.
"""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)
from typing_extensions import override

from netspace.arch.code import Code, as_code
from netspace.displayed import Displayed
from netspace.documents import Document, digest, dump_yaml, parse, read_yaml, whole_if_whole
from netspace.errors import short

Block = Literal["bottleneck", "linear_bottleneck", "basic", "vanilla", "v", "vr"]
StemKind = Literal["simple", "res_in", "cifar"]
Activation = Literal["relu", "silu", "gelu"]


def _which(data: Any) -> str:
    return "tagged-code" if isinstance(data, Code | Mapping) else "tagged-name"


AnyBlock = Annotated[
    Annotated[Block, Tag("tagged-name")] | Annotated[Code, Tag("tagged-code")],
    Discriminator(_which),
    BeforeValidator(as_code),
]
"""The name of a block, or code that makes one: see `netspace.arch.code`."""

BLOCKS: tuple[str, ...] = get_args(Block)
"""`bottleneck` (X; with `se_ratio` Y; without groups R), `linear_bottleneck` (Z), `basic`, `vanilla`, `v`, `vr`."""

BOTTLENECK_BLOCKS = frozenset({"bottleneck", "linear_bottleneck"})
"""The blocks with bottleneck ratio, group width and squeeze-and-excitation; the others are plain 3x3 convolutions."""

STEM_STRIDES: dict[str, int] = {"simple": 2, "res_in": 4, "cifar": 1}
"""By how much each stem reduces the resolution."""

LARGEST = 2**31 - 1
"""Of any count, so that the integers of numpy and torch can hold it."""

Positive = Annotated[int, Field(ge=1, le=LARGEST)]
Ratio = Annotated[float, Field(gt=0)]


class Stem(Document):
    """The layers before the body.

    Attributes:
        kind: `simple` (3x3, stride 2), `res_in` (7x7, stride 2; 3x3 max-pool, stride 2) or `cifar` (3x3, stride 1).
        width: output channels.
    """

    kind: StemKind = "simple"
    width: Positive = 32


class Stage(Document):
    """`depth` identical blocks of one width; the first block has the stage's stride (RegNet paper, figure 3).

    Attributes:
        depth: number of blocks.
        width: output channels of every block.
        stride: stride of the first block, 1 or 2.
        bottleneck_ratio: b = width / bottleneck width; below 1 the bottleneck is inverted. 1 for blocks without one.
        group_width: channels per group of the 3x3 convolution; left out, the convolution has one group. It divides the
            bottleneck width, and is the width itself for blocks without groups.
        own: further parameters of a block of one's own, by name.
    """

    depth: Positive
    width: Positive
    stride: Literal[1, 2] = 2
    bottleneck_ratio: Ratio = 1.0
    group_width: Positive = 0  # 0, the default, never stays: `_groups_fit` puts the bottleneck width there
    own: Mapping[str, int | float] = Field(default_factory=dict)

    @property
    def bottleneck_width(self) -> int:
        """Channels of the 3x3 convolution: width / bottleneck_ratio."""
        return round(self.width / self.bottleneck_ratio)

    @model_validator(mode="before")
    @classmethod
    def _no_group_width_is_the_default(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("group_width", 0) is not None:
            return data
        return {key: value for key, value in data.items() if key != "group_width"}

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        width, ratio = self.width, self.bottleneck_ratio
        if not 0.5 < width / ratio <= LARGEST or abs(self.bottleneck_width * ratio - width) > 1e-6 * width:
            raise ValueError(
                f"width / bottleneck_ratio must be a whole number of channels, got width={width}, "
                f"bottleneck_ratio={ratio:g}"
            )
        inner = self.bottleneck_width
        if "group_width" not in self.model_fields_set:
            object.__setattr__(self, "group_width", inner)  # the model is frozen, and not yet anyone's
        if inner % self.group_width:
            raise ValueError(
                f"group_width must divide the bottleneck width, got group_width={self.group_width}, "
                f"bottleneck width={inner} (width={width} / bottleneck_ratio={ratio:g})"
            )
        return self


COLUMNS = {
    "depths": "depth",
    "widths": "width",
    "strides": "stride",
    "bottleneck_ratios": "bottleneck_ratio",
    "group_widths": "group_width",
}
"""The columns of `stages` in a file and of `AnyNetBatch`, and the attribute of `Stage` that each one holds."""

OWN = "own"
"""The key of a block's own parameters: in a file a mapping of columns."""

STAGE_PROPERTIES = {column: name for column, name in COLUMNS.items() if name != "stride"}
"""Those that tell networks apart: the stride of a stage is the same throughout a design space."""


def _stages_from_columns(data: Any) -> Any:
    """Accept `stages` as a file writes it: a mapping of columns, one entry a stage."""
    if not isinstance(data, dict):
        return data
    own = data.get(OWN) or {}
    if not isinstance(own, Mapping):
        raise ValueError(f"{OWN} must be a mapping of columns, got {short(own)}")  # noqa: TRY004 (as below)
    data = {column: values for column, values in data.items() if column != OWN}
    if unknown := set(data) - set(COLUMNS):
        raise ValueError(f"unknown key '{min(map(str, unknown))}'; valid: {', '.join((*COLUMNS, OWN))}")
    if missing := [column for column in ("depths", "widths") if column not in data]:
        raise ValueError(f"the key '{missing[0]}' is missing")
    present = {column: values for column, values in data.items() if values is not None}
    for column, values in {**present, **own}.items():
        if not isinstance(values, list | tuple):
            raise ValueError(f"{column} must be a list with one entry for each stage, got {short(values)}")  # noqa: TRY004 (pydantic catches ValueError only)
    lengths = {column: len(values) for column, values in {**present, **own}.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError("every column must have one entry for each stage, got " + _pairs(lengths))
    names = [COLUMNS[column] for column in present]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*present.values(), strict=True)]
    if own:
        rows = [row | {OWN: {name: values[i] for name, values in own.items()}} for i, row in enumerate(rows)]
    return rows


class Template(Document):
    """What the networks of one design space share: everything but the stages of the body.

    Attributes:
        block: see `BLOCKS`; or code that makes one, see `netspace.code.blocks`.
        stem: see `Stem`.
        se_ratio: squeeze-and-excitation width over the block's *input* width (pycls); 0 for none, 0.25 in RegNetY.
        head_width: channels of a 1x1 convolution before the pooling; 0 for none.
        activation: after every normalisation.
        num_classes: outputs of the classifier.
        in_channels: channels of the image, 3 for colour, 1 for grey.
        head_activation: whether an activation comes before the pooling where neither the last block nor the head ends
            with one, which is `linear_bottleneck` with head width 0: it does in timm's RegNetZ, not in pycls.
    """

    block: AnyBlock = "bottleneck"
    stem: Stem = Stem()
    se_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    head_width: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    activation: Activation = "relu"
    num_classes: Positive = 1000
    in_channels: Positive = 3
    head_activation: bool = True

    @model_serializer(mode="wrap")
    def _without_the_usual_head(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # the key is younger than most digests, which it must not change
        values: dict[str, Any] = dump(self)
        if values.get("head_activation"):
            del values["head_activation"]
        return values

    @model_validator(mode="after")
    def _only_a_linear_end_can_stay_linear(self) -> Self:
        if not self.head_activation and not self.ends_linearly:
            raise ValueError(
                "head_activation can be false only for block 'linear_bottleneck' with head_width 0, "
                f"got block '{self.block}' and head_width {self.head_width}"
            )
        return self

    @property
    def ends_linearly(self) -> bool:
        """Whether neither the last block nor the head has an activation of its own."""
        return self.block == "linear_bottleneck" and not self.head_width

    @model_validator(mode="after")
    def _se_needs_a_bottleneck(self) -> Self:
        if self.se_ratio and self.block not in BOTTLENECK_BLOCKS and not isinstance(self.block, Code):
            raise ValueError(
                f"se_ratio must be 0 for block '{self.block}', got {self.se_ratio:g}; "
                f"blocks with squeeze-and-excitation: {', '.join(sorted(BOTTLENECK_BLOCKS))}"
            )
        return self


TEMPLATE_KEYS = tuple(Template.model_fields)


class NetworkDescription(Document, Displayed):
    """What the description of one network can do, whatever makes the network."""

    @cached_property
    def digest(self) -> str:
        """The network's identity: 16 hexadecimal digits of its values, however they were written."""
        return digest(self.to_dict())

    def changed(self, **values: Any) -> Self:
        """Return the network with other values for some keys, such as `num_classes=10`; its digest is its own.

        Raises:
            ConfigError: a key is unknown or its value breaks a rule.
        """
        return type(self)(**(self.to_dict() | values))

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain values: the inverse of construction from keywords."""

    def to_yaml(self, path: Path | str | None = None) -> str:
        """Return the configuration as YAML; with `path`, write it there too."""
        text = dump_yaml(self.to_dict())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text


class AnyNetConfig(Template, NetworkDescription):
    """One network: a stem, any number of stages, a head. Frozen; equal configurations have equal digests.

    Attributes:
        stages: one `Stage` each, or, as in a file, a mapping of columns (`depths`, `widths`, `strides`,
            `bottleneck_ratios`, `group_widths`) with one entry a stage.

    Raises:
        ConfigError: a rule is broken; the message names the key, the values received and the rule.
    """

    stages: Annotated[tuple[Stage, ...], BeforeValidator(_stages_from_columns), Field(min_length=1)]

    @model_validator(mode="after")
    def _plain_blocks_have_no_bottleneck(self) -> Self:
        if isinstance(self.block, Code):
            return self
        for number, stage in enumerate(self.stages, start=1):
            if stage.own:
                raise ValueError(
                    f"block '{self.block}' has no parameters of its own, got {', '.join(stage.own)} in stage {number}"
                )
        if self.block in BOTTLENECK_BLOCKS:
            return self
        for number, stage in enumerate(self.stages, start=1):
            if stage.bottleneck_ratio != 1 or stage.group_width != stage.width:
                raise ValueError(
                    f"block '{self.block}' has no bottleneck and no groups: leave bottleneck_ratios and group_widths "
                    f"out, got bottleneck_ratio={stage.bottleneck_ratio:g}, group_width={stage.group_width} "
                    f"in stage {number}"
                )
        return self

    @property
    def total_depth(self) -> int:
        """Blocks in the body, over all stages."""
        return sum(stage.depth for stage in self.stages)

    @property
    def total_stride(self) -> int:
        """By how much stem and body reduce the resolution."""
        stride = STEM_STRIDES[self.stem.kind]
        for stage in self.stages:
            stride *= stage.stride
        return stride

    @property
    def block_widths(self) -> tuple[int, ...]:
        """The width of every block, in order: what RegNet's quantized linear rule describes."""
        return tuple(stage.width for stage in self.stages for _ in range(stage.depth))

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain values, stages as columns: the inverse of `AnyNetConfig(**values)`."""
        stages: dict[str, Any] = {
            column: [whole_if_whole(getattr(stage, name)) for stage in self.stages] for column, name in COLUMNS.items()
        }
        if own := self.stages[0].own:
            stages[OWN] = {name: [whole_if_whole(stage.own[name]) for stage in self.stages] for name in own}
        template = {key: whole_if_whole(value) for key, value in self.model_dump(exclude={"stages"}).items()}
        return {"block": template.pop("block"), "stem": template.pop("stem"), "stages": stages, **template}

    @classmethod
    def from_yaml(cls, path: Path | str) -> Self:
        """Read a configuration from a YAML or JSON file.

        Raises:
            ConfigError: the file cannot be read, or what it holds breaks a rule; the message names file and key.
        """
        return parse(cls, read_yaml(path), str(path))


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
