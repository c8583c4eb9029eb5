"""The HTML report in Chromium: silent on the network, used by mouse and keyboard, whole on screen and on paper."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anatomy_factory as made
import case_factory as factory
import pytest
from report_reading import pdf_pages, plain
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from psmap.apps.report.html import write_html
from psmap.apps.report.view import report_view
from psmap.domain.anatomy import MeasuredReferences
from psmap.domain.uptake import Finding, Verdict

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)
WIDTHS = (360, 480, 600, 721, 768, 961, 1000, 1181, 1200, 1600)

# Column of the table of sites -> its value in `case.json`; a list sorts by its first number, as printed.
KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Site": lambda site: site["id"],
    "SUVmax": lambda site: site["suv_max"],
    "SUVpeak": lambda site: site["suv_peak"],
    "SUVmean": lambda site: site["suv_mean"],
    "Volume": lambda site: site["volume_ml"],
    "TLU": lambda site: site["tlu"],
    "Contrast": lambda site: site["local_contrast"],
    "Extent": lambda site: site["extent_mm"][0],
    "Centroid": lambda site: site["centroid_mm"][0],
    "Place": lambda site: site["location"] or "",
    "Verdict": lambda site: site["verdict"],
    "Flags": lambda site: ", ".join(word for key, word in FLAGS.items() if site[key]),
}
FLAGS = {"small": "small", "peak_touches_other": "peak shared", "open_contour": "open contour"}
WORDS = ("Place", "Verdict", "Flags")
DECIMALS = {"SUVmax": 1, "SUVpeak": 1, "SUVmean": 1, "Volume": 2, "TLU": 1, "Contrast": 1, "Extent": 0, "Centroid": 0}


@dataclass(frozen=True)
class Shown:
    """A report on disk and its sites as `case.json` names them."""

    path: Path
    sites: list[dict[str, Any]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Chromium and ChromeDriver are not installed")
    options = Options()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A made case of about forty sites."""
    grid = factory.grid_of((8.0, 8.0, 8.0), (115, 36, 56))
    case = factory.case_of(
        factory.man(grid, 47), grid, conversion=factory.doubtful_conversion(grid.shape[0]), verdicts=tuple(Verdict)
    )
    path = tmp_path_factory.mktemp("many") / "report.html"
    write_html(path, report_view(case, factory.summary()))
    assert case.findings
    return Shown(path, [_as_json(finding) for finding in case.findings])


@pytest.fixture(scope="module")
def demo(phantom: Any) -> Shown:
    case = json.loads((phantom.out / "case.json").read_text(encoding="utf-8"))
    return Shown(phantom.out / "report.html", case["sites"])


@pytest.fixture(params=["demo", "many"])
def shown(request: pytest.FixtureRequest, browser: webdriver.Chrome) -> Shown:
    """Each of the two reports, freshly opened in a window of 1200 pixels."""
    report: Shown = request.getfixturevalue(request.param)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(report.path.as_uri())
    return report


def _as_json(finding: Finding) -> dict[str, Any]:
    site = finding.site
    return {
        "id": site.id,
        "suv_max": site.suv_max,
        "suv_peak": site.suv_peak,
        "suv_mean": site.suv_mean,
        "volume_ml": site.volume_ml,
        "tlu": site.tlu,
        "local_contrast": site.local_contrast,
        "extent_mm": site.extent_mm,
        "centroid_mm": site.centroid_mm,
        "small": site.small,
        "open_contour": site.open_contour,
        "verdict": str(finding.verdict),
        "location": finding.location,
        "peak_touches_other": site.suv_peak_touches_other,
    }


def _order(browser: webdriver.Chrome) -> list[int]:
    rows = browser.execute_script("return [...document.querySelectorAll('#sites tbody tr')].map(r => r.dataset.site)")
    return [int(row) for row in rows]


def _lit(browser: webdriver.Chrome) -> list[tuple[str, int]]:
    """Tag and site of everything that is highlighted."""
    found = browser.execute_script(
        "return [...document.querySelectorAll('[data-site].on')].map(e => [e.tagName.toLowerCase(), e.dataset.site])"
    )
    return sorted((tag, int(site)) for tag, site in found)


def _all_of(site: int) -> list[tuple[str, int]]:
    return [("g", site), ("g", site), ("tr", site)]


def _row(browser: webdriver.Chrome, site: int) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f'#sites tr[data-site="{site}"]')


def _away(browser: webdriver.Chrome) -> None:
    ActionChains(browser, duration=0).move_to_element(browser.find_element(By.TAG_NAME, "h1")).perform()


