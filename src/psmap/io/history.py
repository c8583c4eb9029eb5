"""history.json: what images cannot know about the man; what is absent stays unknown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psmap.domain.case import History
from psmap.domain.refusal import Refused


class _HistoryFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prostatectomy: bool | None = None
    prior_radiotherapy: bool | None = None
    psa_ng_ml: float | None = Field(default=None, ge=0, lt=1e5, allow_inf_nan=False)
    psa_date: date | None = None
    gleason_score: int | None = Field(default=None, ge=2, le=10)
    adt: bool | None = None


def read_history(path: Path) -> History:
    """Read history.json. Raises `Refused` naming the field for anything unknown or impossible."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"the history cannot be read ({type(error).__name__})", where=path.name, cure="give a UTF-8 JSON file"
        ) from error
    try:
        found = _HistoryFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        known = ", ".join(_HistoryFile.model_fields)
        raise Refused(f"{field}: {first['msg']}", where=path.name, cure=f"known fields: {known}") from error
    return History(
        prostatectomy=found.prostatectomy,
        prior_radiotherapy=found.prior_radiotherapy,
        psa_ng_ml=found.psa_ng_ml,
        psa_date=found.psa_date.isoformat() if found.psa_date else None,
        gleason_score=found.gleason_score,
        adt=found.adt,
    )
