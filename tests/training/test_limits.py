"""What does not fit: network and images, device, memory."""

import dataclasses

import pytest
import torch
from torch import nn

from netspace.arch import AnyNetConfig
from netspace.errors import TrainingError
from netspace.models import build
from netspace.training import DataSpec, Recipe, load_data, train

RECIPE = Recipe(epochs=1, batch_size=64)


def network(**changes):
    stages = {"depths": [1] * 3, "widths": [8] * 3, "strides": [2] * 3}
    stages |= {"bottleneck_ratios": [1] * 3, "group_widths": [8] * 3}
    settings = {"stages": stages, "stem": {"kind": "simple", "width": 8}, "num_classes": 10, "in_channels": 1}
    return build(AnyNetConfig(**{**settings, **changes}), seed=0)


@pytest.mark.parametrize(
    ("changes", "resolution", "message"),
    [
        ({"in_channels": 3}, None, "the network expects 3 channels, but the images have 1"),
        ({"num_classes": 7}, None, r"has 7 outputs, but labels go up to 9"),
        ({}, 8, "resolution 8 is too small for the network's total stride of 16: valid: 9 or more"),
    ],
)
def test_a_network_that_does_not_fit_the_images_is_refused(changes, resolution, message):
    with pytest.raises(TrainingError, match=message):
        train(network(**changes), load_data(DataSpec(train=128, validation=64), resolution), RECIPE)


def test_the_least_resolution_that_is_named_as_valid_is():
    result = train(network(), load_data(DataSpec(train=128, validation=64), 9), RECIPE)
    assert result.status == "done"


def test_a_device_that_is_not_there_is_refused_in_one_line():
    with pytest.raises(TrainingError, match="cannot use the device 'cuda:77'") as caught:
        train(network(), load_data(DataSpec(train=128, validation=64)), RECIPE, device="cuda:77")
    assert "\n" not in str(caught.value)


class Hungry(nn.Module):
    """Has no memory for more than 20 images at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(784, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > 20:
            raise torch.OutOfMemoryError("no more")
        return self.layer(x.flatten(1))


def test_out_of_memory_names_the_batch_that_was_tried():
    with pytest.raises(TrainingError, match=r"out of memory on cpu with 64 images per step \(batch_size=64"):
        train(Hungry(), load_data(DataSpec(train=128, validation=64)), RECIPE)


def test_halved_batches_are_the_same_training_in_more_parts():
    data = load_data(DataSpec(train=256, validation=64))
    hungry, patient = Hungry(), Hungry()
    patient.load_state_dict(hungry.state_dict())
    result = train(hungry, data, RECIPE, halve_batch=True)
    assert result.recipe["accumulate"] == 4
    expected = train(patient, data, RECIPE.model_copy(update={"accumulate": 4}))
    assert result.curve[0].train_loss == expected.curve[0].train_loss


def test_parts_of_a_batch_add_up_to_the_whole_where_there_is_no_batch_norm():
    data = load_data(DataSpec(train=256, validation=64))
    losses = []
    for accumulate in (1, 3):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        recipe = Recipe(epochs=2, batch_size=64, accumulate=accumulate)
        losses.append([epoch.train_loss for epoch in train(model, data, recipe).curve])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_parts_of_a_batch_differ_by_one_image_at_most():
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])) if module.training else None)
    train(
        model,
        load_data(DataSpec(train=7, validation=64, split="unchecked")),
        Recipe(epochs=1, batch_size=7, accumulate=3),
    )
    assert seen == [3, 2, 2]


def test_batches_are_halved_no_further_than_to_two_images():
    class Insatiable(Hungry):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sizes.append(len(x))
            raise torch.OutOfMemoryError("no more")

    sizes: list[int] = []
    with pytest.raises(TrainingError, match=r"with 4 images per step \(batch_size=64, accumulate=2\)"):
        train(Insatiable(), load_data(DataSpec(train=7, validation=64, split="unchecked")), RECIPE, halve_batch=True)
    assert sizes == [7, 4]


@pytest.mark.parametrize(("images", "accumulate"), [(1, 1), (3, 2), (5, 4)])
def test_parts_of_one_image_are_refused_before_anything_is_trained(images, accumulate):
    data = load_data(DataSpec(train=images, validation=64, split="unchecked"))
    recipe = Recipe(epochs=1, batch_size=64, accumulate=accumulate)
    message = f"2 images or more, got batch_size=64, accumulate={accumulate} and {images} training images"
    with pytest.raises(TrainingError, match=message):
        train(network(), data, recipe)


def test_the_digest_of_the_validation_split_is_in_the_result():
    data = load_data(DataSpec(train=128, validation=64))
    result = train(network(), data, RECIPE)
    assert result.split_digest == data.split_digest
    assert dataclasses.asdict(result)["recipe"]["peak_lr"] == RECIPE.peak_lr
