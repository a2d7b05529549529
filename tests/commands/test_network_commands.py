"""`netspace complexity` and `netspace models`."""

import json
from xml.etree import ElementTree

import pytest

from netspace.arch import complexity, zoo


@pytest.mark.parametrize("name", ["RegNetX-400MF", "regnetx_400mf", "x400mf"])
def test_complexity_of_a_zoo_network_however_it_is_spelled(netspace, name):
    done = netspace("complexity", name)
    assert json.loads(done.out) == {"flops": 397678568, "params": 5157512, "activations": 3143272}


def test_complexity_of_a_file_at_a_resolution(netspace, tmp_path):
    path = tmp_path / "net.yaml"
    config = zoo.get("RegNetY-200MF")
    config.to_yaml(path)
    done = netspace("complexity", path, "--resolution", 96)
    assert json.loads(done.out) == complexity(config, 96).as_dict()


def test_complexity_of_a_regnet_by_its_parameters(netspace, tmp_path):
    path = tmp_path / "regnet.yaml"
    path.write_text("{depth: 22, w_0: 24, w_a: 24.48, w_m: 2.54, group_width: 16}")
    assert json.loads(netspace("complexity", path).out)["flops"] == 397678568


def test_models_lists_every_network_with_its_complexity_and_error(netspace):
    rows = {row["name"]: row for row in json.loads(netspace("models", "--json").out)}
    assert set(rows) == {entry.name for entry in zoo.ZOO}
    assert rows["RegNetY-4.0GF"]["params"] == complexity(zoo.get("RegNetY-4.0GF")).params
    assert rows["RegNetY-4.0GF"]["top1_error"] == 20.64
    table = netspace("models").out
    assert all(name in table for name in rows)


def test_scale_reports_and_writes_the_scaled_network(netspace, tmp_path):
    path = tmp_path / "scaled.yaml"
    done = netspace("scale", "RegNetX-400MF", "--factor", 4, "--strategy", "w", "-o", path)
    scaled = json.loads(done.out)
    assert scaled["resolution"] == 224
    assert scaled["stages"]["depths"] == [1, 2, 7, 12]
    assert 3 < scaled["flops"] / 397678568 < 4.2  # the group widths stay, so the 3x3 convolutions grow less
    again = json.loads(netspace("complexity", path).out)
    assert {name: scaled[name] for name in again} == again


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["complexity", "RegNetX-401MF"], "unknown network 'RegNetX-401MF' (did you mean 'RegNetX-400MF'?)"),
        (["complexity", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["complexity", "x400mf", "--resolution", "0"], ""),
        (["scale", "x400mf", "--factor", "0"], "factor"),
        (["scale", "x400mf", "--factor", "2", "--strategy", "q9"], "q9"),
    ],
)
def test_a_mistake_is_exit_code_2(netspace, arguments, message):
    done = netspace(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_models_with_baselines_adds_the_papers_comparison_and_plots_it(netspace, tmp_path):
    done = netspace("models", "--with-baselines", "-o", tmp_path, "--json")
    rows = {row["name"]: row for row in json.loads(done.out)}
    assert rows["EfficientNet-B0"]["params"] == 5288548
    assert rows["DARTS"]["top1_error"] == 26.7
    assert "no library ships it" in rows["DARTS"]["source"]
    svg = (tmp_path / "published.svg").read_text()
    for family in ("RegNetX", "RegNetY", "ResNet", "EfficientNet", "MobileNetV2"):
        assert family in svg
    assert (tmp_path / "published.png").stat().st_size > 10_000


def test_draw_shows_each_part_of_networks_side_by_side(netspace, tmp_path):
    done = netspace("draw", "ResNet-50", "RegNetX-400MF", "-o", tmp_path / "both.svg")
    assert done.code == 0, done.err
    root = ElementTree.parse(tmp_path / "both.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    said = [text.text for text in root.iter(f"{space}text")]
    assert {"ResNet-50", "RegNetX-400MF", "56 px", "25.6", "398", "160"} <= set(said)
    # the parameters of torchvision's layer3, and the groups of RegNetX's last stage (width 384, group width 16)
    assert {"7.1", "24"} <= set(said)
    bars = [bar for bar in root.iter(f"{space}rect") if bar.get("opacity") is None and bar.get("height") != "100%"]
    assert len(bars) == (16 + 1) + (22 + 1)
    assert "4089 MF flops" in root.find(f"{space}title").text


def test_draw_takes_a_package_with_its_resolution(netspace, package, tmp_path):
    assert netspace("draw", package, "-o", tmp_path / "net.svg").code == 0
    assert "images of 16 px" in (tmp_path / "net.svg").read_text()


def test_draw_refuses_what_is_no_svg(netspace, tmp_path):
    done = netspace("draw", "ResNet-50", "-o", tmp_path / "net.png")
    assert (done.code, done.err) == (2, f"error: {tmp_path / 'net.png'}: the file name must end in .svg\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "params"),
    [("timm:mobilenetv3_small_050", 1_593_224), ("EfficientNet-B0", 5_288_548), ("torchvision:resnet18", 11_689_512)],
)
def test_networks_of_other_libraries_are_counted_by_name(netspace, name, params):
    done = netspace("complexity", name, "--resolution", 64)
    assert json.loads(done.out)["params"] == params


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("AmoebaNet-C", "AmoebaNet-C cannot be built: no library ships it"),
        ("timm:no_such", "timm has no network 'no_such'"),
        ("missing.py:build", "missing.py: no such file"),
    ],
)
def test_networks_that_nobody_ships_are_named_with_the_reason(netspace, name, message):
    done = netspace("complexity", name)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
