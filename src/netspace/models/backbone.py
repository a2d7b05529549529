"""What timm's users expect of a backbone: features, a head that can be exchanged, and a description of both."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netspace.arch.built import NetworkConfig
from netspace.arch.config import STEM_STRIDES, AnyNetConfig
from netspace.errors import ConfigError, raise_unknown
from netspace.models.package import Package, Preparation, timm_config
from netspace.models.transform import Transform

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_POOLS: dict[str, Callable[[], nn.Module]] = {
    "avg": lambda: nn.AdaptiveAvgPool2d(1),
    "max": lambda: nn.AdaptiveMaxPool2d(1),
    "": nn.Identity,
}
_AFTER_FEATURES = ("pool", "flatten", "fc")


class Described(nn.Module):
    """A network with what is known of it: how it is shown images, and what its outputs mean.

    Attributes:
        config: the network; its `num_classes` is that of the last classifier, whether or not it has been taken away.
        global_pool: `avg`, `max`, or nothing for features that are not pooled.
        package: what is known of a trained network; None for others.
        preparation: how the network is shown images; None if unknown.
        pretrained_cfg: the same in timm's words, see `netspace.models.package.timm_config`.
    """

    config: NetworkConfig

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.global_pool: str = "avg"
        self.package: Package | None = None
        self.preparation: Preparation | None = None
        channels = config.in_channels
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.5,) * channels, (0.5,) * channels)
        self.pretrained_cfg: dict[str, Any] = timm_config(config.num_classes, (channels, 224, 224), mean, std)
        self.pretrained_cfg["crop_pct"] = 0.875  # timm's own default

    def know(self, package: Package) -> None:
        """Take in what a package says of this network."""
        self.package = package
        self.preparation = package.preparation
        self.pretrained_cfg = package.timm_config()

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the outputs, in order; None if unknown."""
        return None if self.package is None else self.package.classes

    @property
    def transform(self) -> Transform | None:
        """What turns an image into the network's input, float32 (channels, height, width); None if unknown."""
        return None if self.preparation is None else Transform(self.preparation)

    @property
    def default_cfg(self) -> dict[str, Any]:
        """The `pretrained_cfg`, by its former name."""
        return self.pretrained_cfg

    @property
    def num_classes(self) -> int:
        """Outputs of the classifier; 0 if there is none."""
        return self.config.num_classes


