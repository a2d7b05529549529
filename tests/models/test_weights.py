"""Weights files: what loads, what is refused, and how it is said."""

import argparse
import logging
import pickle
import random
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch

from netspace.arch import AnyNetConfig, zoo
from netspace.errors import ConfigError, UnknownNameError, WeightsError
from netspace.models import build, create_model, from_netspace, load_weights, recognise
from netspace.models import pretrained as pretrained_module
from netspace.models.weights_file import read_weights, save_weights

SMALL = AnyNetConfig(stem={"width": 8}, stages={"depths": [1, 2], "widths": [8, 16]}, se_ratio=0.25, num_classes=4)


@pytest.fixture
def state():
    return build(SMALL, seed=3).state_dict()


def same(model, state):
    return all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("layout", ["pycls", "torchvision", "timm", "netspace"])
def test_every_layout_loads_and_is_told_by_its_keys(tmp_path, state, layout):
    torch.save(from_netspace(state, layout), tmp_path / "w.pth")
    assert same(load_weights(SMALL, tmp_path / "w.pth"), state)


def test_wrapped_and_prefixed_states_load(tmp_path, state):
    prefixed = {f"module.{key}": tensor for key, tensor in from_netspace(state, "pycls").items()}
    torch.save({"epoch": 99, "cfg": "TRAIN: ...", "model_state": prefixed}, tmp_path / "w.pyth")
    assert same(load_weights(SMALL, tmp_path / "w.pyth"), state)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "model.module.", "net.backbone."]
)
def test_prefixes_of_wrappers_are_taken_off(tmp_path, state, prefix):
    wrapped = {f"{prefix}{key}": tensor for key, tensor in from_netspace(state, "timm").items()}
    torch.save({"state_dict": wrapped | {"criterion.weight": torch.ones(4)}}, tmp_path / "w.ckpt")
    assert same(load_weights(SMALL, tmp_path / "w.ckpt"), state)


def test_the_state_of_an_averaged_compiled_model_loads(tmp_path):
    model = build(SMALL, seed=3)
    averaged = torch.optim.swa_utils.AveragedModel(torch.compile(model))
    torch.save({"epoch": 3, "model": averaged.state_dict()}, tmp_path / "w.pth")
    assert "n_averaged" in averaged.state_dict()
    assert same(load_weights(SMALL, tmp_path / "w.pth"), model.state_dict())


@pytest.mark.parametrize(
    ("raw", "average"),
    [("state_dict", "state_dict_ema"), ("model", "model_ema"), ("model_state", "ema_state"), ("model", "ema")],
)
def test_of_raw_and_averaged_weights_the_average_is_taken_and_said_and_the_key_chooses(
    tmp_path, state, caplog, raw, average
):
    path = tmp_path / "w.pth"
    other = build(SMALL, seed=4).state_dict()
    torch.save({raw: from_netspace(other, "timm"), average: from_netspace(state, "timm")}, path)
    with caplog.at_level(logging.WARNING):
        assert same(load_weights(SMALL, path), state)
    assert f"took the averaged weights '{average}'; the raw ones are '{raw}'" in caplog.text
    caplog.clear()
    assert same(load_weights(SMALL, path, key=raw), other)
    assert same(load_weights(SMALL, path, key=average), state)
    assert not caplog.text
    with pytest.raises(UnknownNameError, match=r"unknown weights key of .*w\.pth 'state'.*valid: "):
        load_weights(SMALL, path, key="state")


def test_raw_and_averaged_weights_in_one_state_dict_are_told_apart_by_their_prefixes(tmp_path, state, caplog):
    path = tmp_path / "w.ckpt"
    other = build(SMALL, seed=4).state_dict()
    both = {f"model.{k}": v for k, v in other.items()} | {f"ema_model.module.{k}": v for k, v in state.items()}
    torch.save({"state_dict": both}, path)
    assert same(load_weights(SMALL, path), state)
    assert "took the averaged weights 'state_dict.ema_model.module'" in caplog.text
    assert same(load_weights(SMALL, path, key="state_dict.model"), other)
    with pytest.raises(WeightsError, match=r"several sets of weights under 'state_dict': state_dict\.model, "):
        load_weights(SMALL, path, key="state_dict")


