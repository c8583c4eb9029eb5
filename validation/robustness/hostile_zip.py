"""Zips that lie: names that climb, sizes that are forged, bombs, members that overlap, directories cut or tampered."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable

from hostile_bytes import SPOILS, Dice, extreme_word
from hostile_dicom import SPOILERS
from small_studies import Files

Zipper = Callable[[Files, Dice], bytes]

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_CENTRAL, _LOCAL, _END, _END64 = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"
_CENTRAL_FIELDS = (4, 6, 8, 10, 12, 14, 28, 30, 32, 34, 36)
_CENTRAL_WORDS = (16, 20, 24, 38, 42)
NAMES = (
    "../PT0001.dcm", "../../../../../../etc/cron.d/psmap", "/etc/psmap-was-here", "C:\\Windows\\psmap.dcm",
    "\\\\host\\x",
    "..\\..\\psmap.dcm", "./././PT.dcm", "a/../../b.dcm", "", " ", ".", "..", "CON", "nul.dcm", "PT\n0001.dcm",
    "\x1b[31mred.dcm", "Ünïcödé ☢.dcm", "\u202egnp.dcm", "a" * 300, "d/" * 800 + "x", "~/x", "-rf", "$(id).dcm", "%s%n",
    "PT0001.dcm", "dir/",
)  # fmt: skip
"""What a member may call itself."""


def zipped(files: Files, dice: Dice) -> bytes:
    """A right zip of a study, in one of the four ways of compression."""
    return _zip(list(files.items()), _METHODS[int(dice.integers(0, len(_METHODS)))])


def _zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as opened:
        warnings.simplefilter("ignore")  # doubled names are the point
        for name, content in members:
            opened.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def _bytes(spoil: Callable[[bytes, Dice], bytes]) -> Zipper:
    def zipper(files: Files, dice: Dice) -> bytes:
        content = zipped(files, dice)
        start = content.rfind(_END) if dice.random() < 0.2 else content.find(_CENTRAL)
        if dice.random() < 0.6 and start > 0 and spoil is not SPOILS["truncated"]:
            return content[:start] + spoil(content[start:], dice)
        return spoil(content, dice)

    return zipper


def _records(content: bytes, magic: bytes) -> list[int]:
    found, at = [], content.find(magic)
    while at >= 0:
        found.append(at)
        at = content.find(magic, at + 4)
    return found


def _central(files: Files, dice: Dice) -> bytes:
    """One to three fields of the central directory at an extreme: sizes, offsets, flags, method, lengths."""
    content = bytearray(zipped(files, dice))
    for _ in range(int(dice.integers(1, 4))):
        places = _records(bytes(content), _CENTRAL)
        if not places:
            break
        start = places[int(dice.integers(0, len(places)))]
        words = dice.random() < 0.5
        fields = _CENTRAL_WORDS if words else _CENTRAL_FIELDS
        at, size = start + fields[int(dice.integers(0, len(fields)))], 4 if words else 2
        content[at : at + size] = extreme_word(size, dice)
    return bytes(content)


def _local(files: Files, dice: Dice) -> bytes:
    """One field of a local header at an extreme."""
    content = bytearray(zipped(files, dice))
    places = _records(bytes(content), _LOCAL)
    at = places[int(dice.integers(0, len(places)))] + int(dice.choice([4, 6, 8, 14, 18, 22, 26, 28]))
    content[at : at + 2] = extreme_word(2, dice)
    return bytes(content)


def _end(files: Files, dice: Dice) -> bytes:
    """A field of the end record at an extreme; or a second end record; or one of zip64 that lies."""
    content = zipped(files, dice)
    at = content.rfind(_END)
    kind = int(dice.integers(0, 3))
    if kind == 0:
        return content + content[at:]
    if kind == 1:
        record = _END64 + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 8, 8, *(
            int.from_bytes(extreme_word(8, dice), "little") for _ in range(2)
        ))  # fmt: skip
        locator = b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1)
        end = content[at : at + 10] + b"\xff" * 10 + content[at + 20 :]
        return content[:at] + record + locator + end
    field = at + int(dice.choice([4, 6, 8, 10]))
    words = at + int(dice.choice([12, 16]))
    if dice.random() < 0.5:
        return content[:field] + extreme_word(2, dice) + content[field + 2 :]
    return content[:words] + extreme_word(4, dice) + content[words + 4 :]


def _zip64_extra(files: Files, dice: Dice) -> bytes:
    """A member whose zip64 field says sizes and an offset at the ends of 64 bits."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 1, 24) + b"".join(extreme_word(8, dice) for _ in range(3))
            opened.writestr(info, content)
    made = bytearray(stream.getvalue())
    for start in _records(bytes(made), _CENTRAL):
        made[start + 20 : start + 28] = b"\xff" * 8
        if dice.random() < 0.5:
            made[start + 42 : start + 46] = b"\xff" * 4
    return bytes(made)


