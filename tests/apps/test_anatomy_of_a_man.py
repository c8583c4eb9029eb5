"""Anatomy from the option to the files, on a digital man whose every structure and site is known."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import nibabel
import numpy as np
import numpy.typing as npt
import pytest

import psmap
from conftest import command
from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.load import load_schema
from psmap.workflow import naming, pipeline


@dataclass(frozen=True)
class Man:
    """A man, his truth, and what psmap read of him with his true anatomy."""

    study: Path
    truth: dict[str, Any]
    out: Path
    document: dict[str, Any]

    @property
    def map(self) -> Path:
        """His true anatomy."""
        return self.study / "truth" / "anatomy_dseg.nii.gz"

    @property
    def ct(self) -> Path:
        """His CT as NIfTI."""
        return self.out / "images" / "ct.nii.gz"

    @property
    def pet(self) -> Path:
        """His PET as NIfTI."""
        return self.out / "images" / "pet_suv.nii.gz"


@pytest.fixture(scope="module")
def man(tmp_path_factory: pytest.TempPathFactory) -> Man:
    folder = tmp_path_factory.mktemp("man")
    (study,) = psmap.men(folder / "men", seed=1, scenario="advanced", voxel_mm=8.0, jobs=1)
    out = folder / "out"
    psmap.read(study, out, segmenter=study / "truth" / "anatomy_dseg.nii.gz")
    documents = (json.loads(path.read_text(encoding="utf-8")) for path in (study / "truth.json", out / "case.json"))
    return Man(study, next(documents), out, next(documents))


def voxels(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Voxels [i, j, k] and the way from LPS mm to indices, by nibabel alone."""
    image = nibabel.load(path)
    return np.asanyarray(image.dataobj), np.linalg.inv(image.affine) @ np.diag([-1.0, -1.0, 1.0, 1.0])


def at(path: Path, place_mm: list[float]) -> int:
    """The number of a label map at a place."""
    labels, to_index = voxels(path)
    index = np.rint((to_index @ [*place_mm, 1.0])[:3]).astype(int)
    return int(labels[tuple(index)])


def names(path: Path) -> dict[int, str]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return {int(row[0]): row[1] for row in rows}


def results(out: Path) -> dict[str, bytes]:
    """Name and bytes of all results, the seconds of each step in provenance left out."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and ".psmap" not in path.parts)
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    if "provenance.json" in found:
        document = json.loads(found["provenance.json"])
        document["steps"] = [{**step, "seconds": None} for step in document["steps"]]
        found["provenance.json"] = json.dumps(document).encode()
    return found


# Inside `read`


def test_the_case_follows_its_schema(man: Man) -> None:
    jsonschema.validate(man.document, load_schema("case"))
    assert man.document["anatomy"]["source"] == "a label map by the names of psmap"
    assert man.document["anatomy"]["notices"] == []


def test_the_map_is_written_as_it_was_given(man: Man) -> None:
    """The truth lies on the CT's grid, so that nothing is to be resampled."""
    for name in ("anatomy", "stations"):
        given, written = man.map.with_name(f"{name}_dseg.nii.gz"), man.out / "images" / f"{name}_dseg.nii.gz"
        assert np.array_equal(voxels(given)[0], voxels(written)[0])
        assert np.allclose(voxels(given)[1], voxels(written)[1])
        assert names(given.with_name(f"{name}_dseg.tsv")) == names(written.with_name(f"{name}_dseg.tsv"))


def test_found_and_missing_are_those_of_the_truth(man: Man) -> None:
    anatomy, organs = man.document["anatomy"], man.truth["organs"]
    found = {each["id"]: each for each in anatomy["found"]}
    assert {name for name, organ in organs.items() if organ["voxels"]} == set(found)
    for name, each in found.items():
        assert each["volume_ml"] == pytest.approx(organs[name]["volume_ml"])
    stations, table = man.map.with_name("stations_dseg.nii.gz"), names(man.map.with_name("stations_dseg.tsv"))
    held = {table[number] for number in np.unique(voxels(stations)[0]).tolist() if number}
    assert set(anatomy["stations"]) == held
    missing = anatomy["missing"]
    assert set(missing["not_found"]) == set(names(man.map.with_suffix("").with_suffix(".tsv")).values()) - set(found)
    told = [*found, *held, *missing["outside_view"], *missing["not_found"], *missing["removed"]]
    assert len(told) == len(set(told)) == len(load_anatomy()) - missing["not_named"]


