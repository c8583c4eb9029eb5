"""What the report says of the anatomy is what the nouns hold, the same in HTML and PDF; without one nothing changes."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import anatomy_factory as made
import case_factory as factory
import numpy as np
import pytest
from PIL import Image
from report_reading import Page, pdf_pages, plain

from psmap.apps.report.anatomy_words import anatomy_facts, listing
from psmap.apps.report.families import FAMILY_COLOURS, ORGAN_COLOUR, VOI_COLOUR
from psmap.apps.report.html import html_text
from psmap.apps.report.page import VERDICT_COLOURS
from psmap.apps.report.pdf import write_pdf
from psmap.apps.report.pdf_canvas import WIDTH_MM
from psmap.apps.report.pdf_flow import LEFT_MM, RIGHT_MM, Flow, TableRow
from psmap.apps.report.tables import SITE_COLUMNS
from psmap.apps.report.view import ReportView, report_view
from psmap.domain.anatomy import Absence, MeasuredReferences, MissingStructure
from psmap.domain.case import Case

GRID = factory.grid_of((8.0, 8.0, 8.0), (115, 36, 56))
NOTICE = "names of the source that have no entry: <appendix>"


@pytest.fixture(scope="module")
def plain_case() -> Case:
    return factory.case_of(factory.man(GRID, 5), GRID)


@pytest.fixture(scope="module")
def case(plain_case: Case) -> Case:
    assert plain_case.sites is not None
    anatomy = made.anatomy_of_boxes(GRID, cut="urinary_bladder", unsure="aorta", notices=(NOTICE,))
    return dataclasses.replace(
        plain_case,
        anatomy=anatomy,
        references=MeasuredReferences(made.REFERENCES, ()),
        organ_uptake=made.UPTAKE,
        places=made.places_of(len(plain_case.sites)),
    )


@pytest.fixture(scope="module")
def view(case: Case) -> ReportView:
    return report_view(case, factory.summary())


@pytest.fixture(scope="module")
def text(view: ReportView) -> str:
    return html_text(view)


@pytest.fixture(scope="module")
def pages(view: ReportView, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_pdf(path, view)
    return pdf_pages(path)


def bare(text: str) -> str:
    return plain(text).replace(" ", "")


def test_references_are_printed_with_their_numbers(text: str) -> None:
    rows = {row[0]: [plain(cell) for cell in row[1:]] for row in Page(text).tables["references"][1:]}
    assert rows["Blood pool"] == [
        "1.23 ± 0.12", "1.69", "Aorta: sphere of 20 mm, 65 voxels, 4.16 mL at 2, 22, 450", "–",
    ]  # fmt: skip
    assert rows["Liver"][:2] == ["5.68 ± 0.81", "7.43"]
    assert rows["Liver"][3] == "a smaller sphere, for want of room"
    assert rows["Spleen"] == ["–", "–", "not measured", "the spleen was not found"]
    assert rows["Parotid"][2].startswith("Parotid gland, left: contour, 391 voxels, 25.0 mL")


def test_uptake_is_printed_and_marked_where_it_is_unusual(text: str, view: ReportView) -> None:
    rows = {row[0]: [plain(cell) for cell in row[1:]] for row in Page(text).tables["uptake"][1:]}
    assert rows["Liver"] == [
        "1 512.3", "5.61", "5.59", "9.14", "5.68", "a", "2.02 to 8.81", "1", "within",
    ]  # fmt: skip
    assert rows["Spleen (cut)"][4:] == ["1.04", "a", "1.12 to 15.13", "1", "below"]
    assert rows["Colon"][4:] == ["3.52", "b", "0.41 to 2.43", "2", "above"]
    assert rows["Heart"] == ["702.1", "1.65", "1.66", "2.75", "–", "–", "–", "–", "–"]
    assert view.anatomy is not None
    assert view.anatomy.uptake is not None
    assert [row.marked for row in view.anatomy.uptake.rows] == [False, True, True, False]
    for words in ("(a) a sphere; (b) inside", "[1] fifty men. [2] ours.", "68Ga-PSMA-11", "Cut: by the field of view"):
        assert words in view.anatomy.uptake.note


def test_a_tracer_without_ranges_says_so(case: Case) -> None:
    rows = tuple(dataclasses.replace(row, usual_low=None, usual_high=None, ref="") for row in made.UPTAKE)
    view = report_view(dataclasses.replace(case, organ_uptake=rows, tracer=factory.FDG), factory.summary())
    assert view.anatomy is not None
    assert view.anatomy.uptake is not None
    assert view.anatomy.uptake.note.startswith("The catalogue has no usual range of these organs for 18F-FDG.")


def test_html_and_pdf_say_the_same(text: str, pages: list[str], view: ReportView) -> None:
    part = view.anatomy
    assert part is not None
    tables, said, shown = Page(text).tables, bare(" ".join(pages)), bare(Page(text).text)
    for row in tables["uptake"][1:]:
        assert bare("".join(row)) in said
    # The text cells of references are wrapped; their numbers stand in one line.
    for row in tables["references"][1:]:
        assert bare("".join(row[:3])) in said
    for fact in part.facts:
        assert bare(fact.value) in said
        assert bare(fact.value) in shown
    for words in (NOTICE, part.slice_note, *(entry.name for entry in part.legend)):
        assert bare(words) in said
        assert bare(words) in shown
    for one in part.slices:
        for words in (one.place, *(name.text for name in one.names)):
            assert bare(words) in said
            assert bare(words) in shown


def test_what_is_missing_is_told_by_reason_and_in_short(view: ReportView) -> None:
    assert view.anatomy is not None
    told = {fact.name: fact.value for fact in view.anatomy.facts}
    assert told["Found by"] == "boxes made by hand 1.0"
    assert told["Found"] == f"{len(made.BOXES)} structures on voxels of 8.00 × 8.00 × 8.00 mm"
    assert told["Outside the view"] == "Ribs 1 to 3 on both sides; skull: outside the field of view."
    assert told["Not found"].startswith("Gallbladder: in the field of view, but not found; nothing is drawn in its")
    assert told["Removed"] == "Prostate: removed, by the history."
    assert told["Not named"] == "100 structures of the catalogue have no name in this source."
    assert told["Cut"].startswith("Urinary bladder: at the edge of the field of view")
    assert told["Low confidence"] == "Aorta (0.31): confidence under 0.5 of 1."
    assert NOTICE in view.anatomy.notices


def missing(*ids: str) -> list[MissingStructure]:
    return [
        MissingStructure(id, id.replace("_left", ", left").replace("_right", ", right"), Absence.NOT_FOUND)
        for id in ids
    ]


def test_lists_put_sides_and_numbers_together() -> None:
    ids = ("vertebra_c1", "vertebra_c2", "vertebra_c3", "vertebra_l5", "rib_12_left", "rib_2_right", "rib_2_left",
           "femur_right", "femur_left", "humerus_left")  # fmt: skip
    assert listing(missing(*ids)) == (
        "Vertebrae C1 to C3, L5; rib 2 on both sides; rib 12 on the left; femur on both sides; humerus, left"
    )
    assert listing(missing("vertebra_t4")) == "Vertebra T4"


def test_long_lists_are_cut_and_counted() -> None:
    told = listing(missing(*(f"thing{n}" for n in range(40))))
    assert told.count(";") == 12
    assert told.endswith("; and 28 others")


def test_low_confidence_names_the_least_first(case: Case) -> None:
    anatomy = case.anatomy
    assert anatomy is not None
    found = tuple(
        dataclasses.replace(s, confidence=c) for s, c in zip(anatomy.found, np.linspace(0.45, 0.9, 9), strict=True)
    )
    found = (*found[1:], dataclasses.replace(found[0], confidence=0.2))
    facts = {fact.name: fact.value for fact in anatomy_facts(dataclasses.replace(anatomy, found=found))}
    assert facts["Low confidence"].startswith("Liver (0.20):")


def test_the_legend_names_every_colour_drawn_and_no_other(text: str, view: ReportView) -> None:
    part = view.anatomy
    assert part is not None
    slices = text[text.index('<div class="slices">') : text.index('aria-label="Colours of the structures"')]
    drawn = set(re.findall(r'class="contour"[^>]* stroke="(#[0-9A-Fa-f]{6})"', slices))
    assert drawn == {entry.colour for entry in part.legend} - {VOI_COLOUR}
    assert len(drawn) >= 5
    assert drawn <= set(FAMILY_COLOURS.values())
    assert not drawn & {*VERDICT_COLOURS.values(), ORGAN_COLOUR}
    assert ('class="voi' in slices) == any(entry.colour == VOI_COLOUR for entry in part.legend)
    legend = text[text.index('aria-label="Colours of the structures"') :]
    assert [entry.colour for entry in part.legend] == re.findall(r'stroke="(#\w{6})"', legend[: legend.index("</ul>")])


def test_every_picture_says_in_words_what_it_shows(text: str, view: ReportView) -> None:
    assert view.anatomy is not None
    named = [value for tag, name, value in Page(text).attributes if tag == "svg" and name == "aria-label"]
    assert len(named) == 2 + len(view.anatomy.slices)
    assert all("thinly outlined organs" in words for words in named[:2])
    for one, words in zip(view.anatomy.slices, named[2:], strict=True):
        assert words == one.alt
        assert words.startswith("Coronal slice of the PET, inverse grey, at ")
        assert f"outlines of {len(one.contours)} structures" in words
        for mark in one.vois:
            assert mark.name.removesuffix(" VOI") in words


def test_organs_are_drawn_below_the_sites(text: str) -> None:
    for figure in re.findall(r'<figure class="figure-\d">.*?</figure>', text, re.DOTALL):
        last_organ, first_site = figure.rindex('class="organ"'), figure.index('<g class="site')
        assert last_organ < first_site


def test_the_page_stays_well_formed_and_whole(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert "&lt;appendix&gt;" in text
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    labelled = [value for _, name, value in page.attributes if name == "aria-labelledby"]
    assert set(labelled) <= set(ids)
    links = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert text.count("<th") - text.count("<thead") == text.count('scope="col"') + text.count('scope="row"')


def test_sites_say_where_they_lie(view: ReportView, text: str) -> None:
    names = [column.name for column in view.site_columns]
    assert names.index("In") + 1 == names.index("Overlaps")
    cells = [dict(zip(names, map(plain, row.cells), strict=True)) for row in view.site_rows]
    assert (cells[0]["In"], cells[0]["Overlaps"]) == ("Liver", "81 %")
    assert (cells[1]["In"], cells[1]["Overlaps"]) == ("Liver", "Kidney R 55 %")
    assert (cells[2]["In"], cells[2]["Overlaps"]) == ("Obturator node left", "–")
    table = Page(text).tables["sites"]
    assert [[plain(cell) for cell in row] for row in table[1:]] == [
        [plain(c) for c in row.cells] for row in view.site_rows
    ]


def test_the_classifiers_place_stays_where_there_is_one(case: Case) -> None:
    assert case.findings is not None
    first, *others = case.findings
    placed = dataclasses.replace(case, findings=(dataclasses.replace(first, location="prostate_bed"), *others))
    view = report_view(placed, factory.summary())
    names = [column.name for column in view.site_columns]
    assert names[names.index("Place") : names.index("Verdict")] == ["Place", "In", "Overlaps"]
    assert view.site_rows[0].cells[names.index("Place")] == "prostate bed"


def test_without_an_anatomy_nothing_is_said_of_it(plain_case: Case, tmp_path: Path) -> None:
    view = report_view(plain_case, factory.summary())
    assert view.anatomy is None
    assert view.site_columns == SITE_COLUMNS
    assert view.pictures[0].organs == ()
    write_pdf(tmp_path / "report.pdf", view)
    for said in (Page(html_text(view)).text, " ".join(pdf_pages(tmp_path / "report.pdf"))):
        for word in ("Anatomy", "anatomy", "References", "normal organs", "Overlaps"):
            assert word not in said


def test_references_alone_are_a_table_without_pictures(plain_case: Case, tmp_path: Path) -> None:
    case = dataclasses.replace(plain_case, references=MeasuredReferences(made.REFERENCES, ()))
    view = report_view(case, factory.summary())
    assert view.anatomy is not None
    assert view.anatomy.slices == ()
    page = Page(html_text(view))
    assert page.open == []
    assert "Aorta: sphere of 20 mm" in page.text
    write_pdf(tmp_path / "report.pdf", view)
    assert "1.23 ± 0.12" in plain(" ".join(pdf_pages(tmp_path / "report.pdf")))


def test_words_that_cannot_be_broken_make_the_type_smaller_and_stay_on_the_page() -> None:
    flow = Flow()
    row = TableRow(("1", *("1 234 567.8",) * 10, "unbreakable_submandibular", "physiologic", "peak"))
    flow.table((*SITE_COLUMNS, *SITE_COLUMNS[-2:]), [row])
    sizes = {word.size_pt for word in flow.sheet.words}
    assert max(sizes) < 6.7
    for word in flow.sheet.words:
        assert LEFT_MM <= word.x_mm <= RIGHT_MM < WIDTH_MM


def test_outlines_on_paper_have_the_colours_of_the_legend(view: ReportView, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm (poppler-utils) is not installed")
    write_pdf(tmp_path / "a.pdf", view)
    subprocess.run(["pdftoppm", "-r", "150", "-png", str(tmp_path / "a.pdf"), str(tmp_path / "p")], check=True)
    pixels: set[int] = set()
    for path in sorted(tmp_path.glob("p-*.png")):
        rgb = np.asarray(Image.open(path).convert("RGB")).astype(np.int64)
        pixels |= set(np.unique(rgb @ [65536, 256, 1]).tolist())
    assert view.anatomy is not None
    for entry in view.anatomy.legend:
        assert int(entry.colour[1:], 16) in pixels


def test_no_heading_of_the_anatomy_stands_alone_at_the_foot_of_a_page(view: ReportView, tmp_path: Path) -> None:
    headings = ("Anatomy", "References", "Coronal slices", "Uptake of normal organs")
    seen = set()
    row = view.site_rows[0]
    for count in range(1, 60, 5):
        rows = tuple(dataclasses.replace(row, id=n) for n in range(count))
        write_pdf(tmp_path / "a.pdf", dataclasses.replace(view, site_rows=rows))
        for page in pdf_pages(tmp_path / "a.pdf"):
            body, footer, _ = page.rpartition(f"psmap {view.psmap}")
            assert footer and not body.rstrip().endswith(headings), count
            seen |= {heading for heading in headings if heading in body}
    assert seen == set(headings)
