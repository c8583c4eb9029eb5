"""miTNM by PROMISE: which letters the sites judged tumour give, what stands in their brackets, what they rest on.

Sources: Eiber 2018, J Nucl Med 59:469, doi 10.2967/jnumed.117.198119 (version 1); Seifert 2023, Eur Urol 83:405, doi
10.1016/j.eururo.2023.02.002 (version 2). Where the versions differ, or their wording leaves a choice, the choice is a
field of `PromiseRules`.

    T  prostatectomy: any local tumour miTr, else miT0
       prostate in place: miT2 confined, miT3a beyond the capsule, miT3b seminal vesicle, miT4 adjacent organ; highest
    N  regions with a positive pelvic node: none miN0, one miN1 (v1 miN1a), two or more miN2 (v1 miN1b)
    M  extrapelvic node miM1a, bone miM1b with its pattern, other organ miM1c; all that apply; else miM0
    bone pattern: dmi where the marrow is involved diffusely, else by number: uni 1, oligo 2 to 3, diss more
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType

from psmap.domain.uptake import FindingClass

SEXTANTS = ("LB", "LM", "LA", "RB", "RM", "RA")
"""Left and right; base, middle, apex."""

PELVIC_REGIONS = ("II", "EI", "CI", "OB", "PS", "MR", "OP")
"""Internal, external and common iliac, obturator, presacral, mesorectal, other pelvic."""
DISTANT_REGIONS = ("RP", "SD", "OE", "CI")
"""Retroperitoneal, supradiaphragmatic, other extrapelvic; common iliac where the rules count it so."""

REGION_OF_STATION: Mapping[str, str] = MappingProxyType(
    {
        "internal_iliac_node": "II",
        "external_iliac_node": "EI",
        "common_iliac_node": "CI",
        "obturator_node": "OB",
        "presacral_node": "PS",
        "mesorectal_node": "MR",
        "paraaortic_node": "RP",
        "aortocaval_node": "RP",
        "paracaval_node": "RP",
        "mediastinal_node": "SD",
        "hilar_node": "SD",
        "supraclavicular_node": "SD",
        "cervical_node": "SD",
        "axillary_node": "SD",
        "inguinal_node": "OE",
    }
)
"""Nodal station of `catalog/anatomy`, without its side -> PROMISE region."""


class Promise(StrEnum):
    """The version of PROMISE."""

    V1 = "v1"
    V2 = "v2"


class LocalExtent(IntEnum):
    """How far a local tumour reaches where the prostate is in place; each stands above the one before."""

    CONFINED = 2
    BEYOND_CAPSULE = 3
    SEMINAL_VESICLE = 4
    ADJACENT_ORGAN = 5


_T_OF = {
    LocalExtent.CONFINED: "miT2",
    LocalExtent.BEYOND_CAPSULE: "miT3a",
    LocalExtent.SEMINAL_VESICLE: "miT3b",
    LocalExtent.ADJACENT_ORGAN: "miT4",
}


@dataclass(frozen=True, slots=True)
class PromiseRules:
    """The version, and what PROMISE leaves open or others count otherwise.

    Args:
        version: v1 prints miN1a and miN1b, v2 miN1 and miN2.
        common_iliac_is_pelvic: PROMISE counts common iliac nodes as pelvic (miN), the TNM of UICC and AJCC, 8th
            edition, as distant (M1a).
        inguinal_is_pelvic: whether inguinal nodes are pelvic (region OP); the texts are not clear, distant (OE) here.
        sides_are_regions: whether left and right of one station are two regions; the texts are not clear, two here.
        focus_suffix: whether miT2 takes u for one focus, m for more; in wide use, not in the table of version 1.
        oligo_most: most bone metastases that are 'oligo'.
        relapse_after_radiotherapy: whether local tumour in an irradiated prostate is miTr; the texts are not clear,
            miT2 to miT4 here.
    """

    version: Promise = Promise.V2
    common_iliac_is_pelvic: bool = True
    inguinal_is_pelvic: bool = False
    sides_are_regions: bool = True
    focus_suffix: bool = True
    oligo_most: int = 3
    relapse_after_radiotherapy: bool = False

    def __post_init__(self) -> None:
        if self.oligo_most < 1:
            raise ValueError("a single bone metastasis is 'uni': oligo_most is 1 or more")


PROMISE_V1, PROMISE_V2 = PromiseRules(Promise.V1), PromiseRules(Promise.V2)


@dataclass(frozen=True, slots=True)
class StagedSite:
    """One site judged tumour, as far as the stage is concerned.

    Args:
        number: its number, by which the evidence names it.
        finding_class: where it belongs; a physiologic or unknown one gives no letter.
        location: id of `catalog/anatomy`; None while unknown. Of a node it tells the region, of another organ its name.
        extent: of a local site in a prostate, how far it reaches; what its location says counts too.
        segments: of a local site in a prostate, the sextants it lies in; empty while unknown.
    """

    number: int
    finding_class: FindingClass
    location: str | None = None
    extent: LocalExtent = LocalExtent.CONFINED
    segments: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        unknown = self.segments - set(SEXTANTS)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is no sextant: {', '.join(SEXTANTS)}")


@dataclass(frozen=True, slots=True)
class NodeRegion:
    """The region of a node: its code, the code with its side as printed, and whether it counts as pelvic."""

    code: str
    printed: str
    pelvic: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A miTNM.

    Args:
        promise: the version.
        t, n: 'miT2m', 'miN1'.
        m: every M letter that applies, a before b before c; miM0 alone where none does.
        detail: letter -> what stands in its brackets; letters without brackets are missing.
        evidence: 't', 'n', 'm' -> numbers of the sites that they rest on; a letter that rests on none is missing.
        unplaced: numbers of the sites whose class is unknown; they are in no letter.
    """

    promise: Promise
    t: str
    n: str
    m: tuple[str, ...]
    detail: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unplaced: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """As it is printed: 'miT2m(LB,LM) miN1(IIL) miM1b(oligo)'; several M are joined by ', '."""
        return f"{self._printed(self.t)} {self._printed(self.n)} {', '.join(self._printed(m) for m in self.m)}"

    def _printed(self, letter: str) -> str:
        brackets = self.detail.get(letter, ())
        return f"{letter}({','.join(brackets)})" if brackets else letter


