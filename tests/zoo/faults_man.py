"""Faults of the man and of what he was given: weight, height, activity, half-life, radionuclide."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from zoo_fault import refused, right_with_warning
from zoo_study import DOSE_BQ, HALF_LIFE_S, Man, bq_ml, nuclide, overwrite, put, put_tracer, write


@refused("PatientWeight is missing: other programs invent 75 kg", says="(0010,1030)")
def weight_missing(study: Path) -> None:
    write(study, man=Man(weight_kg=None))


@refused("PatientWeight is 0", says="(0010,1030)")
def weight_of_zero(study: Path) -> None:
    write(study, man=Man(weight_kg=0.0))


@right_with_warning("PatientWeight is in grams", says="(0010,1030)")
def weight_in_grams(study: Path) -> None:
    write(study, man=Man(weight_kg=70_000.0))


@refused("PatientSize holds the weight, PatientWeight is missing", says="(0010,1030)")
def weight_in_the_height(study: Path) -> None:
    write(study, man=Man(weight_kg=None, height_m=70.0))


@refused("PatientWeight and PatientSize are exchanged, the height in metres", says="(0010,1020)")
def weight_and_height_exchanged(study: Path) -> None:
    write(study, man=Man(weight_kg=1.75, height_m=70.0))


@refused("PatientWeight and PatientSize are exchanged, the height in centimetres", says="(0010,1020)")
def height_in_weight(study: Path) -> None:
    write(study, man=Man(weight_kg=175.0, height_m=70.0))


@refused("PatientWeight has lost its last digit", says="(0010,1030)")
def weight_of_7_kg(study: Path) -> None:
    write(study, man=Man(weight_kg=7.0))


@refused("PatientWeight is that of a horse", says="(0010,1030)")
def weight_of_600_kg(study: Path) -> None:
    write(study, man=Man(weight_kg=600.0))


@refused("PatientWeight is negative", says="(0010,1030)")
def weight_negative(study: Path) -> None:
    write(study, put(PatientWeight="-70"))


@refused("PatientWeight has a comma for its point", says="(0010,1030)")
def weight_with_a_comma(study: Path) -> None:
    overwrite(write(study, put(PatientWeight="70.012")), b"70.012", b"70,012")


@refused("PatientWeight is the word NaN", says="(0010,1030)")
def weight_not_a_number(study: Path) -> None:
    write(study, put(PatientWeight="nan"))


@refused("PatientWeight differs between slices", says="(0010,1030)")
def weight_differs(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        data.PatientWeight = "80" if k == 3 else "70"

    write(study, edit)


@right_with_warning("RadionuclideTotalDose is in MBq", says="(0018,1074)")
def dose_in_mbq(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose="150"))


@refused("RadionuclideTotalDose is in kBq", says="(0018,1074)")
def dose_in_kbq(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose="150000"))


@refused("RadionuclideTotalDose is in GBq", says="(0018,1074)")
def dose_in_gbq(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose="0.15"))


@refused("RadionuclideTotalDose is in microcuries", says="(0018,1074)")
def dose_in_microcurie(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose=f"{DOSE_BQ / 37e3:.1f}"))


@refused("RadionuclideTotalDose is missing", says="(0018,1074)")
def dose_missing(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose=None))


@refused("RadionuclideTotalDose is 0", says="(0018,1074)")
def dose_of_zero(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose="0"))


@refused("RadionuclideTotalDose holds two values", says="(0018,1074)")
def dose_twice(study: Path) -> None:
    write(study, put_tracer(RadionuclideTotalDose=["150000000", "10000000"]))


@refused("RadionuclideTotalDose holds its unit too", says="(0018,1074)")
def dose_with_its_unit(study: Path) -> None:
    overwrite(write(study, put_tracer(RadionuclideTotalDose="150012")), b"150012", b"150MBq")


@refused("RadiopharmaceuticalInformationSequence was removed", says="(0018,1074)")
def tracer_removed(study: Path) -> None:
    write(study, put(RadiopharmaceuticalInformationSequence=None))


@refused("RadiopharmaceuticalInformationSequence has two tracers", says="(0054,0016)")
def two_tracers(study: Path) -> None:
    def edit(data: Dataset, _k: int) -> None:
        data.RadiopharmaceuticalInformationSequence.append(data.RadiopharmaceuticalInformationSequence[0])

    write(study, edit)


@right_with_warning("RadionuclideHalfLife is missing, the nuclide is coded; other programs invent 6,500 s", says="1075")
def half_life_missing(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife=None))


@refused("RadionuclideHalfLife is missing and no nuclide is coded", says="(0018,1075)")
def half_life_missing_without_nuclide(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife=None, RadionuclideCodeSequence=None))


@refused("RadionuclideHalfLife is in minutes", says="(0018,1075)")
def half_life_in_minutes(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife=f"{HALF_LIFE_S / 60.0:.3f}"))


@refused("RadionuclideHalfLife is in minutes and no nuclide is coded", says="(0018,1075)")
def half_life_in_minutes_without_nuclide(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife=f"{HALF_LIFE_S / 60.0:.3f}", RadionuclideCodeSequence=None))


@refused("RadionuclideHalfLife is that of 18F, the nuclide is 68Ga", says="(0018,1075)")
def half_life_of_another_nuclide(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife="6586.2"))


@refused("RadionuclideHalfLife is 0", says="(0018,1075)")
def half_life_of_zero(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife="0"))


@right_with_warning("RadionuclideHalfLife is 5 % off, and the scanner reckoned with it", says="(0018,1075)")
def half_life_a_little_off(study: Path) -> None:
    write(study, values=bq_ml(half_life_s=4260.0), facts={"half_life_s": 4260.0})


@refused("A SPECT with 177Lu, stored as PT in Bq/mL", says="(0054,0300)")
def lutetium_spect_stored_as_pt(study: Path) -> None:
    write(study, nuclide("447553000", "SCT", "^177^Lutetium", 574_300.8))


@refused("A SPECT with 99mTc, stored as PT in Bq/mL", says="(0054,0300)")
def technetium_spect_stored_as_pt(study: Path) -> None:
    write(study, nuclide("C-163A8", "SRT", "^99m^Technetium", 21_624.0))


@refused("A SPECT with 99mTc, stored as PT with an SUV in g/mL", says="(0054,0300)")
def technetium_spect_stored_as_suv(study: Path) -> None:
    write(study, put(Units="GML"), nuclide("72454006", "SCT", "^99m^Technetium", 21_624.0))


@refused("A SPECT under the code of 68Ga, stored as PT; only the collimator tells", says="(0018,1181)")
def spect_under_the_nuclide_of_a_pet(study: Path) -> None:
    write(study, put(CollimatorType="PARA"))


@refused("A SPECT with 123I, stored as PT; only the half-life tells", says="(0018,1075)")
def iodine_spect_known_by_half_life(study: Path) -> None:
    write(study, put_tracer(RadionuclideHalfLife="47592", RadionuclideCodeSequence=None, Radiopharmaceutical="MIBG"))