def test_several_sets_of_weights_are_refused_unless_they_are_equal(tmp_path, state):
    path = tmp_path / "w.pth"
    torch.save({"student": build(SMALL, seed=4).state_dict(), "teacher": state}, path)
    with pytest.raises(WeightsError, match="holds 2 different sets of weights: 'student', 'teacher'; choose one"):
        load_weights(SMALL, path)
    assert same(load_weights(SMALL, path, key="teacher"), state)
    torch.save({"model": state, "best": state}, path)
    assert same(load_weights(SMALL, path), state)


def test_the_arguments_of_a_training_script_may_be_in_the_file(tmp_path, state):
    arguments = argparse.Namespace(lr=0.1, output=Path("runs/1"), nested=argparse.Namespace(ema=True))
    torch.save({"state_dict": state, "args": arguments}, tmp_path / "w.pth")
    assert same(load_weights(SMALL, tmp_path / "w.pth"), state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_unless_they_are_not_taken(tmp_path, state, value):
    state["head.fc.bias"][1] = value
    torch.save(from_netspace(state, "timm"), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: not all weights are finite, in head\.fc\.bias: a training"):
        load_weights(SMALL, tmp_path / "w.pth")
    fresh = load_weights(SMALL, tmp_path / "w.pth", reinit_head=True, seed=0)
    assert all(parameter.isfinite().all() for parameter in fresh.parameters())


def test_safetensors_load_into_a_built_network(tmp_path, state):
    safetensors.torch.save_file(from_netspace(state, "timm"), tmp_path / "w.safetensors")
    model = build(SMALL, seed=0)
    assert load_weights(model, tmp_path / "w.safetensors") is model
    assert same(model, state)


def test_files_without_the_counters_of_old_torch_load(tmp_path, state):
    old = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "w.pth")
    assert same(load_weights(SMALL, tmp_path / "w.pth"), state)


def test_torchvision_widths_are_recognised_by_name(tmp_path):
    variant = build(zoo.get("x400mf-tv"), seed=0)
    torch.save(from_netspace(variant.state_dict(), "torchvision"), tmp_path / "w.pth")
    model = load_weights("RegNetX-400MF", tmp_path / "w.pth")
    assert model.config == zoo.get("RegNetX-400MF-tv")
    assert same(model, variant.state_dict())


def test_wrong_weights_name_the_first_five_differences_and_whose_they_are(tmp_path):
    state = from_netspace(build(zoo.get("x200mf"), seed=0).state_dict(), "timm")
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        load_weights("RegNetY-400MF", tmp_path / "w.pth")
    message = str(caught.value)
    assert (
        "w.pth: the timm weights are not this network's: s1.b1.conv1.conv.weight is (24, 32, 1, 1) in the " in message
    )
    assert message.count(";") == 5
    assert re.search(r"; and \d+ more \(they have the shapes of RegNetX-200MF\)$", message)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "argument"), [({"num_classes": 7}, "reinit_head"), ({"in_channels": 1}, "reinit_stem")]
)
def test_another_head_or_stem_is_offered_to_be_reinitialised(tmp_path, state, changes, argument):
    torch.save(from_netspace(state, "pycls"), tmp_path / "w.pth")
    config = SMALL.changed(**changes)
    with pytest.raises(WeightsError, match=f"{argument}=True keeps"):
        load_weights(config, tmp_path / "w.pth")
    loaded = load_weights(config, tmp_path / "w.pth", **{argument: True}, seed=5).state_dict()
    fresh = build(config, seed=5).state_dict()
    own = {"reinit_head": {"head.fc.weight", "head.fc.bias"}, "reinit_stem": {"stem.conv.weight"}}[argument]
    assert all(torch.equal(loaded[key], (fresh if key in own else state)[key]) for key in loaded)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("harmed"),)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, state, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state": state, "extra": Harmful()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="would run as code; refused"):
        load_weights(SMALL, tmp_path / "w.pth")
    assert not Path("harmed").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_and_foreign_files_are_told(tmp_path, state, suffix):
    path = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=r"cannot be read as weights: truncated"):
        load_weights(SMALL, path)
    path.write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match=r"cannot be read as weights"):
        load_weights(SMALL, path)


