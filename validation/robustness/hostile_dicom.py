"""The ways to spoil the elements of a study's files.

The files are taken apart here, by the rules of PS3.5 chapter 7, so that a value, a VR, a length or a whole element can
be replaced while everything round it stays right: such damage goes deeper into a reader than noise does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from hostile_bytes import SPOILS, Dice, extreme_word
from hostile_words import BINARY_VRS, binary_value, text_value
from small_studies import Files

Spoiler = Callable[[Files, Dice], Files]

_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_VRS = sorted(_LONG_VRS | set(BINARY_VRS) | {
    b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM", b"UI", b"ZZ", b"\0\0",
})  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM_GROUP = 0xFFFE
PIXEL_DATA = 0x7FE00010
_SYNTAXES = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.1", "1.2.3.4", "", "junk", "1.2.840.10008.1.2.1\0\0\0",
)  # fmt: skip


@dataclass(frozen=True)
class Element:
    """One element of a data set: tag, VR (empty in implicit VR), where it and its value begin, and where it ends."""

    tag: int
    vr: bytes
    start: int
    value: int
    end: int


def elements(content: bytes) -> tuple[list[Element], bool]:
    """The elements of a file behind its meta header, those of sequences among them, and whether VRs are explicit."""
    start = 144 + int.from_bytes(content[140:144], "little")
    explicit = b"1.2.840.10008.1.2\0" not in content[:start]
    found = []
    while start + 8 <= len(content):
        group, number = struct.unpack_from("<HH", content, start)
        tag, vr, value = group << 16 | number, b"", start + 8
        length = int.from_bytes(content[start + 4 : start + 8], "little")
        if explicit and group != _ITEM_GROUP:
            vr = content[start + 4 : start + 6]
            if vr in _LONG_VRS:
                value, length = start + 12, int.from_bytes(content[start + 8 : start + 12], "little")
            else:
                length = int.from_bytes(content[start + 6 : start + 8], "little")
        if tag == PIXEL_DATA and length == _UNDEFINED:
            length = len(content) - value
        inside = length == _UNDEFINED or vr == b"SQ" or group == _ITEM_GROUP
        end = value if inside else min(value + length, len(content))
        found.append(Element(tag, vr, start, value, end))
        start = end
    return found, explicit


def encoded(element: Element, value: bytes, explicit: bool, vr: bytes | None = None) -> bytes:
    """An element with another value, and another VR if one is given; padded to an even length."""
    value += b"\0" * (len(value) % 2)
    tag = struct.pack("<HH", element.tag >> 16, element.tag & 0xFFFF)
    kind = vr if vr is not None else element.vr
    if not explicit:
        return tag + struct.pack("<I", len(value)) + value
    if kind in _LONG_VRS:
        return tag + kind + b"\0\0" + struct.pack("<I", len(value)) + value
    value = value[:65534]
    return tag + kind + struct.pack("<H", len(value)) + value


def pet_names(files: Files) -> list[str]:
    """The files of the PET."""
    return [name for name in files if "PT" in name]


def _one(files: Files, dice: Dice) -> str:
    """A file: of the PET, mostly."""
    names = pet_names(files) if dice.random() < 0.8 else list(files)
    return names[int(dice.integers(0, len(names)))]


def spoiled_bytes(spoil: Callable[[bytes, Dice], bytes]) -> Spoiler:
    """Spoil the bytes of one file; half of the time only those of its header, which is what is parsed."""

    def spoiler(files: Files, dice: Dice) -> Files:
        name = _one(files, dice)
        content = files[name]
        head = content.rfind(b"\xe0\x7f\x10\x00") if dice.random() < 0.5 else 0
        if head > 0 and spoil is not SPOILS["truncated"]:
            return {**files, name: spoil(content[:head], dice) + content[head:]}
        return {**files, name: spoil(content, dice)}

    return spoiler


def _each(change: Callable[[bytes, Element, bool, Dice], bytes]) -> Spoiler:
    """Change one element of one file; half of the time the same one, in the same way, in all files of the PET."""

    def spoiler(files: Files, dice: Dice) -> Files:
        name = _one(files, dice)
        found, _explicit = elements(files[name])
        if not found:
            return files
        aim = found[int(dice.integers(0, len(found)))]
        names = pet_names(files) if dice.random() < 0.5 else [name]
        seed = int(dice.integers(0, 2**32))
        changed = dict(files)
        for each in names:
            found, explicit = elements(files[each])
            same = next((element for element in found if element.tag == aim.tag), None)
            if same is not None:
                changed[each] = change(files[each], same, explicit, np.random.default_rng(seed))
        return changed

    return spoiler


def _new_value(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    value = binary_value(at.vr, dice) if at.vr in BINARY_VRS else text_value(dice)
    return content[: at.start] + encoded(at, value, explicit) + content[at.end :]


def _new_vr(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    vr = _VRS[int(dice.integers(0, len(_VRS)))]
    return content[: at.start] + encoded(at, content[at.value : at.end], explicit, vr) + content[at.end :]


def _new_length(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    size = 2 if explicit and at.vr and at.vr not in _LONG_VRS else 4
    return content[: at.value - size] + extreme_word(size, dice) + content[at.value :]


def _removed(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    return content[: at.start] + content[at.end :]


def _doubled(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    times = int(dice.integers(1, 30))
    return content[: at.end] + content[at.start : at.end] * times + content[at.end :]


def _new_tag(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    found, _ = elements(content)
    other = found[int(dice.integers(0, len(found)))].tag if dice.random() < 0.5 else int(dice.integers(0, 2**32))
    tag = struct.pack("<HH", other >> 16, other & 0xFFFF)
    return content[: at.start] + tag + content[at.start + 4 :]


def _many_values(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    value = content[at.value : at.end].rstrip(b"\0 ")
    separator = b"" if at.vr in BINARY_VRS else b"\\"
    most = 60_000 // max(1, len(value) + 1)
    times = int(dice.integers(2, max(3, most))) if dice.random() < 0.2 else int(dice.integers(2, 6))
    return content[: at.start] + encoded(at, separator.join([value] * times), explicit) + content[at.end :]


def _value_of_another(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    found, _ = elements(content)
    other = found[int(dice.integers(0, len(found)))]
    value = content[other.value : other.end][:60_000]
    return content[: at.start] + encoded(at, value, explicit) + content[at.end :]


def _nested(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    """Sequences in sequences before an element, up to 3000 deep, ended or not; their tag is that of the tracer's."""
    depth = int(dice.choice([1, 5, 50, 500, 3000]))
    head = b"\x54\x00\x16\x00" + (b"SQ\0\0" if explicit else b"") + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    foot = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" if dice.random() < 0.7 else b""
    inside = content[at.start : at.end]
    return content[: at.start] + head * depth + inside + foot * depth + content[at.start :]


