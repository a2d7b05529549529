"""What is chosen of images and limits: the sizes that come out, their reasons, and that what is asked for stands."""

import pytest

from netspace.searching.choices import (
    choose_recipe,
    choose_regime,
    choose_resolution,
    choose_stem,
    choose_validation,
    choose_windows,
)
from netspace.searching.looking import Look
from netspace.training import Recipe
from netspace.training.latency import Latency


def look(sizes=((32, 32),), counts=(150,) * 10, channels=3, validation=None, test=None) -> Look:
    return Look(
        sizes=tuple(sizes),
        counts=tuple(counts),
        class_names=tuple(map(str, range(len(counts)))),
        channels=channels,
        validation=validation,
        test=test,
    )


@pytest.mark.parametrize(
    ("sizes", "device", "resolution"),
    [
        ([(32, 32)], "cpu", 32),
        ([(28, 28)], "cpu", 28),
        ([(60, 50), (80, 49), (45, 51)], "cpu", 48),
        ([(640, 480)], "cpu", 64),
        ([(640, 480)], "cuda", 224),
    ],
)
def test_resolution_follows_the_images_up_to_what_the_device_can_bear(sizes, device, resolution):
    found = choose_resolution(look(sizes), None, device)
    assert found.value == resolution
    assert found.choice.option == "--resolution"


def test_small_images_are_not_halved_by_the_stem():
    assert choose_stem(32, None).value["kind"] == "cifar"
    assert choose_stem(64, None).value["kind"] == "simple"
    assert choose_stem(32, "simple").value["kind"] == "simple"


def test_a_split_of_its_own_validates_else_a_fifth_is_set_aside():
    assert choose_validation(look(), None).value == 300
    assert choose_validation(look(validation=77), None).value is None
    assert choose_validation(look(), 42).value == 42


def test_recipe_follows_number_balance_and_colour():
    few, many = (choose_recipe(look(), n, 32, None, None, "cpu").value for n in (1200, 50_000))
    assert (few.epochs, many.epochs) == (100, 20)
    assert few.augment.flip
    assert not choose_recipe(look(channels=1), 1200, 32, None, None, "cpu").value.augment.flip
    unequal = choose_recipe(look(counts=(1000, 50)), 1000, 32, None, None, "cpu")
    assert unequal.value.class_weights == "balanced"
    assert "50 to 1,000" in unequal.choice.reason
    given = choose_recipe(look(), 1200, 32, Recipe(epochs=7), 9, "cpu")
    assert given.value == Recipe(epochs=9)
    assert given.choice.option == ""


def test_the_cheap_regime_keeps_the_schedule_in_proportion():
    whole = Recipe(epochs=80, warmup_epochs=8, schedule="step", step_epochs=(40, 60), frozen_epochs=8)
    cheap = choose_regime(whole, None).value
    assert (cheap.epochs, cheap.warmup_epochs, cheap.step_epochs, cheap.frozen_epochs) == (10, 1.0, (5, 8), 1)
    assert choose_regime(Recipe(epochs=3), None).value.epochs == 3


def test_an_upper_limit_alone_is_searched_near_it():
    windows, said = choose_windows({"params": (0.0, 300e3)}, None, "cpu")
    assert windows == {"params": (75e3, 300e3)}
    assert said.option == "--params 1:300K"
    assert choose_windows({"params": (1.0, 300e3)}, None, "cpu")[0] == {"params": (1.0, 300e3)}
    assert set(choose_windows({}, None, "cpu")[0]) == {"flops"}


def test_a_limit_on_the_latency_is_named_and_bounds_what_is_timed():
    windows, said = choose_windows({}, Latency(window="1:5"), "cpu")
    assert windows == {"flops": (0.0, 128e6)}
    assert said.value == "inference in 1:5 ms (batch 1 on cpu), flops :128M"
    assert said.option == "--flops"
