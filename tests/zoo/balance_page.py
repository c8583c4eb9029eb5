"""docs/activity-balance.md: what the balance does, and the table of what it says of right and of wrong headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from balance_cases import FAULTS, MEN, Case

from psmap.domain.balance import ActivityBalance
from psmap.steps.quantification.balance import ENOUGH_OF_THE_BODY, MOST_OFF, WEIGHT_OFF, WORTH_A_WARNING

PAGE = Path(__file__).parents[2] / "docs" / "activity-balance.md"

_HEAD = f"""# When the header is plausible and wrong

<!-- Made by tests/zoo/write_balance_page.py; the tests fail when it is not what psmap answers. -->

A header can be wrong in a way that nobody sees: pounds for kilograms, an injection an hour off, another man's activity.
Then psmap looks at what no header can change, the voxels.

SUV is activity per gram of tissue over injected activity per gram of man. Summed over a whole man it is 1, less what he
voided. So three numbers are taken from every PET:

- the **activity** in the field of view over the injected activity, decayed to the image's reference time. It should be
  the share of the man that lies in the field of view, and can never be above 1;
- the **mean SUV** of the body in the field of view, which should be about 1;
- the **weight** that was used over the weight that goes with the body seen.

The body is measured on the CT's densities where a CT covers the PET, else on an outline of the PET that is the same
whatever the scale of the voxels. Which share of a man it is follows from its length alone, by the outline of a
reference man (ICRP Publication 110) and the height in the header, so the weight plays no part in it.

Where {ENOUGH_OF_THE_BODY:.0%} of the body or more are in the field of view, about 70 cm of its length, and the first or
the second number is off by more than {MOST_OFF:g}, or the third by more than {WEIGHT_OFF:g}, **the SUV is marked as not
to be trusted**: the burden and everything that rests on the SUV is withheld, and no DICOM SR is written, unless you say
`--accept-suv`. The list of sites and their outlines is still given, under a banner. From {WORTH_A_WARNING:g} on there
is a warning. In a smaller field of view the organs of high uptake, in or out of it, move the balance too far: it is not
judged, but for an image that holds more than {MOST_OFF:g} times the activity that was injected.

`psmap suv STUDY` prints the numbers; `suv.balance` in case.json holds them.

## Its reach and its limits

Measured on a digital man in plain solids, 70 kg and 1.72 m, with organs as PSMA ligands leave them, blurred and with
noise; unless said otherwise from the base of the skull to mid-thigh, without CT. This is truth of the digital man, not
accuracy on patients. "SUV given" is the SUV that the header leads to over the true one.

### Nothing is wrong
"""

_TAIL = """
What the tables say plainly: an SUV that is off by less than two goes unseen or gets a warning, so a clock that is half
an hour off, 18F an hour off, or a weight off by a third is beyond its reach. What it can say is that an SUV is not
wrong by much more than that. Tracer that stayed in the arm, outside the field of view, looks like a wrong activity, and
rightly: the SUV is then too low everywhere.

On one real whole-body FDG scan (STS_001 of the Soft-tissue-Sarcoma collection, TCIA) the balance finds 66 % of the
activity and 56 kg of body in the field of view, a mean SUV of 0.83, and a weight ratio of 0.94.
"""


def page(answers: Mapping[str, ActivityBalance]) -> str:
    """The page, from what psmap answers to every case."""
    wrong = _table(FAULTS, answers)
    return f"{_HEAD}\n{_table(MEN, answers)}\n\n### The header, or the image, is wrong\n\n{wrong}\n{_TAIL}"


def _table(cases: Sequence[Case], answers: Mapping[str, ActivityBalance]) -> str:
    rows = [
        "| what | SUV given | activity | mean SUV | weight | answer |",
        "|---|---|---|---|---|---|",
        *(_row(case, answers[case.what]) for case in cases),
    ]
    return "\n".join(rows)


def _row(case: Case, found: ActivityBalance) -> str:
    share = "" if found.activity_share is None else f"{found.activity_share:.2g}"
    weight = "" if found.weight_ratio is None else f"{found.weight_ratio:.2f}"
    return f"| {case.what} | {case.off:.3g} | {share} | {found.mean_suv:.2g} | {weight} | {said(found)} |"


def said(found: ActivityBalance) -> str:
    """The answer in a word or two."""
    if found.trusted is None:
        return "not judged"
    if not found.trusted:
        return "**not trusted**"
    return "holds, with a warning" if found.warnings else "holds"
