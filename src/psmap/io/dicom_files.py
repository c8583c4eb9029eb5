"""The files of a study: a folder in any nesting, or a zip of one that is read without unpacking it to disk."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO

from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile

MEMBER_LIMIT_BYTES = 2 * 1024**3
"""Largest uncompressed size of one zip member (2 GiB: a PET or CT slice is a few MB)."""

ARCHIVE_LIMIT_BYTES = 64 * 1024**3
"""Largest uncompressed size of all members of a zip together (64 GiB)."""

_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    NotImplementedError,
)
"""What opening a file, a zip or its members (deflate, bzip2, LZMA) can raise where they are damaged."""

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
    if study.is_dir():
        return _list_folder(study)
    if not study.is_file():
        raise Refused("there is no such folder or zip", where=study.name, cure="give the folder of the study")
    if zipfile.is_zipfile(study):
        return _list_zip(study)
    raise Refused(
        "a study is a folder of DICOM files or a zip of one, and this is a single file",
        where=study.name,
        cure="give the folder that holds the whole series",
    )


def _list_folder(folder: Path) -> tuple[SourceFile, ...]:
    def stop(error: OSError) -> None:
        raise Refused(
            f"the folder cannot be read: {error.strerror}",
            where=Path(error.filename or folder).name,
            cure="make it readable",
        ) from error

    found: list[Path] = []
    entered = {_identity(above) for path in (folder.absolute(), folder.resolve()) for above in path.parents}
    for here, below, names in os.walk(folder, followlinks=True, onerror=stop):
        identity = _identity(Path(here))
        if identity in entered:
            below.clear()
            continue
        entered.add(identity)
        below.sort()
        found.extend(path for name in names if (path := Path(here, name)).is_file())
    once: dict[tuple[int, int], Path] = {}
    for path in sorted(found, key=str):
        once.setdefault(_identity(path), path)
    return tuple(SourceFile(path) for path in once.values())


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode: the same for all names of one file or folder."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _list_zip(archive: Path) -> tuple[SourceFile, ...]:
    with _open_zip(archive) as opened:
        members = [info for info in opened.infolist() if not info.is_dir()]
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
    return tuple(sorted((SourceFile(archive, info.filename) for info in members), key=lambda file: file.member or ""))


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