def stage_promise(
    sites: Iterable[StagedSite],
    *,
    prostatectomy: bool,
    radiotherapy: bool = False,
    diffuse_marrow: bool = False,
    rules: PromiseRules = PROMISE_V2,
) -> Stage:
    """The miTNM of one man; the order of his sites does not matter.

    Args:
        sites: what is judged tumour, and nothing else.
        prostatectomy: whether his prostate was removed.
        radiotherapy: whether his prostate was irradiated; changes T only where the rules say so.
        diffuse_marrow: whether the marrow is involved diffusely, as a reader or the share of it says.
        rules: version and open points.
    """
    known = sorted(sites, key=lambda site: site.number)
    local = [site for site in known if site.finding_class is FindingClass.LOCAL]
    nodes = [site for site in known if site.finding_class in (FindingClass.PELVIC_NODE, FindingClass.DISTANT_NODE)]
    relapse = prostatectomy or (radiotherapy and rules.relapse_after_radiotherapy)
    t, segments, t_sites = _t(local, relapse, rules)
    pelvic = [site for site in nodes if _is_pelvic(site, rules)]
    n, regions = _n(pelvic, rules)
    m, m_detail, m_sites = _m(known, [site for site in nodes if site not in pelvic], diffuse_marrow, rules)
    detail = {t: segments, n: regions, **m_detail}
    evidence = {"t": t_sites, "n": pelvic, "m": m_sites}
    return Stage(
        promise=rules.version,
        t=t,
        n=n,
        m=m,
        detail={letter: brackets for letter, brackets in detail.items() if brackets},
        evidence={letter: _numbers(found) for letter, found in evidence.items() if found},
        unplaced=_numbers([site for site in known if site.finding_class is FindingClass.UNKNOWN]),
    )


