"""A search among the published networks, its weights stood in for: there is no network in tests."""

import json

import pytest
import torch

import netspace as ns
from netspace import errors
from netspace.searching import SearchSpec
from netspace.searching.published import settle_published
from netspace.training import DataSpec


@pytest.fixture
def downloads(monkeypatch) -> list[str]:
    """Give weights of a known value in place of published ones; return the names that were asked for."""
    asked: list[str] = []

    def downloaded(entry, library):
        asked.append(f"{entry.name} from {library}")
        return ns.build(entry.config, seed=7)

    monkeypatch.setattr("netspace.models.pretrained._downloaded", downloaded)
    return asked


def test_the_least_imagenet_error_inside_the_limit_is_chosen(photos, tmp_path):
    data = DataSpec(source=str(photos(cats=20, dogs=20)))

    def chosen(**limits):
        asked = SearchSpec(data=data, pretrained=True, resolution=64, **limits)
        return settle_published(asked, tmp_path / json.dumps(limits), device="cpu").published.network

    assert chosen(params=":3M") == "RegNetY-200MF"  # 29.6 % on ImageNet; RegNetX-200MF 31.1 %
    assert chosen(params="3M:6M", flops=":40M") == "RegNetY-400MF"


def test_none_inside_the_limit_names_the_nearest(photos, tmp_path):
    with pytest.raises(errors.WindowError, match=r"nearest params: 2\.\d+M"):
        ns.search(photos(cats=20, dogs=20), tmp_path / "found", params=":0.3M", pretrained=True)
    assert not (tmp_path / "found").exists()


def test_what_has_no_effect_is_refused(photos, tmp_path):
    with pytest.raises(errors.ConfigError, match=r"--space, --hours have no effect with --from-pretrained"):
        ns.search(photos(cats=20, dogs=20), tmp_path / "found", pretrained=True, hours=1, spaces=["RegNetX"])


@pytest.mark.slow
def test_it_is_trained_on_from_its_weights(photos, tmp_path, downloads):
    folder = photos(test=True, cats=12, dogs=12)
    options = {"params": ":3M", "resolution": 32, "epochs": 1, "pretrained": True}
    found = ns.search(folder, tmp_path / "found", **options, recipe=ns.Recipe(lr=1e-9, batch_size=8))
    assert downloads == ["RegNetY-200MF from timm"]
    assert found.package.started_from == "RegNetY-200MF, published through timm"
    assert found.package.preparation.mean == pytest.approx((0.485, 0.456, 0.406))
    assert {error.split for error in found.package.errors} == {"validation", "test"}
    stem = ns.build(ns.zoo.get("RegNetY-200MF"), seed=7).state_dict()["stem.conv.weight"]
    torch.testing.assert_close(found.model.state_dict()["stem.conv.weight"], stem, atol=1e-4, rtol=0)
    assert "RegNetY-200MF" in (tmp_path / "found" / "summary.txt").read_text()