def test_the_place_of_a_site_is_the_map_at_its_hottest_voxel(man: Man) -> None:
    table = names(man.map.with_suffix("").with_suffix(".tsv"))
    for site in man.document["sites"]:
        assert site["anatomy"]["at_max"] == table.get(at(man.map, site["max_mm"]))
        assert 0.0 < sum(site["anatomy"]["shares"].values()) <= 1.0 + 1e-9


def test_true_lesions_lie_where_they_were_put(man: Man) -> None:
    """Of the sites with the hottest voxel in a true lesion; its place names bone and marrow alike."""
    true = {focus["number"]: focus for focus in man.truth["sites"] if focus["lesion"]}
    told = []
    for site in man.document["sites"]:
        focus = true.get(at(man.map.with_name("sites_dseg.nii.gz"), site["max_mm"]))
        if focus is not None:
            place = site["anatomy"]["station"] if focus["station"] else site["anatomy"]["at_max"]
            told.append((place or "").removesuffix("_marrow") == focus["place"])
    assert len(told) > 50
    assert np.mean(told) > 0.9


def test_the_liver_reference_is_near_the_true_liver(man: Man) -> None:
    liver = next(each for each in man.document["references"] if each["organ"] == "liver")
    assert liver["suv_mean"] == pytest.approx(man.truth["organs"]["liver"]["drawn_suv"], rel=0.1)
    suv, to_index = voxels(man.pet)
    centres = np.argwhere(np.ones(suv.shape, bool)) @ np.linalg.inv(to_index)[:3, :3].T + np.linalg.inv(to_index)[:3, 3]
    (voi,) = liver["vois"]
    inside = suv.reshape(-1)[np.linalg.norm(centres - voi["centre_mm"], axis=1) <= 15.0 + 1e-6].astype(float)
    assert len(inside) == voi["voxels"]
    assert (liver["suv_mean"], liver["suv_sd"], liver["suv_max"]) == pytest.approx(
        (inside.mean(), inside.std(), inside.max())
    )
    threshold = man.document["burden"]["by_definition"]["liver"]["threshold"]
    assert threshold == pytest.approx(4.30 * (1.0 + inside.std() / inside.mean()))


def test_provenance_lists_the_files_by_number(man: Man) -> None:
    provenance = json.loads((man.out / "provenance.json").read_text(encoding="utf-8"))
    listed = [each["file"] for each in provenance["inputs"] if each["file"].startswith("anatomy")]
    assert listed == [f"anatomy {number}" for number in (1, 2, 3, 4)]
    assert provenance["command"]["segmenter"] == "files"
    assert "dseg" not in json.dumps([provenance["inputs"], provenance["command"], provenance["notes"]])


