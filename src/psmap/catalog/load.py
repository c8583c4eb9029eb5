"""The catalogue's door: tracers, nuclides and schemas are read, checked and recognised here.

Every entry is a TOML table with a `source`. An unknown key, a missing one or a value of the wrong type is an error of
whoever wrote the entry: a `ValueError` that names the file and the key.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psmap.domain.acquisition import Code, PetAcquisition
from psmap.domain.refusal import Refused
from psmap.domain.tracer import OrganUptake, Physiology, Tracer

# How far the header's half-life may lie from a nuclide's and still name it (ours). The usual spread is under 1 %:
# scanners write 4057.74 s to 4080 s for 68Ga and 6586.2 s to 6588 s for 18F.
HALF_LIFE_TOLERANCE = 0.02

# Designators under which SNOMED RT codes stand in headers; one name for all of them, so that codes can be compared.
_SNOMED_RT = frozenset({"SRT", "SNM3", "99SDM"})

# Designators whose nuclide codes mean the same everywhere; a code of another scheme says nothing to us.
_PUBLIC_SCHEMES = frozenset({"SRT", "SCT", "DCM"})

Model = TypeVar("Model", bound=BaseModel)
Range = Annotated[list[float], Field(min_length=2, max_length=2)]
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Nuclide:
    """One radionuclide.

    Args:
        name: '68Ga'.
        half_life_s: physical half-life (s).
        positrons: whether a PET sees it.
        codes: RadionuclideCodeSequence codes that name it.
        source: where the half-life and the codes come from.
    """

    name: str
    half_life_s: float
    positrons: bool
    codes: tuple[Code, ...]
    source: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _CodeEntry(_Entry):
    value: Text
    scheme: Text
    meaning: str = ""

    def code(self) -> Code:
        return Code(self.value, self.scheme, self.meaning)


class _NuclideEntry(_Entry):
    half_life_s: Annotated[float, Field(gt=0)]
    positrons: bool
    codes: Annotated[list[_CodeEntry], Field(min_length=1)]
    source: Text
    remark: str = ""


class _UptakeEntry(_Entry):
    mean: Annotated[float, Field(gt=0)]
    spread: Annotated[float, Field(gt=0)]
    source: Text


class _PhysiologyEntry(_Entry):
    uptake_min: Annotated[float, Field(gt=0)]
    activity_mbq_kg: Annotated[float, Field(gt=0)]
    source: Text
    sources: dict[str, Text]
    urine: _UptakeEntry
    organs: Annotated[dict[str, _UptakeEntry], Field(min_length=1)]


class _TracerEntry(_Entry):
    name: Text
    nuclide: Text
    psma: bool
    codes: list[_CodeEntry]
    patterns: Annotated[list[Text], Field(min_length=1)]
    reference_organ: Literal["liver", "spleen"] | None = None
    liver_threshold: bool
    uptake_min: Range | None = None
    activity_mbq: Range | None = None
    source: Text
    remark: str = ""
    physiology: _PhysiologyEntry | None = None


@cache
def load_nuclides() -> Mapping[str, Nuclide]:
    """Nuclide name -> nuclide, as in `nuclides.toml`."""
    return MappingProxyType(parse_nuclides(_catalog("nuclides.toml").read_text("utf-8"), "nuclides.toml"))


@cache
def load_tracers() -> Mapping[str, Tracer]:
    """Tracer id -> tracer, one for each file of `tracers/`, in the order of the ids."""
    entries = sorted(_catalog("tracers").iterdir(), key=lambda entry: entry.name)
    tracers = (
        parse_tracer(entry.read_text("utf-8"), entry.name, load_nuclides())
        for entry in entries
        if entry.name.endswith(".toml")
    )
    return MappingProxyType({tracer.id: tracer for tracer in tracers})


@cache
def load_physiology() -> Mapping[str, Physiology]:
    """Tracer id -> where it goes in a man, for the tracers whose files say so."""
    entries = sorted(_catalog("tracers").iterdir(), key=lambda entry: entry.name)
    found = {
        entry.name.removesuffix(".toml"): parse_physiology(entry.read_text("utf-8"), entry.name)
        for entry in entries
        if entry.name.endswith(".toml")
    }
    return MappingProxyType({tracer: physiology for tracer, physiology in found.items() if physiology is not None})


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The JSON schema `schemas/<name>.schema.json` of a file that psmap writes; `ValueError` if there is none."""
    entry = _catalog("schemas").joinpath(f"{name}.schema.json")
    if not entry.is_file():
        raise ValueError(f"the catalogue has no schema {name!r}")
    schema: dict[str, Any] = json.loads(entry.read_text("utf-8"))
    return schema


