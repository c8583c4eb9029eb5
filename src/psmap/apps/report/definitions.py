"""The words for what was measured: threshold, burden definitions, and the notes at the foot of the report."""

from __future__ import annotations

from psmap.apps.report.numerals import number
from psmap.apps.report.page import Fact, Note
from psmap.domain.parameters import PeakCentre, PeakWeight, ReadParameters, ThresholdKind

BURDEN_NAMES = {
    "suv3": "SUV ≥ 3",
    "suv4": "SUV ≥ 4",
    "pct41": "41 % of each site's SUVmax",
    "pct50": "50 % of each site's SUVmax",
    "liver": "Liver-based threshold",
}
"""Definitions of the burden as printed; a definition that is not listed is printed under its key."""

_PEAK_CENTRE = {
    PeakCentre.MAX_MEAN: "placed inside the site where its mean is largest",
    PeakCentre.AT_MAX: "centred on the hottest voxel",
}
_PEAK_WEIGHT = {
    PeakWeight.FRACTIONAL: "voxels on its surface count by the share that lies inside",
    PeakWeight.BINARY: "a voxel counts if its centre lies inside",
}


def threshold_words(parameters: ReadParameters) -> str:
    """How the border of a site was drawn, 'SUV ≥ 3.0'."""
    threshold = parameters.threshold
    if threshold.kind == ThresholdKind.SUV:
        return f"SUV ≥ {number(threshold.value, 1)}"
    if threshold.kind == ThresholdKind.PERCENT_OF_MAX:
        percent = number(None if threshold.value is None else 100.0 * threshold.value, 0)
        return f"{percent} % of each site's SUVmax (found at SUV ≥ {number(parameters.seed_suv, 1)})"
    if threshold.kind == ThresholdKind.LIVER:
        return "liver-based threshold" + ("" if threshold.value is None else f", SUV ≥ {number(threshold.value, 2)}")
    return "sites drawn by the reader"


def definition_used(parameters: ReadParameters) -> str | None:
    """The key among the burden definitions that the case was read with; None for any other border."""
    threshold = parameters.threshold
    if threshold.kind == ThresholdKind.LIVER:
        return "liver"
    if threshold.kind == ThresholdKind.SUV:
        return {3.0: "suv3", 4.0: "suv4"}.get(threshold.value or 0.0)
    if threshold.kind == ThresholdKind.PERCENT_OF_MAX:
        return {0.41: "pct41", 0.5: "pct50"}.get(threshold.value or 0.0)
    return None


def small_words(parameters: ReadParameters) -> str:
    """What makes a site small, 'under 0.5 mL or 3 voxels'."""
    return f"under {number(parameters.small_ml, 1)} mL or {parameters.small_voxels} voxels"


def parameter_facts(parameters: ReadParameters) -> tuple[Fact, ...]:
    """Every choice that changes a number."""
    split = "off"
    if parameters.watershed:
        split = (
            f"on; h = max({number(parameters.watershed_h_suv, 1)} SUV, "
            f"{number(100.0 * parameters.watershed_h_fraction, 0)} % of the lower peak)"
        )
    facts = [
        Fact("Border of a site", threshold_words(parameters)),
        Fact("Neighbours", "26 (faces, edges and corners)"),
        Fact("Watershed", split),
        Fact("SUVpeak", f"1 mL sphere, {parameters.peak}"),
        Fact("Small site", small_words(parameters)),
    ]
    if parameters.weight_kg is not None:
        facts.append(Fact("Weight given", f"{number(parameters.weight_kg, 1)} kg, in place of the header's"))
    if parameters.height_m is not None:
        facts.append(Fact("Height given", f"{number(parameters.height_m, 2)} m, in place of the header's"))
    if parameters.accept_suv:
        facts.append(Fact("SUV", "accepted, whatever the activity balance says"))
    return tuple(facts)


def notes(parameters: ReadParameters, *, with_places: bool = False) -> tuple[Note, ...]:
    """The definitions behind the tables, with the parameters of this case."""
    listed = [
        Note("SUV", "SUVbw, g/mL: activity concentration divided by decay-corrected injected activity per body mass."),
        Note("SUVmax, SUVmean", "highest and mean SUV over the voxels of the site."),
        Note(
            "SUVpeak",
            f"mean in a sphere of 1 mL {_PEAK_CENTRE[parameters.peak_centre]}; {_PEAK_WEIGHT[parameters.peak_weight]}. "
            "Neighbours outside the site are included; ‘peak shared’ marks a sphere that reaches into another site.",
        ),
        Note("TLU", "total lesion uptake = SUVmean × volume, in g/mL × mL. TL is its sum over sites."),
        Note("Contrast", "SUVmax divided by the median SUV of the shell round the site."),
        Note("Extent", "bounding box along the patient's left-right, front-back and head-foot axes."),
        Note("Centroid", "mean voxel position in the scanner's frame, mm: towards left, back and head are positive."),
        Note(
            "Small",
            f"{small_words(parameters)}. Small sites are listed and judged like any other, but left out of the "
            "burden's volume and number of sites.",
        ),
    ]
    if with_places:
        listed.append(
            Note(
                "In, Overlaps",
                "structure at the site's hottest voxel, and the nodal station that holds most of the site where it "
                "overlaps no organ of usual uptake; the organ of usual uptake that holds most of the site's voxels, "
                "with their share; a share alone is of the structure under ‘In’. Neither is a verdict.",
            )
        )
    if parameters.watershed:
        listed.append(
            Note(
                "Watershed",
                "touching sites are split where the lower peak rises over the saddle between them by at least "
                f"max({number(parameters.watershed_h_suv, 1)} SUV, "
                f"{number(100.0 * parameters.watershed_h_fraction, 0)} % of the lower peak).",
            )
        )
    listed.append(
        Note(
            "Open contour",
            "a percentage contour that does not close against its surroundings; the voxels listed are those above "
            f"SUV {number(parameters.seed_suv, 1)}, and the site is left out of that definition's burden.",
        )
    )
    return tuple(listed)
