"""Nuclides of SPECT are refused by code and by half-life; those of PET are not."""

from __future__ import annotations

import pytest
from header_facts import header
from pydicom.sr._snomed_dict import mapping as snomed_mapping
from pydicom.sr.codedict import codes

from psmap.catalog.load import load_nuclides
from psmap.domain.acquisition import Code
from psmap.domain.refusal import Refused
from psmap.steps.quantification import suv_conversion
from psmap.steps.quantification.single_photon import need_positrons

# Names as in pydicom's copy of DICOM PS3.16 CID 18; half-lives in s are textbook values, given to more digits than
# the 1 % needs (99mTc 6.0067 h, 111In 2.8049 d, 123I 13.2230 h, 131I 8.0233 d, 177Lu 6.6470 d, 201Tl 3.0421 d).
SINGLE = {
    "^67^Gallium": None,
    "^99m^Technetium": 21_624.0,
    "^111^Indium": 242_343.0,
    "^123^Iodine": 47_603.0,
    "^131^Iodine": 693_213.0,
    "^177^Lutetium": 574_301.0,
    "^201^Thallium": 262_837.0,
}


@pytest.mark.parametrize("name", SINGLE)
def test_refused_by_code_in_both_styles(name: str) -> None:
    entry = next(getattr(codes.cid18, each) for each in dir(codes.cid18) if getattr(codes.cid18, each).meaning == name)
    with pytest.raises(Refused, match="0054,0300"):
        need_positrons(header(radionuclide_code=Code(entry.value, "SCT")))
    with pytest.raises(Refused, match="0054,0300"):
        need_positrons(header(radionuclide_code=Code(snomed_mapping["SCT"][entry.value], "SRT")))
    need_positrons(header(radionuclide_code=Code(entry.value, "99OURS")))


@pytest.mark.parametrize("name", [name for name, half_life_s in SINGLE.items() if half_life_s])
def test_refused_by_half_life(name: str) -> None:
    with pytest.raises(Refused, match="0018,1075"):
        need_positrons(header(radionuclide_half_life_s=SINGLE[name], radionuclide_code=None))


@pytest.mark.parametrize("name", [name for name, nuclide in load_nuclides().items() if nuclide.positrons])
def test_every_positron_emitter_of_the_catalogue_passes(name: str) -> None:
    nuclide = load_nuclides()[name]
    for code in nuclide.codes:
        seen = header(radionuclide_half_life_s=nuclide.half_life_s, radionuclide_code=code, decay_correction="ADMIN")
        assert suv_conversion(seen).factor_min == pytest.approx(80_000 / 250e6)  # W / D


def test_iodine_124_has_neither_the_code_nor_the_half_life_of_its_sisters() -> None:
    """124I, 4.176 d, (40937006, SCT): a positron emitter."""
    iodine = Code("40937006", "SCT")
    seen = header(radionuclide_half_life_s=4.176 * 86_400, radionuclide_code=iodine, decay_correction="ADMIN")
    assert suv_conversion(seen).factor_min == pytest.approx(80_000 / 250e6)  # W / D
