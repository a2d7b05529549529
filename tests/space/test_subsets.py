"""Whether a space lies in another: the published chain, what is proved and what is drawn, held against enumeration."""

import itertools

import numpy as np
import pytest

from netspace.errors import ConfigError
from netspace.space import (
    AnyNetRA,
    AnyNetXA,
    AnyNetXB,
    AnyNetXC,
    AnyNetXD,
    AnyNetXE,
    DesignSpace,
    RegNetX,
    RegNetXDoubling,
    RegNetY,
    choice,
    fix,
    load,
    ordered,
    relation,
    restrict,
    shared,
    where,
    window,
)
from netspace.space.sampling import drawn_networks

CHAIN = [AnyNetXA(), AnyNetXB(), AnyNetXC(), AnyNetXD(), AnyNetXE()]


@pytest.mark.parametrize(("wider", "narrower"), list(itertools.combinations(range(5), 2)))
def test_the_published_chain_is_one_and_not_the_other_way_round(wider, narrower):
    inside, around = CHAIN[narrower], CHAIN[wider]
    found = relation(inside, around)
    assert (found.subset, found.proved, found.drawn) == (True, True, 0)
    back = relation(around, inside)
    assert (back.subset, back.proved) == (False, True)
    assert back.outside > 1000  # of 2,000: an order of four stages alone leaves a 24th
    assert f"in {inside.name} alone" in str(back)


def test_regnets_are_in_anynetxe_only_where_its_ranges_and_orders_hold():
    found = relation(RegNetX(), AnyNetXE())
    assert found.subset is False
    assert found.outside > 1000
    limits = "max(depth_1, depth_2, depth_3, depth_4) <= 16 and width_4 <= 700"
    orders = "depth_1 <= depth_2 and depth_2 <= depth_3 and depth_3 <= depth_4"
    tame = RegNetX().refine(where(f"{limits} and {orders}"))
    found = relation(tame, AnyNetXE())
    assert (found.subset, found.proved, found.outside) == (True, False, 0)
    assert found.drawn == 2000
    assert "as far as 2,000 of its networks tell" in str(found)


def small(**laws: object) -> DesignSpace:
    given = {"depth": choice([1, 2]), "width": choice([8, 12, 16, 24]), "group_width": choice([1, 4, 8])} | laws
    return DesignSpace(name="Small", kind="anynet", stages=2, parameters=given)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.with_parameters(width=choice([8, 32])), "'width' goes up to 32, that of Small to 24"),
        (lambda s: s.with_parameters(width=choice([4, 8])), "'width' goes down to 4, that of Small to 8"),
        (lambda s: s.with_parameters(width=choice([8, 20, 24])), "'width' can be 20, which that of Small cannot"),
        (lambda s: s.with_parameters(depth=choice([1, 3])), "'depth' goes up to 3, that of Small to 2"),
        (lambda s: s.with_parameters(bottleneck_ratio=choice([1, 2])), "'bottleneck_ratio' is a parameter of"),
    ],
)
def test_a_parameter_that_goes_beyond_is_named(change, reason):
    found = relation(change(small()), small())
    assert found.subset is False
    assert reason in str(found)


def test_what_goes_beyond_too_rarely_to_be_met_is_found_all_the_same():
    rare = small(width=choice([8, 40], weights=[1, 1e-9]))
    found = relation(rare, small())
    assert (found.subset, found.outside) == (False, 0)
    assert "'width' goes up to 40" in str(found)


def test_a_group_width_that_no_network_has_room_for_makes_no_other_network():
    found = relation(small(group_width=choice([1, 8, 64]), width=choice([8])), small())
    assert (found.subset, found.proved, found.drawn) == (True, False, 2000)


@pytest.mark.parametrize(
    "constraints",
    [(), (shared("group_width"),), (ordered("width"),), (ordered("width", "increasing"), shared("group_width"))],
)
def test_small_spaces_lie_in_each_other_as_their_networks_do(constraints):
    ratios = choice([0.5, 1, 2])
    base = small(bottleneck_ratio=ratios).refine(*constraints, name="Base")
    held = [small(bottleneck_ratio=ratios), small(width=choice([8, 20])), small(group_width=choice([8, 16, 64]))]
    held += [
        held[0].refine(ordered("width")),
        held[0].refine(fix("group_width", 4)),
        base.refine(restrict("depth", high=1)),
    ]
    theirs = all_networks(base)
    found = [relation(candidate, base).subset for candidate in held]
    assert found == [all_networks(candidate) <= theirs for candidate in held]


def all_networks(space: DesignSpace) -> set[bytes]:
    """Return all that a small space has, by drawing far more often than it has settings."""
    drawn = drawn_networks(space, np.random.default_rng(1), 60_000)
    return {bytes(row) for row in np.ascontiguousarray(drawn.networks.identity())}


def test_windows_and_conditions_are_compared():
    narrow, wide = (AnyNetXA().refine(window("flops", bounds), name="W") for bounds in ("300M:400M", "200M:500M"))
    assert relation(narrow, wide).proved
    found = relation(wide, narrow)
    assert found.subset is False
    assert "flops of W are limited to 300M:400M" in str(found)
    assert relation(AnyNetXA(), AnyNetXA().refine(where("depth <= 20"))).subset is False
    implied = relation(AnyNetXA().refine(restrict("depth", high=5)), AnyNetXA().refine(where("depth <= 20")))
    assert (implied.subset, implied.proved) == (True, False)


def test_what_the_networks_share_counts_but_for_what_a_study_sets():
    found = relation(AnyNetXB(stem={"kind": "cifar"}, num_classes=10), AnyNetXA())
    assert str(found) == (
        "a subset of AnyNetXA: its parameters and constraints prove it (stem and num_classes left aside)"
    )
    assert str(relation(RegNetY(), RegNetX())) == "not a subset of RegNetX: se_ratio is 0.25, that of RegNetX 0.0"
    assert "stages" in str(relation(AnyNetXA(3), AnyNetXA()))
    assert relation(RegNetXDoubling(), RegNetX()).proved
    assert relation(AnyNetXA(), RegNetX()).subset is None
    assert relation(AnyNetRA(), AnyNetXA()).subset is False  # one group of any width: AnyNetXA has 32 at most


def test_a_file_that_says_it_refines_is_held_to_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("base: AnyNetXC\nrefines: true\nparameters: {width: {log_uniform: [8, 512], step: 8}}\n")
    assert load(path).name == "mine"
    path.write_text("base: AnyNetXC\nrefines: true\nparameters: {width: {log_uniform: [8, 2048], step: 8}}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: refines: not a subset of AnyNetXC: 'width' goes up to 2,048"):
        load(path)
    path.write_text("kind: regnet\nrefines: true\n")
    with pytest.raises(ConfigError, match="refines: a space refines its 'base', and this one has none"):
        load(path)