def _number(browser: webdriver.Chrome, site: int) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f'.figure-1 g[data-site="{site}"] .number')


def _width(browser: webdriver.Chrome, width: int, *, bars: bool = True) -> None:
    """A window so wide, with scroll bars that take their room or with none."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": not bars},
    )


def test_it_fetches_nothing_and_the_console_stays_empty(shown: Shown, browser: webdriver.Chrome) -> None:
    assert browser.get_log("browser") == []
    entries = browser.execute_script("return performance.getEntries().map(e => [e.entryType, e.name])")
    fetched = [name for kind, name in entries if kind in ("navigation", "resource") and not name.startswith("data:")]
    assert fetched == [shown.path.as_uri()]
    # The log and the policy are alive: what the page itself never does is refused, and the refusal is logged.
    browser.execute_script("const s = document.createElement('script'); s.textContent = '1'; document.body.append(s)")
    refused = browser.get_log("browser")
    assert len(refused) == 1
    assert "Content Security Policy" in refused[0]["message"]


def test_pointing_at_a_number_or_a_row_lights_both(shown: Shown, browser: webdriver.Chrome) -> None:
    site = shown.sites[-1]["id"]
    assert _lit(browser) == []
    for part in (_number(browser, site), _row(browser, site)):
        ActionChains(browser, duration=0).scroll_to_element(part).move_to_element(part).perform()
        assert _lit(browser) == _all_of(site)
        _away(browser)
        assert _lit(browser) == []


def test_every_site_can_be_pointed_at_in_both_pictures(shown: Shown, browser: webdriver.Chrome) -> None:
    """At its number and somewhere on or inside its outline the site itself is on top, not a larger one over it."""
    reached = browser.execute_script(
        """
        const on = (x, y) => {
          const part = document.elementFromPoint(x, y);
          const group = part && part.closest("g[data-site]");
          return group ? group.dataset.site : null;
        };
        return [...document.querySelectorAll("g[data-site]")].map((group) => {
          group.scrollIntoView({ block: "center" });
          const number = group.querySelector(".number").getBoundingClientRect();
          const named = on(number.x + number.width / 2, number.y + number.height / 2);
          const box = group.querySelector(".edge").getBoundingClientRect();
          let inside = 0;
          for (let i = 1; i < 20; i++) for (let j = 1; j < 20; j++)
            inside += on(box.x + box.width * i / 20, box.y + box.height * j / 20) === group.dataset.site;
          return [group.dataset.site, named, inside];
        });
        """
    )
    assert sorted(int(site) for site, _, _ in reached) == sorted(2 * [site["id"] for site in shown.sites])
    assert [(site, named) for site, named, _ in reached if named != site] == []
    assert [site for site, _, inside in reached if inside == 0] == []


def test_a_click_holds_a_site_until_the_next(shown: Shown, browser: webdriver.Chrome) -> None:
    first, last = shown.sites[0]["id"], shown.sites[-1]["id"]
    _number(browser, last).click()
    _away(browser)
    assert _lit(browser) == _all_of(last)
    pressed = browser.find_elements(By.CSS_SELECTOR, '#sites tbody [aria-pressed="true"]')
    assert [part.text for part in pressed] == [str(last)]
    _row(browser, first).click()
    _away(browser)
    assert _lit(browser) == _all_of(first)
    _row(browser, first).click()
    _away(browser)
    assert _lit(browser) == []
    assert browser.find_elements(By.CSS_SELECTOR, '[aria-pressed="true"]') == []


def test_a_chosen_number_brings_its_row_into_sight(many: Shown, browser: webdriver.Chrome) -> None:
    browser.get(many.path.as_uri())
    site = many.sites[-1]["id"]
    _number(browser, site).click()
    top, bottom, height = browser.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.top, b.bottom, innerHeight]", _row(browser, site)
    )
    assert 0 <= top < bottom <= height + 1


def test_the_keyboard_does_what_the_mouse_does(shown: Shown, browser: webdriver.Chrome) -> None:
    def press(key: str) -> WebElement:
        ActionChains(browser, duration=0).send_keys(key).perform()
        return browser.switch_to.active_element

    assert press(Keys.TAB).get_attribute("class") == "scroll"
    heads = [press(Keys.TAB) for _ in range(12)]
    names = [head.text for head in heads]
    assert names == [*KEYS]
    assert {head.get_attribute("role") for head in heads} == {"button"}
    assert heads[-1].value_of_css_property("outline-style") == "solid"
    first = press(Keys.TAB)
    assert first.text == str(shown.sites[0]["id"])
    assert _lit(browser) == _all_of(shown.sites[0]["id"])
    press(Keys.ENTER)
    second = press(Keys.TAB)
    assert second.text == str(shown.sites[1]["id"])
    assert _lit(browser) == sorted(_all_of(shown.sites[0]["id"]) + _all_of(shown.sites[1]["id"]))
    press(Keys.SPACE)
    assert _lit(browser) == _all_of(shown.sites[1]["id"])
    ActionChains(browser, duration=0).key_down(Keys.SHIFT).send_keys(Keys.TAB * 12).key_up(Keys.SHIFT).perform()
    assert browser.switch_to.active_element.text == "SUVmax"
    press(Keys.ENTER)
    press(Keys.SPACE)
    by_suv = sorted(shown.sites, key=lambda site: site["suv_max"])
    assert _order(browser) == [site["id"] for site in by_suv]


def test_sorting_agrees_with_the_values_of_the_case(shown: Shown, browser: webdriver.Chrome) -> None:
    """Numbers come highest first and words from A; a second click reverses; what is absent stays last."""
    ids = [site["id"] for site in shown.sites]
    heads = browser.find_elements(By.CSS_SELECTOR, "#sites thead th")
    for head, (column, value) in zip(heads, KEYS.items(), strict=True):
        orders, said = [], []
        for _ in range(2):
            head.find_element(By.CSS_SELECTOR, ".control").click()
            orders.append(_order(browser))
            said.append(head.get_attribute("aria-sort"))
        assert len(browser.find_elements(By.CSS_SELECTOR, "th[aria-sort]")) == 1
        values = {site["id"]: value(site) for site in shown.sites}
        if column in WORDS:
            expected = sorted(ids, key=lambda site, values=values: (values[site], site))  # type: ignore[misc]
            assert (said, orders) == (["ascending", "descending"], [expected, expected[::-1]]), column
            continue
        absent = [site for site in ids if values[site] is None]
        # Values that are printed alike keep the order of the sites; they are told apart by no more than was printed.
        printed = {site: round(values[site], DECIMALS.get(column, 0)) for site in ids if site not in absent}
        expected = sorted(printed, key=lambda site, printed=printed: (-printed[site], site))  # type: ignore[misc]
        assert said == ["descending", "ascending"], column
        assert orders == [expected + absent, expected[::-1] + absent], column


def test_the_page_holds_at_every_width(shown: Shown, browser: webdriver.Chrome) -> None:
    """Nothing sticks out of the page; from 1000 pixels on no table is cut, and the facts stand on one line."""
    for width in WIDTHS:
        _width(browser, width)
        page, inner = browser.execute_script("return [document.scrollingElement.scrollWidth, innerWidth]")
        assert inner == width
        assert page <= inner
        outside = browser.execute_script(
            """
            return [...document.querySelectorAll("main *")].filter((part) => {
              const box = part.getBoundingClientRect();
              return !part.closest(".scroll table") && (box.right > document.documentElement.clientWidth + 0.5
                || box.left < -0.5);
            }).map((part) => part.tagName + "." + part.className);
            """
        )
        assert outside == [], f"outside the page at {width} px"
        spilling = browser.execute_script(
            "return [...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth).length"
        )
        lines = browser.execute_script(
            "return [...document.querySelectorAll('.facts > div')].map(fact => fact.getBoundingClientRect().top)"
        )
        if width >= 1000:
            assert spilling == 0, f"a table is cut at {width} px"
            assert len(set(lines)) == 1
        if width == 360:
            assert spilling == 2
            assert len(set(lines)) == 4


def test_a_wide_table_scrolls_in_its_own_box_and_keeps_its_site_numbers(many: Shown, browser: webdriver.Chrome) -> None:
    browser.get(many.path.as_uri())
    _width(browser, 360)
    place = """
        const box = document.querySelector("#sites").parentElement;
        box.scrollLeft = arguments[0];
        const left = box.getBoundingClientRect().left;
        const row = document.querySelector("#sites tbody tr");
        return [row.cells[0].getBoundingClientRect().left - left,
                box.getBoundingClientRect().right - row.cells[11].getBoundingClientRect().right];
    """
    at_rest, scrolled = (browser.execute_script(place, offset) for offset in (0, 10_000))
    assert at_rest[0] == pytest.approx(0.0, abs=1.0)
    assert at_rest[1] < -100.0
    assert scrolled == [pytest.approx(0.0, abs=1.0), pytest.approx(0.0, abs=1.0)]
    row = _row(browser, 1)
    browser.execute_script("arguments[0].click()", row)
    colours = {cell.value_of_css_property("background-color") for cell in row.find_elements(By.CSS_SELECTOR, "th, td")}
    assert colours == {"rgba(255, 241, 204, 1)"}


def test_everything_has_a_name_and_a_role(shown: Shown, browser: webdriver.Chrome) -> None:
    """As Chromium's accessibility tree tells it to a screen reader."""
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    browser.execute_cdp_cmd("Accessibility.disable", {})
    told: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            told.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    count = len(shown.sites)
    assert [name.split(" maximum")[0] for name in told["image"]] == ["Coronal", "Sagittal"]
    assert all(name.endswith(f"with {count} outlined sites.") for name in told["image"])
    assert told["table"] == ["Sites of raised uptake", "Burden under each definition"]
    assert sorted(told["button"]) == sorted([*KEYS, *(str(site["id"]) for site in shown.sites)])
    assert len(told["main"]) == 1
    assert "" not in told["region"] + told["heading"] + told["columnheader"]


