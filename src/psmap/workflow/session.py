"""One reading from request to files: what is there is kept, what is missing is made."""

from __future__ import annotations

import secrets
import shutil
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ValidationError

from psmap.domain.case import Case
from psmap.domain.refusal import Refused
from psmap.io.atomic import whole_file
from psmap.io.case_json import write_json
from psmap.io.store import Store, content_key
from psmap.version import __version__
from psmap.workflow.export import PROVENANCE, RESULTS, Documents, RunFacts, export, file_sha256
from psmap.workflow.ingest import Ingested, ReadRequest, ingest
from psmap.workflow.pipeline import PIPELINE
from psmap.workflow.run import Progress, run_steps

STORE = ".psmap"
_STARTED = "started.json"
_SECRET = "deidentify.secret"


def read_case(
    request: ReadRequest,
    out: Path,
    documents: Documents,
    *,
    started: datetime,
    deidentify: bool = False,
    force: bool = False,
    progress: Progress = lambda name: None,
) -> tuple[Case, RunFacts]:
    """Read what is asked for and leave the results in OUT.

    A second run over the same inputs with the same choices writes nothing; a killed run goes on where it was.
    Results that an earlier run left for the same study under other choices are replaced; those of another study
    are never overwritten.

    Args:
        request: what to read.
        out: the results folder.
        documents: lays out the reports.
        started: when the run began; a resumed run keeps the time of its first start.
        deidentify: replace names and UIDs in what is written.
        force: forget what is in OUT and start afresh.
        progress: told what is being done.

    Raises:
        Refused: an input cannot be read exactly, or OUT holds the results of another study.
    """
    if out.exists() and not out.is_dir():
        raise Refused("OUT is a file", where=out.name, cure="name a folder")
    progress("reading")
    ingested = ingest(request)
    run_key = _run_key(ingested, deidentify)
    earlier = _earlier_run(out)
    if force:
        _forget(out, earlier)
        earlier = None
    else:
        _ours(out, earlier, ingested)
    case, records = run_steps(ingested.case, ingested.keys, Store(out / STORE / "steps"), progress)
    secret = _secret(out) if deidentify else None
    facts = RunFacts(run_key, _first_start(out, run_key, ingested, started), ingested.inputs, records, secret)
    if earlier is None or earlier.run_key != run_key or not _whole(out, earlier):
        progress("writing")
        (out / PROVENANCE).unlink(missing_ok=True)  # until it is back, OUT does not hold one whole run
        names = export(case, out, facts, documents)
        for name in RESULTS:
            if name not in names:  # left by an earlier run under other choices, and no longer true
                (out / name).unlink(missing_ok=True)
    return case, facts


class _File(BaseModel):
    file: str
    sha256: str


class _EarlierRun(BaseModel):
    """What of an earlier run's provenance.json decides how to go on."""

    run_key: str
    inputs: list[_File]
    outputs: list[_File]


class _Start(BaseModel):
    """OUT/.psmap/started.json: which run was started here, over which images, and when."""

    run_key: str
    images: list[str]
    started: AwareDatetime


def _run_key(ingested: Ingested, deidentify: bool) -> str:
    versions = tuple((step.name, step.version) for step in PIPELINE)
    inputs = tuple((item.file, item.sha256) for item in ingested.inputs)
    case = ingested.case
    named_by = ingested.keys["segmenter"]
    known = (case.tracer, case.tracer_evidence, case.history, case.parameters, case.choices, named_by)
    return content_key(__version__, versions, inputs, known, deidentify)


def _earlier_run(out: Path) -> _EarlierRun | None:
    """What an earlier run left, or None; a damaged file counts as none."""
    try:
        return _EarlierRun.model_validate_json((out / PROVENANCE).read_bytes())
    except (OSError, ValidationError):
        return None


def _last_start(out: Path) -> _Start | None:
    try:
        return _Start.model_validate_json((out / STORE / _STARTED).read_bytes())
    except (OSError, ValidationError):
        return None


def _ours(out: Path, earlier: _EarlierRun | None, ingested: Ingested) -> None:
    """Refuse to write over what is not an earlier reading of the same images, finished or begun."""
    images = set(ingested.images)
    begun = _last_start(out)
    if earlier is not None:
        mine = images <= {item.sha256 for item in earlier.inputs}
    else:
        mine = begun is not None and images == set(begun.images)
    if not mine and any((out / name).exists() for name in RESULTS):
        raise Refused(
            "OUT holds files that are not the results of this study",
            where=out.name,
            cure="name another folder, or give --force to replace them",
        )


def _first_start(out: Path, run_key: str, ingested: Ingested, started: datetime) -> datetime:
    """The time at which this very run was first started, kept so that a resumed run writes the same bytes."""
    begun = _last_start(out)
    if begun is not None and begun.run_key == run_key:
        return begun.started
    document = {"run_key": run_key, "images": list(ingested.images), "started": started.isoformat()}
    write_json(out / STORE / _STARTED, document)
    return started


def _whole(out: Path, earlier: _EarlierRun) -> bool:
    """Whether every file that provenance lists is there with the bytes it had."""
    return all(
        item.file in RESULTS and (out / item.file).is_file() and file_sha256(out / item.file) == item.sha256
        for item in earlier.outputs
    )


def _forget(out: Path, earlier: _EarlierRun | None) -> None:
    """Remove the store and the results that provenance lists; other files stay until they are written over."""
    shutil.rmtree(out / STORE, ignore_errors=True)
    listed = {item.file for item in earlier.outputs} if earlier else set()
    for name in RESULTS:
        if name in listed or name == PROVENANCE:
            (out / name).unlink(missing_ok=True)


def _secret(out: Path) -> str:
    """Random text that seeds the replacing UIDs; kept beside the store, never written into a result."""
    path = out / STORE / _SECRET
    if not path.is_file():
        with whole_file(path) as part:
            part.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii")
