"""What the report says is what the case holds."""

from __future__ import annotations

import dataclasses

import case_factory as factory
import numpy as np
import pytest

from psmap.apps.report.numerals import factor, number, without_uids
from psmap.apps.report.view import report_view
from psmap.domain.case import Case, History
from psmap.domain.parameters import Threshold, ThresholdKind
from psmap.domain.suv import AlternativeReading, SuvConversion
from psmap.domain.uptake import Verdict

GRID = factory.grid_of((9.0, 9.0, 9.0), (100, 32, 48))


@pytest.fixture(scope="module")
def case() -> Case:
    return factory.case_of(factory.man(GRID, 6), GRID)


def words(case: Case) -> str:
    view = report_view(case, factory.summary())
    return " ".join([view.title, *(f"{b.title} {b.text}" for b in view.banners), *view.impression])


@pytest.mark.parametrize(
    ("value", "decimals", "printed"),
    [
        (1234567.891, 1, "1\u202f234\u202f567.9"),
        (-0.04, 1, "0.0"),
        (-3.26, 1, "−3.3"),
        (None, 1, "–"),
        (999.96, 1, "1\u202f000.0"),
    ],
)
def test_numbers(value: float | None, decimals: int, printed: str) -> None:
    assert number(value, decimals) == printed


@pytest.mark.parametrize(
    ("value", "printed"), [(2.42903e-4, "2.429030e-4"), (1.0, "1.000000"), (1602.563, "1.602563e3")]
)
def test_factors(value: float, printed: str) -> None:
    assert factor(value) == printed


def test_uids_are_left_out_and_tags_times_and_versions_stay() -> None:
    line = "series 1.2.840.113619.2.55.3 at 13:45:11.250, (0054,1001), 0.1.0"
    assert without_uids(line) == "series (UID in case.json) at 13:45:11.250, (0054,1001), 0.1.0"


def test_every_site_stands_in_the_table_with_its_own_numbers(case: Case) -> None:
    view = report_view(case, factory.summary())
    assert case.sites is not None
    assert [row.id for row in view.site_rows] == [site.id for site in case.sites]
    for row, site in zip(view.site_rows, case.sites, strict=True):
        cell = {
            column.name: text.replace("\u202f", "").replace("−", "-")
            for column, text in zip(view.site_columns, row.cells, strict=True)
        }
        assert float(cell["SUVmax"]) == pytest.approx(site.suv_max, abs=0.0501)
        assert float(cell["SUVpeak"]) == pytest.approx(site.suv_peak, abs=0.0501)
        assert float(cell["SUVmean"]) == pytest.approx(site.suv_mean, abs=0.0501)
        assert float(cell["Volume"]) == pytest.approx(site.volume_ml, abs=0.00501)
        assert float(cell["TLU"]) == pytest.approx(site.tlu, abs=0.0501)
        assert [float(n) for n in cell["Centroid"].split(", ")] == pytest.approx(site.centroid_mm, abs=0.501)
        assert [float(n) for n in cell["Extent"].split(" × ")] == pytest.approx(site.extent_mm, abs=0.501)
        assert ("small" in cell["Flags"]) == site.small
        assert ("peak shared" in cell["Flags"]) == site.suv_peak_touches_other


def test_unclassified_sites_are_never_called_tumour(case: Case) -> None:
    said = words(case)
    assert "Sites are not classified yet." in said
    assert "physiological uptake included" in said
    assert "suspicious" not in said