def test_it_prints_on_a4_with_every_column(shown: Shown, browser: webdriver.Chrome, tmp_path: Path) -> None:
    """Few sheets; every row keeps its twelve cells; a head that is repeated repeats its names, too."""
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#sites tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    path = tmp_path / "printed.pdf"
    path.write_bytes(base64.b64decode(printed["data"]))
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", path.read_bytes())
    assert {(round(float(w) * 25.4 / 72), round(float(h) * 25.4 / 72)) for w, h in sizes} == {(210, 297)}
    # The projections are on the first sheet, and the rest is not strewn over more sheets than its text fills.
    assert 3 <= len(sizes) <= 4
    pages = pdf_pages(path)
    assert "Sagittal" in pages[0]
    # Flags may take two lines; a single flag stands on the row's own line.
    # Spaces are left out: pdftotext finds none round some signs.
    sheets = [page.replace(" ", "") for page in pages]
    lines = [plain("".join(cells if "," not in cells[11] else cells[:11])).replace(" ", "") for cells in rows]
    on = [[line for line in lines if line in sheet] for sheet in sheets]
    assert sorted(line for found in on for line in found) == sorted(lines)
    # No table breaks after its first rows.
    assert all(len(found) >= min(4, len(rows)) for found in on[:-1] if lines[0] in found)
    for page, found in zip(pages, on, strict=True):
        assert page.count(" ".join(KEYS)) == (1 if found else 0)


