"""The HTML report: well formed, self-contained, without identifiers, with every number of the view."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zlib
from pathlib import Path

import case_factory as factory
import numpy as np
import pytest
from report_reading import Page, plain

from psmap.apps.report.html import html_text, png_uri, write_html
from psmap.apps.report.view import ReportView, report_view
from psmap.domain.uptake import Verdict

GRID = factory.grid_of((8.0, 8.0, 8.0), (115, 36, 56))


@pytest.fixture(scope="module")
def view() -> ReportView:
    case = factory.case_of(
        factory.man(GRID, 45),
        GRID,
        conversion=factory.doubtful_conversion(GRID.shape[0]),
        verdicts=tuple(Verdict),
        choices=("CT: <none> & chosen (267 files, BQML)",),
    )
    return report_view(case, factory.summary())


@pytest.fixture(scope="module")
def text(view: ReportView) -> str:
    return html_text(view)


def test_it_is_well_formed_and_says_everything(text: str, view: ReportView) -> None:
    page = Page(text)
    assert page.open == []
    assert page.attributes[0] == ("html", "lang", "en")
    said = page.text
    facts = [*view.facts, *view.suv_facts, *view.parameters, *view.provenance]
    expected = [
        view.title,
        *view.warnings,
        *view.impression,
        *view.suv_trace,
        *view.choices,
        view.footer,
        *(fact.value for fact in facts),
        *(banner.text for banner in view.banners),
        *(note.text for note in view.notes),
    ]
    assert [line for line in expected if plain(line) not in said] == []


def test_tables_hold_the_cells_of_the_view(text: str, view: ReportView) -> None:
    tables = Page(text).tables
    assert len(view.site_rows) > 20
    assert [[plain(cell) for cell in row] for row in tables["sites"][1:]] == [
        [plain(cell) for cell in row.cells] for row in view.site_rows
    ]
    burden = [[plain(row.name), *map(plain, row.cells or (row.withheld,))] for row in view.burden_rows]
    assert [[plain(cell) for cell in row] for row in tables["burden"][1:]] == burden
    assert tables["burden"][-1] == ["Liver-based threshold", "no liver mask was given (--liver MASK)"]


def test_every_site_is_outlined_twice_and_numbered(text: str, view: ReportView) -> None:
    for row in view.site_rows:
        assert text.count(f'data-site="{row.id}"') == 3
    numbers = re.findall(r'<text class="number"[^>]*>(\d+)</text>', text)
    assert sorted(map(int, numbers)) == sorted(2 * [row.id for row in view.site_rows])


def test_nothing_is_fetched_and_the_policy_forbids_it(text: str) -> None:
    page = Page(text)
    links = [value for _, name, value in page.attributes if name in ("src", "href", "xlink:href", "action", "srcset")]
    assert len(links) == 2
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert re.findall(r"url\(([^)]*)\)", text) == ["#ramp"]
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src"))
    assert policy.startswith("default-src 'none'; img-src data:;")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert text.count("<script") == 1


def test_no_identifier_and_no_markup_gets_through(text: str) -> None:
    assert "Doe" not in text
    assert "4711" not in text
    assert "1.2.840" not in text
    assert "CT: &lt;none&gt; &amp; chosen (267 files, BQML)" in text


def test_pictures_are_named_and_headers_have_a_scope(text: str) -> None:
    page = Page(text)
    named = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]
    assert [words.split()[0] for words in named] == ["Coronal", "Sagittal"]
    assert text.count("<th") - text.count("<thead") == text.count('scope="col"') + text.count('scope="row"')


def test_png_decodes_to_the_grey_that_went_in() -> None:
    grey = np.random.default_rng(2).integers(0, 256, (7, 11), dtype=np.uint8)
    data = base64.b64decode(png_uri(grey).removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + length
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (11, 7, 8, 0, 0, 0, 0)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(7, 12)
    assert np.array_equal(rows[:, 1:], grey)
    assert not rows[:, 0].any()


def test_a_case_without_sites_says_so(tmp_path: Path) -> None:
    suv = np.minimum(factory.man(GRID, 0), np.float32(2.5))
    write_html(tmp_path / "report.html", report_view(factory.case_of(suv, GRID), factory.summary()))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.text.count("No site of raised uptake was found (SUV ≥ 3.0).") == 2
    assert "sites" not in page.tables
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_it_stays_small_at_full_size() -> None:
    grid = factory.grid_of((3.27, 4.69, 4.69), (267, 128, 128))
    text = html_text(report_view(factory.case_of(factory.man(grid, 45), grid), factory.summary()))
    assert len(text.encode()) < 3_000_000
