"""The decision table against the vectors of the IBSI/QIBA rule sheet, real vendor headers and closed forms."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import pytest
from header_facts import DAY, header, slices
from hypothesis import given
from hypothesis import strategies as st

from psmap.domain.acquisition import PetAcquisition, PetSlice
from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.domain.study import PetSeries
from psmap.domain.suv import SuvType
from psmap.steps.quantification import SuvInputs, convert_to_suv, normalised_factors, suv_conversion, suv_factor
from psmap.steps.quantification.decay import average_activity_time_s, decay_factor, frame_average_correction

ANY_TIME = SuvInputs(usual_uptake_min=None)


def factor(acquisition: PetAcquisition, inputs: SuvInputs = ANY_TIME) -> float:
    conversion = suv_conversion(acquisition, inputs)
    assert conversion.factor_min == conversion.factor_max
    return conversion.factor_min


# --- vectors SUV-1 to SUV-6 -------------------------------------------------------------------------------------


def test_vector_suv_1() -> None:
    assert decay_factor(3600.0, 6586.2) == pytest.approx(0.6846329196, abs=1e-10)
    assert 10_000 * factor(header()) == pytest.approx(4.67403759, abs=1e-8)


@pytest.mark.parametrize(("half_life_s", "suv"), [(4057.74, 9.86439700), (4080.0, 9.83135617), (4069.8, 9.84643756)])
def test_vector_suv_2(half_life_s: float, suv: float) -> None:
    gallium = header(radionuclide_half_life_s=half_life_s, radionuclide_total_dose=150e6)
    assert 10_000 * factor(gallium) == pytest.approx(suv, abs=1e-8)


def test_vector_suv_3() -> None:
    later = header(series_time=time(11, 30), slices=slices(acquisition_time=time(11, 30)))
    assert 10_000 * factor(later) == pytest.approx(5.64889252, abs=1e-8)


def test_vectors_suv_4_and_6_below_the_door() -> None:
    """100 Bq, 75 kg, 1.85 m, a man: the published unit tests of calculate-suv; the last from the formula."""
    expected = {
        SuvType.BW: 750.0,
        SuvType.BSA: 198.13758427,
        SuvType.LBM: 627.77574872,
        SuvType.LBMJANMA: 609.15335887,
        SuvType.LBMJAMES128: 614.62747,
    }
    bw = suv_factor(75_000.0, 100.0)
    conversion = replace(suv_conversion(header(patient_weight=75.0, patient_size=1.85), ANY_TIME))
    factors = normalised_factors(conversion, "M")
    for kind, value in expected.items():
        found = factors[kind]
        assert isinstance(found, float)
        assert bw * found == pytest.approx(value, rel=1e-8)
    assert 1.602563 * suv_factor(100_000.0, 100.0) == pytest.approx(1602.563)


def test_a_dose_of_100_is_read_as_mbq_through_the_door() -> None:
    assert factor(header(radionuclide_total_dose=250.0)) == pytest.approx(factor(header()))
    assert any("MBq" in line for line in suv_conversion(header(radionuclide_total_dose=250.0)).warnings)
    few = suv_conversion(header(radionuclide_total_dose=6.757), ANY_TIME)
    assert any("as mCi it would be 250.009 MBq" in line for line in few.warnings)


def test_vector_suv_5_philips_suv_factor_needs_neither_dose_nor_weight() -> None:
    philips = header(
        units="CNTS",
        philips_suv_scale_factor=0.000551,
        radionuclide_total_dose=None,
        patient_weight=None,
        radiopharmaceutical_start_datetime=None,
    )
    assert factor(philips) == 0.000551


def test_philips_activity_factor_where_the_suv_factor_is_zero() -> None:
    philips = header(units="CNTS", philips_suv_scale_factor=0.0, philips_activity_concentration_scale_factor=1.602563)
    assert factor(philips) == pytest.approx(1.602563 * factor(header()))


# --- frame averages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("half_life_s", "duration_s", "average_s"),
    [
        (6586.2, 180.0, 89.857923),
        (4057.74, 180.0, 89.769393),
        (4057.74, 240.0, 119.590035),
        (6586.2, 1200.0, 593.686298),
    ],
)
def test_average_activity_time(half_life_s: float, duration_s: float, average_s: float) -> None:
    assert average_activity_time_s(duration_s, half_life_s) == pytest.approx(average_s, abs=1e-6)


@pytest.mark.parametrize(
    ("half_life_s", "duration_s", "correction"),
    [(6586.2, 180.0, 1.00950172), (4057.74, 180.0, 1.01545267), (4057.74, 240.0, 1.02063858)],
)
def test_frame_average_correction(half_life_s: float, duration_s: float, correction: float) -> None:
    assert frame_average_correction(duration_s, half_life_s) == pytest.approx(correction, abs=1e-8)


# --- the units ---------------------------------------------------------------------------------------------------


def test_admin_is_not_decayed_again() -> None:
    assert factor(header(decay_correction="ADMIN")) == pytest.approx(80_000 / 250e6)


def test_none_is_corrected_slice_by_slice() -> None:
    clock = [time(11, 0), time(11, 3), time(11, 6)]
    beds = tuple(slices(1, acquisition_time=at)[0] for at in clock)
    raw = header(decay_correction="NONE", corrected_image=("ATTN", "SCAT"), slices=beds)
    found = suv_conversion(raw, ANY_TIME).factors
    expected = [80_000 / 250e6 * 1.00950172 * 2 ** ((3600 + 180 * bed) / 6586.2) for bed in range(3)]
    assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("suv_type", [None, "BW"])
def test_gml_bw_is_suv_already(suv_type: str | None) -> None:
    assert factor(header(units="GML", suv_type=suv_type, patient_weight=None, radionuclide_total_dose=None)) == 1.0


@pytest.mark.parametrize(
    ("suv_type", "sex", "mass_kg"),
    [
        ("LBMJAMES128", "M", 62.716049),
        ("LBMJAMES128", "F", 56.365432),
        ("LBM", "M", 64.296296),
        ("LBMJANMA", "M", 61.731410),
        ("LBMJANMA", "F", 50.092230),
        ("IBW", "M", 77.680),
        ("IBW", "F", 70.980),
        ("IBW", "O", (77.680 + 70.980) / 2),
    ],
)
def test_gml_of_another_type_is_turned_back(suv_type: str, sex: str, mass_kg: float) -> None:
    """80 kg, 1.80 m."""
    found = factor(header(units="GML", suv_type=suv_type, patient_sex=sex))
    assert found == pytest.approx(80.0 / mass_kg, rel=1e-7)


def test_cm2ml_is_turned_back() -> None:
    assert factor(header(units="CM2ML", suv_type="BSA")) == pytest.approx(80_000 / (1.99642102 * 1e4), rel=1e-8)


def test_heavy_man() -> None:
    heavy = header(units="GML", suv_type="LBMJAMES128", patient_weight=150.0, patient_size=1.70)
    assert factor(heavy) == pytest.approx(150.0 / 65.346021, rel=1e-7)


# --- real headers ------------------------------------------------------------------------------------------------


def real(series: str, start: str, **facts: object) -> PetAcquisition:
    day = date(2020, 12, 17)
    injected = datetime.strptime("20201217" + start, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    base = header(
        series_date=day,
        series_time=datetime.strptime(series, "%H%M%S").time(),
        radiopharmaceutical_start_datetime=injected,
        radiopharmaceutical_start_time=injected.time(),
    )
    return replace(base, **facts)  # type: ignore[arg-type]


def one(day: date, clock: time, reference_ms: float, duration_ms: float) -> tuple[PetSlice, ...]:
    return (PetSlice(day, clock, reference_ms, duration_ms),)


def test_real_siemens_header() -> None:
    """Numbers of a public Siemens header (calculate-suv, MIT): factor 4.2748316187e-4."""
    siemens = real(
        "104829",
        "083045",
        patient_weight=67.0,
        patient_size=None,
        radionuclide_total_dose=374e6,
        radionuclide_half_life_s=6586.2,
        slices=one(date(2020, 12, 17), time(10, 48, 30, 351370), 38513.36, 74324.0),
    )
    assert factor(siemens) == pytest.approx(4.2748316187e-4, rel=1e-6)
    assert suv_conversion(siemens, ANY_TIME).alternative is None


def test_real_ge_header() -> None:
    """Numbers of a public GE header (calculate-suv, MIT): factor 5.3673876818e-4."""
    ge = real(
        "095621",
        "084500",
        patient_weight=52.0,
        patient_size=1.65,
        patient_sex="F",
        radionuclide_total_dose=152022720.0,
        radionuclide_half_life_s=6586.2001953125,
        slices=one(date(2020, 12, 17), time(9, 56, 21), 0.0, 120000.0),
    )
    assert factor(ge) == pytest.approx(5.3673876818e-4, rel=1e-6)


def test_real_philips_header() -> None:
    """Numbers of a public Philips header (calculate-suv, MIT): factor 7.28e-4."""
    philips = real(
        "134551",
        "123000",
        units="CNTS",
        patient_weight=47.0,
        patient_sex="F",
        radionuclide_total_dose=208230000.0,
        radionuclide_half_life_s=6588.0,
        philips_suv_scale_factor=0.000728,
        radiopharmaceutical_start_datetime=None,
        slices=one(date(2020, 12, 17), time(14, 13, 36), 1755000.0, 180000.0),
    )
    assert factor(philips) == pytest.approx(7.28e-4, rel=1e-9)


def test_real_ge_discovery_st_header_warns_of_the_other_reading() -> None:
    """TCIA Soft-tissue-Sarcoma STS_001: 71.0 kg, 388.777472 MBq, 2711 s, T1/2 6588 s; FrameReferenceTime over beds."""
    day, clock = date(2000, 9, 7), time(11, 20, 11)
    beds = tuple(PetSlice(day, clock, 243_000.0 * bed, 240_000.0) for bed in range(6))
    ge = header(
        series_date=day,
        series_time=clock,
        slices=beds,
        patient_weight=71.0,
        radionuclide_total_dose=3.88777472e8,
        radionuclide_half_life_s=6588.0,
        radiopharmaceutical_start_datetime=None,
        radiopharmaceutical_start_time=time(10, 35, 0),
    )
    conversion = suv_conversion(ge, SuvInputs())
    assert conversion.factor_min == pytest.approx(2.429030e-4, rel=1e-6)
    assert conversion.alternative is not None
    assert conversion.alternative.factor_min < conversion.factor_min
    assert any("0054,1300" in line for line in conversion.warnings)


# --- the clock ---------------------------------------------------------------------------------------------------


def test_midnight_between_injection_and_image() -> None:
    night = header(
        series_date=DAY,
        series_time=time(0, 20),
        slices=slices(acquisition_time=time(0, 20)),
        radiopharmaceutical_start_datetime=None,
        radiopharmaceutical_start_time=time(23, 20),
    )
    assert 10_000 * factor(night) == pytest.approx(4.67403759, abs=1e-8)


def test_midnight_within_the_scan_without_acquisition_dates() -> None:
    before = slices(1, acquisition_date=None, acquisition_time=time(23, 50))
    after = slices(1, acquisition_date=None, acquisition_time=time(0, 5))
    beds = before + after
    night = header(
        series_time=time(23, 50),
        slices=beds,
        radiopharmaceutical_start_datetime=datetime(2026, 1, 31, 22, 50, tzinfo=UTC),
    )
    assert 10_000 * factor(night) == pytest.approx(4.67403759, abs=1e-8)


def test_series_time_after_the_first_acquisition_gives_way() -> None:
    """A series re-made later: the first acquisition is the reference; a private scan datetime comes before it."""
    remade = header(series_time=time(14, 0))
    assert 10_000 * factor(remade) == pytest.approx(4.67403759, abs=1e-8)
    ge = header(
        series_time=time(14, 0),
        slices=slices(acquisition_time=time(11, 10)),
        ge_scan_datetime=datetime(2026, 1, 31, 11, 0, tzinfo=UTC),
    )
    assert 10_000 * factor(ge) == pytest.approx(4.67403759, abs=1e-8)
    siemens = header(
        series_time=time(14, 0),
        slices=slices(acquisition_time=time(11, 10)),
        siemens_decay_correction_datetime=datetime(2026, 1, 31, 11, 0, tzinfo=UTC),
    )
    assert 10_000 * factor(siemens) == pytest.approx(4.67403759, abs=1e-8)


def test_a_shifted_injection_date_is_not_believed() -> None:
    shifted = header(radiopharmaceutical_start_datetime=datetime(1999, 5, 5, 10, 0, tzinfo=UTC))
    conversion = suv_conversion(shifted, ANY_TIME)
    assert 10_000 * conversion.factor_min == pytest.approx(4.67403759, abs=1e-8)
    assert any("0018,1078" in line for line in conversion.warnings)


def test_a_shifted_series_date_is_not_believed() -> None:
    shifted = header(series_date=date(1960, 1, 1))
    conversion = suv_conversion(shifted, ANY_TIME)
    assert 10_000 * conversion.factor_min == pytest.approx(4.67403759, abs=1e-8)
    assert any("0008,0021" in line for line in conversion.warnings)


def test_injection_times_that_disagree_are_said() -> None:
    conversion = suv_conversion(header(radiopharmaceutical_start_time=time(10, 5)), ANY_TIME)
    assert 10_000 * conversion.factor_min == pytest.approx(4.67403759, abs=1e-8)
    assert any("differ by over 60 s" in line for line in conversion.warnings)
    assert conversion.alternative is not None
    assert conversion.alternative.factor_min == pytest.approx(80_000 / 250e6 * 2 ** (3300 / 6586.2), rel=1e-9)


def test_a_start_datetime_in_another_zone_is_the_same_moment() -> None:
    """10:00 on a scanner in +01:00 is 09:00 UTC: no disagreement, and an hour to the image at 11:00."""
    here = timezone(timedelta(hours=1))
    conversion = suv_conversion(
        header(
            zone=here,
            radiopharmaceutical_start_datetime=datetime(2026, 1, 31, 9, 0, tzinfo=UTC),
            radiopharmaceutical_start_time=time(10, 0),
        ),
        ANY_TIME,
    )
    assert 10_000 * conversion.factor_min == pytest.approx(4.67403759, abs=1e-8)
    assert conversion.warnings == ()


def test_a_zeroed_injection_gives_way_or_is_refused() -> None:
    zeroed = {"radiopharmaceutical_start_datetime": datetime(2026, 1, 31, tzinfo=UTC)}
    beside = suv_conversion(header(radiopharmaceutical_start_time=time(10, 0), **zeroed), ANY_TIME)
    assert 10_000 * beside.factor_min == pytest.approx(4.67403759, abs=1e-8)
    with pytest.raises(Refused, match="looks zeroed"):
        suv_conversion(header(**zeroed), ANY_TIME)
    midnight = {"series_time": time(0, 0), "slices": slices(acquisition_time=time(0, 0))}
    with pytest.raises(Refused, match="looks zeroed"):
        suv_conversion(header(**zeroed, **midnight), ANY_TIME)
    night = {"series_time": time(1, 0), "slices": slices(acquisition_time=time(1, 0))}
    assert 10_000 * factor(header(**zeroed, **night)) == pytest.approx(4.67403759, abs=1e-8)


@pytest.mark.parametrize(("day", "clock"), [(1, time(9, 30)), (1, time(14, 0)), (2, time(9, 50))])
def test_a_series_remade_on_a_later_day_refers_to_the_first_acquisition(day: int, clock: time) -> None:
    remade = header(series_date=DAY + timedelta(days=day), series_time=clock)
    assert 10_000 * factor(remade) == pytest.approx(4.67403759, abs=1e-8)


def test_an_acquisition_date_that_stood_still_over_midnight() -> None:
    """Beds at 23:50 and 00:05 with one AcquisitionDate, corrected or not, are those of one night."""
    beds = slices(1, acquisition_time=time(23, 50)) + slices(1, acquisition_time=time(0, 5))
    injected = datetime(2026, 1, 31, 22, 50, tzinfo=UTC)
    start = header(series_time=time(23, 50), slices=beds, radiopharmaceutical_start_datetime=injected)
    assert 10_000 * factor(start) == pytest.approx(4.67403759, abs=1e-8)
    raw = replace(start, decay_correction="NONE", corrected_image=("ATTN",))
    expected = [80_000 / 250e6 * 1.00950172 * 2 ** (seconds / 6586.2) for seconds in (3600, 4500)]
    assert suv_conversion(raw, ANY_TIME).factors == pytest.approx(expected, rel=1e-7)


@given(
    minutes=st.integers(0, 12 * 60),
    start=st.integers(1, 24 * 60 - 1),  # 00:00 sharp may be a zeroed time: see above
    dated=st.booleans(),
)
def test_elapsed_time_does_not_depend_on_the_hour_of_day(minutes: int, start: int, dated: bool) -> None:
    injected = datetime(2026, 3, 28, tzinfo=UTC) + timedelta(minutes=start)
    image = injected + timedelta(minutes=minutes)
    facts = header(
        series_date=image.date(),
        series_time=image.time(),
        slices=slices(acquisition_date=image.date(), acquisition_time=image.time()),
        radiopharmaceutical_start_datetime=injected if dated else None,
        radiopharmaceutical_start_time=injected.time(),
    )
    assert factor(facts) == pytest.approx(80_000 / (250e6 * math.exp(-math.log(2) * minutes * 60 / 6586.2)), rel=1e-9)


def test_zirconium_days_after_injection_needs_the_date() -> None:
    zirconium = {"radionuclide_half_life_s": 282_240.0, "radionuclide_total_dose": 74e6}
    dated = header(radiopharmaceutical_start_datetime=datetime(2026, 1, 27, 11, 0, tzinfo=UTC), **zirconium)
    assert factor(dated) == pytest.approx(80_000 / 74e6 * 2 ** (4 * 86400 / 282_240.0), rel=1e-9)
    undated = header(radiopharmaceutical_start_datetime=None, radiopharmaceutical_start_time=time(10, 0), **zirconium)
    with pytest.raises(Refused, match="day of injection open"):
        suv_conversion(undated, ANY_TIME)


# --- refusals ----------------------------------------------------------------------------------------------------

REFUSED = {
    "not attenuation corrected": (header(corrected_image=("DECY",)), "0028,0051"),
    "not decay corrected": (header(corrected_image=("ATTN",)), "DECY"),
    "NONE and DECY": (header(decay_correction="NONE"), "contradicts DECY"),
    "counts without factor": (header(units="CNTS"), "7053,1000"),
    "proportional counts": (header(units="PROPCNTS"), "PROPCNTS"),
    "no units": (header(units=""), "empty"),
    "dose missing": (header(radionuclide_total_dose=None), "0018,1074"),
    "dose in kBq": (header(radionuclide_total_dose=250e3), "0.25 MBq"),
    "dose 0": (header(radionuclide_total_dose=0.0), "0018,1074"),
    "weight missing": (header(patient_weight=None), "0010,1030"),
    "weight 0": (header(patient_weight=0.0), "0010,1030"),
    "weight 5 kg": (header(patient_weight=5.0), "30-250"),
    "weight and height exchanged": (header(patient_weight=178.0, patient_size=82.0), "exchanged"),
    "half-life missing": (header(radionuclide_half_life_s=None), "0018,1075"),
    "no injection time": (header(radiopharmaceutical_start_datetime=None), "0018,1072"),
    "injection after the image": (
        header(radiopharmaceutical_start_datetime=None, radiopharmaceutical_start_time=time(11, 30)),
        "0018,1072",
    ),
    "no decay correction stated": (header(decay_correction=None), "0054,1102"),
    "no time at all": (header(series_time=None, slices=slices(acquisition_time=None)), "0008,0031"),
    "GML of unknown type": (header(units="GML", suv_type="XYZ"), "0054,1006"),
    "GML/LBM without height": (header(units="GML", suv_type="LBM", patient_size=None), "0010,1020"),
    "GML/LBM without sex": (header(units="GML", suv_type="LBM", patient_sex=None), "0010,0040"),
    "CM2ML of another type": (header(units="CM2ML", suv_type="LBM"), "CM2ML"),
    "half-life in minutes": (header(radionuclide_half_life_s=109.77), "half-lives after the injection"),
    "negative half-life": (header(radionuclide_half_life_s=-6586.2), "0018,1075"),
    "negative Philips factor": (header(units="CNTS", philips_suv_scale_factor=-0.0005), "7053,1000"),
    "NONE with a half-life in minutes": (
        header(decay_correction="NONE", corrected_image=("ATTN",), radionuclide_half_life_s=109.77),
        "half-lives after the injection",
    ),
    "NONE without frame duration": (
        header(decay_correction="NONE", corrected_image=("ATTN",), slices=slices(actual_frame_duration_ms=None)),
        "0018,1242",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_tag_and_a_cure(case: str) -> None:
    acquisition, words = REFUSED[case]
    with pytest.raises(Refused) as caught:
        suv_conversion(acquisition, ANY_TIME)
    assert words in str(caught.value)
    assert caught.value.cure


def test_half_life_against_its_nuclide() -> None:
    fluorine = 6586.2
    assert factor(header(), SuvInputs(nuclide_half_life_s=6588.0, usual_uptake_min=None)) == factor(header())
    slightly_off = suv_conversion(header(radionuclide_half_life_s=6700.0), SuvInputs(nuclide_half_life_s=fluorine))
    assert any("0018,1075" in line for line in slightly_off.warnings)
    with pytest.raises(Refused, match="contradicts the nuclide"):
        suv_conversion(header(radionuclide_half_life_s=109.77), SuvInputs(nuclide_half_life_s=fluorine))
    filled = header(radionuclide_half_life_s=None)
    assert factor(filled, SuvInputs(nuclide_half_life_s=fluorine, usual_uptake_min=None)) == factor(header())


def test_grams_centimetres_and_the_users_own_weight() -> None:
    assert factor(header(patient_weight=80_000.0)) == pytest.approx(factor(header()))
    centimetres = header(units="GML", suv_type="IBW", patient_size=180.0)
    assert factor(centimetres) == pytest.approx(80.0 / 77.680)
    given_weight = SuvInputs(weight_kg=80.0, usual_uptake_min=None)
    assert factor(header(patient_weight=None), given_weight) == pytest.approx(factor(header()))
    assert any("given by the user" in line for line in suv_conversion(header(), given_weight).trace)


def test_uptake_time_outside_the_usual_is_said() -> None:
    assert suv_conversion(header()).uptake_min == pytest.approx(60.0)
    late = suv_conversion(header(radiopharmaceutical_start_datetime=datetime(2026, 1, 31, 6, 0, tzinfo=UTC)))
    assert any("uptake time 300 min" in line for line in late.warnings)


def test_a_woman_is_read_with_a_warning() -> None:
    assert any("0010,0040" in line for line in suv_conversion(header(patient_sex="F")).warnings)


# --- voxels ------------------------------------------------------------------------------------------------------


def test_every_slice_gets_its_own_factor_and_emptiness_is_refused() -> None:
    grid = Grid((3, 2, 2), (0.0, 0.0, 0.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    acquisition = header()
    conversion = replace(suv_conversion(acquisition, ANY_TIME), factors=(1.0, 2.0, 3.0))
    pet = convert_to_suv(PetSeries(grid, np.ones(grid.shape, np.float32), acquisition, None), conversion)
    assert pet.suv[:, 0, 0].tolist() == [1.0, 2.0, 3.0]
    assert not pet.suv.flags.writeable
    with pytest.raises(Refused, match="empty"):
        convert_to_suv(PetSeries(grid, np.zeros(grid.shape, np.float32), acquisition, None), conversion)
    broken = np.full(grid.shape, np.nan, np.float32)
    with pytest.raises(Refused, match="no numbers"):
        convert_to_suv(PetSeries(grid, broken, acquisition, None), conversion)
