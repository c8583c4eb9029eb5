"""Faults of units and corrections: Units, SUVType, the Philips factors, CorrectedImage, DecayCorrection, slopes."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from zoo_fault import refused, right, right_with_warning
from zoo_study import (
    HEIGHT_CM,
    NOON,
    PHILIPS,
    UNCORRECTED,
    WEIGHT_KG,
    Man,
    Values,
    beds,
    bq_ml,
    overwrite,
    private,
    put,
    true_suv,
    uncorrected_bq_ml,
    write,
)

W, H, BMI = WEIGHT_KG, HEIGHT_CM, WEIGHT_KG / (HEIGHT_CM / 100.0) ** 2
FACTOR = 0.000551
BQ_ML_A_COUNT = 1.602563


def per_mass(mass_kg: float) -> Values:
    """SUV by another mass than the body's: SUVbw * mass / W."""
    return true_suv() * mass_kg / W


def per_surface() -> Values:
    """SUVbsa (cm2/mL): SUVbw * BSA / W with BSA by Du Bois."""
    return true_suv() * 0.007184 * W**0.425 * H**0.725 * 1e4 / (W * 1000.0)


@refused("Units are CNTS and the private tags were stripped", says="(7053,1000)")
def counts_without_private_tags(study: Path) -> None:
    write(study, put(Units="CNTS"))


@refused("Units are CNTS; a block of another maker holds elements of the same numbers", says="(7053,1000)")
def counts_with_private_tags_of_another_creator(study: Path) -> None:
    write(study, put(Units="CNTS"), private(0x7053, "ACME PET 1.0", "DS", {0x00: "0.0006", 0x09: "1.6"}))


@refused("Units are CNTS and both Philips factors are 0", says="(7053,1009)")
def counts_with_factors_of_zero(study: Path) -> None:
    write(study, put(Units="CNTS"), private(0x7053, PHILIPS, "DS", {0x00: "0", 0x09: "0"}))


@refused("Units are CNTS and the Philips SUV factor is negative", says="(7053,1000)")
def counts_with_a_negative_factor(study: Path) -> None:
    write(study, put(Units="CNTS"), private(0x7053, PHILIPS, "DS", {0x00: "-0.000551"}))