def _names(files: Files, dice: Dice) -> bytes:
    """Members that want to be somewhere else, or are called what no file can be called."""
    members = []
    for name, content in files.items():
        strange = NAMES[int(dice.integers(0, len(NAMES)))] if dice.random() < 0.5 else ""
        members.append((strange + name if dice.random() < 0.5 else strange or name, content))
    made = _zip(members)
    if dice.random() < 0.3:  # a name that says UTF-8 and is not, or holds a NUL
        made = made.replace(b"PT0002", (b"PT\xff\xfe02", b"PT\x00002", b"\xc3(0002")[int(dice.integers(0, 3))])
    return made


def _links(files: Files, dice: Dice) -> bytes:
    """Members that are links: to themselves, to a file of the system, up and out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
        for target in ("/etc/passwd", "../../..", "link", "PT0001.dcm"):
            info = zipfile.ZipInfo(f"link-{int(dice.integers(0, 9))}-{len(target)}")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            opened.writestr(info, target)
    return stream.getvalue()


def _bomb(files: Files, dice: Dice) -> bytes:
    """A slice followed by very many zeros, or zeros alone: a few kB that swell to 1, 10 or 40 MB each."""
    size = int(dice.choice([1, 10, 40], p=[0.6, 0.3, 0.1])) * 2**20
    head = next(iter(files.values())) if dice.random() < 0.7 else b""
    name = "bomb.dcm" if dice.random() < 0.7 else "nested/bomb"
    method = int(dice.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    return _zip([*files.items(), (name, head + b"\0" * size)], method)


def _overlapping(files: Files, dice: Dice) -> bytes:
    """One stored member, and thousands of entries of the directory that all point at it."""
    name, content = next(iter(files.items()))
    made = _zip([(name, content + b"\0" * int(dice.choice([0, 10**5, 10**6])))])
    start, end = made.find(_CENTRAL), made.rfind(_END)
    times = int(dice.choice([2, 100, 5000]))
    record = made[start:end] * times
    tail = made[end : end + 8] + struct.pack("<HHII", times, times, len(record), start) + b"\0\0"
    return made[:start] + record + tail


def _many(files: Files, dice: Dice) -> bytes:
    """Up to two thousand members that have nothing to do with the study."""
    count = int(dice.choice([100, 500, 2000]))
    junk = [(f"{k % 7}/{k}.txt", dice.bytes(int(dice.integers(0, 30)))) for k in range(count)]
    return _zip([*junk, *files.items()], zipfile.ZIP_STORED)


def _nested(files: Files, dice: Dice) -> bytes:
    """A zip in a zip in a zip; at times the study lies beside it."""
    inner = _zip(list(files.items()))
    for depth in range(int(dice.integers(1, 6))):
        inner = _zip([(f"{depth}.zip", inner)])
    return _zip([("inner.zip", inner), *(files.items() if dice.random() < 0.5 else ())])


def _encrypted(files: Files, dice: Dice) -> bytes:
    """Flags that call members encrypted, strongly or weakly, in one of the two places or in both."""
    content = bytearray(zipped(files, dice))
    flags = struct.pack("<H", int(dice.choice([0x1, 0x41, 0x2001, 0x8, 0x800, 0x20, 0xFFFF])))
    for magic, field in ((_CENTRAL, 8), (_LOCAL, 6)):
        if dice.random() < 0.7:
            for start in _records(bytes(content), magic):
                content[start + field : start + field + 2] = flags
    return bytes(content)


def _wrapped(files: Files, dice: Dice) -> bytes:
    """Other bytes before the zip, or behind it, or no zip at all with an end record."""
    content = zipped(files, dice)
    kind = int(dice.integers(0, 4))
    if kind == 0:
        return dice.bytes(int(dice.integers(1, 5000))) + content
    if kind == 1:
        return content + dice.bytes(int(dice.integers(1, 5000)))
    if kind == 2:
        return content[content.rfind(_END) :]
    return dice.bytes(200) + _END + dice.bytes(18)


def _dicom_within(files: Files, dice: Dice) -> bytes:
    """A right zip of a study spoiled in any of the ways of `hostile_dicom`."""
    spoilers = list(SPOILERS.values())
    return zipped(spoilers[int(dice.integers(0, len(spoilers)))](files, dice), dice)


ZIPPERS: dict[str, Zipper] = {
    **{name: _bytes(spoil) for name, spoil in SPOILS.items()},
    "central directory": _central,
    "local header": _local,
    "end record": _end,
    "zip64 sizes": _zip64_extra,
    "member names": _names,
    "links": _links,
    "bomb": _bomb,
    "overlapping members": _overlapping,
    "many members": _many,
    "nested zips": _nested,
    "encryption flags": _encrypted,
    "wrapped": _wrapped,
    "spoiled DICOM": _dicom_within,
}
"""Every way to spoil a zip of a study."""
