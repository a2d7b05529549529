"""The page in a real browser, opened from disk with the network off: Chromium over its debugging pipe."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from chromium import CHROMIUM, Browser

from netspace import space as spaces
from netspace.arch import AnyNetConfig
from netspace.report import study_tables, write_report
from netspace.report.page import page
from netspace.report.text import percent
from netspace.space.expressions import Expression
from netspace.store import Outcome, Store
from netspace.study import Study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Callable[..., Browser]:
    """Return a function that writes a study's page, opens it at a size and theme, and gives the browser."""

    def open_page(store, name: str = "small", *, width: int = 1400, dark: bool = False) -> Browser:
        browser.events.clear()
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.call("Emulation.setEmulatedMedia", features=[theme])
        path = write_report(store, name, tmp_path / "out", ("html",))[0]
        browser.open(path)
        browser.settle()
        return browser

    return open_page


def panel_box(browser: Browser, name: str) -> dict[str, float]:
    find = f"document.querySelector('[data-property={name}] canvas')"
    browser.evaluate(f"{find}.scrollIntoView({{block: 'center'}})")
    browser.settle()
    return browser.evaluate(f"(({{x, y, width, height}}) => ({{x, y, width, height}}))({find}.getBoundingClientRect())")


def text(browser: Browser, identity: str) -> str:
    return browser.evaluate(f"document.getElementById('{identity}').textContent")


def picture_of(browser: Browser, identity: str) -> str:
    return browser.evaluate(f"document.getElementById('{identity}').toDataURL()")


@pytest.mark.parametrize("width", [1400, 420])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_opens_offline_without_complaint_and_fits_its_window(make_study, show, width, dark):
    browser = show(make_study(n=9, failures={"RegNetX": 1}), width=width, dark=dark)
    assert browser.complaints == []
    assert browser.requested <= {"file", "data"}
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert text(browser, "count") == "18 of 18 (1 failed)"


def test_brushing_updates_the_count_the_edf_and_theta(make_study, show):
    store = make_study(n=20, failures={"AnyNetXA": 2})
    browser = show(store)
    before = picture_of(browser, "edf")
    box = panel_box(browser, "depth")
    middle = box["y"] + box["height"] / 2
    browser.drag((box["x"] + 0.35 * box["width"], middle), (box["x"] + 0.65 * box["width"], middle))

    condition = yaml.safe_load(text(browser, "restriction"))["constraints"][0]["where"]
    runs = study_tables(store, "small").runs
    chosen = Expression(condition)({"depth": runs["depth"].to_numpy()})
    assert 0 < chosen.sum() < len(runs)
    assert text(browser, "count").startswith(f"{chosen.sum()} of {len(runs)}")
    a, b = runs["score"].to_numpy()[~chosen], runs["score"].to_numpy()[chosen]
    theta = np.mean([(y < x) + (y == x) / 2 for x in a for y in b])
    assert text(browser, "theta") == f"{theta:.3f}"
    counted = np.where(np.isinf(b), 90.0, b)
    assert text(browser, "mean").startswith(f"{counted.mean():.2f} %")
    assert picture_of(browser, "edf") != before

    browser.evaluate("document.getElementById('reset').click()")
    browser.settle()
    assert text(browser, "count").startswith("40 of 40")
    assert picture_of(browser, "edf") == before
    assert browser.complaints == []


def test_typed_bounds_select_too_and_a_hidden_space_leaves_the_counts(make_study, show):
    store = make_study(n=10)
    browser = show(store)
    browser.evaluate(
        "(() => { const input = document.querySelector('[name=depth-from]');"
        " input.value = '15'; input.dispatchEvent(new Event('change')); })()"
    )
    browser.settle()
    runs = study_tables(store, "small").runs
    assert text(browser, "restriction") == 'constraints:\n  - where: "depth >= 15"\n'
    assert text(browser, "count") == f"{(runs['depth'] >= 15).sum()} of 20"
    browser.evaluate("document.querySelector('#legend input').click()")
    browser.settle()
    kept = runs[runs["space"] == "RegNetX"]
    assert text(browser, "count") == f"{(kept['depth'] >= 15).sum()} of 10"


