"""Spaces as values: sizes against the paper and against enumeration, refinement, identity, contradictions."""

import itertools
import pickle

import pytest

from netspace.errors import ConfigError, UnknownNameError
from netspace.space import (
    AnyNetXA,
    AnyNetXC,
    AnyNetXD,
    DesignSpace,
    RegNetX,
    RegNetXTied,
    choice,
    fix,
    fixed,
    get,
    ordered,
    restrict,
    shared,
    tied,
    uniform,
    where,
    window,
)


@pytest.mark.parametrize(
    ("name", "dimensions", "paper", "exact"),
    [
        ("AnyNetXA", 16, 1846757322198614016, 1846757322198614016),
        ("AnyNetXB", 13, 68398419340689408, 68398419340689408),
        ("AnyNetXC", 10, 316659348799488, 316659348799488),
        ("AnyNetXD", 10, 13194139533312, 13821510942720),
        ("AnyNetXE", 10, 549755813888, 817446539520),
        ("RegNetX", 6, 301989888, 63 * 31 * 2480 * 1501 * 6 * 3),
    ],
)
def test_sizes_are_those_of_the_paper_s_table_1(name, dimensions, paper, exact):
    size = get(name).size()
    assert (size.dimensions, size.paper, size.exact) == (dimensions, paper, exact)


def small(**changes):
    parameters = {"depth": choice([1, 2, 3]), "width": choice([8, 16, 24, 32])}
    return DesignSpace(**{"name": "Small", "kind": "anynet", "stages": 3, "parameters": parameters, **changes})


@pytest.mark.parametrize(
    ("constraints", "holds"),
    [
        ([], lambda _depth, _width: True),
        ([shared("depth")], lambda d, _: len(set(d)) == 1),
        ([ordered("width", "constant")], lambda _, w: len(set(w)) == 1),
        ([ordered("width"), ordered("depth", "decreasing")], lambda d, w: w[0] <= w[1] <= w[2] and d[0] > d[1] > d[2]),
        ([ordered("width", "increasing"), restrict("depth", high=2)], lambda d, w: w[0] < w[1] < w[2] and max(d) < 3),
        ([ordered("width", "non_increasing"), fix("depth", 2)], lambda d, w: w[0] >= w[1] >= w[2] and set(d) == {2}),
    ],
)
def test_the_exact_count_is_what_enumeration_finds(constraints, holds):
    space = small(constraints=tuple(constraints))
    settings = itertools.product(itertools.product([1, 2, 3], repeat=3), itertools.product([8, 16, 24, 32], repeat=3))
    assert space.size().exact == sum(holds(depth, width) for depth, width in settings)


def test_a_tied_parameter_is_neither_counted_nor_a_dimension():
    whole, tie = RegNetX().size(), RegNetXTied().size()
    assert tie.exact == whole.exact // 2480
    assert tie.dimensions == 5


def test_the_note_says_what_the_count_leaves_aside():
    assert AnyNetXA().size().note == ""
    assert "an estimated 17" in RegNetX().size().note
    assert "windows and conditions" in AnyNetXA().refine(window("flops", ":1G")).size().note


def test_refining_leaves_the_space_itself_as_it_was():
    space = AnyNetXC()
    before = space.to_dict()
    refined = space.refine(ordered("width"), name="Mine", description="my own")
    assert space.to_dict() == before
    assert (refined.name, refined.description) == ("Mine", "my own")
    assert refined.digest == AnyNetXD().digest != space.digest


def test_the_digest_sees_everything_but_the_names():
    space = AnyNetXA()
    assert space.refine(name="Other").digest == space.digest
    others = [
        AnyNetXA(stages=5),
        space.with_network(num_classes=10),
        space.with_parameters(depth=uniform(1, 16)),
        space.refine(where("depth < 40")),
        space.refine(where(lambda columns: columns["depth"] < 40)),
        space.refine(where(lambda columns: columns["depth"] < 41)),
        DesignSpace(name="A", kind="anynet", parameters=space.parameters, strides=(1, 2, 2, 2)),
    ]
    assert len({other.digest for other in [space, *others]}) == 1 + len(others)


