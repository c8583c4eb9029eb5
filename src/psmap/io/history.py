"""history.json: what images cannot know about the man; what is absent stays unknown."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from psmap.domain.case import History
from psmap.domain.refusal import Refused

FIRST_PSA = date(1980, 1, 1)
"""Ours: the test for PSA in serum came into use in the 1980s."""
MOST_BYTES = 1_000_000
"""A history is a few lines."""
LAST_PSA = date(2100, 12, 31)
"""Ours: a later year is a slip of the pen; the clock of the machine is not asked."""


def _day(value: str) -> str:
    """A day as YYYY-MM-DD (ISO 8601 knows other forms too); `ValueError` for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a date is written YYYY-MM-DD")
    if not FIRST_PSA <= date.fromisoformat(value) <= LAST_PSA:
        raise ValueError(f"a date lies from {FIRST_PSA} to {LAST_PSA}")
    return value


class _HistoryFile(BaseModel):
    """Strict: text is no number, and 1 is not true."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prostatectomy: bool | None = None
    prior_radiotherapy: bool | None = None
    psa_ng_ml: float | None = Field(default=None, ge=0, lt=1e5, allow_inf_nan=False)
    psa_date: Annotated[str, AfterValidator(_day)] | None = None
    gleason_score: int | None = Field(default=None, ge=2, le=10)
    adt: bool | None = None


def read_history(path: Path) -> History:
    """Read history.json. Raises `Refused` naming the field for anything unknown, doubled or impossible."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused(f"a history has no more than {MOST_BYTES} bytes", where=path.name, cure="give history.json")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"the history cannot be read ({type(error).__name__})", where=path.name, cure="give a UTF-8 JSON file"
        ) from error
    try:
        found = _HistoryFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part)[:40] for part in first["loc"]) or "the file"
        known = ", ".join(_HistoryFile.model_fields)
        raise Refused(f"{field}: {first['msg']}", where=path.name, cure=f"known fields: {known}") from error
    # After the check above the text is one flat object, so that every pair seen here is a field of it.
    names = [name for name, _ in json.loads(text, object_pairs_hook=list)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Refused(f"{', '.join(doubled)}: given more than once", where=path.name, cure="keep one of the values")
    return History(
        prostatectomy=found.prostatectomy,
        prior_radiotherapy=found.prior_radiotherapy,
        psa_ng_ml=found.psa_ng_ml,
        psa_date=found.psa_date,
        gleason_score=found.gleason_score,
        adt=found.adt,
    )