def test_verdicts_are_counted_once_they_exist(case: Case) -> None:
    assert case.findings is not None
    assert case.burden is not None
    dealt = list(Verdict)
    findings = tuple(dataclasses.replace(f, verdict=dealt[n % 3]) for n, f in enumerate(case.findings))
    judged = dataclasses.replace(case, findings=findings, burden=dataclasses.replace(case.burden, scope="suspicious"))
    said = words(judged)
    third = -(-len(findings) // 3)
    assert f"{third} suspicious" in said
    assert "not classified" not in said
    assert "suspicious findings only" in said


def test_tracers_that_are_not_psma_or_unknown_are_named_as_such(case: Case) -> None:
    assert words(case).startswith("PSMA PET/CT report")
    fdg = words(dataclasses.replace(case, tracer=factory.FDG))
    assert fdg.startswith("PET/CT report")
    assert "18F-FDG is not a PSMA ligand." in fdg
    unknown = words(dataclasses.replace(case, tracer=None))
    assert unknown.startswith("PET/CT report")
    assert "could not be recognised" in unknown


def test_the_other_reading_stands_with_its_ratio(case: Case) -> None:
    assert case.pet is not None
    conversion = SuvConversion(
        factors=(2.0e-4, 2.0e-4),
        rule="used",
        trace=(),
        alternative=AlternativeReading("other", 2.1e-4, 2.5e-4),
    )
    view = report_view(
        dataclasses.replace(case, pet=dataclasses.replace(case.pet, conversion=conversion)), factory.summary()
    )
    facts = {fact.name: fact.value for fact in view.suv_facts}
    assert facts["Factor used"] == "2.000000e-4"
    assert facts["Its factor"] == "2.100000e-4 to 2.500000e-4"
    assert facts["Other / used"].startswith("1.0500 to 1.2500 ")
    assert facts["Uptake time"] == "unknown"


def test_a_border_of_ones_own_heads_the_burden(case: Case) -> None:
    own = dataclasses.replace(
        case, parameters=dataclasses.replace(case.parameters, threshold=Threshold(ThresholdKind.SUV, 2.5))
    )
    first = report_view(own, factory.summary()).burden_rows[0]
    assert (first.name, first.used) == ("SUV ≥ 2.5", True)
    usual = [row for row in report_view(case, factory.summary()).burden_rows if row.used]
    assert [row.name for row in usual] == ["SUV ≥ 3"]


def test_the_users_own_weight_is_named_as_such(case: Case) -> None:
    given = dataclasses.replace(case, parameters=dataclasses.replace(case.parameters, weight_kg=82.0))
    new = set(report_view(given, factory.summary()).parameters) - set(report_view(case, factory.summary()).parameters)
    assert [(fact.name, fact.value) for fact in new] == [("Weight given", "82.0 kg, in place of the header's")]


def test_what_is_unknown_of_the_history_is_not_printed(case: Case) -> None:
    told = dataclasses.replace(case, history=History(prostatectomy=False, psa_ng_ml=0.8))
    view = report_view(told, factory.summary())
    assert [(fact.name, fact.value) for fact in view.history] == [("Prostatectomy", "no"), ("PSA", "0.80 ng/mL")]
    assert report_view(case, factory.summary()).history == ()


def test_a_case_half_read_has_no_report(case: Case) -> None:
    with pytest.raises(ValueError, match="burden"):
        report_view(dataclasses.replace(case, burden=None), factory.summary())


def test_with_very_many_sites_the_small_ones_go_unnumbered_and_the_caption_says_so() -> None:
    grid = factory.grid_of((8.0, 8.0, 8.0), (60, 20, 40))
    suv = np.ones(grid.shape, dtype=np.float32)
    suv[2:58:4, 4:16:4, 2:38:6] = 9.0
    suv[10:12, 10:12, 20:22] = 12.0
    view = report_view(factory.case_of(suv, grid), factory.summary())
    many = factory.case_of(suv, grid)
    assert many.sites is not None
    large = {site.id for site in many.sites if not site.small}
    numbered = {outline.site for outline in view.pictures[0].outlines if outline.label}
    assert len(view.pictures[0].outlines) == len(many.sites)
    assert numbered < {site.id for site in many.sites}
    assert f"Numbered are the {len(numbered)} of {len(many.sites)} sites" in view.picture_note
    assert numbered <= large
