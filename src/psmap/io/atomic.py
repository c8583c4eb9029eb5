"""Output files appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without these locks: a part that a kill left stays there
    _LOCKS = False
else:
    _LOCKS = True

_PART = ".part-"
_MARK_BYTES = 6


@contextmanager
def whole_file(final: Path) -> Iterator[Path]:
    """Give a temporary path beside `final` with the same suffixes; rename it to `final` when the block ends well.

    The temporary file is removed if the block raises. A kill can leave a hidden `.part-*` file, never a
    half-written `final`; the next call for the same `final` removes it. A part is locked as long as it is written, and
    the system ends the lock with the process, so that a part which another process is writing stays.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _sweep(final)
    part = final.with_name(f"{_PART}{secrets.token_hex(_MARK_BYTES)}-{final.name}")
    try:
        with _locked(part):
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(final)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Make the part and hold its lock; where a file system knows no locks, none is held, and none is ever got."""
    if not _LOCKS:
        yield
        return
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(final: Path) -> None:
    """Remove the parts of `final` whose writers are gone: those whose lock can be had."""
    if not _LOCKS:
        return
    named = len(_PART) + 2 * _MARK_BYTES + 1
    for name in os.listdir(final.parent):  # noqa: PTH208 (pathlib's takes ten times as long, once a file)
        if not name.startswith(_PART) or name[named:] != final.name:
            continue
        with suppress(OSError):
            handle = os.open(final.with_name(name), os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                final.with_name(name).unlink()
            finally:
                os.close(handle)
