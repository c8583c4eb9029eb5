"""miTNM: the vectors of the rules, what can never happen, and the points that PROMISE leaves open."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.promise import (
    PELVIC_REGIONS,
    PROMISE_V1,
    PROMISE_V2,
    REGION_OF_STATION,
    SEXTANTS,
    LocalExtent,
    PromiseRules,
    Stage,
    StagedSite,
    node_region,
    stage_promise,
)
from psmap.domain.uptake import FindingClass

PATTERNS = ("uni", "oligo", "diss", "dmi")
T_ORDER = ("miT0", "miT2u", "miT2m", "miT3a", "miT3b", "miT4")
N_ORDER = ("miN0", "miN1", "miN2")
STATIONS = sorted(name for name, entry in load_anatomy().items() if entry.group == "nodes")


def sites(*places: str) -> list[StagedSite]:
    return [StagedSite(number, class_of(place), place) for number, place in enumerate(places, start=1)]


def class_of(place: str) -> FindingClass:
    if place in STATIONS:
        region = node_region(place)
        assert region is not None
        return FindingClass.PELVIC_NODE if region.pelvic else FindingClass.DISTANT_NODE
    if place.startswith(("prostate", "seminal", "vesicourethral")):
        return FindingClass.LOCAL
    return FindingClass.VISCERAL if place in ("liver", "lung_left") else FindingClass.BONE


@pytest.mark.parametrize(
    ("places", "prostatectomy", "text"),
    [
        ((), False, "miT0 miN0 miM0"),
        (("prostate_bed",), True, "miTr miN0 miM0"),
        (("internal_iliac_node_left",), True, "miT0 miN1(IIL) miM0"),
        (("internal_iliac_node_left", "obturator_node_right"), True, "miT0 miN2(IIL,OBR) miM0"),
        (("paraaortic_node_left",), True, "miT0 miN0 miM1a(RP)"),
        (("vertebra_l1", "vertebra_l2", "rib_4_left"), True, "miT0 miN0 miM1b(oligo)"),
        (("vertebra_l1", "vertebra_l2", "rib_4_left", "sternum"), True, "miT0 miN0 miM1b(diss)"),
        (("vertebra_l1", "liver"), True, "miT0 miN0 miM1b(uni), miM1c(liver)"),
    ],
)
def test_vectors_of_the_rule_sheet(places: Sequence[str], prostatectomy: bool, text: str) -> None:
    """The vectors that go with the decision table of PROMISE, in the form in which it is printed."""
    assert stage_promise(sites(*places), prostatectomy=prostatectomy).text == text


def test_the_printed_example() -> None:
    found = [
        StagedSite(1, FindingClass.LOCAL, "prostate_peripheral", segments=frozenset({"LM"})),
        StagedSite(2, FindingClass.LOCAL, "prostate_peripheral", segments=frozenset({"LB", "LM"})),
        *(
            StagedSite(number, class_of(place), place)
            for number, place in ((3, "internal_iliac_node_left"), (4, "sacrum_s1"), (5, "femur_left"))
        ),
    ]
    stage = stage_promise(found, prostatectomy=False)
    assert stage.text == "miT2m(LB,LM) miN1(IIL) miM1b(oligo)"
    assert (stage.t, stage.n, stage.m) == ("miT2m", "miN1", ("miM1b",))
    assert stage.evidence == {"t": (1, 2), "n": (3,), "m": (4, 5)}


@pytest.mark.parametrize(
    ("extents", "location", "t", "evidence"),
    [
        ((LocalExtent.CONFINED,), "prostate_peripheral", "miT2u", (1,)),
        ((LocalExtent.CONFINED, LocalExtent.CONFINED), "prostate_transition", "miT2m", (1, 2)),
        ((LocalExtent.CONFINED, LocalExtent.BEYOND_CAPSULE), "prostate_peripheral", "miT3a", (2,)),
        ((LocalExtent.SEMINAL_VESICLE, LocalExtent.BEYOND_CAPSULE), "prostate_peripheral", "miT3b", (1,)),
        ((LocalExtent.CONFINED,), "seminal_vesicle_left", "miT3b", (1,)),
        ((LocalExtent.ADJACENT_ORGAN, LocalExtent.SEMINAL_VESICLE), "prostate_peripheral", "miT4", (1,)),
    ],
)
def test_the_highest_t_wins(extents: Sequence[LocalExtent], location: str, t: str, evidence: tuple[int, ...]) -> None:
    found = [StagedSite(n, FindingClass.LOCAL, location, extent) for n, extent in enumerate(extents, start=1)]
    stage = stage_promise(found, prostatectomy=False)
    assert (stage.t, stage.evidence) == (t, {"t": evidence})
    assert stage_promise(found, prostatectomy=True).t == "miTr"


def test_version_1_counts_regions_in_its_own_words() -> None:
    one, two = sites("presacral_node"), sites("presacral_node", "mesorectal_node")
    assert stage_promise(one, prostatectomy=True, rules=PROMISE_V1).text == "miT0 miN1a(PS) miM0"
    assert stage_promise(two, prostatectomy=True, rules=PROMISE_V1).text == "miT0 miN1b(PS,MR) miM0"


def test_open_points_are_choices() -> None:
    both = sites("external_iliac_node_left", "external_iliac_node_right")
    assert stage_promise(both, prostatectomy=True).text == "miT0 miN2(EIL,EIR) miM0"
    one_region = PromiseRules(sides_are_regions=False)
    assert stage_promise(both, prostatectomy=True, rules=one_region).text == "miT0 miN1(EIL,EIR) miM0"
    iliac, groin = sites("common_iliac_node_right"), sites("inguinal_node_left")
    assert stage_promise(iliac, prostatectomy=True).text == "miT0 miN1(CIR) miM0"
    tnm8 = PromiseRules(common_iliac_is_pelvic=False)
    assert stage_promise(iliac, prostatectomy=True, rules=tnm8).text == "miT0 miN0 miM1a(CI)"
    assert stage_promise(groin, prostatectomy=True).text == "miT0 miN0 miM1a(OE)"
    pelvic = PromiseRules(inguinal_is_pelvic=True)
    assert stage_promise(groin, prostatectomy=True, rules=pelvic).text == "miT0 miN1(OPL) miM0"
    gland = sites("prostate_peripheral")
    assert stage_promise(gland, prostatectomy=False, radiotherapy=True).t == "miT2u"
    relapse = PromiseRules(relapse_after_radiotherapy=True)
    assert stage_promise(gland, prostatectomy=False, radiotherapy=True, rules=relapse).t == "miTr"
    assert stage_promise(gland, prostatectomy=False, rules=PromiseRules(focus_suffix=False)).t == "miT2"
    with pytest.raises(ValueError, match="oligo_most"):
        PromiseRules(oligo_most=0)


def test_diffuse_marrow_stands_above_every_number() -> None:
    for count in (0, 1, 5):
        found = sites(*["sternum"] * count)
        assert stage_promise(found, prostatectomy=True, diffuse_marrow=True).text == "miT0 miN0 miM1b(dmi)"


def test_what_is_not_known_is_not_made_up() -> None:
    """A node of no known station counts by its class; a site of no class is in no letter, and is said to be in none."""
    nameless = StagedSite(1, FindingClass.PELVIC_NODE)
    assert stage_promise([nameless], prostatectomy=True).text == "miT0 miN1 miM0"
    beside = [nameless, StagedSite(2, FindingClass.PELVIC_NODE, "obturator_node_left")]
    assert stage_promise(beside, prostatectomy=True).text == "miT0 miN1(OBL) miM0"
    assert stage_promise([StagedSite(1, FindingClass.DISTANT_NODE)], prostatectomy=True).text == "miT0 miN0 miM1a"
    assert stage_promise([StagedSite(1, FindingClass.VISCERAL)], prostatectomy=True).text == "miT0 miN0 miM1c"
    unknown = stage_promise([StagedSite(7, FindingClass.UNKNOWN)], prostatectomy=True)
    assert (unknown.text, unknown.unplaced, unknown.evidence) == ("miT0 miN0 miM0", (7,), {})
    with pytest.raises(ValueError, match="sextant"):
        StagedSite(1, FindingClass.LOCAL, segments=frozenset({"XX"}))


def test_every_station_of_the_catalogue_has_a_region() -> None:
    assert len(STATIONS) > 20
    regions = {station: node_region(station) for station in STATIONS}
    assert None not in regions.values()
    used = {station.removesuffix("_left").removesuffix("_right") for station in STATIONS}
    assert used == set(REGION_OF_STATION)
    pelvic = {region.code for region in regions.values() if region is not None and region.pelvic}
    assert pelvic == set(PELVIC_REGIONS) - {"OP"}


PLACES = st.sampled_from(
    [
        *STATIONS,
        "prostate_peripheral",
        "seminal_vesicle_left",
        "vertebra_l1",
        "rib_4_left",
        "liver",
        "lung_left",
    ]
)
SITE_SETS = st.lists(
    st.tuples(PLACES, st.sampled_from(LocalExtent), st.frozensets(st.sampled_from(SEXTANTS))), max_size=8
).map(
    lambda drawn: [
        StagedSite(number, class_of(place), place, extent, segments)
        for number, (place, extent, segments) in enumerate(drawn, start=1)
    ]
)


def rank_m(stage: Stage) -> tuple[int, int, int]:
    """Organ before bone before nodes; bone by its pattern."""
    bone = stage.detail.get("miM1b", ())
    return int("miM1c" in stage.m), 1 + PATTERNS.index(bone[0]) if bone else 0, int("miM1a" in stage.m)


@given(SITE_SETS, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_sites_does_not_matter(found: list[StagedSite], dice: object, prostatectomy: bool) -> None:
    turned = list(found)
    dice.shuffle(turned)  # type: ignore[attr-defined]
    assert stage_promise(turned, prostatectomy=prostatectomy) == stage_promise(found, prostatectomy=prostatectomy)


@given(SITE_SETS, PLACES)
def test_one_more_site_never_lowers_the_stage(found: list[StagedSite], place: str) -> None:
    before = stage_promise(found, prostatectomy=False)
    after = stage_promise([*found, StagedSite(99, class_of(place), place)], prostatectomy=False)
    assert T_ORDER.index(after.t) >= T_ORDER.index(before.t)
    assert N_ORDER.index(after.n) >= N_ORDER.index(before.n)
    assert all(new >= old for new, old in zip(rank_m(after), rank_m(before), strict=True))
    if class_of(place) is FindingClass.BONE:
        assert rank_m(after)[1] >= 1
        assert (after.t, after.n) == (before.t, before.n)


@given(SITE_SETS, st.booleans())
def test_every_site_is_evidence_for_a_letter(found: list[StagedSite], prostatectomy: bool) -> None:
    """Only a local tumour below the highest T is none; letters without sites are the zeros, and only they."""
    stage = stage_promise(found, prostatectomy=prostatectomy)
    named = set(itertools.chain.from_iterable(stage.evidence.values()))
    rest = [site for site in found if site.number not in named]
    assert all(site.finding_class is FindingClass.LOCAL for site in rest)
    assert ("t" in stage.evidence) == (stage.t != "miT0")
    assert ("n" in stage.evidence) == (stage.n != "miN0")
    assert ("m" in stage.evidence) == (stage.m != ("miM0",))


def test_all_kinds_of_men_have_one_text_each() -> None:
    """Every combination of what can be present gives a stage, and different combinations of letters different texts."""
    present = ("prostate_peripheral", "seminal_vesicle_left", "obturator_node_left", "presacral_node")
    present += ("mediastinal_node", "vertebra_l1", "liver")
    texts = {}
    for chosen in itertools.product((False, True), repeat=len(present)):
        places = [place for place, there in zip(present, chosen, strict=True) if there]
        stage = stage_promise(sites(*places), prostatectomy=False, rules=PROMISE_V2)
        texts.setdefault(stage.text, []).append(tuple(places))
    # a tumour in the vesicle hides one in the gland: 3 of T, 4 of N, 2 x 2 x 2 of M
    assert len(texts) == 3 * 4 * 8