def test_a_dot_stands_for_each_network_in_the_colour_of_its_space(make_study, show):
    browser = show(make_study(n=6))
    coloured = (
        "(() => { const canvas = document.querySelector('[data-property=flops] canvas');"
        " const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        " let blue = 0, orange = 0;"
        " for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 150) {"
        " blue += data[at + 2] - data[at] > 100; orange += data[at] - data[at + 2] > 100; }"
        " return [blue, orange]; })()"
    )
    blue, orange = browser.evaluate(coloured)
    # a dot has 4 x 4 pixels, some lie on each other
    assert 16 < blue <= 6 * 16
    assert 16 < orange <= 6 * 16
    browser.evaluate("document.querySelector('#legend input').click()")
    browser.settle()
    assert browser.evaluate(coloured)[0] == 0
    assert browser.evaluate(coloured)[1] >= orange


def test_the_restriction_of_a_single_space_is_a_space_that_can_be_sampled(make_study, show):
    described = [spaces.AnyNetXE().refine(spaces.window("flops", "1M:400M"), name="AnyNetXE").to_dict()]
    store = make_study(("AnyNetXE",), n=10, spec={"spaces": described})
    browser = show(store)
    browser.evaluate(
        "(() => { const input = document.querySelector('[name=depth-to]');"
        " input.value = '15'; input.dispatchEvent(new Event('change')); })()"
    )
    browser.settle()
    space = spaces.space_from_dict(yaml.safe_load(text(browser, "restriction")), "page")
    assert space.name == "AnyNetXE-restricted"
    assert [constraint.spec() for constraint in space.constraints] == [
        *described[0]["constraints"],
        {"where": "depth <= 15"},
    ]
    assert space.sample(5, seed=0).frame()["depth"].max() <= 15


def test_a_restriction_leaves_out_what_no_condition_can_read_and_says_so(make_study, show):
    described = [spaces.AnyNetXE().to_dict()]
    store = make_study(("AnyNetXE",), n=20, spec={"spaces": described}, drawn={"latency_ms": 50})
    browser = show(store)

    def bound(name: str, value: str) -> None:
        browser.evaluate(
            f"(() => {{ const input = document.querySelector('[name={name}-to]');"
            f" input.value = '{value}'; input.dispatchEvent(new Event('change')); }})()"
        )
        browser.settle()

    bound("latency_ms", "25")
    runs = study_tables(store, "small").runs
    assert text(browser, "count") == f"{(runs['latency_ms'] <= 25).sum()} of 20"
    alone = text(browser, "restriction")
    assert "# latency_ms <= 25: a condition cannot use this name\n" in alone
    space = spaces.space_from_dict(yaml.safe_load(alone), "page")
    assert [constraint.spec() for constraint in space.constraints] == described[0]["constraints"]
    bound("depth", "15")
    both = text(browser, "restriction")
    assert "# latency_ms <= 25: a condition cannot use this name\n" in both
    space = spaces.space_from_dict(yaml.safe_load(both), "page")
    assert [constraint.spec() for constraint in space.constraints] == [
        *described[0]["constraints"],
        {"where": "depth <= 15"},
    ]
    assert browser.complaints == []


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    def write(n: int) -> Path:
        settings = {
            "name": "small",
            "spaces": ["AnyNetXA", "RegNetX"],
            "n": n,
            "flops": "20K:150K",
            "data": {"source": "mnist-5k", "train": 256, "validation": 100},
            "network": {"stem": {"kind": "simple", "width": 8}},
            "recipe": {"base": "quick", "epochs": 1, "augment": {"flip": False}},
        }
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    return write


def bound(browser: Browser, name: str, value: str) -> None:
    browser.evaluate(
        f"(() => {{ const input = document.querySelector('[name={name}]');"
        f" input.value = '{value}'; input.dispatchEvent(new Event('change')); }})()"
    )
    browser.settle()


def test_the_study_file_of_a_restriction_compares_it_with_its_space_on_new_networks(write_study, browser, tmp_path):
    path = write_study(n=3)
    with Store.open(tmp_path / "small.db") as store:
        record = Study.from_yaml(path).open(store)
        for error in range(6):
            run = store.lease_next(record.id, "me")
            store.record(run.id, "me", Outcome(status="done", error=50.0 + error, seconds=1.0))
        browser.open(write_report(store, "small", tmp_path / "out", ("html",))[0])
    browser.settle()
    assert browser.evaluate("document.getElementById('save-study').disabled") is True
    bound(browser, "depth-to", "12")
    browser.evaluate("document.querySelector('#legend input').click()")
    browser.settle()
    browser.evaluate(
        "URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return '#'; }"
    )
    browser.evaluate("document.getElementById('save-study').click()")
    browser.wait("window.saved !== undefined")
    (tmp_path / "next.yaml").write_text(browser.evaluate("window.saved"))
    study = Study.from_yaml(tmp_path / "next.yaml")
    assert [space.name for space in study.spaces] == ["RegNetX", "RegNetX-restricted"]
    first = Study.from_yaml(path).spec
    assert (study.spec.data, study.spec.flops) == (first.data, first.flops)
    # a store holds how often an open recipe evaluates
    trained = (recipe.model_dump(exclude={"evaluate_every"}) for recipe in (study.spec.recipe, first.recipe))
    assert next(trained) == next(trained)
    assert study.spec.seed == first.seed + 1
    assert study.spaces[1].sample(3, seed=0).frame()["depth"].max() <= 12


