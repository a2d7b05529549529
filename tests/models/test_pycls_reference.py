"""Networks against logits that the original code computed (shared/reference/pycls)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from netspace.arch.pycls import network_of
from netspace.errors import WeightsError
from netspace.models import build, from_netspace, load_weights

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "pycls"


def recorded():
    index = REFERENCE / "index.json"
    if not index.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"{index} is absent"))]
    return [pytest.param(row, id=row["file"][:2]) for row in json.loads(index.read_text())]


@pytest.mark.parametrize("row", recorded())
def test_logits_and_weights_are_those_of_the_original_code(row):
    path = REFERENCE / row["file"]
    content = load_file(path)
    network = network_of(row["cfg"])
    # also into a network that was built as timm ends it
    ends = [network] if network.head_activation else [network, network.changed(head_activation=True)]
    for config in ends:
        model = load_weights(build(config, seed=0), path).double().eval()
        assert model.config == network
        with torch.inference_mode():
            logits = model(content["input"].double())
        torch.testing.assert_close(logits, content["logits"].double(), rtol=1e-5, atol=1e-5)
    theirs = {key.removeprefix("weights."): value for key, value in content.items() if key.startswith("weights.")}
    layout = "pycls vanilla" if network.block == "vanilla" else "pycls"
    back = from_netspace(load_weights(network, path), layout)
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[key], theirs[key]) for key in theirs)


LINEAR = {
    "MODEL": {"TYPE": "anynet", "NUM_CLASSES": 3},
    "ANYNET": {
        "STEM_TYPE": "res_stem_cifar", "STEM_W": 8, "BLOCK_TYPE": "res_bottleneck_linear_block", "DEPTHS": [1],
        "WIDTHS": [8], "STRIDES": [1], "BOT_MULS": [1], "GROUP_WS": [8], "HEAD_W": 0,
    },
}  # fmt: skip


def test_the_end_without_an_activation_is_there_and_goes_into_no_other_layout(tmp_path):
    pycls = build(network_of(LINEAR), seed=0).eval()
    timm = build(pycls.config.changed(head_activation=True), seed=0).eval()
    x = torch.randn(2, 3, 8, 8)
    features = pycls.stages(pycls.stem(x))
    torch.testing.assert_close(pycls(x), pycls.head.fc(features.mean((2, 3))))
    torch.testing.assert_close(timm(x), pycls.head.fc(features.relu().mean((2, 3))))
    with pytest.raises(WeightsError, match="'timm' networks have an activation before the pooling, unlike"):
        from_netspace(pycls, "timm")
    for network in (timm, timm.state_dict()):
        with pytest.raises(WeightsError, match="'pycls' networks have no activation before the pooling, unlike"):
            from_netspace(network, "pycls")
    # the weights say how it ends, in either direction
    torch.save(from_netspace(timm, "timm"), tmp_path / "timm.pth")
    loaded = load_weights(pycls, tmp_path / "timm.pth")
    torch.testing.assert_close(loaded(x), timm(x))
    assert loaded.config == timm.config
