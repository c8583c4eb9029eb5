"""Sees every change that this Python makes to the file system, and takes its rights and its folders away again.

The audit hook (PEP 578) sees all that goes through Python, whichever library asks for it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NOBODY = 65534
_WRITES = {"os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.link": 1, "os.symlink": 1,
           "os.truncate": 0,
           "os.chmod": 0, "os.chown": 0, "os.utime": 0, "shutil.rmtree": 0}  # fmt: skip
_NEVER = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.bind"}
_OPEN_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Watching:
    """What the audit hook does at the moment: nothing, or note every change outside one folder."""

    hooked = False
    on = False
    out: str | None = None
    seen: tuple[str, ...] = ()


def keep_watch() -> None:
    """Hook the watch into this Python, once and for good; it sleeps but while an input is read."""
    if not _Watching.hooked:
        sys.addaudithook(_watch)
        _Watching.hooked = True


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _Watching.on:
        return
    if event == "open":
        flags = arguments[2]
        if isinstance(flags, int) and flags & _OPEN_TO_WRITE:
            _note(event, arguments[0])
    elif event in _WRITES:
        _note(event, arguments[_WRITES[event]])
    elif event in _NEVER:
        _note(event, "")


def _note(event: str, path: object) -> None:
    if isinstance(path, int):  # an open file, whose opening was seen
        return
    text = os.path.realpath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else str(path)
    allowed = _Watching.out
    if text != os.devnull and (allowed is None or not (text + "/").startswith(allowed + "/")):
        _Watching.seen += (f"{event} {text}",)


@contextlib.contextmanager
def watched(out: Path | None) -> Iterator[None]:
    """Note every change of the file system that is made outside OUT, and every process and connection."""
    _Watching.out, _Watching.seen, _Watching.on = (str(out.resolve()) if out else None), (), True
    try:
        yield
    finally:
        _Watching.on = False


@contextlib.contextmanager
def rights(nobody: bool) -> Iterator[None]:
    """Root may read everything; without its rights a closed folder is closed."""
    drop = nobody and os.geteuid() == 0
    if drop:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if drop:
            os.seteuid(0)


@contextlib.contextmanager
def own_folder(scratch: Path) -> Iterator[Path]:
    """An empty folder that anybody may enter; removed in the end, whatever was made of it."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder)
        except (OSError, RecursionError):  # closed or very deep folders
            subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=False, capture_output=True)
            subprocess.run(["rm", "-rf", str(folder)], check=True)


def seen() -> tuple[str, ...]:
    """What was noted when it was last watched."""
    return _Watching.seen