def test_no_column_reaches_beyond_the_paper(shown: Shown, browser: webdriver.Chrome) -> None:
    """Laid out for print at the 186 mm between the margins of A4."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    _width(browser, int(186 / 25.4 * 96), bars=False)
    over = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter(p => p.getBoundingClientRect().right > innerWidth)"
        ".map(p => p.tagName + '.' + p.className)"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert over == []


@pytest.fixture(scope="module")
def with_anatomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made case of about forty sites with outlined structures, references, organs and places."""
    grid = factory.grid_of((8.0, 8.0, 8.0), (115, 36, 56))
    case = factory.case_of(factory.man(grid, 47), grid, verdicts=tuple(Verdict))
    assert case.sites is not None
    case = replace(
        case,
        anatomy=made.anatomy_of_boxes(grid, notices=("a field of view cut short",)),
        references=MeasuredReferences(made.REFERENCES, ()),
        organ_uptake=made.UPTAKE,
        places=made.places_of(len(case.sites)),
    )
    path = tmp_path_factory.mktemp("anatomy") / "report.html"
    write_html(path, report_view(case, factory.summary()))
    return path


def test_the_anatomy_stays_on_the_screen_and_on_the_paper(with_anatomy: Path, browser: webdriver.Chrome) -> None:
    """Nothing but tables that scroll is wider than the window; names beside slices are whole; print fits A4."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(with_anatomy.as_uri())
    beyond = (
        "return [...document.querySelectorAll('main *')].filter(p => !p.closest(arguments[0]))"
        ".filter(p => p.getBoundingClientRect().right > innerWidth || p.getBoundingClientRect().left < 0)"
        ".map(p => p.tagName + '.' + p.className)"
    )
    for width in WIDTHS:
        _width(browser, width)
        assert browser.execute_script(beyond, ".scroll") == [], width
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    _width(browser, int(186 / 25.4 * 96), bars=False)
    over = browser.execute_script(beyond, ".none")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert over == []
    assert browser.get_log("browser") == []
