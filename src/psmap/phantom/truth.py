"""Truth beside the images: truth.json with the man, his foci, his stage and his organs, and what it says as label maps.

Activities are those at the start of the PET, to which the voxels of its series are decay corrected, and come from the
SUV by the numbers that stand in the headers: whole MBq injected, whole minutes of uptake, the weight to 100 g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.image import LabelImage
from psmap.domain.promise import PROMISE_V1, PROMISE_V2, SEXTANTS, PromiseRules, StagedSite, stage_promise
from psmap.domain.uptake import FindingClass, Verdict
from psmap.io.case_json import write_json
from psmap.io.nifti import write_label_map
from psmap.io.tables import STRUCTURE_COLUMNS, Cell, structure_rows
from psmap.phantom.anatomy.man import Man
from psmap.phantom.dialects import Dose, dose_of
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.man_scan import ScannedMan
from psmap.phantom.true_maps import anatomy_map, in_grid, sites_map, stations_map
from psmap.phantom.true_stage import DIFFUSE_SHARE, class_of, marrow_share, staged_sites
from psmap.phantom.uptake import suv_of
from psmap.version import __version__

TRUTH = "truth.json"
ANATOMY_MAP, SITES_MAP, STATIONS_MAP = (f"truth/{name}_dseg.nii.gz" for name in ("anatomy", "sites", "stations"))
SITE_COLUMNS = ("index", "name", "verdict", "class", "location", "volume_ml")

Document = dict[str, Any]


def write_truth(
    directory: Path, scanned: ScannedMan, *, layout: str = "dicom", maker: str | None = None
) -> tuple[Path, ...]:
    """Write the label maps with their tables, and last truth.json; the same man gives the same bytes.

    Args:
        directory: the man's folder.
        scanned: the man.
        layout, maker: how his images are written beside; told in truth.json.

    Returns:
        Every file written.
    """
    maps = _maps(scanned)
    written = []
    for name, (labels, columns, rows) in maps.items():
        path = directory / name
        write_label_map(path, labels, columns, rows)
        written += [path, path.with_name(path.name.removesuffix(".nii.gz") + ".tsv")]
    truth = directory / TRUTH
    write_json(truth, _document(scanned, maps[ANATOMY_MAP][0], maps[SITES_MAP][0], layout, maker))
    return (*written, truth)


def truth_document(scanned: ScannedMan, *, layout: str = "dicom", maker: str | None = None) -> Document:
    """What is true of a man, as truth.json holds it (`truth.schema.json`): LPS mm, mL, g/mL, MBq."""
    return _document(scanned, anatomy_map(scanned), sites_map(scanned.sites, scanned.grid), layout, maker)


def _maps(scanned: ScannedMan) -> dict[str, tuple[LabelImage, Sequence[str], list[dict[str, Cell]]]]:
    """File name -> label map, columns and rows of its table."""
    anatomy, foci = anatomy_map(scanned), sites_map(scanned.sites, scanned.grid)
    nodal = stations_map(scanned.man, scanned.grid)
    return {
        ANATOMY_MAP: (anatomy, STRUCTURE_COLUMNS, structure_rows(anatomy)),
        SITES_MAP: (foci, SITE_COLUMNS, [_site_row(site) for site in scanned.sites]),
        STATIONS_MAP: (nodal, STRUCTURE_COLUMNS, structure_rows(nodal)),
    }


def _document(scanned: ScannedMan, anatomy: LabelImage, foci: LabelImage, layout: str, maker: str | None) -> Document:
    man, dose = scanned.man, dose_of(scanned, maker)
    share = marrow_share(man, scanned.sites)
    staged = staged_sites(man, scanned.sites)
    inside = {site.number for site in scanned.sites if in_grid(scanned.grid, site)}
    seen = tuple(site for site in staged if site.number in inside)
    return {
        "psmap": __version__,
        "seed": scanned.seed,
        "tracer": scanned.tracer,
        "scenario": scanned.scenario.value,
        "voxel_mm": scanned.grid.spacing_mm[0],
        "field_mm": list(scanned.field_mm),
        "contrast": scanned.conditions.contrast,
        "layout": layout,
        "maker": maker,
        "choices": asdict(scanned.choices),
        "man": {
            "height_m": man.height_m,
            "weight_kg": man.weight_kg,
            "age_years": man.age_years,
            "arms": man.arms.value,
            "bladder_ml": man.bladder_ml,
            "prostate_ml": man.prostate_ml,
            "prostatectomy": man.prostatectomy,
            "prosthesis": man.prosthesis.value if man.prosthesis else None,
        },
        "activity_mbq": scanned.conditions.activity_mbq,
        "uptake_min": scanned.conditions.uptake_min,
        "halo": scanned.conditions.halo,
        "dose": {**asdict(dose), "mbq_per_suv_ml": dose.mbq_per_suv_ml},
        "voided": scanned.uptake.voided,
        "uptake_suv": dict(sorted(scanned.uptake.suv.items())),
        "label_maps": {"anatomy": ANATOMY_MAP, "sites": SITES_MAP, "stations": STATIONS_MAP},
        "marrow_share": share,
        "stage": _stage(man, staged, share, PROMISE_V2),
        "stage_v1": _stage(man, staged, share, PROMISE_V1),
        "stage_in_field": _stage(man, seen, share, PROMISE_V2),
        "sites": [
            {**_site(site), **_reach(man, site, staged), **own}
            for site, own in zip(scanned.sites, _in_image(scanned, foci), strict=True)
        ],
        "field": _field(scanned, anatomy, dose),
        "organs": _organs(scanned, anatomy, dose),
    }


def _stage(man: Man, staged: tuple[StagedSite, ...], marrow: float, rules: PromiseRules) -> Document:
    stage = stage_promise(staged, prostatectomy=man.prostatectomy, diffuse_marrow=marrow > DIFFUSE_SHARE, rules=rules)
    return {
        "promise": stage.promise.value,
        "t": stage.t,
        "n": stage.n,
        "m": list(stage.m),
        "text": stage.text,
        "detail": {letter: list(brackets) for letter, brackets in stage.detail.items()},
        "evidence": {letter: list(numbers) for letter, numbers in stage.evidence.items()},
    }


def _verdict(site: TrueSite) -> Verdict:
    """In the words of case.json, in which all that is no tumour is physiologic."""
    return Verdict.SUSPICIOUS if site.focus.benign is None else Verdict.PHYSIOLOGIC


def _reach(man: Man, site: TrueSite, staged: tuple[StagedSite, ...]) -> Document:
    """How far a tumour of the prostate reaches, and its sextants; null of all others."""
    own = next((each for each in staged if each.number == site.number), None)
    if own is None or own.finding_class is not FindingClass.LOCAL or man.prostatectomy:
        return {"extent": None, "segments": None}
    return {"extent": own.extent.name.lower(), "segments": [name for name in SEXTANTS if name in own.segments]}


def _in_image(scanned: ScannedMan, foci: LabelImage) -> list[Document]:
    """Of every focus, whether it is in the image, and what the scanner shows in its voxels."""
    labelled = np.flatnonzero(foci.labels)
    numbers, seen = foci.labels.reshape(-1)[labelled], scanned.suv.reshape(-1)[labelled]
    found: list[Document] = []
    for site in scanned.sites:
        own = seen[numbers == site.number]
        found.append(
            {
                "in_field": in_grid(scanned.grid, site),
                "voxels": len(own),
                "seen_suv_max": float(own.max()) if len(own) else None,
                "seen_suv_mean": float(own.mean(dtype=np.float64)) if len(own) else None,
            }
        )
    return found


def _site(site: TrueSite) -> Document:
    focus, entry = site.focus, load_anatomy()[site.focus.place]
    return {
        "number": site.number,
        "lesion": focus.benign is None,
        "kind": focus.kind.value,
        "benign": focus.benign.value if focus.benign else None,
        "verdict": _verdict(site).value,
        "class": class_of(site).value,
        "place": focus.place,
        "location": focus.place,
        "station": focus.place if entry.group == "nodes" else None,
        "side": entry.laterality,
        "code": entry.code.value if entry.code else None,
        "scheme": entry.code.scheme if entry.code else None,
        "centre_mm": list(site.centre_mm),
        "volume_ml": focus.volume_ml,
        "half_axes_mm": list(focus.half_axes_mm),
        "directions": [list(axis) for axis in focus.directions],
        "suv_centre": focus.suv,
        "suv_mean": focus.mean_suv,
        "rim": focus.rim,
        "core": focus.core,
        "osteoblastic": focus.osteoblastic,
        "dense_hu": site.dense_hu,
        "enlarged": focus.enlarged,
        "misplaced": site.misplaced,
    }


def _organs(scanned: ScannedMan, anatomy: LabelImage, dose: Dose) -> Document:
    """Every painted structure by id: its voxels, their volume, activity and SUVs, and what was painted of it."""
    sharp, seen = (_sums(anatomy, image) for image in (scanned.sharp, scanned.suv))
    voxels = np.bincount(anatomy.labels.reshape(-1), minlength=len(sharp))
    painted_ml, voxel_ml = scanned.painted.volumes_ml(), scanned.grid.voxel_ml
    return {
        name: {
            "voxels": int(voxels[number]),
            "volume_ml": float(voxels[number] * voxel_ml),
            "painted_ml": painted_ml[name],
            "drawn_suv": suv_of(scanned.uptake, name),
            "suv_mean": float(sharp[number] / voxels[number]) if voxels[number] else None,
            "activity_mbq": float(sharp[number] * voxel_ml * dose.mbq_per_suv_ml),
            "seen_suv_mean": float(seen[number] / voxels[number]) if voxels[number] else None,
        }
        for number, name in anatomy.names.items()
    }


def _field(scanned: ScannedMan, anatomy: LabelImage, dose: Dose) -> Document:
    """All of the image: organs, and the rest that is none."""
    per_voxel = scanned.grid.voxel_ml * dose.mbq_per_suv_ml
    sharp, seen = (float(image.sum(dtype=np.float64)) * per_voxel for image in (scanned.sharp, scanned.suv))
    rest = float(scanned.sharp[anatomy.labels == 0].sum(dtype=np.float64)) * per_voxel
    return {"activity_mbq": sharp, "unlabelled_mbq": rest, "seen_activity_mbq": seen}


def _sums(anatomy: LabelImage, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Sum of an image over every label from 0 to the highest name."""
    sums = np.bincount(anatomy.labels.reshape(-1), image.reshape(-1), minlength=max(anatomy.names, default=0) + 1)
    return sums.astype(np.float64)


def _site_row(site: TrueSite) -> dict[str, Cell]:
    return {
        "index": site.number,
        "name": f"site {site.number}",
        "verdict": _verdict(site).value,
        "class": class_of(site).value,
        "location": site.focus.place,
        "volume_ml": site.focus.volume_ml,
    }
