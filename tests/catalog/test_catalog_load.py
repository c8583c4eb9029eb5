"""The catalogue's door: entries are complete, and real headers' words name the right tracer or none."""

from __future__ import annotations

from datetime import UTC

import pytest
from pydicom.sr.codedict import codes

from psmap.catalog.load import (
    load_nuclides,
    load_schema,
    load_tracers,
    nuclide_by_code,
    nuclide_half_life_s,
    parse_nuclides,
    parse_tracer,
    recognise_tracer,
    tracer_by_name,
)
from psmap.domain.acquisition import Code, PetAcquisition
from psmap.domain.refusal import Refused

F18 = Code("77004003", "SCT", "^18^Fluorine")
GA68 = Code("35337001", "SCT", "^68^Gallium")


def header(
    text: str = "",
    *,
    code: Code | None = None,
    nuclide: Code | None = None,
    half_life_s: float | None = None,
    description: str = "",
) -> PetAcquisition:
    return PetAcquisition(
        units="BQML",
        slices=(),
        zone=UTC,
        radiopharmaceutical=text,
        radiopharmaceutical_code=code,
        radionuclide_code=nuclide,
        radionuclide_half_life_s=half_life_s,
        series_description=description,
    )


def recognised(acquisition: PetAcquisition) -> str | None:
    tracer, evidence = recognise_tracer(acquisition, load_tracers())
    assert evidence
    return tracer.id if tracer else None


# CID 4021 as pydicom's own copy of the standard has it (2.1 of the domain sheet lists the same codes).
CID_4021 = {
    "psma-11": codes.NCIt.PSMA11Ga68,
    "dcfpyl": codes.NCIt.PiflufolastatF18,
    "dcfbc": codes.NCIt.DCFBCF18,
    "psma-1007": codes.DCM.PSMA1007F18,
    "psma-617": codes.DCM.PSMA617Ga68,
    "j591-zr89": codes.DCM.J59189Zr,
    "choline-c11": codes.DCM.CholineC11,
    "fdg": codes.SCT.FluorodeoxyglucoseF18,
    "fluciclovine": codes.SCT.FluciclovineF18,
    "fluorocholine": codes.SCT.FluorocholineF18,
    "dotatate": codes.SCT.DotatateGa68,
    "sodium-fluoride": codes.SCT.SodiumFluorideF18,
}

CID_4020 = {
    "18F": codes.SCT._18Fluorine,
    "68Ga": codes.SCT._68Gallium,
    "64Cu": codes.SCT._64Copper,
    "89Zr": codes.SCT._89Zirconium,
    "11C": codes.SCT._11Carbon,
    "13N": codes.SCT._13Nitrogen,
    "15O": codes.SCT._15Oxygen,
    "44Sc": codes.DCM._44Scandium,
    "177Lu": codes.SCT._177Lutetium,
}


@pytest.mark.parametrize("tracer_id", CID_4021)
def test_code_of_the_standard_names_its_tracer(tracer_id: str) -> None:
    code = CID_4021[tracer_id]
    assert recognised(header(code=Code(code.value, code.scheme_designator))) == tracer_id


@pytest.mark.parametrize("name", CID_4020)
def test_code_of_the_standard_names_its_nuclide(name: str) -> None:
    code = CID_4020[name]
    nuclide = nuclide_by_code(Code(code.value, code.scheme_designator))
    assert nuclide is not None
    assert nuclide.name == name


@pytest.mark.parametrize(
    ("text", "nuclide", "tracer_id"),
    [
        ("F-18 PSMA-1007", F18, "psma-1007"),
        ("[18F]PSMA 1007", F18, "psma-1007"),
        ("18F-DCFPyL", F18, "dcfpyl"),
        ("Pylarify", F18, "dcfpyl"),
        ("Ga-68-PSMA-11", GA68, "psma-11"),
        ("68Ga-HBED-CC-PSMA", GA68, "psma-11"),
        ("ILLUCCIX", GA68, "psma-11"),
        ("Locametz", GA68, "psma-11"),
        ("Posluma", F18, "rhpsma-7.3"),
        ("18F-rhPSMA-7.3", F18, "rhpsma-7.3"),
        ("JK-PSMA-7", F18, "jk-psma-7"),
        ("68Ga PSMA-617", GA68, "psma-617"),
        ("68Ga-PSMA I&T", GA68, "psma-i-t"),
        ("PSMA_IT", GA68, "psma-i-t"),
        ("FDG -- fluorodeoxyglucose", F18, "fdg"),
        ("Fluorodesoxyglucose", F18, "fdg"),
        ("Axumin", F18, "fluciclovine"),
        ("18F-Fluoro-Choline", F18, "fluorocholine"),
        ("18F Fluoromethylcholine", F18, "fluorocholine"),
        ("C11 Choline", Code("40565003", "SCT"), "choline-c11"),
        ("NaF", F18, "sodium-fluoride"),
        ("Solution", F18, None),
        ("", F18, None),
        ("Ga68 PSMA", GA68, None),
        ("rhPSMA-10.1", F18, None),
        ("PSMA in the pelvis", GA68, None),
        ("18F choline", F18, None),
    ],
)
def test_free_text_of_real_headers(text: str, nuclide: Code, tracer_id: str | None) -> None:
    assert recognised(header(text, nuclide=nuclide)) == tracer_id


