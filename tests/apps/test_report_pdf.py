"""The PDF report: the same words and numbers as the HTML, page after page, and the same bytes twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import case_factory as factory
import numpy as np
import pytest
from report_reading import Page, pdf_pages, plain

from psmap.apps.report.html import html_text
from psmap.apps.report.page import Column
from psmap.apps.report.pdf import write_pdf
from psmap.apps.report.pdf_canvas import printable, text_mm
from psmap.apps.report.pdf_flow import LEFT_MM, RIGHT_MM, TableRow, column_widths, wrap
from psmap.apps.report.view import ReportView, report_view
from psmap.domain.case import History
from psmap.domain.uptake import Verdict

GRID = factory.grid_of((8.0, 8.0, 8.0), (115, 36, 56))


def view_of(lesions: int) -> ReportView:
    case = factory.case_of(
        factory.man(GRID, lesions),
        GRID,
        conversion=factory.doubtful_conversion(GRID.shape[0]),
        verdicts=tuple(Verdict),
        history=History(prostatectomy=True),
    )
    return report_view(case, factory.summary())


def bare(text: str) -> str:
    return plain(text).replace(" ", "")


@pytest.fixture(scope="module")
def view() -> ReportView:
    return view_of(45)


@pytest.fixture(scope="module")
def pages(view: ReportView, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_pdf(path, view)
    return pdf_pages(path)


def test_page_one_is_to_look_at_and_every_page_is_numbered(pages: list[str], view: ReportView) -> None:
    assert len(pages) >= 3
    for expected in (view.title, view.warnings[1], view.banners[0].text, *view.impression, "10 cm", "SUV 0"):
        assert plain(expected) in pages[0]
    for n, page in enumerate(pages, start=1):
        assert page.endswith(f"page {n} of {len(pages)}")
        assert "research use only" in page


def test_html_and_pdf_say_the_same_numbers(pages: list[str], view: ReportView) -> None:
    tables = Page(html_text(view)).tables
    # pdftotext guesses where spaces are, so they are left out on both sides.
    said = bare(" ".join(pages))
    # Up to the centroid; place, verdict and flags may be wrapped.
    sites = [bare("".join(row[:9])) for row in tables["sites"][1:]]
    assert len(sites) > 20
    assert [row for row in sites if row not in said] == []
    burden = [bare("".join(row)) for row in tables["burden"][1:]]
    assert [row for row in burden if row not in said] == []
    facts = [*view.suv_facts, *view.history, *view.parameters, *view.provenance]
    assert [fact for fact in facts if bare(f"{fact.name}{fact.value}") not in said] == []
    assert [note for note in view.notes if bare(f"{note.term}:{note.text}") not in said] == []


def test_no_identifier_gets_through(pages: list[str]) -> None:
    said = " ".join(pages)
    assert "Doe" not in said
    assert "4711" not in said
    assert "1.2.840" not in said
    assert "(UID in case.json)" in said


def test_same_view_same_bytes(view: ReportView, tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", view)
    write_pdf(tmp_path / "b.pdf", view)
    first = (tmp_path / "a.pdf").read_bytes()
    assert first == (tmp_path / "b.pdf").read_bytes()
    assert b"/CreationDate (D:20260131093015Z)" in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


def test_the_table_of_sites_goes_on_overleaf_with_its_head(view: ReportView, tmp_path: Path) -> None:
    many = tuple(dataclasses.replace(row, id=n) for n in range(4) for row in view.site_rows)
    write_pdf(tmp_path / "many.pdf", dataclasses.replace(view, site_rows=many))
    heads = sum("SUVmax SUVpeak SUVmean Volume" in page for page in pdf_pages(tmp_path / "many.pdf"))
    # An A4 page holds at most about 60 rows of 4.4 mm.
    assert heads >= -(-len(many) // 60)


def test_a_case_without_sites(tmp_path: Path) -> None:
    suv = np.minimum(factory.man(GRID, 0), np.float32(2.5))
    write_pdf(tmp_path / "none.pdf", report_view(factory.case_of(suv, GRID), factory.summary()))
    pages = pdf_pages(tmp_path / "none.pdf")
    assert "No site of raised uptake was found (SUV ≥ 3.0)." in pages[0]
    assert sum("No site of raised uptake was found" in page for page in pages) == 2


def test_text_no_font_holds_is_replaced_and_formulas_are_not_read(view: ReportView, tmp_path: Path) -> None:
    assert printable("Größe 東 ≥ 1") == "Größe \ufffd ≥ 1"
    odd = dataclasses.replace(view, choices=("costs $1$ or $\\frac$ 東京",))
    write_pdf(tmp_path / "odd.pdf", odd)
    assert "costs $1$ or $\\frac$" in " ".join(pdf_pages(tmp_path / "odd.pdf"))


def test_wrapped_lines_fit_and_lose_nothing() -> None:
    text = "FrameReferenceTime (0054,1300) runs over bed positions " + "x" * 300 + " and stops"
    lines = wrap(text, 60.0, 8.0, first_mm=20.0)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert text_mm(lines[0], 8.0) <= 40.0
    assert all(text_mm(line, 8.0) <= 60.0 for line in lines[1:])


def test_width_of_text_is_that_of_the_typeface() -> None:
    # DejaVu Sans has 2048 units to the em; its space moves the pen by 651, its digits by 1303.
    assert text_mm("0 7", 72.0) == pytest.approx((2 * 1303 + 651) / 2048 * 25.4, rel=1e-3)


def test_narrow_tables_wrap_words_and_never_numbers() -> None:
    columns = (Column("Site"), *(Column("Number"),) * 8, Column("Place", number=False))
    rows = [TableRow(("1", *("1 234 567.8",) * 8, "left internal iliac lymph node beside the vessel"))]
    widths = column_widths(columns, rows)
    assert sum(widths) == pytest.approx(RIGHT_MM - LEFT_MM)
    assert all(width >= text_mm("1 234 567.8", 6.7) for width in widths[1:-1])
