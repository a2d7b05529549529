"""Spaces in files: round trips, and every mistake told with file and key."""

import pytest

from netspace.errors import ConfigError, UnknownNameError
from netspace.space import (
    CATALOG,
    AnyNetXA,
    AnyNetXC,
    AnyNetXE,
    choice,
    get,
    load,
    load_all,
    log_uniform,
    ordered,
    restrict,
    shared,
    where,
    window,
)


@pytest.mark.parametrize("name", CATALOG)
def test_every_catalogue_space_survives_its_file(name, tmp_path):
    path = tmp_path / "space.yaml"
    space = get(name, stages=3, num_classes=10)
    space.to_yaml(path)
    again = load(path)
    assert again.to_dict() == space.to_dict()
    assert again.digest == space.digest


EXAMPLE = """
name: Mine
base: AnyNetXC
stages: 3
strides: [1, 2, 2]
parameters:
  width: {log_uniform: [8, 512], step: 8}
  depth: {choice: [1, 2, 4]}
constraints:
  - {non_decreasing: width}
  - {restrict: {depth: {low: 2}}}
  - {flops: 1M:30M}
  - {where: "width_3 <= 8 * width_1 and depth <= 10"}
network: {stem: {kind: cifar}, num_classes: 10}
"""


def test_a_file_says_what_python_says(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(EXAMPLE)
    base = AnyNetXC(stages=3, stem={"kind": "cifar"}, num_classes=10)
    python = base.with_parameters(width=log_uniform(8, 512, 8), depth=choice([1, 2, 4])).refine(
        ordered("width"),
        restrict("depth", low=2),
        window("flops", (1e6, 30e6)),
        where("width_3 <= 8 * width_1 and depth <= 10"),
    )
    assert load(path).name == "Mine"
    assert load(path).to_dict() == python.to_dict() | {"name": "Mine", "strides": [1, 2, 2]}


def test_a_space_from_nothing_takes_its_name_from_the_file(tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text("kind: anynet\nstages: 2\nparameters: {depth: 2, width: {uniform: [8, 64], step: 8}}\n")
    space = load(path)
    assert (space.name, space.size().exact, space.size().dimensions) == ("plain", 64, 2)


def test_the_paper_s_size_stays_only_with_the_unchanged_space(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("base: RegNetX\nnetwork: {num_classes: 10}\n")
    assert load(path).size().paper == 301989888
    path.write_text("base: RegNetX\nconstraints: [{restrict: {depth: {high: 40}}}]\n")
    assert load(path).size().paper is None


def test_names_are_lenient_and_unknown_ones_list_the_valid():
    assert load("anynet_xe").digest == get("AnyNetXE").digest == AnyNetXE().digest
    with pytest.raises(UnknownNameError, match=r"unknown design space 'AnyNetXF' \(did you mean 'AnyNetX"):
        load("AnyNetXF")
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        load("nowhere.yaml")


BASE = "base: AnyNetXA\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "must be a mapping with the keys name, description, base"),
        ("name: x", "exactly one of the keys 'base', 'kind' and 'builder'"),
        ("base: AnyNetXA\nkind: anynet", "exactly one of the keys 'base', 'kind' and 'builder'"),
        ("base: AnyNetXF", "base: unknown design space 'AnyNetXF'"),
        ("kind: resnet", "unknown kind of design space 'resnet'.*valid: anynet, builder, regnet"),
        ("kind: anynet\nparameters: {depth: 2}", "'width' has no distribution"),
        (BASE + "stagse: 3", "unknown key 'stagse'; valid: name, description, base, kind, builder, stages"),
        (BASE + "stages: 0", "stages: .*greater than or equal to 1, got 0"),
        (BASE + "strides: [1, 2]", "strides must be one 1 or 2 for each of 4 stages"),
        (BASE + "parameters: {widht: 8}", "unknown parameter of the anynet space .* 'widht'"),
        (BASE + "parameters: {width: {log_unifrm: [8, 16]}}", r"parameters\.width: unknown distribution 'log_unifrm'"),
        (BASE + "parameters: {width: {log_uniform: [8, 12], step: 8}}", r"parameters\.width: .*multiples of step=8"),
        (BASE + "parameters: {width: {uniform: [8, 16], stp: 8}}", "unknown key 'stp' beside 'uniform'; valid: step"),
        (BASE + "parameters: {width: {choice: [8, 16], weights: 5}}", r"parameters\.width: choice: weights .* got 5"),
        (
            BASE + "parameters: {width: {choice: [8, 16], weights: ab}}",
            r"parameters\.width: choice: weights .* got 'ab'",
        ),
        (BASE + "parameters: {width: {choice: [8], weights: {8: 1}}}", r"parameters\.width: choice: weights must be"),
        (BASE + "parameters: {width: wide}", r"parameters\.width: must be a number or a mapping"),
        (BASE + "constraints: [{shard: width}]", r"constraints\.0: unknown constraint 'shard'; valid: shared, non_dec"),
        (BASE + "constraints: [shared]", r"constraints\.0: must be a mapping with one of the keys shared"),
        (BASE + "constraints: [{shared: [width]}]", "shared: must be the name of a parameter"),
        (BASE + "constraints: [{shared: w}]", "unknown parameter of .* 'w'"),
        (BASE + "constraints: [{flops: 400M:360M}]", r"constraints\.0: flops: LO <= HI must hold"),
        (BASE + "constraints: [{flops: 400}]", r"constraints\.0: flops: a window is"),
        (BASE + "constraints: [{where: depth.real > 1}]", r"constraints\.0: 'depth\.real' is not allowed"),
        (BASE + "constraints: [{where: dept > 1}]", "unknown column in 'dept > 1' 'dept'"),
        (BASE + "constraints: [{where: 3}]", r"constraints\.0: a condition must be a text"),
        (BASE + "constraints: [{restrict: width}]", "restrict: must be a mapping of one parameter"),
        (BASE + "constraints: [{restrict: {1: {low: 2}}}]", "unknown parameter of .* '1'; valid: bottleneck_ratio"),
        (BASE + "constraints: [{tied: {1: width}}]", "unknown parameter of .* '1'; valid: bottleneck_ratio"),
        (BASE + "constraints: [{restrict: {width: {lo: 8}}}]", "must be a mapping with the keys low, high, values"),
        (BASE + "constraints: [{restrict: {width: {values: 8}}}]", "values must be a list, got 8"),
        (BASE + "constraints: [{restrict: {width: {low: a}}}]", "low must be a number, got 'a'"),
        (BASE + "constraints: [{restrict: {width: {values: [9]}}}]", "9 is not one of the values"),
        (BASE + "constraints: [{tied: {depth: 3}}]", "tied: must map a parameter to the name of another"),
        (BASE + "network: {blok: v}", "network: unknown key 'blok'; valid: block, stem"),
        (BASE + "network: {num_classes: ten}", "num_classes"),
        (BASE + "network: {stem: {kind: big}}", r"network: .*stem\.kind"),
        (BASE + "network: {stem: 3}", "network: .*stem"),
        (BASE + "constraints: {a: 1}", "constraints: .*list"),
        ("a: [", "not valid YAML"),
    ],
)
def test_mistakes_are_told_with_file_and_key_in_one_line(text, message, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_python_predicate_cannot_go_into_a_file():
    space = AnyNetXA().refine(where(lambda columns: columns["depth"] > 4))
    with pytest.raises(ConfigError, match="cannot be written to YAML"):
        space.to_yaml()


CHAIN = """
spaces:
  A: {base: AnyNetXA, parameters: {width: {log_uniform: [8, 512], step: 8}}, network: {num_classes: 10}}
  B: {base: A, refines: true, constraints: [{shared: bottleneck_ratio}]}
  C: {base: B, refines: true, constraints: [{non_decreasing: width}]}
  RegNetX: {base: RegNetX, network: {num_classes: 10}}
"""


def test_a_file_of_several_spaces_builds_one_on_the_other(tmp_path):
    (tmp_path / "own.yaml").write_text(CHAIN)
    python = AnyNetXA(num_classes=10).with_parameters(width=log_uniform(8, 512, 8))
    python = python.refine(shared("bottleneck_ratio"), ordered("width"))
    assert load(tmp_path / "own.yaml#C").digest == python.digest
    assert load(tmp_path / "own.yaml#C").name == "C"
    assert load(tmp_path / "own.yaml#RegNetX").digest == get("RegNetX", num_classes=10).digest  # the catalogue's

    every = load_all("own.yaml", tmp_path)
    assert [one.space.name for one in every] == ["A", "B", "C", "RegNetX"]
    assert [one.base.name for one in every] == ["AnyNetXA", "A", "B", "RegNetX"]

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "on.yaml").write_text("base: ../own.yaml#B\nconstraints: [{flops: ':1G'}]\n")
    assert load(tmp_path / "folder" / "on.yaml").constraints[0] == shared("bottleneck_ratio")


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (CHAIN, "", r"own\.yaml: holds 4 spaces: name one, such as .*own\.yaml#A"),
        (CHAIN, "#D", r"own\.yaml: unknown space 'D'; valid: A, B, C, RegNetX"),
        (CHAIN + "  D: {base: CC}", "#D", r"own\.yaml#D: base: unknown design space 'CC'.*valid: A, .*AnyNetXA"),
        (CHAIN + "  D: {base: C, stges: 3}", "#D", r"own\.yaml#D: unknown key 'stges'"),
        (CHAIN + "  D: {base: E}\n  E: {base: D}", "#D", r"own\.yaml#D: base: .*own\.yaml#D: is based on itself"),
        (CHAIN + "  D: {base: own.yaml}", "#D", r"own\.yaml#D: base: .* holds 5 spaces: name one, as in own\.yaml#A"),
        (CHAIN + "  D: {base: own.yaml#D}", "#D", r"own\.yaml#D: is based on itself"),
        (CHAIN + "  D: {base: B, constraints: [{where: dept > 1}]}", "#D", r"own\.yaml#D: unknown column"),
        (CHAIN + "  D: {base: C, refines: true, parameters: {width: 12}}", "#D", r"#D: refines: not a subset of C"),
        (CHAIN + "  D: 3", "#A", r"own\.yaml: spaces\.D: .*dictionary.* got 3"),
        (CHAIN + "n: 5", "#A", r"own\.yaml: unknown key 'n'; valid: spaces"),
        ("spaces: {}", "", r"own\.yaml: spaces: .*at least 1 item"),
        ("base: AnyNetXA", "#A", r"own\.yaml#A: the file holds a single space: leave out '#A'"),
    ],
)
def test_mistakes_in_a_file_of_several_spaces_name_file_and_space(text, name, message, tmp_path):
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load(f"{tmp_path / 'own.yaml'}{name}")
    assert "\n" not in str(caught.value)
