"""The tables that rest on the anatomy: references, uptake of normal organs, and where each site lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from psmap.apps.report.numerals import ABSENT, THIN_SPACE, millimetres, number, volume_ml
from psmap.apps.report.page import AnatomyRow, Column
from psmap.domain.anatomy import Anatomy, OrganUptakeRow, Reference, ReferenceVoi, SitePlace

REFERENCE_COLUMNS = (
    Column("Reference", number=False),
    Column("SUVmean ± SD"),
    Column("SUVmax"),
    Column("Where", number=False),
    Column("To bear in mind", number=False),
)

UPTAKE_COLUMNS = (
    Column("Organ", number=False),
    Column("Volume", "mL"),
    Column("SUVmean"),
    Column("SUVmedian"),
    Column("SUVmax"),
    Column("Compared", "SUV"),
    Column("As", "see below"),
    Column("Usual", "SUV"),
    Column("Source", "see below"),
    Column("It is", number=False),
)

WITHIN, BELOW, ABOVE = "within", "below", "above"
"""How a figure stands to the usual range; the words say it, not a colour."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""What ways of measuring are called."""

PLACE_COLUMNS = (Column("In", number=False), Column("Overlaps", number=False))
"""What the table of sites gains where the anatomy is known."""


def reference_rows(references: Iterable[Reference], anatomy: Anatomy | None) -> tuple[AnatomyRow, ...]:
    """One row a reference, in the order of `REFERENCE_COLUMNS`; a fainter one where it was not measured."""
    rows = []
    for reference in references:
        name = reference.organ.value.replace("_", " ").capitalize()
        if reference.suv_mean is None:
            why = "; ".join([reference.why_not, *reference.warnings]) if reference.why_not else "no reason given"
            rows.append(AnatomyRow((name, ABSENT, ABSENT, "not measured", why), soft=True))
            continue
        mean = _suv(reference.suv_mean)
        if reference.suv_sd is not None:
            mean += f" ± {_suv(reference.suv_sd)}"
        where = "; ".join(_voi_words(voi, anatomy) for voi in reference.vois)
        notes = "; ".join(reference.warnings) or ABSENT
        rows.append(AnatomyRow((name, mean, _suv(reference.suv_max), where, notes)))
    return tuple(rows)


def _voi_words(voi: ReferenceVoi, anatomy: Anatomy | None) -> str:
    shape = f"sphere of {number(voi.diameter_mm, 0)} mm" if voi.diameter_mm is not None else "contour"
    return (
        f"{structure_name(voi.structure, anatomy)}: {shape}, {number(voi.voxels, 0)} voxels, "
        f"{volume_ml(voi.volume_ml)} mL at {millimetres(voi.centre_mm, ', ')}"
    )


def reference_note(references: Iterable[Reference]) -> str:
    """Where the places are counted from and where the definitions come from."""
    sources = "; ".join(dict.fromkeys(reference.ref for reference in references if reference.ref))
    place = "Places are the centres of the VOIs in the scanner's frame: L, P, H mm."
    return f"{place} Definitions: {sources}." if sources else place


def uptake_rows(rows: Iterable[OrganUptakeRow]) -> tuple[AnatomyRow, ...]:
    """One row an organ, in the order of `UPTAKE_COLUMNS`; marked where it lies outside the usual range."""
    rows = tuple(rows)
    sources, ways = _sources(rows), _ways(rows)
    printed = []
    for row in rows:
        name = f"{row.name} (cut)" if row.cut else row.name
        values = (volume_ml(row.volume_ml), *map(_suv, (row.suv_mean, row.suv_median, row.suv_max, row.suv_compared)))
        usual, verdict = ABSENT, ABSENT
        if row.usual_low is not None and row.usual_high is not None:
            usual = f"{_suv(row.usual_low)} to {_suv(row.usual_high)}"
            verdict = _against(row.suv_compared, row.usual_low, row.usual_high)
        source = str(sources.index(row.ref.rstrip(".")) + 1) if row.ref else ABSENT
        way = LETTERS[ways.index(row.compared_as)] if row.compared_as else ABSENT
        cells = (name, *values, way, usual, source, verdict)
        printed.append(AnatomyRow(cells, marked=verdict in (BELOW, ABOVE)))
    return tuple(printed)


def _against(value: float | None, low: float, high: float) -> str:
    if value is None:
        return ABSENT
    return BELOW if value < low else ABOVE if value > high else WITHIN


def uptake_note(rows: Iterable[OrganUptakeRow], tracer: str) -> str:
    """What the usual range is, and what it is not."""
    rows = tuple(rows)
    sources = _sources(rows)
    cut = " Cut: by the field of view, so that all figures are of a part." if any(row.cut for row in rows) else ""
    if not sources:
        return f"The catalogue has no usual range of these organs for {tracer}.{cut}"
    ways = "; ".join(f"({letter}) {way}" for letter, way in zip(LETTERS, _ways(rows), strict=False))
    told = " ".join(f"[{n}] {source}." for n, source in enumerate(sources, start=1))
    return (
        f"Usual: mean ± 2 standard deviations over men under {tracer}, from the source numbered, held against a figure "
        f"measured as its figures were: {ways}. Outside is no diagnosis: uptake time, body weight, tumour load and "
        f"treatment move it.{cut} Sources: {told}"
    )


def _ways(rows: Iterable[OrganUptakeRow]) -> tuple[str, ...]:
    """Every way of measuring once, in the order of the rows."""
    return tuple(dict.fromkeys(row.compared_as for row in rows if row.compared_as))


def _sources(rows: Iterable[OrganUptakeRow]) -> tuple[str, ...]:
    """Every source once, in the order of the rows."""
    return tuple(dict.fromkeys(row.ref.rstrip(".") for row in rows if row.ref))


def place_cells(site: int, places: Mapping[int, SitePlace], anatomy: Anatomy | None) -> tuple[str, str]:
    """Structure at a site's hottest voxel and nodal station, and the organ of usual uptake that it overlaps.

    Stations lie over organs: of what overlaps an organ of usual uptake none is told.
    """
    place = places.get(site)
    if place is None:
        return ABSENT, ABSENT
    station = place.station if place.physiologic is None else None
    at = [_side_short(structure_name(name, anatomy)) for name in (place.at_max, station) if name]
    share = dict(place.shares).get(place.physiologic or "")
    told = [] if share is None else [f"{number(100.0 * share, 0)}{THIN_SPACE}%"]
    if place.physiologic is not None and place.physiologic != place.at_max:
        told.insert(0, _side_short(structure_name(place.physiologic, anatomy)))
    overlap = " ".join(told) or ABSENT
    return " / ".join(at) or "outside all structures", overlap


def places_by_site(places: Sequence[SitePlace] | None) -> Mapping[int, SitePlace]:
    """Site id -> its place."""
    return {place.site: place for place in places or ()}


def structure_name(id: str, anatomy: Anatomy | None) -> str:
    """As it is printed; an id that the anatomy does not name, with its underscores opened."""
    structure = anatomy.of(id) if anatomy is not None else None
    return structure.name if structure is not None else id.replace("_", " ").capitalize()


def _side_short(name: str) -> str:
    for side in ("left", "right"):
        name = name.removesuffix(f", {side}") + f"{THIN_SPACE}{side[0].upper()}" if name.endswith(f", {side}") else name
    return name


def _suv(value: float | None) -> str:
    """Two decimals: blood pool and liver decide thresholds, and a range must not look equal to what lies outside it."""
    return number(value, 2)