def test_the_anatomy_comes_from_the_store(man: Man, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    shutil.copytree(man.out, out)
    for path in (out / "provenance.json", out / "images" / "anatomy_dseg.nii.gz", out / "case.json"):
        path.unlink()
    monkeypatch.setattr(pipeline, "segmenter", lambda choice: pytest.fail("made again"))
    psmap.read(man.study, out, segmenter=man.map)
    assert results(out) == results(man.out)


def test_liver_threshold_without_a_mask_and_no_name_leaves(man: Man, tmp_path: Path) -> None:
    """The map is called by its patient, who is in the DICOM headers too; the numbers have one without a name."""
    given = tmp_path / "Smith_John"
    given.mkdir()
    path = given / "Smith_John.nii.gz"
    shutil.copy(man.map, path)
    lines = man.map.with_name("anatomy_dseg.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (given / "Smith_John.tsv").write_text("".join(line for line in lines if "\tskin\t" not in line), encoding="utf-8")
    out = tmp_path / "out"
    case = psmap.read(man.study, out, segmenter=path, threshold="liver", deidentify=True)
    assert case.anatomy is not None and "without a name" in case.anatomy.notices[0]
    document = json.loads((out / "case.json").read_text(encoding="utf-8"))
    threshold = man.document["burden"]["by_definition"]["liver"]["threshold"]
    assert document["burden"]["by_definition"]["liver"]["threshold"] == pytest.approx(threshold)
    suv, sites = (voxels(out / "images" / name)[0] for name in ("pet_suv.nii.gz", "findings_dseg.nii.gz"))
    assert np.array_equal(suv >= threshold, sites > 0)
    assert document["study"]["pet_series_uid"] != man.document["study"]["pet_series_uid"]
    identifiers = ("Smith", "MAN^DIGITAL", "PSMAP-MAN", man.document["study"]["pet_series_uid"], str(man.study))
    for name, content in results(out).items():
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        assert [word for word in identifiers if word.encode() in plain] == [], name


# What is refused


def moved(man: Man, path: Path) -> Path:
    """The man's map, five metres from him."""
    given = nibabel.load(man.map)
    affine = given.affine.copy()
    affine[2, 3] += 5000.0
    image = nibabel.Nifti1Image(np.asanyarray(given.dataobj), affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    shutil.copy(man.map.with_name("anatomy_dseg.tsv"), path.with_name("map.tsv"))
    return path


def test_who_or_what_cannot_be_used_is_refused(man: Man, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nameless = tmp_path / "nameless.nii.gz"
    shutil.copy(man.map, nameless)
    (tmp_path / "empty").mkdir()
    for segmenter, says in (
        ("totalsegmentor", "no segmenter 'totalsegmentor'"),
        (moved(man, tmp_path / "map.nii.gz"), "outside the scan"),
        (nameless, "does not say what its numbers mean"),
        (tmp_path / "empty", "no anatomy that psmap can read"),
        ("", "segmenter is empty"),
    ):
        for arguments in (("read", man.study), ("anatomy", "--ct", man.ct)):
            assert command(*arguments, "-o", tmp_path / "out", "--segmenter", segmenter) == 1
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith("psmap: refused: ") and says in line and "cure: " in line
    assert not any(path.name != ".psmap" for path in (tmp_path / "out").glob("*"))


def test_a_liver_that_is_not_there_gives_no_threshold(man: Man, tmp_path: Path) -> None:
    lines = man.map.with_name("anatomy_dseg.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    shutil.copy(man.map, tmp_path / "map.nii.gz")
    (tmp_path / "map.tsv").write_text("".join(line for line in lines if "\tliver\t" not in line), encoding="utf-8")
    with pytest.raises(psmap.Refused, match=r"liver could not be measured: Liver: not named by the source"):
        psmap.read(
            pet=man.pet, out=tmp_path / "out", tracer="psma-11", segmenter=tmp_path / "map.nii.gz", threshold="liver"
        )


# One step alone


def test_anatomy_alone_is_that_of_the_case(man: Man, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the CT's grid, on the PET's without one, and of the DICOM study; here the grids are one."""
    inputs = {
        "ct": ("--ct", man.ct),
        "pet": ("--pet", man.pet),
        "both": ("--ct", man.ct, "--pet", man.pet),
        "study": (man.study,),
    }
    for name, arguments in inputs.items():
        assert command("anatomy", *arguments, "-o", tmp_path / name, "--segmenter", man.map, "-q") == 0
        assert capsys.readouterr() == ("", "")
        written = results(tmp_path / name)
        assert set(written) == {
            f"{one}_dseg{end}" for one in ("anatomy", "stations") for end in (".nii.gz", ".tsv")
        } | {"anatomy.json"}
        document = json.loads(written["anatomy.json"])
        jsonschema.validate(document, load_schema("anatomy"))
        assert document == man.document["anatomy"]
        for file in ("anatomy_dseg.nii.gz", "anatomy_dseg.tsv", "stations_dseg.nii.gz"):
            assert written[file] == (man.out / "images" / file).read_bytes()


def test_the_grid_is_the_ct_s_else_the_pet_s(man: Man, tmp_path: Path) -> None:
    """A PET of half the CT's voxels along each axis."""
    given = nibabel.load(man.pet)
    coarse = nibabel.Nifti1Image(np.asanyarray(given.dataobj)[::2, ::2, ::2], given.affine @ np.diag([2, 2, 2, 1]))
    coarse.header.set_xyzt_units("mm")
    coarse.to_filename(tmp_path / "pet.nii.gz")
    true = voxels(man.map)[0]
    for pet_only, expected in ((True, true[::2, ::2, ::2]), (False, true)):
        out = tmp_path / f"out-{pet_only}"
        anatomy = psmap.anatomy(
            ct=None if pet_only else man.ct, pet=tmp_path / "pet.nii.gz", out=out, segmenter=man.map
        )
        assert np.array_equal(voxels(out / "anatomy_dseg.nii.gz")[0], expected)
        assert anatomy.of("liver") is not None
    assert isinstance(psmap.anatomy(ct=man.ct, segmenter=man.map), psmap.Anatomy)


def test_what_is_there_is_kept_and_never_another_s(
    man: Man, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, asked = tmp_path / "out", ("anatomy", "--ct", man.ct, "-o", tmp_path / "out", "--segmenter")
    assert command(*asked, man.map, "--json") == 0
    assert json.loads(capsys.readouterr().out) == man.document["anatomy"]
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert command(*asked, man.map) == 0
    printed = capsys.readouterr().out
    assert "CT: NIfTI" in printed and f"{len(man.document['anatomy']['found'])} structures" in printed
    assert "Not a medical device" in printed
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == times

    # other names for the same numbers: the table is an input too
    shutil.copy(man.map, tmp_path / "map.nii.gz")
    text = man.map.with_name("anatomy_dseg.tsv").read_text(encoding="utf-8")
    swapped = text.replace("\tliver\t", "\t?\t").replace("\tspleen\t", "\tliver\t").replace("\t?\t", "\tspleen\t")
    volumes = []
    for table in (text, swapped):
        (tmp_path / "map.tsv").write_text(table, encoding="utf-8")
        assert command(*asked, tmp_path / "map.nii.gz", "-q") == 0
        found = json.loads((out / "anatomy.json").read_text(encoding="utf-8"))["found"]
        volumes.append({each["id"]: each["volume_ml"] for each in found})
        assert not (out / "stations_dseg.nii.gz").exists()
    assert (volumes[0]["liver"], volumes[0]["spleen"]) == (volumes[1]["spleen"], volumes[1]["liver"])

    # masks are of what their files are called
    masks = tmp_path / "masks"
    masks.mkdir()
    given = nibabel.load(man.map)
    number = next(n for n, name in names(man.map.with_name("anatomy_dseg.tsv")).items() if name == "liver")
    mask = nibabel.Nifti1Image((np.asanyarray(given.dataobj) == number).astype(np.uint8), given.affine)
    mask.header.set_xyzt_units("mm")
    mask.to_filename(masks / "liver.nii.gz")
    for name in ("liver", "spleen"):
        anatomy = psmap.anatomy(ct=man.ct, out=out, segmenter=masks)
        assert [(each.id, each.volume_ml) for each in anatomy.found] == [(name, pytest.approx(volumes[0]["liver"]))]
        assert names(out / "anatomy_dseg.tsv") == {anatomy.found[0].number: name}
        if name == "liver":
            (masks / "liver.nii.gz").rename(masks / "spleen.nii.gz")

    # stopped in the middle: the next run makes it whole
    with monkeypatch.context() as patch:
        patch.setattr(naming, "anatomy_document", lambda anatomy: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            psmap.anatomy(ct=man.ct, out=out, segmenter=man.map)
    psmap.anatomy(ct=man.ct, out=out, segmenter=man.map)
    whole = results(out)
    assert json.loads(whole["anatomy.json"]) == man.document["anatomy"]

    # another scan, then by force
    other = nibabel.load(man.ct)
    image = nibabel.Nifti1Image(np.maximum(np.asanyarray(other.dataobj), -900), other.affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "other.nii.gz")
    with pytest.raises(psmap.Refused, match="not the anatomy of this scan"):
        psmap.anatomy(ct=tmp_path / "other.nii.gz", out=out, segmenter=man.map)
    assert results(out) == whole
    psmap.anatomy(ct=tmp_path / "other.nii.gz", out=out, segmenter=man.map, force=True)
    own = tmp_path / "own"
    own.mkdir()
    (own / "anatomy_dseg.tsv").write_text("mine", encoding="utf-8")
    with pytest.raises(psmap.Refused, match="--force"):
        psmap.anatomy(ct=man.ct, out=own, segmenter=man.map)
    assert (own / "anatomy_dseg.tsv").read_text(encoding="utf-8") == "mine"


def test_wrong_usage_and_nobody_named(man: Man, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("anatomy", "-o", tmp_path / "out", "--segmenter", man.map) == 2
    assert command("anatomy", "--ct", man.ct, "--segmenter", man.map) == 2
    capsys.readouterr()
    for arguments, says in (
        (("--ct", man.ct, "--segmenter", "none"), "nothing is named"),
        (("--ct", tmp_path / "none.nii.gz", "--segmenter", man.map), "--ct names does not exist"),
        ((man.study, "--ct", man.ct, "--segmenter", man.map), "--ct-series"),
        ((man.study, "--pet", man.pet, "--segmenter", man.map), "two things"),
    ):
        assert command("anatomy", *arguments, "-o", tmp_path / "out") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line
    (tmp_path / "file").write_text("x")
    assert command("anatomy", "--ct", man.ct, "-o", tmp_path / "file", "--segmenter", man.map) == 1
    assert not (tmp_path / "out").exists()