def test_a_link_opens_the_page_in_its_state_with_the_selections_kept(make_study, show):
    browser = show(make_study(n=10))
    bound(browser, "depth-from", "20")
    browser.evaluate("document.getElementById('selection-name').value = 'deep <b>'")
    browser.evaluate("document.getElementById('keep').click()")
    browser.settle()
    bound(browser, "depth-from", "")
    bound(browser, "depth-to", "19")
    browser.evaluate("document.querySelector('#legend input').click()")
    browser.settle()
    before = {name: text(browser, name) for name in ("count", "theta", "restriction")}
    kept = "[...document.querySelectorAll('#kept tbody td')].slice(0, 5).map((cell) => cell.textContent)"
    link, row = browser.evaluate("location.href"), browser.evaluate(kept)
    assert row[0] == "deep <b>"
    browser.open("about:blank")
    browser.open(link)
    browser.settle()
    assert {name: text(browser, name) for name in before} == before
    assert browser.evaluate(kept) == row
    browser.evaluate("document.querySelector('#kept button').click()")
    browser.settle()
    assert text(browser, "count").startswith(f"{row[1]} of 20")
    assert text(browser, "theta") == row[4]
    assert browser.complaints == []


def test_tables_say_what_the_plots_show(make_study, show):
    store = make_study(n=10, failures={"RegNetX": 1})
    browser = show(store)
    browser.evaluate("for (const name of ['edf-table', 'network-table']) document.getElementById(name).open = true")
    browser.settle()
    rows = "[...document.querySelectorAll('#{} tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    tables = study_tables(store, "small")
    first = sorted(tables.populations["AnyNetXA"])
    assert browser.evaluate(rows.format("edf-table"))[0][:2] == ["AnyNetXA", "10"]
    assert browser.evaluate(rows.format("edf-table"))[0][4] == percent(first[4])
    networks = browser.evaluate(rows.format("network-table"))
    assert len(networks) == 20
    assert networks[0][3] == percent(tables.best["error"].iloc[0])
    assert networks[-1][3] == "diverged"


def test_all_that_the_pointer_does_the_keyboard_does_too(make_study, show):
    store = make_study(n=10)
    browser = show(store)
    browser.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    rows = "[...document.querySelectorAll('#network-table tbody tr')].map((row) => row.cells[1].textContent)"
    browser.tab_to("here.matches('#legend input')")
    browser.press("Space")
    browser.tab_to("here.id === 'keep' || here.name === 'depth-from'")  # nothing is kept while nothing is selected
    assert browser.evaluate("document.activeElement.name") == "depth-from"
    browser.press("2", "0", "Tab")
    browser.settle()
    expected = sum(AnyNetConfig(**run.config).total_depth >= 20 for run in store.runs(1, space="RegNetX"))
    assert 0 < expected < 10
    assert text(browser, "count") == f"{expected} of 10"
    browser.tab_to("here.matches('#network-table summary')")
    browser.press("Enter")
    browser.wait(f"{rows}.length === {expected}")
    assert set(browser.evaluate(rows)) == {"RegNetX"}
    browser.tab_to("here.matches('#network-table button')")
    assert browser.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Show network ")
    browser.press("Enter")
    browser.settle()
    shown = AnyNetConfig(**yaml.safe_load(browser.evaluate("window.copied")))
    assert shown.total_depth >= 20
    assert text(browser, "network").endswith(browser.evaluate("window.copied"))
    for control, act in (("copy-restriction", "depth >= 20"), ("copy-link", "#")):
        browser.tab_to(f"here.id === '{control}'")
        browser.press("Enter")
        browser.settle()
        assert act in browser.evaluate("window.copied")
    browser.tab_to("here.id === 'selection-name'")
    browser.press("d", "e", "e", "p", "Tab", "Enter")
    browser.settle()
    assert browser.evaluate("document.querySelector('#kept td').textContent") == "deep"
    browser.tab_to("here.id === 'reset'")
    browser.press("Space")
    browser.settle()
    assert text(browser, "count") == "10 of 10"
    browser.tab_to("here.getAttribute('aria-label') === 'Show deep'")
    browser.press("Enter")
    browser.settle()
    assert text(browser, "count") == f"{expected} of 10"
    assert browser.complaints == []