def test_missing_empty_and_unknown_are_told(tmp_path, state):
    with pytest.raises(WeightsError, match=r"nowhere\.pth: no such file"):
        load_weights(SMALL, tmp_path / "nowhere.pth")
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no weights"):
        load_weights(SMALL, tmp_path / "w.pth")
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: weights of an unknown source"):
        load_weights(SMALL, tmp_path / "w.pth")
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(UnknownNameError):
        load_weights("RegNetQ", tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": 1}, protocol=2)[:8])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_weights(SMALL, tmp_path / "w.pth")


def test_shapes_are_recognised_whatever_the_classes():
    state = build(zoo.get("z500mf").changed(num_classes=3), seed=0).state_dict()
    assert recognise(from_netspace(state, "timm")).name == "RegNetZ-500MF"
    assert recognise(build(SMALL, seed=0).state_dict()) is None


def test_create_follows_name_classes_and_seed():
    model = create_model("x200mf", num_classes=3, in_channels=1, seed=0)
    assert model.config == AnyNetConfig(**zoo.get("x200mf").to_dict() | {"num_classes": 3, "in_channels": 1})
    assert same(model, build(model.config, seed=0).state_dict())


def test_a_created_network_of_other_classes_has_its_own_digest():
    published = zoo.get("vanilla56").digest
    config = create_model("vanilla56", num_classes=3).config
    assert config.digest == AnyNetConfig(**config.to_dict()).digest != published
    assert create_model("vanilla56").config.digest == published


@pytest.mark.parametrize("changes", [{"num_classes": -1}, {"in_channels": 0}])
def test_classes_and_channels_below_one_are_refused(changes):
    with pytest.raises(ConfigError, match=f"{next(iter(changes))}: .*greater than or equal to 1, got"):
        create_model("x200mf", **changes)


def test_pretrained_weights_come_through_the_library(monkeypatch):
    downloaded = pretrained_module.peer(zoo.find("x200mf"), "timm")
    monkeypatch.setattr(pretrained_module, "peer", lambda *_, **__: downloaded)
    model = create_model("x200mf", pretrained=True, num_classes=3, seed=0)
    assert torch.equal(model.stem.conv.weight, downloaded.stem.conv.weight)
    assert model.head.fc.weight.shape == (3, 368)


def test_no_network_says_what_to_do(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr(pretrained_module, "peer", unreachable)
    with pytest.raises(WeightsError, match=r"cannot download .* \(Name or service not known\).*load_weights\('RegNetX"):
        create_model("x200mf", pretrained=True)
    with pytest.raises(WeightsError, match="torchvision does not have RegNetX-200MF"):
        create_model("x200mf", pretrained=True, library="torchvision")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_of_single_flipped_bits_none_gives_other_weights(tmp_path, ending):
    state = {"stem.weight": torch.arange(300.0).reshape(30, 10), "head.bias": torch.ones(7, dtype=torch.bfloat16)}
    path = tmp_path / f"weights{ending}"
    save_weights(state, path) if ending == ".safetensors" else torch.save(state, path)
    content, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(150):
        place = rng.randrange(len(content))
        flipped = bytes([content[place] ^ (1 << rng.randrange(8))])
        path.write_bytes(content[:place] + flipped + content[place + 1 :])
        try:
            found = read_weights(path)
        except WeightsError:
            refused += 1
            continue
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], state[name]) for name in state)
    assert refused > 50


def test_a_checkpoint_written_without_checksums_is_read(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(3)}, tmp_path / "weights.pth")
    finally:
        torch.serialization.set_crc32_options(before)
    assert read_weights(tmp_path / "weights.pth")["a"].tolist() == [1, 1, 1]
