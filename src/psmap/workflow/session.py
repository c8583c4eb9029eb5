"""One reading from request to files: what is there is kept, what is missing is made."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from psmap.domain.case import Case
from psmap.domain.refusal import Refused
from psmap.io.atomic import whole_file
from psmap.io.case_json import write_json
from psmap.io.store import Store, content_key
from psmap.version import __version__
from psmap.workflow.export import PROVENANCE, Documents, RunFacts, export, file_sha256
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
    _usable(out)
    progress("reading")
    ingested = ingest(request)
    run_key = _run_key(ingested, deidentify)
    earlier = _provenance(out)
    if force:
        _forget(out, earlier)
        earlier = None
    elif earlier is not None and _input_hashes(earlier) != sorted(item.sha256 for item in ingested.inputs):
        _same_images(ingested, earlier)
    store = Store(out / STORE / "steps")
    facts_started = _first_start(out, run_key, started)
    case, records = run_steps(ingested.case, ingested.keys, store, progress)
    secret = _secret(out) if deidentify else None
    facts = RunFacts(run_key, facts_started, ingested.inputs, records, secret)
    if earlier is None or earlier.get("run_key") != run_key or not _whole(out, earlier):
        progress("writing")
        names = export(case, out, facts, documents)
        _remove_stale(out, earlier, names)
    return case, facts


def _usable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise Refused("OUT is a file", where=out.name, cure="name a folder")
    out.mkdir(parents=True, exist_ok=True)


def _run_key(ingested: Ingested, deidentify: bool) -> str:
    versions = tuple((step.name, step.version) for step in PIPELINE)
    inputs = tuple(sorted(ingested.keys.items()))
    return content_key(__version__, versions, inputs, ingested.case.choices, deidentify)


def _provenance(out: Path) -> dict[str, Any] | None:
    """What an earlier run left, or None; a damaged file counts as none."""
    try:
        document = json.loads((out / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return document if isinstance(document, dict) else None


def _input_hashes(provenance: Mapping[str, Any]) -> list[str]:
    return sorted(str(item.get("sha256")) for item in provenance.get("inputs", []))


def _same_images(ingested: Ingested, earlier: Mapping[str, Any]) -> None:
    """Other masks or another history of the same study may replace results; another study may not."""
    images = set(ingested.images)
    if not images <= set(_input_hashes(earlier)):
        raise Refused(
            "OUT holds the results of another study", cure="name another folder, or give --force to replace them"
        )


def _first_start(out: Path, run_key: str, started: datetime) -> datetime:
    """The time at which this very run was first started, kept so that a resumed run writes the same bytes."""
    path = out / STORE / _STARTED
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["run_key"] == run_key:
            return datetime.fromisoformat(kept["started"])
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValueError):
        pass  # never started, or damaged: this is the first start
    write_json(path, {"run_key": run_key, "started": started.isoformat()})
    return started


def _secret(out: Path) -> str:
    """Random text that seeds the replacing UIDs; kept beside the store, never written into a result."""
    path = out / STORE / _SECRET
    if not path.is_file():
        with whole_file(path) as part:
            part.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii")


def _whole(out: Path, provenance: Mapping[str, Any]) -> bool:
    """Whether every file that provenance lists is there with the bytes it had."""
    outputs = provenance.get("outputs", [])
    return all((out / item["file"]).is_file() and file_sha256(out / item["file"]) == item["sha256"] for item in outputs)


def _remove_stale(out: Path, earlier: Mapping[str, Any] | None, names: tuple[str, ...]) -> None:
    """Remove what the earlier run wrote and this one did not: it would no longer be true."""
    for name in _written_by(out, earlier):
        if name not in names:
            (out / name).unlink(missing_ok=True)


def _forget(out: Path, earlier: Mapping[str, Any] | None) -> None:
    shutil.rmtree(out / STORE, ignore_errors=True)
    for name in (*_written_by(out, earlier), PROVENANCE):
        (out / name).unlink(missing_ok=True)


def _written_by(out: Path, provenance: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The outputs that provenance lists; names that lead out of OUT are not believed."""
    listed = [str(item.get("file")) for item in (provenance or {}).get("outputs", [])]
    root = out.resolve()
    return tuple(name for name in listed if (out / name).resolve().is_relative_to(root))
