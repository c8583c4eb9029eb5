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
whatever the scale of the voxels. Which share of a man it is follows from the heights of him between which the field of
view lies, where an [anatomy](anatomy.md) names enough of his vertebrae or organs, and else from the length of body
alone and the height in the header; both by a reference man (ICRP Publication 110), so the weight plays no part in it.

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

_TAIL = f"""
### What the tables say

Plainly: an SUV that is off by less than two goes unseen or gets a warning, so a clock that is half
an hour off, 18F an hour off, or a weight off by a third is beyond its reach. What it can say is that an SUV is not
wrong by much more than that. Tracer that stayed in the arm, outside the field of view, looks like a wrong activity, and
rightly: the SUV is then too low everywhere.

On one real whole-body FDG scan (STS_001 of the Soft-tissue-Sarcoma collection, TCIA) the balance finds 66 % of the
activity and 56 kg of body in the field of view, a mean SUV of 0.83, and a weight ratio of 0.94.

## Which share of the man is in view

A length of body cannot know which end of him is missing: legs and pelvis are as long as vertex to mid-thigh, and weigh
a third less. With an anatomy, the heights of his vertebrae (else of his organs) are fitted against the usual ones, the
ends of the field of view are read off on the scale of the reference man, and his mass is summed between them, with the
arms raised, hanging or out of view, as the bones of the arms say. Fewer than four landmarks that are whole, a stretch
too short to tell a man's size, or landmarks that disagree: then the length it is, as without an anatomy.
`suv.balance.body_share_from` says which of the two was used.

Twelve drawn men, each with arms up and arms down, were painted whole on voxels of 8 mm, weighed by the densities of
their tissues, and cut to fields of view (`python validation/men/body_share.py`). Error of the share, as a part of the
whole man: median, worst. The anatomy is the men's true one; once with every vertebra named as the one below it, and
once without forearms, which TotalSegmentator's main task does not name.

| field of view | true share | by length | by anatomy | vertebrae one off | no forearms |
|---|---|---|---|---|---|
| the whole man | 1.00 | 0.000, 0.000 | 0.000, 0.000 | 0.000, 0.000 | 0.000, 0.000 |
| vertex to mid-thigh | 0.76 to 0.80 | 0.022, 0.042 | 0.004, 0.014 | 0.019, 0.025 | 0.004, 0.014 |
| skull base to mid-thigh | 0.69 to 0.76 | 0.029, 0.046 | 0.008, 0.023 | 0.010, 0.018 | 0.008, 0.023 |
| skull base to feet | 0.90 to 0.96 | 0.029, 0.059 | 0.002, 0.009 | 0.009, 0.015 | 0.002, 0.009 |
| head, neck and chest | 0.25 to 0.30 | 0.166, 0.186 | 0.005, 0.017 | 0.034, 0.050 | 0.005, 0.017 |
| chest and abdomen | 0.28 to 0.33 | 0.028, 0.054 | 0.003, 0.006 | 0.008, 0.030 | 0.003, 0.006 |
| abdomen and pelvis | 0.37 to 0.46 | 0.030, 0.045 | 0.005, 0.026 | 0.006, 0.019 | 0.005, 0.026 |
| pelvis alone | 0.19 to 0.23 | 0.017, 0.037 | 0.005, 0.025 | 0.006, 0.025 | 0.012, 0.025 |
| pelvis and legs | 0.51 to 0.54 | 0.288, 0.307 | 0.002, 0.008 | 0.002, 0.009 | 0.013, 0.020 |

The men differ from the reference man in height, fat, organs and posture, and are of the same making: how long real
men's legs are against their trunks, and how well an anatomy names real vertebrae, is not in these figures. Pelvis and
legs are where it counts: by length they pass for 82 % of a man, and one man's right header was called wrong for it; by
anatomy they are 53 %, and are not judged. {ENOUGH_OF_THE_BODY:.0%} of the body are asked for either way: what moves the
balance of a smaller field of view is where the uptake lies, and no anatomy changes that.
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