def test_soft_tissue_sarcoma_header_is_fdg_and_no_psma() -> None:
    """TCIA Soft-tissue-Sarcoma STS_001: SNOMED RT codes under the designator 99SDM, half-life 6588 s."""
    acquisition = header(
        "FDG -- fluorodeoxyglucose",
        code=Code("Y-X1743", "99SDM", "FDG -- fluorodeoxyglucose"),
        nuclide=Code("C-111A1", "99SDM", "18F"),
        half_life_s=6588.0,
        description="PET AC",
    )
    tracer, evidence = recognise_tracer(acquisition, load_tracers())
    assert tracer is not None
    assert (tracer.id, tracer.psma) == ("fdg", False)
    assert "(Y-X1743, 99SDM)" in evidence


def test_legacy_fdg_code_under_snm3() -> None:
    """TCIA Soft-tissue-Sarcoma STS_003 writes C-B1031 under SNM3."""
    assert recognised(header(code=Code("C-B1031", "SNM3"), nuclide=Code("C-111A1", "SNM3"))) == "fdg"


def test_description_names_the_tracer_where_nothing_else_does() -> None:
    assert recognised(header("Solution", nuclide=F18, description="PET WB 18F-PSMA-1007 AC")) == "psma-1007"


@pytest.mark.parametrize(
    ("acquisition", "reason"),
    [
        (header("AlF-PSMA-11", nuclide=F18), "says 18F"),
        (header(code=Code("C118961", "NCIt"), nuclide=F18), "says 18F"),
        (header("PSMA-11", half_life_s=6586.2), "6586.2 s is not that of 68Ga"),
        (header("PSMA-11", nuclide=Code("79197006", "SCT")), "(79197006, SCT)"),
        (header("177Lu-PSMA-617", nuclide=Code("447553000", "SCT")), "says 177Lu"),
        (header("Fluorodeoxyglucose", nuclide=F18, description="PSMA-1007 PET"), "contradicts itself"),
        (header("Fluorodeoxyglucose", nuclide=F18, description="PSMA PET"), "free text says PSMA"),
        (header("PSMA-1007 or DCFPyL", nuclide=F18), "contradicts itself"),
        (header("Ga68 PSMA", nuclide=GA68), "not which ligand"),
        (header("Solution", nuclide=GA68), "Radiopharmaceutical (0018,0031) names no tracer of the catalogue"),
        (header(nuclide=GA68), "Radiopharmaceutical (0018,0031) is absent"),
    ],
)
def test_contradiction_or_silence_names_no_tracer(acquisition: PetAcquisition, reason: str) -> None:
    tracer, evidence = recognise_tracer(acquisition, load_tracers())
    assert tracer is None
    assert reason in evidence


@pytest.mark.parametrize("half_life_s", [4057.74, 4069.8, 4080.0])
def test_each_half_life_in_use_for_gallium_is_taken(half_life_s: float) -> None:
    """Scanners write 67.629 min, NIPNE evaluates 67.83 min, older software has 68 min."""
    assert recognised(header("PSMA-11", half_life_s=half_life_s)) == "psma-11"


def test_code_of_a_foreign_scheme_neither_names_nor_contradicts() -> None:
    acquisition = header("PSMA-11", code=Code("126758", "99HOUSE"), nuclide=Code("18", "99HOUSE"), half_life_s=4057.74)
    assert recognised(acquisition) == "psma-11"


def test_evidence_repeats_no_more_of_the_description_than_the_word_that_matched() -> None:
    _, evidence = recognise_tracer(header(nuclide=F18, description="DOE^JOHN dcfpyl"), load_tracers())
    assert "dcfpyl" in evidence
    assert "DOE" not in evidence.upper()