def parse_nuclides(text: str, file: str) -> dict[str, Nuclide]:
    """Nuclides of a TOML text; `file` is the name that errors carry. `ValueError` names file and key."""
    nuclides = {}
    for name, table in _toml(text, file).items():
        entry = _checked(_NuclideEntry, table, f"{file}, {name}")
        codes = tuple(code.code() for code in entry.codes)
        nuclides[name] = Nuclide(name, entry.half_life_s, entry.positrons, codes, entry.source)
    return nuclides


def parse_tracer(text: str, file: str, nuclides: Mapping[str, Nuclide]) -> Tracer:
    """The tracer of a TOML text; its id is the stem of `file`. `ValueError` names file and key."""
    entry = _checked(_TracerEntry, _toml(text, file), file)
    if entry.nuclide not in nuclides:
        raise ValueError(f"catalogue entry {file}: nuclide: {entry.nuclide!r} is not in nuclides.toml")
    for pattern in entry.patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"catalogue entry {file}: patterns: {pattern!r} is no regular expression ({error})"
            ) from error
    return Tracer(
        id=file.removesuffix(".toml"),
        name=entry.name,
        nuclide=entry.nuclide,
        psma=entry.psma,
        half_life_s=nuclides[entry.nuclide].half_life_s,
        codes=tuple(code.code() for code in entry.codes),
        patterns=tuple(entry.patterns),
        reference_organ=entry.reference_organ,
        liver_threshold=entry.liver_threshold,
        uptake_min=_range(entry.uptake_min, file, "uptake_min"),
        activity_mbq=_range(entry.activity_mbq, file, "activity_mbq"),
        source=entry.source,
    )


def parse_physiology(text: str, file: str) -> Physiology | None:
    """The physiology in a tracer's TOML text, None where it has none; a source may be a key of its `sources`.

    Raises:
        ValueError: names file and key.
    """
    entry = _checked(_TracerEntry, _toml(text, file), file).physiology
    if entry is None:
        return None

    def uptake(organ: _UptakeEntry) -> OrganUptake:
        return OrganUptake(organ.mean, organ.spread, entry.sources.get(organ.source, organ.source))

    return Physiology(
        organs=MappingProxyType({name: uptake(organ) for name, organ in entry.organs.items()}),
        urine=uptake(entry.urine),
        uptake_min=entry.uptake_min,
        activity_mbq_kg=entry.activity_mbq_kg,
        source=entry.source,
    )


def tracer_by_name(name: str) -> Tracer:
    """The tracer with this id or printed name, upper or lower case ('psma-11', '68Ga-PSMA-11').

    Raises:
        Refused: the catalogue does not know it; the cure lists the ids.
    """
    wanted = name.strip().lower()
    for tracer in load_tracers().values():
        if wanted in (tracer.id, tracer.name.lower()):
            return tracer
    raise Refused(f"no tracer {name!r} in the catalogue", cure=f"name one of {', '.join(load_tracers())}")


def nuclide_by_code(code: Code | None) -> Nuclide | None:
    """The nuclide that a RadionuclideCodeSequence (0054,0300) item names; None if absent or unknown."""
    if code is None:
        return None
    named = (nuclide for nuclide in load_nuclides().values() if _lists(nuclide.codes, code))
    return next(named, None)


def nuclide_half_life_s(code: Code | None) -> float | None:
    """Physical half-life (s) of the nuclide that a RadionuclideCodeSequence (0054,0300) item names, if it is known."""
    nuclide = nuclide_by_code(code)
    return None if nuclide is None else nuclide.half_life_s