def _strange_element(content: bytes, at: Element, explicit: bool, dice: Dice) -> bytes:
    tag = int(dice.integers(0, 2**32)) if dice.random() < 0.7 else PIXEL_DATA
    vr = _VRS[int(dice.integers(0, len(_VRS)))]
    stranger = encoded(replace(at, tag=tag, vr=vr), text_value(dice), explicit)
    return content[: at.start] + stranger + content[at.start :]


def _reordered(files: Files, dice: Dice) -> Files:
    name = _one(files, dice)
    content = files[name]
    found = [each for each in elements(content)[0] if each.tag >> 16 != _ITEM_GROUP]
    if len(found) < 2:
        return files
    first, second = sorted(dice.choice(len(found), 2, replace=False))
    one, other = found[int(first)], found[int(second)]
    middle = content[one.end : other.start]
    swapped = content[other.start : other.end] + middle + content[one.start : one.end]
    return {**files, name: content[: one.start] + swapped + content[other.end :]}


def _spliced(files: Files, dice: Dice) -> Files:
    """The elements of one file up to some element, then those of another file from there on."""
    names = list(files)
    one, other = (names[int(at)] for at in dice.choice(len(names), 2, replace=False))
    cut = elements(files[one])[0]
    go_on = elements(files[other])[0]
    if not cut or not go_on:
        return files
    head, tail = cut[int(dice.integers(0, len(cut)))], go_on[int(dice.integers(0, len(go_on)))]
    if dice.random() < 0.7:
        tail = next((each for each in go_on if each.tag >= head.tag), tail)
    return {**files, one: files[one][: head.start] + files[other][tail.start :]}


