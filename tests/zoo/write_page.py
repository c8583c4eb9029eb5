"""Writes docs/zoo-of-broken-headers.md from what psmap answers now: python tests/zoo/write_page.py"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from faults import FAULTS
from zoo_fault import answer
from zoo_page import PAGE, page


def main() -> None:
    """Make every broken study, read it, and write the page."""
    with TemporaryDirectory() as scratch:
        answers = {fault.name: answer(fault, Path(scratch) / str(k) / "study") for k, fault in enumerate(FAULTS)}
    PAGE.write_text(page(answers), encoding="utf-8")


if __name__ == "__main__":
    main()
