"""The words of `docs/how-lifelike-are-the-men.md`: what frames the tables, and what the differences mean."""

from __future__ import annotations

HEAD = """\
# How lifelike are the men's lesions?

<!-- Made by validation/men/men_measure.py and validation/men/men_page.py. -->

The lesions of the digital man are drawn from laws (`catalog/lesions.toml`). Whether he shows what real men show is
another question: between the law and the figure lie the body, the scanner, neighbours, urine, breath, noise, and psmap
itself. So whole men were made, measured as patients are, and held against what was published. This is truth of the
digital man, not accuracy on patients.

Every man was scanned on voxels of 4 mm, vertex to mid-thigh, and measured by the step of `psmap read` (SUV 3 and up,
split where it touches; men written in DICOM and read back give the same sites). The readers of the real lesions drew
by hand, and their list holds connected pieces of 1 mL and more. So each true lesion was outlined at 41 % of its SUVmax
in the man's image, and psmap measured the connected pieces of that mask as it does under `--findings`.

To do it again:

```sh
python validation/men/men_measure.py OUT --men 200 --sparing -j 2   # 40 minutes in all; goes on where it was stopped
python validation/men/men_measure.py OUT --men 40 -j 2
python validation/men/men_measure.py OUT --men 1000 --scenario oligo --tracer psma-11 -j 2
python validation/men/men_page.py OUT                               # needs pyarrow and the real data
```

## Asked and measured
"""

DOWNSTREAM = """\
## Where the men differ, and what that means downstream

- **How large.** The median volume is {volume_median:.2f} times the table's, the 5th percentile {volume_5:.2f} times,
  the 95th {volume_95:.2f} times. A man's whole burden hangs on few large lesions; an error in burden is judged on
  those.
- **How hot.** The median SUVmax is {suv_median:.2f} times the table's, the 95th percentile {suv_95:.2f} times. Where
  it is below 1, a threshold finds less in these men than in real ones; where it is above, more.
- **Too alike inside.** The middle 90 % of SUVmean / SUVmax runs from {even_5:.2f} to {even_95:.2f}, in the table from
  {table_even_5:.2f} to {table_even_95:.2f}: hand-drawn borders lie now wide, now close, and real tumours are more
  uneven. What lives on a lesion's texture, or on its SUVmean, meets less variety here than in patients.
- **Too few small ones.** For each piece of 1 mL or more the men show {seen_per_listed:.1f} lesions of any size from
  SUV 3 up; the numbers of the real list say about 2.4. Sensitivity for small lesions in men with many is tried less
  often than in life.
- **What is not seen.** Of all true lesions {unseen:.0%} stay below SUV 3, and {swallowed:.0%} are not told from an
  organ or another lesion, or show less than the man's blood. They count as truth: a sensitivity over all true
  lesions has that ceiling at this threshold.
- **Tracers differ by organs and scanner alone.** A lesion has the same true uptake under every PSMA tracer; 68Ga
  shows it fainter, for its positrons go farther. In the table the lesions under 68Ga are the hotter ones, but other
  men were scanned with it. Which tracer suits which tumour cannot be learned from these men.
- **The lesions of the mixture lie in few men.** `advanced` holds {advanced_share:.0%} of all lesions found, and the
  tenth of its men with the most holds {top_tenth:.0%} of those. A figure over the lesions of the default mixture is a
  figure on them: give it by scenario, or man by man.
- **What 'too easy' is measured on.** Against every other site SUVmax is all but blind: kidneys, bladder and glands
  outshine most tumours, so finding sites by SUV is no result. Against the benign foci alone it looks strong, but
  mostly because a man with advanced disease has many lesions for each benign focus (see the coin's value), and
  published rates allow no more foci. The gate is judged in between, on what is left to judge once the organs that are
  bright as a whole in every man are set aside (kidneys, bladder, gallbladder, liver, spleen, lacrimal and salivary
  glands): the bowel with the duodenum, ureters, ganglia, vessels, pancreas, prostate and all benign foci. That reading
  of 'other uptake' is ours, and the verdict hangs on it: under the rows above it SUVmax does worse than asked, with
  the bowel set aside better, too well. A classifier has to beat the average precision of the row that it is tested
  on, not the coin.
- **Sizes of `bcr_low_psa` are an assumption**, and so is where these lesions lie inside the target volume. What is
  found of them says how psmap does on foci of such sizes, not how often PSMA PET is positive.
"""