class Backbone(Described):
    """A network of a stem, stages and a head, with the methods and attributes of timm's networks.

    Attributes (further ones are those of `Described`):
        stem, stages: the body.
        head: perhaps a convolution and an activation, then `pool`, `flatten` and `fc`.
    """

    config: AnyNetConfig
    stem: nn.Sequential
    stages: nn.Sequential
    head: nn.Sequential

    def __init__(self, config: AnyNetConfig) -> None:
        super().__init__(config)
        self.config = config

    @property
    def num_classes(self) -> int:
        """Outputs of the classifier; 0 if there is none."""
        return self.config.num_classes if isinstance(self.get_classifier(), nn.Linear) else 0

    @property
    def num_features(self) -> int:
        """Channels of `forward_features`."""
        return self.config.head_width or self.config.stages[-1].width

    @property
    def head_hidden_size(self) -> int:
        """Channels that enter the classifier."""
        return self.num_features

    @property
    def in_chans(self) -> int:
        """Channels of the images."""
        return self.config.in_channels

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """Of the stem and of each stage: `num_chs` channels, `reduction` of the resolution, and the `module`."""
        reduction = STEM_STRIDES[self.config.stem.kind]
        found: list[dict[str, Any]] = [{"num_chs": self.config.stem.width, "reduction": reduction, "module": "stem"}]
        for index, stage in enumerate(self.config.stages):
            reduction *= stage.stride
            found.append({"num_chs": stage.width, "reduction": reduction, "module": f"stages.{index}"})
        return found

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (n, in_channels, h, w) to features (n, num_features, h', w'), the head's convolution included."""
        return self._before_pooling(self.stages(self.stem(x)))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Map features to logits (n, num_classes), or with `pre_logits` to pooled features (n, num_features)."""
        for name in ("pool", "flatten") if pre_logits else _AFTER_FEATURES:
            x = self.head.get_submodule(name)(x)
        return x

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,  # noqa: ARG002 (timm's signature; there is no norm after the stages)
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Return the outputs of the stem (index 0) and of stages (1, 2, ...), and by default the features.

        Args:
            x: images, float (n, in_channels, h, w).
            indices: which; an int for so many of the last, None for all.
            norm: without effect, as there is no norm after the last stage.
            stop_early: leave out the stages after the last index.
            output_fmt: NCHW, the only one.
            intermediates_only: return the outputs alone.

        Raises:
            ConfigError: another format is asked for.
        """
        from timm.models._features import feature_take_indices

        if output_fmt != "NCHW":
            raise ConfigError(f"output_fmt must be 'NCHW', got '{output_fmt}'")
        taken, last = feature_take_indices(len(self.stages) + 1, indices)
        x = self.stem(x)
        found = [x] if 0 in taken else []
        for index, stage in enumerate(self.stages[:last] if stop_early else self.stages, 1):
            x = stage(x)
            if index in taken:
                found.append(x)
        # the head's activation may work in place
        return found if intermediates_only else (self._before_pooling(x.clone()), found)

    def prune_intermediate_layers(
        self,
        indices: int | Sequence[int] = 1,
        prune_norm: bool = False,  # noqa: ARG002 (timm's signature)
        prune_head: bool = True,
    ) -> list[int]:
        """Drop the stages after the last of these indices, and the head; return the indices, all counted from 0."""
        from timm.models._features import feature_take_indices

        taken, last = feature_take_indices(len(self.stages) + 1, indices)
        self.stages = self.stages[:last]
        if prune_head:
            self.reset_classifier(0, "")
        return list(taken)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.head.get_submodule("fc")

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a fresh classifier in place of the present one; the names of the classes are forgotten.

        Args:
            num_classes: its outputs; 0 for none, so that the network gives features.
            global_pool: `avg`, `max`, or nothing for features that are not pooled; None for what it is.

        Raises:
            ConfigError: there are classes, but no pooling, or fewer than 0 classes.
            UnknownNameError: there is no such pooling.
        """
        pool = self.global_pool if global_pool is None else global_pool
        if num_classes and not pool:
            raise ConfigError(f"a classifier of {num_classes} classes needs pooled features: global_pool must be set")
        if num_classes:
            self.config = self.config.changed(num_classes=num_classes)
        self.set_pool(pool)
        like = next(self.parameters())
        fc = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()
        if isinstance(fc, nn.Linear):
            with torch.no_grad():
                fc.weight.normal_(0, 0.01)
                fc.bias.zero_()
        self.head.fc = fc.to(device=like.device, dtype=like.dtype)
        self.package = None

    def set_pool(self, global_pool: str) -> None:
        """Pool features otherwise: `avg`, `max`, or not at all if it is empty.

        Raises:
            UnknownNameError: there is no such pooling.
        """
        if global_pool not in _POOLS:
            raise_unknown("global pooling", global_pool, [repr(name) for name in _POOLS])
        if global_pool != self.global_pool:
            self.head.pool = _POOLS[global_pool]()
            self.head.flatten = nn.Flatten() if global_pool else nn.Identity()
            self.global_pool = global_pool

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Return patterns of parameters' names, by which timm divides a network into layers."""
        return {"stem": r"^stem", "blocks": r"^stages\.(\d+)" if coarse else r"^stages\.(\d+)\.blocks\.(\d+)"}

    def _before_pooling(self, x: Tensor) -> Tensor:
        for name, layer in self.head.named_children():
            if name not in _AFTER_FEATURES:
                x = layer(x)
        return x
