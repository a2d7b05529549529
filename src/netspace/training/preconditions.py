"""Whether network, images, batches and processes go together, checked before an epoch is spent on them."""

from torch import nn

from netspace.arch.built import NetworkConfig
from netspace.errors import TrainingError
from netspace.training.distributed import processes
from netspace.training.images.data import ImageData
from netspace.training.recipe import Recipe


def check_fit(model: nn.Module, data: ImageData) -> None:
    """Raise unless a network that describes itself (`model.config`) takes these images.

    A resolution of half the total stride or less is refused: some convolution of stride 2 would be left one pixel to
    work on, and the stages after it with it. Between half and all of it the last image is one pixel, which is sound.

    Raises:
        TrainingError: channels, classes or resolution do not fit.
    """
    config = getattr(model, "config", None)
    if config is not None:
        check_network_fits(config, data)


def check_network_fits(config: NetworkConfig, data: ImageData) -> None:
    """Raise unless a network takes these images, by its description, before it is built.

    Raises:
        TrainingError: as for `check_fit`.
    """
    if config.in_channels != data.channels:
        raise TrainingError(f"the network expects {config.in_channels} channels, but the images have {data.channels}")
    if config.num_classes < data.num_classes:
        raise TrainingError(f"the network has {config.num_classes} outputs, but labels go up to {data.num_classes - 1}")
    if 2 * data.resolution <= config.total_stride:
        raise TrainingError(
            f"resolution {data.resolution} is too small for the network's total stride of {config.total_stride}: "
            f"valid: {config.total_stride // 2 + 1} or more"
        )


def check_batches(recipe: Recipe, data: ImageData) -> None:
    """Raise unless each part of a batch holds the 2 images that batch norm needs, and as many for every process.

    Raises:
        TrainingError: batch size, parts, processes and the number of training images do not go together.
    """
    images = min(recipe.batch_size, len(data.train_labels))
    settings = f"batch_size={recipe.batch_size}, accumulate={recipe.accumulate}"
    if images < 2 * recipe.accumulate:
        raise TrainingError(
            f"each part of a batch must hold 2 images or more, got {settings} "
            f"and {len(data.train_labels)} training images"
        )
    if processes() > 1 and images % (recipe.accumulate * processes()):
        raise TrainingError(
            f"a batch must be a multiple of accumulate x processes, got {settings} "
            f"and {len(data.train_labels)} training images on {processes()} processes"
        )