def recognise_tracer(acquisition: PetAcquisition, tracers: Mapping[str, Tracer]) -> tuple[Tracer | None, str]:
    """The tracer that a PET header names, and what it was recognised by, in one line.

    Three places can name it: RadiopharmaceuticalCodeSequence (0054,0304), Radiopharmaceutical (0018,0031) and
    SeriesDescription (0008,103E). All that do must name the same tracer, and the nuclide must be its nuclide:
    a scanner's preset for FDG is easily left standing when a PSMA ligand was given. Otherwise the tracer is None
    and the line says why. Free text, which can hold a name, is never repeated beyond the word that matched.
    """
    named, evidence = _named(acquisition, tracers)
    if len(named) > 1:
        return None, f"the header contradicts itself: {'; '.join(evidence)}"
    texts = (acquisition.radiopharmaceutical, acquisition.series_description)
    says_psma = any("psma" in text.lower() for text in texts)
    if not named:
        return None, _nothing_named(acquisition, says_psma)
    tracer = named[0]
    if says_psma and not tracer.psma:
        return None, f"the header contradicts itself: {'; '.join(evidence)}; its free text says PSMA"
    against = _nuclide_against(acquisition, tracer)
    if against:
        return None, f"{evidence[0]}, but {against}"
    return tracer, "; ".join(evidence)


def _named(acquisition: PetAcquisition, tracers: Mapping[str, Tracer]) -> tuple[list[Tracer], list[str]]:
    named: list[Tracer] = []
    evidence: list[str] = []
    code = acquisition.radiopharmaceutical_code
    for tracer in tracers.values():
        if code is not None and _lists(tracer.codes, code):
            named.append(tracer)
            place = f"RadiopharmaceuticalCodeSequence (0054,0304) = ({code.value}, {code.scheme})"
            evidence.append(f"{place} names {tracer.name}")
    places = (
        ("Radiopharmaceutical (0018,0031)", acquisition.radiopharmaceutical),
        ("SeriesDescription (0008,103E)", acquisition.series_description),
    )
    for place, text in places:
        for tracer in tracers.values():
            word = _match(tracer.patterns, text)
            if word is None:
                continue
            evidence.append(f"{place} with '{word}' names {tracer.name}")
            if tracer not in named:
                named.append(tracer)
    return named, evidence


def _nothing_named(acquisition: PetAcquisition, says_psma: bool) -> str:
    if says_psma:
        return "the header says PSMA but not which ligand; name it with --tracer"
    found = "names no tracer of the catalogue" if acquisition.radiopharmaceutical.strip() else "is absent"
    return f"Radiopharmaceutical (0018,0031) {found}; name it with --tracer"


def _nuclide_against(acquisition: PetAcquisition, tracer: Tracer) -> str | None:
    code = acquisition.radionuclide_code
    if code is not None and _scheme(code.scheme) in _PUBLIC_SCHEMES:
        coded = nuclide_by_code(code)
        if coded is None or coded.name != tracer.nuclide:
            says = coded.name if coded else f"({code.value}, {code.scheme})"
            return f"RadionuclideCodeSequence (0054,0300) says {says}"
    half_life_s = acquisition.radionuclide_half_life_s
    if half_life_s is not None and abs(half_life_s / tracer.half_life_s - 1) > HALF_LIFE_TOLERANCE:
        return f"RadionuclideHalfLife (0018,1075) = {half_life_s:g} s is not that of {tracer.nuclide}"
    return None


def _match(patterns: tuple[str, ...], text: str) -> str | None:
    found = (re.search(pattern, text.lower()) for pattern in patterns)
    return next((match.group() for match in found if match), None)


def _lists(codes: tuple[Code, ...], code: Code) -> bool:
    return any(known.value == code.value and _scheme(known.scheme) == _scheme(code.scheme) for known in codes)


def _scheme(scheme: str) -> str:
    return "SRT" if scheme in _SNOMED_RT else scheme


def _catalog(name: str) -> Traversable:
    return files("psmap.catalog").joinpath(name)


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"catalogue entry {file} is no TOML: {error}") from error


def _checked(model: type[Model], table: object, where: str) -> Model:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"catalogue entry {where}: {faults}") from error


def _range(pair: list[float] | None, file: str, key: str) -> tuple[float, float] | None:
    if pair is None:
        return None
    low, high = pair
    if not 0 < low <= high:
        raise ValueError(f"catalogue entry {file}: {key}: [{low:g}, {high:g}] is no range from low to high")
    return low, high
