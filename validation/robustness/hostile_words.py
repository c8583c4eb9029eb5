"""Values that headers should not hold, and some that they should where others stand: words, numbers, dates, names."""

from __future__ import annotations

import struct

import numpy as np
from hostile_bytes import Dice

BINARY_VRS = {b"US": "<H", b"SS": "<h", b"UL": "<I", b"SL": "<i", b"FL": "<f", b"FD": "<d", b"AT": "<I"}

_NUMBERS = """
NaN nan inf -inf Infinity 1e400 -1e400 1e-400 0 -0 0.0 -1 1e308 -1e308 5e-324 1e-30 1e30 0.001 1000 70 +1 1,5 0x10
1_000 1e 1e+ .5 5. . - + -- 1.2.3 99999999999999999999 3.4028236e38 1d5 ١٢٣ １２ 1\\2 1\\2\\3 0\\0 0\\0\\0
1\\0\\0\\0\\1\\0 0\\0\\0\\0\\0\\0 1\\0\\0\\1\\0\\0 NaN\\NaN\\NaN 1e300\\1e300\\1e300 -4\\4 \\ \\\\ \\\\\\\\
"""
_DATES = """
20260231 00000000 99999999 00010101 19000101 20260203 20260204 2026.02.03 2026 202602 20260203000000
20260203115959.999999 20260203120000.000000+1400 20260203120000-9999 20260203120000+0000 99991231235959 +0100 -1200
+2500 20260203-20260204
"""
_TIMES = """
246060 240000 235960 235959.999999 120000.9999999 12 1200 120000 110000 000000 -1 12:00:00 120000+0100 110000.00
"""
_WORDS = """
BQML CNTS GML CM2ML PROPCPS NONE START ADMIN BW LBM BSA LBMJAMES128 M F O PT CT NM MR ORIGINAL\\PRIMARY
DERIVED\\SECONDARY STATIC\\IMAGE DYNAMIC\\IMAGE GATED\\IMAGE WHOLE\\REPROJECTION ATTN DECY ATTN\\DECY DECY\\ATTN\\SCAT
MONOCHROME1 RGB HU US 1.2.840.10008.5.1.4.1.1.128 1.2.840.10008.5.1.4.1.1.2 1.2.840.10008.5.1.4.1.1.20
1.2.840.10008.1.3.10 1.2.3 . 1..2 0 ISO_IR\\100 ISO_IR\\192 ISO\\2022\\IR\\87 \\ISO\\2022\\IR\\149 GB18030 UNKNOWN
068Y 068M 999Y ^68^Gallium C-131A3 SRT None null
"""
STRANGE = (
    b"", b" ", b"\0", b"\0\0\0\0", b"\n", b"a\r\nb", b"\x1b[31mred\x1b[0m", b"\x1b$B\x1b(J", b"\x07\x08", b"%s%n%x",
    b"../../etc/passwd", b"<script>alert(1)</script>", b"\xff\xfe\xfd", b"\xc3\x28", "Ünïcödé ☢".encode(),
    "\u202eright to left".encode(), b"\xed\xa0\x80", b"=cmd|'/c calc'!A0", b"{{7*7}}", b"^^^^", b"x" * 70, b"9" * 400,
    b"A" * 5000, b"1\\" * 2000, b"\\" * 30000, b"0" * 60000, b"1" * 5000, b"-" * 64,
)  # fmt: skip


def text_value(dice: Dice) -> bytes:
    """The bytes of a text value."""
    kind = int(dice.integers(0, 6))
    if kind == 5:
        return STRANGE[int(dice.integers(0, len(STRANGE)))]
    if kind == 4:
        return dice.bytes(int(dice.integers(0, 40)))
    table = (_NUMBERS, _DATES, _TIMES, _WORDS)[kind].split()
    word = table[int(dice.integers(0, len(table)))]
    return word.replace("ISO\\2022\\IR\\", "ISO 2022 IR ").replace("ISO_IR\\", "ISO_IR ").encode()


def binary_value(vr: bytes, dice: Dice) -> bytes:
    """One to four numbers of a binary VR, ends of the range, NaN and infinity among them; or too few bytes."""
    form = BINARY_VRS[vr]
    size = struct.calcsize(form)
    if dice.random() < 0.2:
        return dice.bytes(int(dice.integers(0, 4 * size)))
    if form in ("<f", "<d"):
        values = dice.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e-38, 3e38, 1.0], int(dice.integers(1, 5)))
        return b"".join(struct.pack(form, float(value)) for value in values)
    top = 1 << (8 * size)
    values = dice.choice([0, 1, 2, 8, 16, top - 1, top // 2, top // 2 - 1], int(dice.integers(1, 5)))
    return b"".join(int(value).to_bytes(size, "little") for value in values)
