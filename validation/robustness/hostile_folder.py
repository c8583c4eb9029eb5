"""Folders that no study should be: links in circles and out, pipes, sockets, devices, no permission, no end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from hostile_bytes import Dice
from small_studies import Files

Builder = Callable[[Path, Files, Dice], Path]
"""Makes the study in an empty folder and returns the path to read."""


def write_files(folder: Path, files: Files) -> Path:
    """The files as they are."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _study(folder: Path, files: Files) -> Path:
    study = folder / "study"
    study.mkdir()
    return write_files(study, files)


def _links_in_circles(folder: Path, files: Files, dice: Dice) -> Path:
    study = _study(folder, files)
    (study / "again").symlink_to(study)
    (study / "up").symlink_to("..")
    (study / "self").symlink_to("self")
    (study / "one").symlink_to("two")
    (study / "two").symlink_to("one")
    (study / "a").mkdir()
    for k in range(int(dice.integers(1, 30))):
        (study / "a" / f"b{k}").symlink_to(("..", ".", str(study), "../a", "../self")[int(dice.integers(0, 5))])
    return study


def _links_out(folder: Path, files: Files, dice: Dice) -> Path:
    """Links to places outside the study: files of the system, the study above, another folder with the same files."""
    study = _study(folder, files)
    (folder / "elsewhere").mkdir()
    write_files(folder / "elsewhere", files)
    targets = (
        "/etc/passwd",
        "/dev/zero",
        "/dev/null",
        "/dev/full",
        "/nowhere",
        str(folder),
        "../elsewhere",
        "/proc/self/fd",
    )
    for k in range(int(dice.integers(1, 10))):
        (study / f"link{k}").symlink_to(targets[int(dice.integers(0, len(targets)))])
    return study


def _special_files(folder: Path, files: Files, dice: Dice) -> Path:
    """A pipe that nobody fills, a socket, and, where we may make one, a device that never ends."""
    study = _study(folder, files)
    os.mkfifo(study / "pipe.dcm")
    here = Path.cwd()
    os.chdir(study)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket.dcm")
    finally:
        os.chdir(here)
    if dice.random() < 0.3:
        return study / ("pipe.dcm" if dice.random() < 0.5 else "socket.dcm")
    return study


def _no_permission(folder: Path, files: Files, dice: Dice) -> Path:
    """A file, a folder or a link into a folder that may not be read; root reads as nobody, see `doors`."""
    study = _study(folder, files)
    closed = study / "closed"
    closed.mkdir()
    (closed / "inside.dcm").write_bytes(b"x")
    kind = int(dice.integers(0, 4))
    if kind == 0:
        next(iter(sorted(study.glob("PT*")))).chmod(0)
    elif kind == 1:
        (study / "link.dcm").symlink_to(closed / "inside.dcm")
    elif kind == 2:
        study.chmod(0)
        return study
    closed.chmod(0 if kind == 1 else int(dice.choice([0, 0o444, 0o111])))
    return study


def _deep(folder: Path, files: Files, dice: Dice) -> Path:
    """Folders in folders, until a path has more characters than the system takes at once."""
    study = _study(folder, files)
    depth = int(dice.choice([20, 60, 1500]))
    name = "d" * int(dice.choice([1, 60]))
    here = os.open(study, os.O_RDONLY)
    for _ in range(depth if len(name) == 1 else min(depth, 200)):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    handle = os.open("x" * 100 + ".dcm", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.close(handle)
    os.close(here)
    return study


def _strangers(folder: Path, files: Files, dice: Dice) -> Path:
    """Up to a thousand files that have nothing to do with the study."""
    study = _study(folder, files)
    for k in range(int(dice.choice([10, 100, 1000]))):
        (study / f"{k}.{('txt', 'dcm', 'jpg')[k % 3]}").write_bytes(dice.bytes(int(dice.integers(0, 300))))
    return study


def _strange_names(folder: Path, files: Files, dice: Dice) -> Path:
    """File names that are no UTF-8, hold a line break or an escape, or are as long as names may be."""
    plain = (b"a\nb.dcm", b"\x1b[31m.dcm", b"n" * 255, b" ", b"-rf", "☢.dcm".encode(), b"..dcm", b"PT*?.dcm")
    names = [os.fsdecode(name) for name in (b"\xff\xfe.dcm", *plain)]
    study = folder / names[int(dice.integers(0, len(names)))]
    study.mkdir()
    contents = list(files.values())
    for k, name in enumerate(names):
        content = contents[k % len(contents)]
        (study / name).write_bytes(content if dice.random() < 0.7 else content[:300])
    return study


def _no_study(folder: Path, files: Files, dice: Dice) -> Path:
    """Nothing, an empty folder, a file, a link to nowhere, an impossible name, a device."""
    (folder / "empty").mkdir()
    (folder / "file").write_bytes(next(iter(files.values())))
    (folder / "loop").symlink_to("loop")
    (folder / "gone").symlink_to("nowhere")
    choices = (
        folder / "empty", folder / "file", folder / "loop", folder / "gone", folder / "not there", folder / ("n" * 300),
        folder / ("d/" * 3000), Path("/dev/null"), Path("/dev/zero"), Path("nul\0byte"), folder / "file" / "below",
    )  # fmt: skip
    return choices[int(dice.integers(0, len(choices)))]


BUILDERS: dict[str, Builder] = {
    "links in circles": _links_in_circles,
    "links out": _links_out,
    "pipe, socket": _special_files,
    "no permission": _no_permission,
    "deep nesting": _deep,
    "unrelated files": _strangers,
    "strange names": _strange_names,
    "no study": _no_study,
}
"""Every strange folder."""
