"""`psmap anatomy` as a Python call: organs, bones and vessels by name, one step alone."""

from __future__ import annotations

from collections.abc import Callable

from psmap.apps.choices import parse_path, parse_segmenter
from psmap.apps.reading import PathLike
from psmap.domain.anatomy import Anatomy
from psmap.domain.refusal import Refused
from psmap.workflow.ingest import ReadRequest
from psmap.workflow.naming import name_scan
from psmap.workflow.segmenters import OWN


def _silent(_line: str) -> None:
    pass


def anatomy(
    study: PathLike | None = None,
    out: PathLike | None = None,
    *,
    ct: PathLike | None = None,
    pet: PathLike | None = None,
    segmenter: PathLike = OWN,
    pet_series: str | None = None,
    ct_series: str | None = None,
    force: bool = False,
    progress: Callable[[str], None] = _silent,
    tell: Callable[[str], None] = _silent,
) -> Anatomy:
    """Name the voxels of a scan: CT alone, PET alone, both, or a study.

    Args:
        study: folder or zip of DICOM; or give `ct` (HU), `pet` (SUVbw), or both, as NIfTI.
        out: anatomy_dseg.nii.gz on the CT's grid (without CT on the PET's), its table, the nodal stations where the
            source has them, and anatomy.json go here; None writes nothing.
        segmenter: as in `psmap.read`.
        pet_series, ct_series: SeriesInstanceUIDs that override the choice.
        force: start afresh.
        progress: told the name of each step.
        tell: told how the images were chosen, a line each.

    Raises:
        psmap.Refused: with what is wrong, where, and the cure.
    """
    who = parse_segmenter(segmenter)
    if who is None:
        raise Refused("without a segmenter nothing is named", cure=f"leave --segmenter out, or give {OWN}")
    request = ReadRequest(
        study=None if study is None else parse_path(study, "study"),
        pet=None if pet is None else parse_path(pet, "pet"),
        ct=None if ct is None else parse_path(ct, "ct"),
        segmenter=who,
        pet_series=pet_series,
        ct_series=ct_series,
    )
    folder = None if out is None else parse_path(out, "out")
    return name_scan(request, folder, force=force, progress=progress, tell=tell)
