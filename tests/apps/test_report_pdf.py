"""The PDF report: the same words and numbers as the HTML, page after page, and the same bytes twice."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import case_factory as factory
import numpy as np
import pytest
from report_reading import Page, pdf_pages, plain

from psmap.apps.report.html import html_text
from psmap.apps.report.page import Column
from psmap.apps.report.pdf import write_pdf
from psmap.apps.report.pdf_canvas import Fill, GreyImage, Sheet, Stroke, Word, printable, text_mm, write_sheets
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


def test_same_view_same_bytes(view: ReportView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says of the time: what a view says of it is all that goes in."""
    write_pdf(tmp_path / "a.pdf", view)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1709290800")
    write_pdf(tmp_path / "b.pdf", view)
    first = (tmp_path / "a.pdf").read_bytes()
    assert first == (tmp_path / "b.pdf").read_bytes()
    assert b"/CreationDate (D:20260131093015Z)" in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


def test_every_typeface_is_in_the_file(view: ReportView, tmp_path: Path) -> None:
    if shutil.which("pdffonts") is None:
        pytest.skip("pdffonts (poppler-utils) is not installed")
    write_pdf(tmp_path / "a.pdf", view)
    told = subprocess.run(["pdffonts", str(tmp_path / "a.pdf")], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in told.splitlines()[2:]]
    assert {row[0].partition("+")[2] for row in rows} == {"DejaVuSans", "DejaVuSans-Bold"}
    # The columns emb, sub and uni stand before the two numbers of the object: embedded, a subset, with Unicode.
    assert {tuple(row[-5:-2]) for row in rows} == {("yes", "yes", "yes")}


def test_things_lie_where_the_sheet_says(tmp_path: Path) -> None:
    """Rendered by poppler at 254 dpi, so that ten pixels are one millimetre."""
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm (poppler-utils) is not installed")
    grey = np.array([[0, 80], [160, 240]], dtype=np.uint8)
    sheet = Sheet(
        images=[GreyImage(100.0, 20.0, 40.0, 20.0, grey)],
        fills=[Fill(10.0, 20.0, 30.0, 5.0, "#336699"), Fill(10.0, 40.0, 30.0, 5.0, "#ffffff", edge="#cc0000")],
        strokes=[
            Stroke(np.array([[10.0, 100.0], [60.0, 100.0]]), "#000000", 2.0 * 72.0 / 25.4),
            Stroke(np.array([[10.0, 110.0], [60.0, 110.0]]), "#000000", 2.0 * 72.0 / 25.4, alpha=0.5),
            Stroke(np.array([[10.0, 120.0], [60.0, 120.0]]), "#000000", 2.0 * 72.0 / 25.4, dashed=True),
        ],
        words=[Word(200.0, 150.0, "\u2588", 72.0, "#009e73", align="end")],  # a full block
    )
    path = tmp_path / "sheet.pdf"
    write_sheets(path, [sheet], title="t", creator="c", created=datetime(2026, 1, 31, tzinfo=UTC))
    subprocess.run(["pdftoppm", "-r", "254", "-singlefile", str(path), str(tmp_path / "sheet")], check=True)
    image = ppm_pixels(tmp_path / "sheet.ppm")

    def at(x_mm: float, y_mm: float) -> tuple[int, ...]:
        return tuple(int(value) for value in image[round(10 * y_mm), round(10 * x_mm)])

    assert image.shape[:2] == pytest.approx((2970, 2100), abs=1)
    assert at(11, 21) == at(39, 24) == (0x33, 0x66, 0x99) and at(41, 22) == at(25, 19) == (255, 255, 255)
    assert at(25, 42) == (255, 255, 255) and at(25, 40) != (255, 255, 255)
    corners = ((105, 22), (135, 22), (105, 38), (135, 38))
    assert [at(x, y)[0] for x, y in corners] == grey.ravel().tolist()
    assert at(30, 99.5) == at(30, 100.5) == (0, 0, 0) and at(30, 98.5) == at(61, 100) == (255, 255, 255)
    assert at(30, 110)[0] == pytest.approx(128, abs=2)
    dashes = image[1200, 100:600, 0]
    assert 0.6 < np.mean(dashes < 128) < 0.68  # 2.4 of every 3.8 widths
    # The block is 0.77 em wide in DejaVu Sans, ends at x, and reaches above and below the baseline.
    assert at(199, 150) == at(195, 140) == (0, 0x9E, 0x73) and at(201, 145) == (255, 255, 255)


def ppm_pixels(path: Path) -> np.ndarray:
    """The pixels of a binary PPM [row, column, colour]."""
    _, size, _, pixels = path.read_bytes().split(b"\n", 3)
    columns, rows = (int(number) for number in size.split())
    return np.frombuffer(pixels, dtype=np.uint8).reshape(rows, columns, 3)


def test_the_time_in_the_file_is_that_of_the_run_in_utc(tmp_path: Path) -> None:
    created = datetime(2026, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    write_sheets(tmp_path / "a.pdf", [Sheet()], title="t", creator="c", created=created)
    assert b"/CreationDate (D:20260130233000Z)" in (tmp_path / "a.pdf").read_bytes()


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


def test_no_heading_stands_alone_at_the_foot_of_a_page(view: ReportView, tmp_path: Path) -> None:
    """However long the table of sites is, a heading has something of its own below it."""
    headings = {
        "Sites of raised uptake", "Burden under each definition", "How the SUV came about", "Trace",
        "History as given", "How the case was read", "Parameters", "Choices on the way in", "Provenance", "Definitions",
    }  # fmt: skip
    seen = set()
    for count in range(1, len(view.site_rows) + 1):
        write_pdf(tmp_path / "a.pdf", dataclasses.replace(view, site_rows=view.site_rows[:count]))
        for page in pdf_pages(tmp_path / "a.pdf"):
            body, footer, _ = page.rpartition(f"psmap {view.psmap}")
            assert footer and not body.rstrip().endswith(tuple(headings)), count
            seen |= {heading for heading in headings if heading in body}
    assert {"How the case was read", "Provenance"} <= seen
