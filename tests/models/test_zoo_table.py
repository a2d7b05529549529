"""The page docs/zoo.md against the code that writes it."""

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
import timm

from netspace.arch import zoo
from netspace.arch.published import ABSENT
from netspace.models.zoo_table import COMPARE_UP_TO, LIBRARIES, TOLERANCE, measure, page

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"


def table(text):
    """Every row of the page's table by the network's name; the bar between depths and widths is escaped."""
    lines = text.replace("\\|", "/").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in rows[2:] if len(row) == 9}


def assert_up_to_date(rows):
    written, measured = table(PAGE.read_text(encoding="utf-8")), table(page(rows))
    assert list(written) == list(measured) == [entry.name for entry in zoo.ZOO]
    for name, (*expected, difference) in measured.items():
        *found, found_difference = written[name]
        assert found == expected
        # the last bits depend on the machine; whether they count does not
        for shown in (difference, found_difference):
            assert shown == "" or float(shown) < TOLERANCE


def test_the_page_is_up_to_date_if_all_logits_are_equal():
    # that they are is what test_convert.py shows, and the slow test below
    rows = [
        replace(row, differences={library: 0.0 for library in LIBRARIES if getattr(row.entry, library)})
        if row.complexity.flops <= COMPARE_UP_TO
        else row
        for row in measure(compare_up_to=0)
    ]
    assert_up_to_date(rows)


def test_every_regnet_and_resnet_of_timm_is_in_the_zoo_or_listed_with_the_reason():
    here = {entry.timm for entry in zoo.ZOO}
    families = {*timm.list_models(module="resnet"), *timm.list_models("*regnet*"), *timm.list_models("resnetv2*")}
    theirs = families | {name for name in timm.list_models(module="byobnet") if name.startswith("resne")}
    # ours are among timm's once a test before this one has registered them
    theirs = {name for name in theirs if not name.startswith("netspace_")}
    for name in theirs - here:
        assert any(fnmatch(name, pattern) for pattern in ABSENT), name
    for pattern in ABSENT:
        assert set(filter(lambda name, pattern=pattern: fnmatch(name, pattern), theirs)), pattern
    assert not [name for name in here if name and any(fnmatch(name, pattern) for pattern in ABSENT)]
    written = PAGE.read_text(encoding="utf-8")
    assert written[written.index("## What is not here") :] == page([])[page([]).index("## What is not here") :]


@pytest.mark.slow
def test_the_page_is_up_to_date():
    assert_up_to_date(list(measure()))
