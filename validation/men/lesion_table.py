"""The table of real lesions, read for the fit and for the check. Needs pyarrow; its data are never copied."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

STUDIES_WITH_LESIONS = 537
"""Of 597 studies of the source (autoPET III, PSMA: 537 with lesions, 60 without); the table holds those with 1 mL."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RealLesions:
    """Lesions of at least 1 mL.

    Args:
        suv_max, suv_mean, volume_ml: one a lesion.
        study: number of the study of each, from 0.
        all_pieces: estimated number of pieces of any size in the same studies.
        men_with_lesions: studies with any lesion at all.
    """

    suv_max: Floats
    suv_mean: Floats
    volume_ml: Floats
    study: npt.NDArray[np.int64]
    all_pieces: int
    men_with_lesions: int


def read_real_lesions() -> RealLesions:
    """Read `psma_lesions/lesions.parquet` of PSMAP_DATA.

    Lesions are numbered within a study before the cut at 1 mL, in the order of the scan, so that the numbers tell how
    many there were: with k listed and the largest number m, m (1 + 1/k) - 1 (Goodman 1952, JASA 47:622).
    """
    from pyarrow.parquet import read_table

    home = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("PSMAP_DATA", home)) / "psma_lesions" / "lesions.parquet"
    columns = read_table(path, columns=["series_uid", "lesion_id", "suvmax", "suvmean", "volume_ml"]).to_pydict()
    _, study = np.unique(np.array(columns["series_uid"]), return_inverse=True)
    count = np.bincount(study)
    largest = np.zeros(len(count))
    np.maximum.at(largest, study, np.array(columns["lesion_id"], float))
    return RealLesions(
        np.array(columns["suvmax"], float),
        np.array(columns["suvmean"], float),
        np.array(columns["volume_ml"], float),
        study.astype(np.int64),
        round(float((largest * (1.0 + 1.0 / count) - 1.0).sum())),
        STUDIES_WITH_LESIONS,
    )