def node_region(location: str | None, rules: PromiseRules = PROMISE_V2) -> NodeRegion | None:
    """The region of a nodal station of `catalog/anatomy`; None where it is none that PROMISE names."""
    station, side = _without_side(location or "")
    code = REGION_OF_STATION.get(station)
    if code is None:
        return None
    if station == "inguinal_node" and rules.inguinal_is_pelvic:
        code = "OP"
    pelvic = code in PELVIC_REGIONS and (code != "CI" or rules.common_iliac_is_pelvic)
    return NodeRegion(code, code + side if pelvic else code, pelvic)


def _t(local: list[StagedSite], relapse: bool, rules: PromiseRules) -> tuple[str, tuple[str, ...], list[StagedSite]]:
    """Letter, sextants where it is miT2, and the sites that reach so far."""
    if not local:
        return "miT0", (), []
    if relapse:
        return "miTr", (), local
    highest = max(_extent(site) for site in local)
    reaching = [site for site in local if _extent(site) is highest]
    if highest is not LocalExtent.CONFINED:
        return _T_OF[highest], (), reaching
    suffix = ("u" if len(local) == 1 else "m") if rules.focus_suffix else ""
    touched = frozenset[str]().union(*(site.segments for site in local))
    return _T_OF[highest] + suffix, tuple(name for name in SEXTANTS if name in touched), reaching


def _extent(site: StagedSite) -> LocalExtent:
    in_vesicle = (site.location or "").startswith("seminal_vesicle")
    return max(site.extent, LocalExtent.SEMINAL_VESICLE) if in_vesicle else site.extent


def _is_pelvic(site: StagedSite, rules: PromiseRules) -> bool:
    """By the station where it is known, else by the class."""
    region = node_region(site.location, rules)
    return site.finding_class is FindingClass.PELVIC_NODE if region is None else region.pelvic


def _n(pelvic: list[StagedSite], rules: PromiseRules) -> tuple[str, tuple[str, ...]]:
    """Letter and regions. Nodes of no known region count as one region where no other is known, else as none more."""
    if not pelvic:
        return "miN0", ()
    known = {region for site in pelvic if (region := node_region(site.location, rules)) is not None}
    count = len({region.printed if rules.sides_are_regions else region.code for region in known})
    order = sorted(known, key=lambda region: (PELVIC_REGIONS.index(region.code), region.printed))
    one, more = ("miN1a", "miN1b") if rules.version is Promise.V1 else ("miN1", "miN2")
    return (more if count > 1 else one), tuple(region.printed for region in order)


def _m(
    sites: list[StagedSite], distant: list[StagedSite], diffuse_marrow: bool, rules: PromiseRules
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]], list[StagedSite]]:
    """Letters, what stands in their brackets, and all sites behind them."""
    bone = [site for site in sites if site.finding_class is FindingClass.BONE]
    organs = [site for site in sites if site.finding_class is FindingClass.VISCERAL]
    detail: dict[str, tuple[str, ...]] = {}
    if distant:
        codes = {region.code for site in distant if (region := node_region(site.location, rules)) is not None}
        detail["miM1a"] = tuple(sorted(codes, key=DISTANT_REGIONS.index))
    if bone or diffuse_marrow:
        detail["miM1b"] = (_bone_pattern(len(bone), diffuse_marrow, rules),)
    if organs:
        detail["miM1c"] = tuple(sorted({_without_side(site.location)[0] for site in organs if site.location}))
    return tuple(detail) or ("miM0",), detail, [*distant, *bone, *organs]


def _bone_pattern(count: int, diffuse_marrow: bool, rules: PromiseRules) -> str:
    if diffuse_marrow:
        return "dmi"
    if count == 1:
        return "uni"
    return "oligo" if count <= rules.oligo_most else "diss"


def _without_side(location: str) -> tuple[str, str]:
    """The id without its side, and the side as L, R or nothing."""
    for side in ("left", "right"):
        if location.endswith(f"_{side}"):
            return location.removesuffix(f"_{side}"), side[0].upper()
    return location, ""


def _numbers(sites: list[StagedSite]) -> tuple[int, ...]:
    return tuple(sorted(site.number for site in sites))
