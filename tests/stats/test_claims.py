import pytest

from netspace.errors import StatisticsError, UnknownNameError
from netspace.stats.claims import BestBetween, Equivalent, Order, Trend, parse_claim, resolve_claim

SPACES = ["AnyNetXA", "AnyNetXB", "AnyNetXC", "AnyNetXE"]


def known(_: str) -> list[str]:
    return ["depth", "w_m", "e_fit"]


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("E better than C", Order(text="E better than C", better="E", worse="C")),
        ("C  worse than\tE", Order(text="C worse than E", better="E", worse="C")),
        (
            "B equivalent to A within .2",
            Equivalent(text="B equivalent to A within .2", space="B", other="A", delta=0.2),
        ),
        ("B equivalent to A", Equivalent(text="B equivalent to A", space="B", other="A", delta=0.1)),
        (
            "best depth between 12 and 28",
            BestBetween(text="best depth between 12 and 28", property="depth", low=12, high=28, space=None),
        ),
        (
            "best w_m between 2e0 and 3.0 in RegNetX",
            BestBetween(text="best w_m between 2e0 and 3.0 in RegNetX", property="w_m", low=2, high=3, space="RegNetX"),
        ),
        (
            "errors of AnyNetXE fall with e_fit",
            Trend(text="errors of AnyNetXE fall with e_fit", space="AnyNetXE", direction="fall", property="e_fit"),
        ),
    ],
)
def test_each_form_is_read(text, claim) -> None:
    assert parse_claim(text) == claim


@pytest.mark.parametrize(
    "text",
    ["E beats C", "", "E better C", "best depth between 12", "errors of E sink with d", "B equivalent to A by 1"],
)
def test_another_form_lists_the_valid_ones_in_one_line(text) -> None:
    with pytest.raises(
        StatisticsError, match="none of the valid forms: SPACE better than SPACE; SPACE worse"
    ) as caught:
        parse_claim(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("B equivalent to A within 0.5", r"0 < delta < 0\.5 must hold, got 0\.5"),
        ("best depth between 28 and 12", "LOW <= HIGH must hold, got LOW=28.0, HIGH=12.0"),
        ("E better than E", "not compared with itself"),
    ],
)
def test_impossible_claims_are_refused(text, message) -> None:
    with pytest.raises(StatisticsError, match=message):
        parse_claim(text)


def test_the_end_of_a_name_is_enough_where_no_other_space_ends_so() -> None:
    claim = resolve_claim(parse_claim("E better than C"), SPACES, known)
    assert (claim.better, claim.worse) == ("AnyNetXE", "AnyNetXC")
    with pytest.raises(UnknownNameError, match=r"space in a claim 'E'.*valid: AnyNetRE, AnyNetXE"):
        resolve_claim(parse_claim("E better than AnyNetRE"), ["AnyNetRE", "AnyNetXE"], known)


def test_a_range_without_a_space_is_about_the_last_one() -> None:
    assert resolve_claim(parse_claim("best depth between 12 and 28"), SPACES, known).space == "AnyNetXE"


def test_unknown_spaces_and_properties_list_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown space in a claim 'RegNetX'; valid: AnyNetXA, "):
        resolve_claim(parse_claim("RegNetX better than C"), SPACES, known)
    with pytest.raises(UnknownNameError, match=r"property of AnyNetXE in the claim .*'dept' \(did you mean 'depth'"):
        resolve_claim(parse_claim("best dept between 1 and 2"), SPACES, known)
