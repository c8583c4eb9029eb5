"""Writes docs/activity-balance.md from what psmap answers now: python tests/zoo/write_balance_page.py"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from balance_cases import FAULTS, MEN, answer
from balance_page import PAGE, page


def main() -> None:
    """Scan every man, read him under every header, and write the page."""
    answers = {}
    for case in (*MEN, *FAULTS):
        with TemporaryDirectory() as scratch:
            answers[case.what] = answer(case, Path(scratch))[0]
    PAGE.write_text(page(answers), encoding="utf-8")


if __name__ == "__main__":
    main()