def test_what_a_screen_reader_meets_has_a_role_and_a_name(make_study, show):
    browser = show(make_study(n=10))
    browser.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    browser.settle()
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "checkbox", "image", "textbox", "heading", "link"}
    without = [
        (node["role"]["value"], node.get("properties"))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in named and not node.get("name", {}).get("value")
    ]
    assert without == []
    roles = {node["role"]["value"] for node in nodes if not node["ignored"]}
    assert {"banner", "main", "table", "columnheader", "image", "status", "checkbox"} <= roles


def test_a_click_copies_the_networks_yaml(make_study, show):
    store = make_study(("only",), n=1)
    browser = show(store)
    run = store.runs(store.find_study("small").id)[0]
    # a single network varies in nothing: its YAML is behind the button of the best networks
    browser.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    browser.evaluate("document.querySelector('button[data-copy]').click()")
    assert AnyNetConfig(**yaml.safe_load(browser.evaluate("window.copied"))).digest == run.digest

    store = make_study(n=6, name="more")
    browser = show(store, "more")
    browser.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    box = panel_box(browser, "flops")
    digests = {run.digest for run in store.runs(store.find_study("more").id)}
    x, y = point_of_the_first_run(browser, box)
    browser.mouse("mouseMoved", x, y)
    browser.settle()
    assert browser.evaluate("document.getElementById('tip').hidden") is False
    assert text(browser, "tip").split("\n")[1].startswith("d ")
    browser.click(x, y)
    copied = browser.evaluate("window.copied")
    assert AnyNetConfig(**yaml.safe_load(copied)).digest in digests
    assert text(browser, "network").endswith(copied)
    assert text(browser, "toast") == "The network's YAML is copied."
    assert browser.complaints == []


def point_of_the_first_run(browser: Browser, box: dict[str, float]) -> tuple[float, float]:
    """Return where some network is drawn in a panel: the first coloured pixel that is no axis or text."""
    x, y = browser.evaluate(
        "(() => { const c = document.querySelector('[data-property=flops] canvas');"
        " const {width, height} = c; const p = c.getContext('2d').getImageData(0, 0, width, height).data;"
        " for (let y = 10; y < height - 22; y++) for (let x = 34; x < width - 8; x++) {"
        " const k = 4 * (y * width + x); if (p[k + 3] > 150 && Math.max(p[k], p[k+1], p[k+2])"
        " - Math.min(p[k], p[k+1], p[k+2]) > 80) return [x, y]; } })()"
    )
    return box["x"] + x + 1, box["y"] + y + 1


def test_hostile_names_show_as_text(make_study, show, hostile):
    store = make_study((hostile, "AnyNetXA"), n=9, name=hostile, message=hostile, failures={hostile: 2})
    browser = show(store, hostile)
    assert browser.complaints == []
    assert browser.evaluate("document.querySelector('h1').textContent") == hostile
    assert browser.evaluate("document.querySelector('#legend label span:last-child').textContent") == hostile
    assert browser.evaluate("document.scripts.length") == 2
    assert hostile in browser.evaluate("document.getElementById('failures').textContent")


def test_the_page_rounds_a_tie_as_the_tables_do(make_study, browser, tmp_path):
    tables = study_tables(make_study(n=9), "small")
    tables.summary["mean"] = [81.625, 56.235]  # a tie in binary too, and none
    (tmp_path / "page.html").write_text(page(tables), encoding="utf-8")
    browser.open(tmp_path / "page.html")
    shown = browser.evaluate(
        "[...document.querySelectorAll('#legend tbody tr')].map((row) => row.cells[4].textContent)"
    )
    assert shown == [percent(81.625), percent(56.235)] == ["81.62", "56.24"]


def test_a_narrow_window_has_the_best_networks_as_cards_with_nothing_cut_off(make_study, show):
    browser = show(make_study(n=9), width=420)
    wide = "Math.max(...[...document.querySelectorAll('.cards td > *')].map((e) => e.getBoundingClientRect().right))"
    assert browser.evaluate(wide) <= 420
    head = "getComputedStyle(document.querySelector('.cards td:nth-child(2)'), '::before').content"
    assert browser.evaluate(head) == '"error %"'
