"""Ways to spoil a run of bytes that know nothing of what the bytes mean: cut, flip, insert, delete, swap, repeat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Dice = np.random.Generator
Spoil = Callable[[bytes, Dice], bytes]


def truncated(content: bytes, dice: Dice) -> bytes:
    """The beginning, from nothing to all but the last byte."""
    return content[: int(dice.integers(0, max(1, len(content))))]


def bits_flipped(content: bytes, dice: Dice) -> bytes:
    """One to 32 bits turned over."""
    spoiled = bytearray(content)
    for at in dice.integers(0, max(1, len(content)), _some(dice, 32)) if content else ():
        spoiled[at] ^= 1 << int(dice.integers(0, 8))
    return bytes(spoiled)


def overwritten(content: bytes, dice: Dice) -> bytes:
    """A run of up to 64 bytes replaced by random ones, by zeros or by ones."""
    start, run = _place(content, dice, 64)
    fill = (dice.bytes(run), b"\0" * run, b"\xff" * run)[int(dice.integers(0, 3))]
    return content[:start] + fill + content[start + run :]


def inserted(content: bytes, dice: Dice) -> bytes:
    """Up to 64 random bytes put between two others."""
    start, run = _place(content, dice, 64)
    return content[:start] + dice.bytes(run) + content[start:]


def deleted(content: bytes, dice: Dice) -> bytes:
    """A run of up to 64 bytes left out."""
    start, run = _place(content, dice, 64)
    return content[:start] + content[start + run :]


def swapped(content: bytes, dice: Dice) -> bytes:
    """Two runs of equal length exchanged."""
    run = _some(dice, 128)
    if len(content) < 2 * run + 2:
        return content[::-1]
    first = int(dice.integers(0, len(content) - 2 * run))
    second = int(dice.integers(first + run, len(content) - run))
    middle = content[first + run : second]
    return (
        content[:first]
        + content[second : second + run]
        + middle
        + content[first : first + run]
        + (content[second + run :])
    )


def repeated(content: bytes, dice: Dice) -> bytes:
    """A run written two to 50 times."""
    start, run = _place(content, dice, 256)
    return content[:start] + content[start : start + run] * int(dice.integers(2, 51)) + content[start + run :]


def random_tail(content: bytes, dice: Dice) -> bytes:
    """A right beginning and a random rest."""
    start, _run = _place(content, dice, 1)
    return content[:start] + dice.bytes(max(0, len(content) - start))


def extreme_numbers(content: bytes, dice: Dice) -> bytes:
    """One to four words of 2, 4 or 8 bytes set to the ends of their range: lengths, offsets and counts among them."""
    spoiled = bytearray(content)
    for _ in range(_some(dice, 4)):
        size = (2, 4, 8)[int(dice.integers(0, 3))]
        if len(spoiled) <= size:
            break
        start = int(dice.integers(0, len(spoiled) - size))
        spoiled[start : start + size] = extreme_word(size, dice)
    return bytes(spoiled)


def extreme_word(size: int, dice: Dice) -> bytes:
    """A little-endian word at, or one beside, an end of its signed or unsigned range; or a small number."""
    top = 1 << (8 * size)
    choices = (0, 1, 2, top - 1, top - 2, top // 2, top // 2 - 1, top // 2 + 1, int(dice.integers(0, 300)))
    return (choices[int(dice.integers(0, len(choices)))] % top).to_bytes(size, "little")


SPOILS: dict[str, Spoil] = {
    "truncated": truncated,
    "bits flipped": bits_flipped,
    "overwritten": overwritten,
    "inserted": inserted,
    "deleted": deleted,
    "swapped blocks": swapped,
    "repeated block": repeated,
    "random tail": random_tail,
    "extreme words": extreme_numbers,
}


def _some(dice: Dice, most: int) -> int:
    """One, mostly; at times many."""
    return 1 if dice.random() < 0.4 else int(dice.integers(1, most + 1))


def _place(content: bytes, dice: Dice, most: int) -> tuple[int, int]:
    return int(dice.integers(0, max(1, len(content)))), int(dice.integers(1, most + 1))