@pytest.mark.parametrize("nuclide", [GA68, F18, None])
@pytest.mark.parametrize(
    "text", ["Mr Smith's dose", "SMITH^JOHN 68Ga PSMA", "psma-11 for Smith", "Smith: FDG, no PSMA"]
)
def test_free_text_on_the_tracer_is_never_repeated(text: str, nuclide: Code | None) -> None:
    for acquisition in (header(text, nuclide=nuclide), header("FDG", nuclide=nuclide, description=text)):
        _, evidence = recognise_tracer(acquisition, load_tracers())
        assert "smith" not in evidence.lower()
        assert "(0018,0031)" in evidence or "PSMA" in evidence


def test_half_lives_of_the_rule_sheet() -> None:
    """109.77 min, 67.629 min, 12.70 h, 78.4 h and 6.647 d in seconds."""
    minute, hour, day = 60.0, 3600.0, 86400.0
    expected = {"18F": 109.77 * minute, "68Ga": 67.629 * minute, "64Cu": 12.7 * hour, "89Zr": 78.4 * hour}
    expected["177Lu"] = 6.647 * day
    for name, seconds in expected.items():
        assert load_nuclides()[name].half_life_s == pytest.approx(seconds, rel=1e-9)


def test_half_life_of_a_header_code_comes_from_its_nuclide() -> None:
    """C-111A1 under 99SDM is 18F (109.77 min); 82Rb (79197006) is not in the table; no code says nothing."""
    assert nuclide_half_life_s(Code("C-111A1", "99SDM")) == pytest.approx(109.77 * 60.0, rel=1e-9)
    assert nuclide_half_life_s(Code("79197006", "SCT")) is None
    assert nuclide_half_life_s(None) is None


def test_only_psma_11_has_the_liver_threshold_and_psma_1007_is_held_against_the_spleen() -> None:
    tracers = load_tracers()
    assert [tracer.id for tracer in tracers.values() if tracer.liver_threshold] == ["psma-11"]
    assert [tracer.id for tracer in tracers.values() if tracer.reference_organ == "spleen"] == ["psma-1007"]
    assert not any(tracer.reference_organ for tracer in tracers.values() if not tracer.psma)


def test_no_code_stands_in_two_entries() -> None:
    every = [(code.value, code.scheme) for tracer in load_tracers().values() for code in tracer.codes]
    assert len(every) == len(set(every))


def test_tracer_is_found_by_id_and_by_printed_name() -> None:
    assert tracer_by_name("PSMA-11").id == "psma-11"
    assert tracer_by_name("18F-DCFPyL").id == "dcfpyl"
    with pytest.raises(Refused, match=r"no tracer 'psma-12'.*cure: name one of .*psma-1007, psma-11"):
        tracer_by_name("psma-12")


COMPLETE = """
name = "68Ga-X"
nuclide = "68Ga"
psma = true
codes = []
patterns = ['x']
liver_threshold = false
source = "a paper"
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (COMPLETE.replace('source = "a paper"', ""), "x.toml: source: Field required"),
        (COMPLETE.replace("a paper", ""), "x.toml: source: "),
        (COMPLETE + "colour = 'red'", "x.toml: colour: Extra inputs"),
        (COMPLETE.replace("psma = true", "psma = 'yes'"), "x.toml: psma: Input should be a valid boolean"),
        (COMPLETE.replace('"68Ga"', '"99Xx"'), "x.toml: nuclide: '99Xx'"),
        (COMPLETE.replace("['x']", "['x(']"), "x.toml: patterns: "),
        (COMPLETE + "uptake_min = [90, 60]", "x.toml: uptake_min: "),
        (COMPLETE + "[[", "x.toml is no TOML"),
    ],
)
def test_faulty_tracer_is_refused_by_file_and_key(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match="catalogue entry") as error:
        parse_tracer(text, "x.toml", load_nuclides())
    assert fault in str(error.value)


def test_tracer_takes_id_from_its_file_and_half_life_from_its_nuclide() -> None:
    tracer = parse_tracer(COMPLETE, "x.toml", load_nuclides())
    assert (tracer.id, tracer.half_life_s, tracer.activity_mbq) == ("x", 4057.74, None)


def test_faulty_nuclide_is_refused_by_file_name_and_key() -> None:
    with pytest.raises(ValueError, match=r"n\.toml, 1H: half_life_s: Input should be greater than 0"):
        parse_nuclides('["1H"]\nhalf_life_s = 0\ncodes = [{value="1", scheme="S"}]\nsource = "s"', "n.toml")


def test_unknown_schema_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no schema 'no-such-file'"):
        load_schema("no-such-file")
