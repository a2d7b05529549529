"""timm's conventions: features, heads, descriptions, held against timm's own RegNets with the same weights."""

import shutil

import pytest
import timm
import torch
from timm.data import resolve_model_data_config
from timm.models import model_parameters

import netspace as ns
from netspace.arch import AnyNetConfig, zoo
from netspace.errors import ConfigError, UnknownNameError
from netspace.models import build, create_model
from netspace.models import pretrained as pretrained_module
from netspace.models.hub import from_pretrained, save_pretrained
from netspace.models.pretrained import peer
from netspace.models.timm_names import register
from netspace.models.weights import load_state
from netspace.models.zoo_table import randomise_norms

NAME = "RegNetY-200MF"


@pytest.fixture(scope="module")
def theirs():
    model = peer(zoo.find(NAME), "timm")
    randomise_norms(model, torch.Generator().manual_seed(0))
    return model.eval()


@pytest.fixture
def ours(theirs):
    return load_state(zoo.get(NAME), theirs.state_dict(), "timm").eval()


IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def test_features_and_logits_are_those_of_timm(ours, theirs):
    features, expected = ours.forward_features(IMAGES), theirs.forward_features(IMAGES)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(ours.forward_head(features), theirs.forward_head(expected))
    pooled = ours.forward_head(features, pre_logits=True)
    torch.testing.assert_close(pooled, theirs.forward_head(expected, pre_logits=True))
    assert (ours.num_classes, ours.num_features, ours.head_hidden_size) == (1000, *pooled.shape[1:] * 2)
    for indices in (None, 2, [1, 3]):
        last, maps = ours.forward_intermediates(IMAGES, indices)
        other, others = theirs.forward_intermediates(IMAGES, indices)
        torch.testing.assert_close(last, other)
        torch.testing.assert_close(maps, others)


@torch.inference_mode()
def test_feature_maps_are_those_of_timm(theirs, monkeypatch):
    monkeypatch.setattr(pretrained_module, "peer", lambda *_, **__: theirs)
    net = ns.create_model(NAME, pretrained=True, features_only=True, out_indices=(1, 4)).eval()
    other = timm.create_model("regnety_002", features_only=True, out_indices=(1, 4)).eval()
    other.load_state_dict(theirs.state_dict(), strict=False)
    torch.testing.assert_close(net(IMAGES), other(IMAGES))
    assert net.feature_info.channels() == other.feature_info.channels()
    assert net.feature_info.reduction() == other.feature_info.reduction()
    with pytest.raises(ConfigError, match=r"out_indices: must be 0 \(the stem\) to 4, got 5"):
        create_model(NAME, features_only=True, out_indices=(5,))


@torch.inference_mode()
def test_without_classes_features_come_out_pooled_or_not(ours):
    features = ours.forward_features(IMAGES)
    ours.reset_classifier(0)
    torch.testing.assert_close(ours(IMAGES), features.mean((2, 3)))
    ours.reset_classifier(0, "max")
    torch.testing.assert_close(ours(IMAGES), features.amax((2, 3)))
    ours.reset_classifier(0, "")
    torch.testing.assert_close(ours(IMAGES), features)
    assert ours.num_classes == 0
    assert create_model(NAME, num_classes=0, global_pool="")(IMAGES).ndim == 4


def test_a_new_classifier_is_of_the_models_kind_and_forgets_names(package):
    model = from_pretrained(package).double()
    model.reset_classifier(7)
    assert model.get_classifier().weight.dtype == torch.float64
    assert (model.num_classes, model.config.num_classes, model.classes) == (7, 7, None)
    assert model.transform is not None
    assert model(torch.randn(2, 3, 16, 16, dtype=torch.float64)).shape == (2, 7)


def test_a_head_that_cannot_be_is_refused(ours):
    with pytest.raises(ConfigError, match="a classifier of 3 classes needs pooled features"):
        ours.reset_classifier(3, "")
    with pytest.raises(UnknownNameError, match="unknown global pooling 'mean'"):
        ours.reset_classifier(3, "mean")


def test_a_network_without_classifier_is_saved_and_read(package, tmp_path):
    model = from_pretrained(package).eval()
    model.reset_classifier(0, "max")
    again = from_pretrained(save_pretrained(model, tmp_path / "body")).eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(again(images), model(images))


def test_a_package_is_created_by_its_folder_with_other_classes_and_channels(package, tmp_path):
    own = shutil.copytree(package, tmp_path / "own")
    original = from_pretrained(own)
    assert create_model(str(own), pretrained=True).classes == original.classes
    model = ns.create_model(str(own), pretrained=True, num_classes=5, in_channels=1, seed=0)
    assert torch.equal(
        model.stages[0].blocks[0].branch.a.conv.weight, original.stages[0].blocks[0].branch.a.conv.weight
    )
    assert (model.head.fc.weight.shape, model.stem.conv.weight.shape[1]) == ((5, 32), 1)
    assert (model.classes, model.transform) == (None, None)


def test_timm_reads_how_images_are_shown_and_in_which_layers_the_parameters_are(package):
    model = from_pretrained(package)
    data = resolve_model_data_config(model)
    assert (data["input_size"], data["crop_pct"]) == ((3, 16, 16), 1.0)
    assert data["mean"] == pytest.approx(model.preparation.mean)
    assert model.default_cfg is model.pretrained_cfg
    groups = timm.models.group_parameters(model, model.group_matcher())
    assert [len(group) for group in groups.values()][-1] == 2
    assert sum(map(len, groups.values())) == len(list(model_parameters(model)))


def test_timm_opens_a_package_with_its_own_options(package):
    register()
    name = f"local-dir:{package}"
    assert timm.create_model(name, pretrained=True, num_classes=0)(torch.randn(1, 3, 16, 16)).shape == (1, 32)
    net = timm.create_model(name, pretrained=True, features_only=True)
    assert [map_.shape[-1] for map_ in net(torch.randn(1, 3, 16, 16))] == [8, 4, 2]


def test_networks_of_other_stems_and_blocks_say_what_their_features_are():
    config = AnyNetConfig(
        block="linear_bottleneck",
        stem={"kind": "cifar", "width": 8},
        stages={"depths": [1, 1], "widths": [8, 16], "strides": [1, 2]},
        num_classes=3,
    )
    model = build(config, seed=0).eval()
    images = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        last, maps = model.forward_intermediates(images)
        assert [(map_.shape[1], 16 // map_.shape[2]) for map_ in maps] == [
            (info["num_chs"], info["reduction"]) for info in model.feature_info
        ]
        torch.testing.assert_close(model.forward_head(last), model(images))