def test_the_template_changes_key_by_key():
    space = AnyNetXA(num_classes=10).with_network(stem={"kind": "cifar"}, in_channels=1)
    template = space.network
    assert (template.stem.kind, template.stem.width, template.in_channels, template.num_classes) == ("cifar", 32, 1, 10)
    with pytest.raises(ConfigError, match="unknown key 'classes'; valid: block, stem"):
        AnyNetXA().with_network(classes=10)


def test_spaces_travel_between_processes():
    space = get("RegNetXConstrained")
    assert pickle.loads(pickle.dumps(space)).digest == space.digest


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(stages=0), "stages must be a whole number >= 1"),
        (lambda: small(strides=(2, 2)), "strides must be one 1 or 2 for each of 3 stages"),
        (lambda: small(parameters={"depth": choice([1])}), "'width' has no distribution"),
        (lambda: small().with_parameters(depth=choice([0, 1])), "depth: every value must be whole and >= 1, got 0"),
        (lambda: small().with_parameters(width=choice([8.5])), "width: every value must be whole and >= 1, got 8.5"),
        (lambda: small().with_parameters(bottleneck_ratio=choice([1.5])), "whole, or 1 / whole, got 1.5"),
        (lambda: RegNetX().with_parameters(w_m=choice([1, 2])), "w_m: every value must be > 1, got 1"),
        (lambda: small().refine(ordered("width"), ordered("width", "decreasing")), "more than one order"),
        (lambda: small().refine(shared("width"), ordered("width", "increasing")), "both shared and increasing"),
        (lambda: small().refine(ordered("depth", "increasing"), fix("depth", 1)), "needs 3 different values"),
        (lambda: small().refine(restrict("width", low=40)), "Small\\+: width: the restriction excludes every value"),
        (lambda: RegNetX().refine(shared("depth")), "drawn once for the network"),
        (lambda: RegNetX().refine(tied("w_a", to="w_a")), "tie to a parameter that is drawn"),
        (lambda: RegNetX().refine(tied("w_a", to="w_0"), tied("w_m", to="w_a")), "tie to a parameter that is drawn"),
        (lambda: RegNetXTied().refine(restrict("w_a", low=100)), "'w_a' is tied to 'w_0'; constrain 'w_0'"),
        (lambda: RegNetX().refine(fix("w_a", 8), tied("w_a", to="w_0")), "'w_a' is tied to 'w_0'; constrain 'w_0'"),
        (lambda: small().refine(tied("depth", to="width"), shared("depth")), "'depth' is tied to 'width'"),
        (lambda: small().refine(tied("depth", to="width"), ordered("depth")), "'depth' is tied to 'width'"),
        (lambda: RegNetXTied().refine(tied("w_a", to="depth")), "'w_a' is tied to more than one parameter"),
    ],
)
def test_spaces_that_contradict_themselves_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(kind="resnet"), "unknown kind of design space 'resnet'"),
        (lambda: small().refine(shared("widht")), r"'widht' \(did you mean 'width'\?\)"),
        (lambda: small().refine(tied("width", to="w_0")), "unknown parameter of Small.* 'w_0'"),
        (lambda: small().with_parameters(w_0=fixed(8)), "unknown parameter of the anynet space Small"),
        (lambda: small().refine(where("width_4 < 8")), "unknown column in 'width_4 < 8' 'width_4'"),
        (lambda: AnyNetXA().refine(where("w_m > 2")), "unknown column in 'w_m > 2'"),
        (lambda: AnyNetXA(block="v"), "unknown parameter of the anynet space AnyNetXA .block v."),
    ],
)
def test_unknown_names_are_told(make, message):
    with pytest.raises(UnknownNameError, match=message):
        make()