@refused("Units are CNTS and the Philips SUV factor differs between slices", says="(7053,xx00)")
def counts_with_factors_that_differ(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        private(0x7053, PHILIPS, "DS", {0x00: "0.0006" if k else "0.0005"})(data, k)

    write(study, put(Units="CNTS"), edit)


@right("Units are CNTS with the Philips SUV factor; dose and weight are missing", says="(7053,1000)")
def counts_with_suv_factor_and_no_dose(study: Path) -> None:
    def edit(data: Dataset, _k: int) -> None:
        del data.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose

    factor = private(0x7053, PHILIPS, "DS", {0x00: str(FACTOR)})
    write(study, put(Units="CNTS"), edit, factor, values=true_suv() / FACTOR, man=Man(weight_kg=None))


@right("Units are CNTS; the Philips block lies behind another creator's", says="(7053,1000)")
def philips_block_elsewhere(study: Path) -> None:
    factor = private(0x7053, PHILIPS, "DS", {0x00: str(FACTOR)}, behind="ACME PET 1.0")
    write(study, put(Units="CNTS"), factor, values=true_suv() / FACTOR)


@right("Units are CNTS, the Philips SUV factor is 0, the activity factor is there", says="(7053,1009)")
def counts_with_activity_factor_only(study: Path) -> None:
    factors = private(0x7053, PHILIPS, "DS", {0x00: "0", 0x09: str(BQ_ML_A_COUNT)})
    write(study, put(Units="CNTS"), factors, values=bq_ml() / BQ_ML_A_COUNT)


@refused("Units are PROPCNTS, proportional to counts", says="(0054,1001)")
def proportional_counts(study: Path) -> None:
    write(study, put(Units="PROPCNTS"))


@refused("Units are PROPCPS, proportional to counts a second", says="(0054,1001)")
def proportional_counts_per_second(study: Path) -> None:
    write(study, put(Units="PROPCPS"))


@refused("Units are 1CM, an attenuation map", says="(0054,1001)")
def attenuation_map_as_pet(study: Path) -> None:
    write(study, put(Units="1CM"))


@refused("Units are spelled as no term of the standard", says="(0054,1001)")
def units_misspelled(study: Path) -> None:
    write(study, put(Units="BQ/ML"))


@refused("Units are missing", says="(0054,1001)")
def units_missing(study: Path) -> None:
    write(study, put(Units=None))


@refused("Units differ between slices", says="(0054,1001)")
def units_differ(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        data.Units = "GML" if k == 7 else "BQML"

    write(study, edit)


@right("Units are GML and SUVType is empty, which means body weight", says="(0054,1006)")
def gml_without_suv_type(study: Path) -> None:
    write(study, put(Units="GML"), values=true_suv())


@right("Units are GML by lean mass, James with 120 for men", says="(0054,1006)")
def gml_of_lean_mass_120(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LBM"), values=per_mass(1.10 * W - 120.0 * (W / H) ** 2))


@right("Units are GML by lean mass, James with 128 for men", says="(0054,1006)")
def gml_of_lean_mass_128(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LBMJAMES128"), values=per_mass(1.10 * W - 128.0 * (W / H) ** 2))


@right("Units are GML by lean mass, Janmahasatian", says="(0054,1006)")
def gml_of_lean_mass_janmahasatian(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LBMJANMA"), values=per_mass(9270.0 * W / (6680.0 + 216.0 * BMI)))


@right_with_warning("Units are GML by ideal weight and PatientSex is O", says="PatientSex")
def gml_of_ideal_weight_of_sex_other(study: Path) -> None:
    mean_kg = ((48.0 + 1.06 * (H - 152.0)) + (45.5 + 0.91 * (H - 152.0))) / 2.0
    write(study, put(Units="GML", SUVType="IBW"), values=per_mass(mean_kg), man=Man(sex="O"))


@right_with_warning("Units are GML by lean mass and the height is in centimetres", says="(0010,1020)")
def height_in_centimetres(study: Path) -> None:
    lean = per_mass(1.10 * W - 120.0 * (W / H) ** 2)
    write(study, put(Units="GML", SUVType="LBM"), values=lean, man=Man(height_m=175.0))


@refused("Units are GML by lean mass and the height is in millimetres", says="(0010,1020)")
def height_in_millimetres(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LBM"), man=Man(height_m=1750.0))


@refused("Units are GML by lean mass and the height is missing", says="(0010,1020)")
def gml_of_lean_mass_without_height(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LBM"), man=Man(height_m=None))


@refused("Units are GML by lean mass and the sex is missing", says="(0010,0040)")
def gml_of_lean_mass_without_sex(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LBM", PatientSex=None))


@refused("Units are GML and SUVType is a word of the maker's own", says="(0054,1006)")
def gml_of_unknown_suv_type(study: Path) -> None:
    write(study, put(Units="GML", SUVType="LEAN"))


@refused("Units are GML, g/mL, and SUVType is body surface, which is cm2/mL", says="(0054,1006)")
def gml_of_body_surface(study: Path) -> None:
    write(study, put(Units="GML", SUVType="BSA"))


@refused("Units are GML and DecayCorrection is NONE, so that it is no SUV", says="(0054,1102)")
def gml_without_decay_correction(study: Path) -> None:
    write(study, put(Units="GML", DecayCorrection="NONE", CorrectedImage=list(UNCORRECTED)))


@right("Units are CM2ML, an SUV by body surface", says="SUVbsa")
def cm2ml_of_body_surface(study: Path) -> None:
    write(study, put(Units="CM2ML"), values=per_surface())


@refused("Units are CM2ML and SUVType says body weight", says="(0054,1006)")
def cm2ml_of_body_weight(study: Path) -> None:
    write(study, put(Units="CM2ML", SUVType="BW"))


@right("Units are BQML with an SUVType left over", says="(0054,1001)")
def bqml_with_suv_type_left_over(study: Path) -> None:
    write(study, put(SUVType="BW"))


@refused("CorrectedImage lacks ATTN: not corrected for attenuation", says="(0028,0051)")
def attenuation_not_corrected(study: Path) -> None:
    write(study, put(CorrectedImage=["NORM", "DTIM", "RAN", "SCAT", "DECY"]))


@right("A series without attenuation correction lies beside the corrected one", says="not attenuation-corrected")
def uncorrected_series_beside(study: Path) -> None:
    write(study)
    other = {"series_number": 3, "description": "PET NAC", "corrected_image": ("NORM", "DECY")}
    write(study, values=bq_ml() * 0.3, facts=other, folder="NAC")


@refused("CorrectedImage is empty", says="(0028,0051)")
def corrected_image_empty(study: Path) -> None:
    write(study, put(CorrectedImage=None))


@refused("CorrectedImage lacks DECY while DecayCorrection is START", says="(0028,0051)")
def decay_not_corrected_but_called_so(study: Path) -> None:
    write(study, put(CorrectedImage=list(UNCORRECTED)))


@refused("DecayCorrection is NONE while CorrectedImage has DECY", says="(0054,1102)")
def decay_corrected_but_called_none(study: Path) -> None:
    write(study, put(DecayCorrection="NONE"))


@refused("DecayCorrection is empty", says="(0054,1102)")
def decay_correction_empty(study: Path) -> None:
    write(study, put(DecayCorrection=""))


@refused("DecayCorrection is a word of the maker's own", says="(0054,1102)")
def decay_correction_unknown(study: Path) -> None:
    write(study, put(DecayCorrection="INJECTION"))


@right("The image is corrected to the injection (ADMIN); decaying the dose too gives 1.8 times the SUV", says="ADMIN")
def decayed_twice(study: Path) -> None:
    write(study, values=bq_ml(after_s=0.0), facts={"decay_correction": "ADMIN"})


@refused("The image is corrected to the injection, and DecayCorrection says START", says="(0054,1321)")
def decayed_to_injection_but_called_start(study: Path) -> None:
    write(study, put(DecayCorrection="START"), values=bq_ml(after_s=0.0), facts={"decay_correction": "ADMIN"})


@refused("The image is corrected to the start of the scan, and DecayCorrection says ADMIN", says="(0054,1321)")
def decayed_to_start_but_called_injection(study: Path) -> None:
    write(study, put(DecayCorrection="ADMIN"))


@right("DecayFactor is always 1, as some makers write it", says="(0054,1102)")
def decay_factor_always_one(study: Path) -> None:
    write(study, put(DecayFactor="1.0"), values=bq_ml(after_s=0.0), facts={"decay_correction": "ADMIN"})


@right("The image is not corrected for decay (NONE), in four beds", says="(0054,1102)")
def never_decayed(study: Path) -> None:
    facts = {"decay_correction": "NONE", "corrected_image": UNCORRECTED, "acquired_at": beds(NOON)}
    write(study, values=uncorrected_bq_ml(), facts=facts)


@refused("The image is not corrected for decay (NONE), and frame durations are missing", says="(0018,1242)")
def never_decayed_without_frame_duration(study: Path) -> None:
    facts = {"decay_correction": "NONE", "corrected_image": UNCORRECTED, "acquired_at": beds(NOON)}
    write(study, put(ActualFrameDuration=None), values=uncorrected_bq_ml(), facts=facts)


@refused("The image is not corrected for decay (NONE), and frame durations are in seconds", says="(0018,1242)")
def never_decayed_with_frame_duration_in_seconds(study: Path) -> None:
    facts = {"decay_correction": "NONE", "corrected_image": UNCORRECTED, "acquired_at": beds(NOON)}
    write(study, put(ActualFrameDuration="180"), values=uncorrected_bq_ml(), facts=facts)


@right("Each slice has a slope of its own: that of the first one would be wrong by up to 5 times", says="(0054,1001)")
def slope_of_each_slice(study: Path) -> None:
    write(study)


@refused("RescaleSlope is missing in one slice", says="(0028,1053)")
def slope_missing(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        if k == 5:
            del data.RescaleSlope

    write(study, edit)


@refused("RescaleSlope is 0", says="(0028,1053)")
def slope_of_zero(study: Path) -> None:
    write(study, put(RescaleSlope="0"))


@refused("RescaleSlope has a comma for its point", says="(0028,1053)")
def slope_with_a_comma(study: Path) -> None:
    overwrite(write(study, put(RescaleSlope="0.250001")), b"0.250001", b"0,250001")


@right_with_warning("RescaleIntercept is not 0, and the stored values are meant with it", says="(0028,1052)")
def intercept_not_zero(study: Path) -> None:
    def edit(data: Dataset, _k: int) -> None:
        data.RescaleIntercept = str(-100.0 * float(data.RescaleSlope))[:16]
        stored = bytearray(data.PixelData)
        words = memoryview(stored).cast("H")
        for place, word in enumerate(words):
            words[place] = word + 100
        data.PixelData = bytes(stored)

    write(study, edit)
