"""The zoo as a page of the documentation: what is wrong, what psmap answers, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from faults import FAULTS, ZOO
from zoo_fault import REFUSED, RIGHT, Answer, Fault

PAGE = Path(__file__).resolve().parents[2] / "docs" / "zoo-of-broken-headers.md"

_HEAD = """# A zoo of broken headers

A right study is made whose SUV is known at every voxel: 70 kg, 150 MBq of 68Ga, 60 minutes, DecayCorrection START.
Then one thing in its header is turned wrong at a time. psmap gives either the right SUV, equal to the truth within the
rounding of 16-bit pixels, or refuses with the tag and a cure. None of these faults gives a wrong number.

{total} faults: {right} end in the right SUV, {refused} are refused.

The tests make every study, check the answer and hold this page against it. It is written by

```sh
python tests/zoo/write_page.py
```

The words are those of the refusal, or of the warning where one is given, or else of the line of the trace that names
the tag. UIDs are shortened.
"""

_TAIL = """
## What psmap cannot tell by the header

A fault that leaves a plausible header goes unseen: a weight in pounds that could be kilograms, a
clock or an injected activity that is wrong but possible (one in mCi is read as MBq, as DICOM files go, with a warning
that names the other reading up to 30), voxels in another unit than Units (0054,1001) says, an image
corrected for decay to another time than DecayCorrection (0054,1102) says whose DecayFactor (0054,1321) is missing or 1.
None of these stands in the tables above: for them psmap gives the SUV that the header says, and that is wrong. Where
enough of the body is in the image, [the activity in it](activity-balance.md) gives such an SUV away if it is off by
more than two, and says nothing below that.
[Can I trust the SUV?](can-i-trust-the-suv.md) says what is checked, and by which rule.
"""


def page(answers: Mapping[str, Answer]) -> str:
    """The whole page from the answers, by name of the fault."""
    counts = {outcome: sum(fault.outcome == outcome for fault in FAULTS) for outcome in (RIGHT, REFUSED)}
    parts = [_HEAD.format(total=len(FAULTS), right=counts[RIGHT], refused=counts[REFUSED])]
    for chapter, faults in ZOO.items():
        rows = "\n".join(_row(fault, answers[fault.name]) for fault in faults)
        parts.append(
            f"\n## {chapter}\n\n| fault | what is wrong | psmap's answer | in its words |\n|---|---|---|---|\n"
        )
        parts.append(rows + "\n")
    parts.append(_TAIL)
    return "".join(parts)


def _row(fault: Fault, found: Answer) -> str:
    cells = (fault.name, fault.wrong, found.outcome, found.words)
    return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells) + " |"
