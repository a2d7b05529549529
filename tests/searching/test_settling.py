"""A search that cannot be done says so in one line before anything is written."""

import pytest

from netspace import errors
from netspace.searching import SearchSpec, search
from netspace.searching.choices import Choice
from netspace.searching.settled import Settled
from netspace.searching.settling import settle
from netspace.study import Study
from netspace.training import DataSpec, Recipe


@pytest.fixture(autouse=True)
def quick_measure(given_speed):
    given_speed(36.0)


def settled(folder, **asked) -> Settled:
    return settle(SearchSpec(**asked), folder, device="cpu", workers=2)


def test_too_few_images_of_a_class_are_named(photos, tmp_path):
    folder = photos(cats=20, dogs=4)
    with pytest.raises(errors.DataError, match=r"class 'class dogs' has 4 images .* needs 5 or more"):
        search(folder, tmp_path / "found", params=":0.3M")
    assert not (tmp_path / "found").exists()


def test_no_network_in_the_window_names_the_nearest(digits, tmp_path):
    with pytest.raises(errors.WindowError, match=r"found 0 of .* nearest params seen: "):
        settled(tmp_path / "found", data=digits, params="10:20", resolution=20)
    assert not (tmp_path / "found").exists()


def test_hours_too_few_say_what_it_would_take(digits, small, tmp_path):
    # 100 epochs at 36 s for each of 1: an hour; beside it 20 cheap ones of 36 s on 2 workers
    small |= {"data": digits, "hours": 0.5, "epochs": 100}
    del small["workers"]
    with pytest.raises(errors.StudyError, match=r"0\.5 hours are too few: .* 60 min.* give --hours 1\.\d+ or more"):
        settled(tmp_path / "found", **small)
    assert not (tmp_path / "found").exists()


def test_more_hours_train_more_networks(digits, small, tmp_path):
    del small["workers"]
    few, many = (settled(tmp_path / str(hours), **small, data=digits, hours=hours) for hours in (0.3, 3))
    assert few.chosen < many.chosen
    for found, hours in ((few, 0.3), (many, 3)):
        study = Study.from_yaml(tmp_path / str(hours) / "study.yaml").spec
        models = study.n + found.chosen + found.repeats
        assert models * 36 / 2 + found.winner_seconds <= 3600 * hours
        assert found.more_rounds
        assert 3600 * study.hours <= 2 * (3600 * hours - found.winner_seconds)  # of 2 workers


def test_a_missing_test_split_is_seen(photos, tmp_path):
    folder = photos(test=True, cats=20, dogs=20)
    asked = {"params": ":0.3M", "resolution": 24}
    assert settled(tmp_path / "a", data=DataSpec(source=str(folder)), **asked).test
    assert not settled(tmp_path / "b", data=DataSpec(source=str(folder / "train")), **asked).test


def test_another_search_in_the_same_folder_is_refused(digits, small, tmp_path):
    del small["workers"]
    first = settled(tmp_path / "found", **small, data=digits)
    first.check_unchanged(SearchSpec(**small, data=digits), tmp_path)
    with pytest.raises(errors.StudyError, match=r"started with seed"):
        first.check_unchanged(SearchSpec(**small, data=digits, seed=1), tmp_path)
    assert Settled.read(tmp_path / "found") == first


def test_every_choice_that_was_not_asked_for_names_its_option(digits, small, tmp_path):
    told: list[Choice] = []
    settle(SearchSpec(data=digits), tmp_path / "found", device="cpu", workers=1, tell=told.append)
    options = {choice.what: choice.option for choice in told}
    assert {"--resolution", "--stem", "--recipe, --epochs", "--cheap-epochs", "--hours"} <= set(options.values())
    assert all(choice.reason for choice in told)
    told.clear()
    asked = {**small, "data": digits, "recipe": Recipe(epochs=3), "stem": "simple"}
    del asked["workers"]
    settle(SearchSpec(**asked), tmp_path / "other", device="cpu", workers=1, tell=told.append)
    assert {choice.option for choice in told if choice.what in ("resolution", "stem", "recipe", "regime")} == {""}


@pytest.mark.parametrize("wrong", [{"hours": 0}, {"params": "0.3M"}, {"stem": "round"}, {"latency": "5"}])
def test_what_breaks_a_rule_is_refused_in_a_line(wrong, digits, tmp_path):
    with pytest.raises(errors.ConfigError) as caught:
        search(digits, tmp_path / "found", **wrong)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "found").exists()
