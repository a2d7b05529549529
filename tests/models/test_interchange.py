"""Networks out to folders, the hub, timm, ONNX and torch.export, and back."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from netspace.arch import AnyNetConfig, zoo
from netspace.errors import ConfigError, MissingExtraError, WeightsError
from netspace.models import build, export
from netspace.models.export import export_onnx, export_program
from netspace.models.hub import from_pretrained, push_to_hub, save_pretrained
from netspace.models.timm_names import register, timm_name
from netspace.models.zoo_table import randomise_norms


@pytest.fixture
def model():
    config = AnyNetConfig(stages={"depths": [1, 2], "widths": [16, 32], "group_widths": [8, 8]}, se_ratio=0.25)
    model = build(config.changed(num_classes=5, activation="silu"), seed=0)
    randomise_norms(model, torch.Generator().manual_seed(0))
    return model


def assert_same(one, other):
    assert one.config == other.config
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_a_folder_gives_the_network_back(tmp_path, model):
    model.to(memory_format=torch.channels_last)
    save_pretrained(model, tmp_path / "new" / "folder")
    before = torch.get_rng_state()
    assert_same(from_pretrained(tmp_path / "new" / "folder"), model)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_folder_with_another_network_or_none_is_told(tmp_path, model):
    save_pretrained(model, tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    content["network"]["num_classes"] = 7
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"head\.fc\.weight is \(5, 32\) in the file, \(7, 32\) in the network"):
        from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"config\.json, network: must be a mapping"):
        from_pretrained(tmp_path)


def test_what_is_pushed_to_the_hub_is_what_comes_back(tmp_path, model, monkeypatch):
    import huggingface_hub

    class Hub:
        def create_repo(self, repository, *, private, exist_ok):
            assert (repository, private, exist_ok) == ("me/net", True, True)

        def upload_folder(self, *, repo_id, folder_path, commit_message):
            save_pretrained(from_pretrained(folder_path), tmp_path / repo_id)
            return SimpleNamespace(commit_url=f"hub: {commit_message}")

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repo, name, revision: tmp_path / repo / name)  # noqa: ARG005 (the client's signature)
    assert push_to_hub(model, "me/net", private=True) == "hub: Upload a network"
    assert_same(from_pretrained("me/net"), model)


def test_an_unreachable_hub_is_told(model, monkeypatch):
    import huggingface_hub

    def unreachable(*_, **__):
        raise OSError("no route\nto the hub")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(create_repo=unreachable))
    with pytest.raises(WeightsError, match=r"'me/net' is neither a folder nor a repository .* \(no route\)"):
        from_pretrained("me/net")
    with pytest.raises(WeightsError, match=r"cannot upload to 'me/net': no route$"):
        push_to_hub(model, "me/net")


@pytest.mark.slow
def test_timm_knows_our_networks_only_when_asked():
    code = (
        "import timm, netspace.models; assert not timm.list_models('netspace*');"
        "from netspace.models.timm_names import register; register(); names = register();"
        "assert sorted([*names, 'netspace_anynet']) == sorted(timm.list_models('netspace*'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_timm_creates_our_networks():
    import timm

    register()
    name = timm_name(zoo.find("RegNetX-1.6GF"))
    assert name == "netspace_regnetx_1_6gf"
    model = timm.create_model(name, num_classes=3, in_chans=1, drop_path_rate=0.1)
    assert model.config == zoo.get("x1.6gf").changed(num_classes=3, in_channels=1)
    with pytest.raises(TypeError, match="netspace_regnetx_1_6gf does not take output_stride"):
        timm.create_model(name, output_stride=8)


def test_exported_programs_compute_the_same_for_any_batch(model):
    program = export_program(model.train(), resolution=32)
    assert model.training
    images = torch.randn(5, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(program.module()(images), model.eval()(images))


@pytest.mark.slow
def test_onnx_files_compute_the_same(tmp_path, model):
    pytest.importorskip("onnxruntime")
    assert export_onnx(model, tmp_path / "net.onnx", resolution=32) < 1e-5
    assert (tmp_path / "net.onnx").stat().st_size > 1000


def test_an_onnx_file_of_something_else_is_refused(tmp_path, model, monkeypatch):
    pytest.importorskip("onnxruntime")
    other = build(model.config, seed=1)
    wrong = export_program(other, resolution=32)
    monkeypatch.setattr(export, "export_program", lambda *_, **__: wrong)
    with pytest.raises(WeightsError, match="outputs differ from PyTorch's"):
        export_onnx(model, tmp_path / "net.onnx", resolution=32)


def test_a_missing_onnx_names_the_extra(tmp_path, model, monkeypatch):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="extra 'onnx'"):
        export_onnx(model, tmp_path / "net.onnx")
