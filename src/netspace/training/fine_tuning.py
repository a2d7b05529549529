"""Training that starts from weights: which ones, how they expect images, and a body that is frozen at first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from netspace.arch import zoo
from netspace.documents import is_document
from netspace.errors import ConfigError
from netspace.models.anynet import AnyNet
from netspace.models.hub import is_package, read_package, weights_path
from netspace.models.pretrained import load_adapted, load_published
from netspace.models.weights_file import read_weights
from netspace.training.images.data import DataSpec, ImageData
from netspace.training.images.normalisation import COMPUTED


@dataclass(frozen=True, kw_only=True)
class Start:
    """Weights that a training started from.

    Attributes:
        name: whose they are, for people; names no path.
        mean, std: what normalised the images that they were trained on, in [0, 255]; None if unknown.
    """

    name: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def prepared(self, images: ImageData, spec: DataSpec) -> ImageData:
        """Return the images normalised as the weights expect, unless `spec` asks for a normalisation of its own."""
        if self.mean is None or self.std is None or spec.normalise != COMPUTED:
            return images
        return replace(images, mean=self.mean, std=self.std)


def start_from_published(model: AnyNet, name: str) -> Start:
    """Load the published weights of a network of the zoo; the classifier is new if the number of classes differs.

    Raises:
        ConfigError: the name is not in the zoo, so there are no published weights for it.
        WeightsError: they cannot be downloaded.
    """
    if is_document(name):
        raise ConfigError(f"published weights are those of a network of the zoo, got the file '{name}'")
    published = load_published(model, zoo.find(name))
    return _shown(published, model.pretrained_cfg["mean"], model.pretrained_cfg["std"], model)


def start_from_weights(model: AnyNet, source: str, classes: tuple[str, ...], key: str | None = None) -> Start:
    """Load the weights of a package or of a file; the classifier is a new one unless its classes are the same.

    Args:
        model: changed in place.
        source: a package's folder, `owner/name` on the hub, or a file of weights.
        classes: of the images to come.
        key: which weights, if a file holds several; see `read_weights`.

    Raises:
        WeightsError: they cannot be read, or are not this network's.
        UnknownNameError: no weights are under `key`.
    """
    if Path(source).is_file() or not is_package(source):
        load_adapted(model, read_weights(source, key), source, new_head=True)
        return Start(name=f"the file {Path(source).name}")
    _, package = read_package(source)
    state = read_weights(weights_path(source), key)
    load_adapted(model, state, source, new_head=package is None or package.classes != classes)
    if package is None:
        return Start(name="a package of an earlier version")
    return _shown(f"the package '{package.name}'", package.preparation.mean, package.preparation.std, model)


def _shown(name: str, mean: tuple[float, ...], std: tuple[float, ...], model: AnyNet) -> Start:
    if len(mean) != model.config.in_channels:
        return Start(name=name)
    return Start(name=name, mean=tuple(255 * value for value in mean), std=tuple(255 * value for value in std))


@contextmanager
def frozen_body(model: nn.Module) -> Iterator[None]:
    """Train only the classifier inside the `with` block; batch norm uses its running statistics and keeps them.

    Args:
        model: in training mode; names its classifier by timm's `get_classifier`.

    Raises:
        ConfigError: it does not, or has none.
    """
    named = getattr(model, "get_classifier", None)
    classifier = None if named is None else named()
    learning = set() if not isinstance(classifier, nn.Module) else set(classifier.parameters())
    if not learning:
        raise ConfigError("frozen_epochs needs a network with a classifier, which timm's `get_classifier` names")
    frozen = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter not in learning]
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d) and module.training]
    for parameter in frozen:
        parameter.requires_grad_(False)
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for norm in norms:
            norm.train()