def _other_syntax(files: Files, dice: Dice) -> Files:
    """TransferSyntaxUID of one file, or of all, says what is not so; the meta header stays consistent."""
    syntax = _SYNTAXES[int(dice.integers(0, len(_SYNTAXES)))].encode()
    syntax += b"\0" * (len(syntax) % 2)
    names = list(files) if dice.random() < 0.3 else [_one(files, dice)]
    changed = dict(files)
    for name in names:
        content = files[name]
        at = content.find(b"\x02\x00\x10\x00UI")
        length = int.from_bytes(content[at + 6 : at + 8], "little")
        group = int.from_bytes(content[140:144], "little") + len(syntax) - length
        content = content[: at + 6] + struct.pack("<H", len(syntax)) + syntax + content[at + 8 + length :]
        changed[name] = content[:140] + struct.pack("<I", group % 2**32) + content[144:]
    return changed


def _meta(files: Files, dice: Dice) -> Files:
    """The preamble and the meta header of one file spoiled, left out, or doubled."""
    name = _one(files, dice)
    content = files[name]
    end = 144 + int.from_bytes(content[140:144], "little")
    kind = int(dice.integers(0, 5))
    if kind == 0:
        return {**files, name: content[132:]}
    if kind == 1:
        return {**files, name: content[end:]}
    if kind == 2:
        return {**files, name: content[:end] + content[132:]}
    if kind == 3:
        return {**files, name: content[:140] + extreme_word(4, dice) + content[144:]}
    spoil = list(SPOILS.values())[int(dice.integers(0, len(SPOILS)))]
    return {**files, name: content[:128] + spoil(content[128:end], dice) + content[end:]}


def _pixel_format(files: Files, dice: Dice) -> Files:
    """Rows, Columns, bits and samples at the ends of their range, in one file or in all."""
    tags = (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
    tag = tags[int(dice.integers(0, len(tags)))]
    word = (
        extreme_word(2, dice)
        if dice.random() < 0.5
        else struct.pack("<H", int(dice.choice([1, 7, 8, 9, 12, 16, 32, 64])))
    )
    names = pet_names(files) if dice.random() < 0.5 else [_one(files, dice)]
    changed = dict(files)
    for name in names:
        found, explicit = elements(files[name])
        at = next((each for each in found if each.tag == tag), None)
        if at is not None:
            changed[name] = files[name][: at.start] + encoded(at, word, explicit) + files[name][at.end :]
    return changed


def _files_mixed(files: Files, dice: Dice) -> Files:
    """Files left out, doubled, emptied, swapped, or strangers beside them."""
    changed = dict(files)
    for _ in range(int(dice.integers(1, 4))):
        name = _one(files, dice)
        other = _one(files, dice)
        kind = int(dice.integers(0, 6))
        if kind == 0:
            changed.pop(name, None)
        elif kind == 1:
            changed[f"copy/{name}"] = files[name]
        elif kind == 2:
            changed[name] = b""
        elif kind == 3:
            changed[name] = files[other]
        elif kind == 4:
            changed[("DICOMDIR", "notes.txt", "a.dcm", "x" * 200)[int(dice.integers(0, 4))]] = dice.bytes(
                int(dice.integers(0, 2000))
            )
        else:
            changed[name] = files[name] + files[other]
    return changed


def _twice(files: Files, dice: Dice) -> Files:
    """Two or three of the other ways, one after the other."""
    kinds = [name for name in SPOILERS if name not in ("several at once", "files mixed")]
    for _ in range(int(dice.integers(2, 4))):
        files = SPOILERS[kinds[int(dice.integers(0, len(kinds)))]](files, dice)
    return files


SPOILERS: dict[str, Spoiler] = {
    **{name: spoiled_bytes(spoil) for name, spoil in SPOILS.items()},
    "value replaced": _each(_new_value),
    "VR swapped": _each(_new_vr),
    "length at an extreme": _each(_new_length),
    "element removed": _each(_removed),
    "element doubled": _each(_doubled),
    "tag changed": _each(_new_tag),
    "many values": _each(_many_values),
    "value of another element": _each(_value_of_another),
    "nested sequences": _each(_nested),
    "strange element": _each(_strange_element),
    "elements reordered": _reordered,
    "headers spliced": _spliced,
    "transfer syntax changed": _other_syntax,
    "meta header": _meta,
    "pixel format": _pixel_format,
    "files mixed": _files_mixed,
    "several at once": _twice,
}
"""Every way to spoil a study."""
