"""The files of a study: a folder in any nesting, or a zip of one that is read without unpacking it to disk."""

from __future__ import annotations

import errno
import hashlib
import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO

from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile

MEMBER_LIMIT_BYTES = 2 * 1024**3
"""Largest uncompressed size of one zip member (2 GiB: a PET or CT slice is a few MB)."""

ARCHIVE_LIMIT_BYTES = 64 * 1024**3
"""Largest uncompressed size of all members of a zip together (64 GiB)."""

BOMB_BYTES, BOMB_RATIO = 256 * 1024**2, 100
"""Members that swell to more than this (256 MiB) and to more than a hundred times the zip are none of a study: CT and
PET shrink to a half or a third, and the emptiest slices are few."""

_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    OverflowError,
    MemoryError,
    RuntimeError,  # NotImplementedError among them
)
"""What opening a file, a zip or its members (deflate, bzip2, LZMA) can raise where they are damaged."""

_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What a name says that leads to nothing: no such file, a file in place of a folder, links in a circle."""

_ENCRYPTED = 0x1  # general purpose bit flag, bit 0: ZIP application note 4.4.4


def base_name(file: SourceFile) -> str:
    """The last part of a file's or a zip member's name: what messages may show."""
    return file.path.name if file.member is None else PurePosixPath(file.member).name


def list_files(study: Path) -> tuple[SourceFile, ...]:
    """Every file of a study folder, or every member of a study zip, sorted by name.

    Links are followed, but every folder is entered once and every file listed once, whatever its names (device and
    inode tell), and no link leads up to a folder that holds the study: one that leads back ends there.

    Raises:
        Refused: the path is not there, is neither a folder nor a zip, or the zip is damaged, encrypted or absurd.
    """
    try:
        mode = study.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        if isinstance(error, OSError) and error.errno not in _NOWHERE:
            raise _out_of_reach(error, study.name) from error
        mode = 0
    if stat.S_ISDIR(mode):
        return _list_folder(study)
    if not stat.S_ISREG(mode):
        raise Refused("there is no such folder or zip", where=study.name, cure="give the folder of the study")
    if _is_zip(study):
        return _list_zip(study)
    raise Refused(
        "a study is a folder of DICOM files or a zip of one, and this is a single file",
        where=study.name,
        cure="give the folder that holds the whole series",
    )


def _list_folder(folder: Path) -> tuple[SourceFile, ...]:
    entered = {_identity(above) for path in (folder.absolute(), folder.resolve()) for above in path.parents}
    once: dict[tuple[int, int], Path] = {}
    found: list[tuple[Path, os.stat_result]] = []
    waiting = [folder]
    while waiting:  # a list of our own: folders may lie deeper in one another than functions may call each other
        here = waiting.pop()
        identity = _identity(here)
        if identity in entered:
            continue
        entered.add(identity)
        below = []
        for path, status in _entries(here):
            if stat.S_ISDIR(status.st_mode):
                below.append(path)
            elif stat.S_ISREG(status.st_mode):
                found.append((path, status))
        waiting += sorted(below, reverse=True)
    for path, status in sorted(found, key=lambda each: str(each[0])):
        once.setdefault((status.st_dev, status.st_ino), path)
    return tuple(SourceFile(path) for path in once.values())


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What lies in a folder, with what each name leads to; links to nowhere are left out.

    Raises:
        Refused: the folder cannot be read, or a name that may lead to a slice cannot be followed.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield folder / entry.name, entry.stat()
                except OSError as error:
                    if error.errno not in _NOWHERE:
                        raise _out_of_reach(error, entry.name) from error
    except OSError as error:
        raise _out_of_reach(error, folder.name) from error


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode: the same for all names of one file or folder."""
    try:
        status = path.stat()
    except OSError as error:
        raise _out_of_reach(error, path.name) from error
    return status.st_dev, status.st_ino


def _out_of_reach(error: OSError, name: str) -> Refused:
    return Refused(f"it cannot be read ({_reason(error)})", where=name, cure="make it readable, or move it away")


def _list_zip(archive: Path) -> tuple[SourceFile, ...]:
    with _open_zip(archive) as opened:
        members = [info for info in opened.infolist() if not info.filename.endswith("/")]
    names = {info.filename for info in members}
    if len(names) < len(members):
        raise Refused(
            f"{len(members) - len(names)} members of the zip have the name of another",
            where=archive.name,
            cure="zip the study again",
        )
    for info in members:
        if info.file_size > MEMBER_LIMIT_BYTES:
            raise Refused(
                f"the zip member declares {info.file_size} bytes, more than {MEMBER_LIMIT_BYTES}",
                where=PurePosixPath(info.filename).name,
                cure="unpack the zip yourself and give the folder",
            )
        if info.flag_bits & _ENCRYPTED:
            raise Refused(
                "the zip is encrypted",
                where=PurePosixPath(info.filename).name,
                cure="unpack it with its password and give the folder",
            )
    total = sum(info.file_size for info in members)
    if total > ARCHIVE_LIMIT_BYTES:
        raise Refused(
            f"the zip's members declare {total} bytes together, more than {ARCHIVE_LIMIT_BYTES}",
            where=archive.name,
            cure="unpack the zip yourself and give the folder",
        )
    if total > BOMB_BYTES and total > BOMB_RATIO * archive.stat().st_size:
        raise Refused(
            f"the zip's members declare {total} bytes, more than {BOMB_RATIO} times its own size",
            where=archive.name,
            cure="give the folder, or a zip of the study alone",
        )
    return tuple(sorted((SourceFile(archive, info.filename) for info in members), key=lambda file: file.member or ""))


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return zipfile.is_zipfile(stream)
    except OSError as error:
        raise _out_of_reach(error, path.name) from error


def _open_zip(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except _UNREADABLE as error:
        raise Refused(
            f"the zip cannot be read ({_reason(error)})", where=archive.name, cure="make or fetch it again"
        ) from error


class Opener:
    """Opens files of a study for reading and keeps each zip open while the block lasts."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def __enter__(self) -> Opener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()

    def head(self, file: SourceFile, length: int) -> bytes:
        """The first bytes of a file, without reading the rest of a zip member."""
        try:
            if file.member is None:
                with file.path.open("rb") as stream:
                    return stream.read(length)
            with self._archive(file.path).open(file.member) as member:
                return member.read(length)
        except _UNREADABLE as error:
            raise _unreadable(file, error) from error

    def beginning(self, file: SourceFile, length: int) -> tuple[bytes, int]:
        """The first bytes of a file that is no zip member, and how many it has."""
        try:
            with io.FileIO(file.path) as stream:
                return stream.read(length), os.fstat(stream.fileno()).st_size
        except OSError as error:
            raise _unreadable(file, error) from error

    def read_into(self, file: SourceFile, offset: int, target: memoryview) -> int:
        """Fill `target` with the bytes of a file that is no zip member; how many there were."""
        done = 0
        try:
            with io.FileIO(file.path) as stream:
                stream.seek(offset)
                while done < len(target):
                    count = stream.readinto(target[done:])
                    if not count:
                        break
                    done += count
        except OSError as error:
            raise _unreadable(file, error) from error
        return done

    def open(self, file: SourceFile) -> BinaryIO:
        """A seekable stream of a whole file; the caller closes it."""
        try:
            if file.member is None:
                return file.path.open("rb")
            return io.BytesIO(self._archive(file.path).read(file.member))
        except _UNREADABLE as error:
            raise _unreadable(file, error) from error

    def read(self, file: SourceFile) -> bytes:
        """All bytes of a file."""
        with self.open(file) as stream:
            try:
                return stream.read()
            except OSError as error:
                raise _unreadable(file, error) from error

    def _archive(self, path: Path) -> zipfile.ZipFile:
        if path not in self._archives:
            self._archives[path] = _open_zip(path)
        return self._archives[path]


def _unreadable(file: SourceFile, error: Exception) -> Refused:
    cure = "make it readable" if file.member is None else "make or fetch the zip again, or unpack it"
    return Refused(f"the file cannot be read ({_reason(error)})", where=base_name(file), cure=cure)


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in the words of the system or ours; never with its path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "compressed in a way that is not known" if isinstance(error, NotImplementedError) else "damaged"


def read_bytes(file: SourceFile) -> bytes:
    """All bytes of one source file.

    Raises:
        Refused: the file cannot be read.
    """
    with Opener() as opener:
        return opener.read(file)


def content_hashes(files: Sequence[SourceFile]) -> tuple[tuple[str, str], ...]:
    """Base name and SHA-256 (hexadecimal, FIPS 180-4) of every file's content, in the order given.

    Raises:
        Refused: a file cannot be read.
    """
    with Opener() as opener:
        return tuple((base_name(file), hashlib.sha256(opener.read(file)).hexdigest()) for file in files)
