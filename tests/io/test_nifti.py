"""NIfTI keeps voxels and geometry: against nibabel, SimpleITK, closed forms, and files that are broken on purpose."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Image

from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.domain.refusal import Refused
from psmap.io.nifti import read_ct, read_image, read_labels, write_image, write_label_map
from psmap.io.pet_nifti import read_pet

RAS = np.diag([-1.0, -1.0, 1.0])


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """Rotation by Euler angles in degrees."""
    a, b, c = np.deg2rad([x, y, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _grid(
    shape: tuple[int, int, int], origin: tuple[float, ...], spacing: tuple[float, ...], angles: tuple[float, ...]
) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = _rotation(*angles) * np.array(spacing)
    affine[:3, 3] = origin
    return Grid.from_affine_lps(affine, shape)


def _small(seed: int = 0, shape: tuple[int, int, int] = (4, 5, 6)) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 2, shape).astype(np.float32)


def _corners(grid: Grid) -> np.ndarray:
    return np.array([[k, j, i] for k in (0, 1) for j in (0, 1) for i in (0, 1)]) * (np.array(grid.shape) - 1)


SIZES = st.floats(0.5, 6.0)


NASTY = ((324.477, -388.266, -776.147), (2.6999, 3.0078, 2.8728))
"""Origin and spacing (i, j, k) that plain rounding to 32 bits puts 1.08e-4 mm off at the far corner."""


def test_plain_rounding_would_not_be_enough() -> None:
    """The reason for rounding about the centre: the closed form of what plain rounding does to the far corner."""
    (origin, spacing), last = NASTY, np.array([399, 399, 511])
    exact = np.array(origin) + np.array(spacing) * last
    rounded = np.float32(origin).astype(float) + np.float32(spacing).astype(float) * last
    assert 1.05e-4 < np.linalg.norm(rounded - exact) < 1.1e-4


@settings(max_examples=200, deadline=None)
@example(origin=NASTY[0], spacing=NASTY[1], angles=(0.0, 0.0, 0.0), straight=True)
@given(
    origin=st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(-1000, 1000)),
    spacing=st.tuples(st.floats(0.5, 2.5), st.floats(0.5, 2.5), st.floats(0.5, 3.3)),
    angles=st.tuples(st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40)),
    straight=st.booleans(),
)
def test_no_corner_of_a_whole_body_moves_by_1e_4_mm(origin, spacing, angles, straight):  # type: ignore[no-untyped-def]
    """512 x 400 x 400 voxels at realistic places: the header alone decides, so it is made without the voxels."""
    from psmap.io.nifti import _LPS_TO_RAS, _rounded_about_centre

    grid = _grid((512, 400, 400), origin, spacing, (0.0, 0.0, 0.0) if straight else angles)
    header = nibabel.nifti1.Nifti1Header()
    header.set_sform(_LPS_TO_RAS @ _rounded_about_centre(grid), code=1)
    read = np.diag([-1.0, -1.0, 1.0, 1.0]) @ header.get_sform()
    back = Grid.from_affine_lps(read, grid.shape)
    assert np.max(np.linalg.norm(back.to_mm(_corners(grid)) - grid.to_mm(_corners(grid)), axis=1)) < 1e-4


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 7)),
    origin=st.tuples(*[st.floats(-1500, 1500)] * 3),
    spacing=st.tuples(SIZES, SIZES, SIZES),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    dtype=st.sampled_from(["float32", "int16", "uint16", "int32"]),
)
def test_a_round_trip_keeps_voxels_and_places(tmp_path_factory, shape, origin, spacing, angles, dtype):  # type: ignore[no-untyped-def]
    grid = _grid(shape, origin, spacing, angles)
    array = np.arange(grid.size).reshape(shape).astype(dtype)
    path = tmp_path_factory.mktemp("nifti") / "a.nii.gz"
    write_image(path, grid, array)
    back, voxels = read_image(path, like=grid)
    assert voxels.dtype == np.dtype(dtype)
    assert np.array_equal(voxels, array)
    assert back.matches(grid, 1e-4)
    # Without a grid to follow the axes may run another way, but each voxel's value stays at its place.
    turned, voxels = read_image(path)
    places = turned.to_mm(np.argwhere(np.ones(voxels.shape, dtype=bool)))
    index = np.rint(grid.to_index(places)).astype(int)
    assert np.allclose(grid.to_mm(index), places, atol=2e-4)
    assert np.array_equal(array[tuple(index.T)], voxels.ravel())


def test_nibabel_finds_each_voxel_at_its_ras_place(tmp_path: Path) -> None:
    grid = _grid((4, 5, 6), (-120.5, -201.25, -845.125), (4.07, 4.07, 3.27), (10.0, -5.0, 20.0))
    array = _small()
    write_image(tmp_path / "a.nii.gz", grid, array)
    image = nibabel.load(tmp_path / "a.nii.gz")
    k, j, i = 3, 1, 5
    assert image.get_fdata()[i, j, k] == array[k, j, i]
    place = (image.affine @ [i, j, k, 1])[:3]
    assert np.allclose(place, RAS @ grid.to_mm([[k, j, i]])[0], atol=1e-4)
    assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-3)
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.get_data_dtype() == np.float32


def test_simpleitk_reads_the_same_lps_geometry(tmp_path: Path) -> None:
    grid = _grid((4, 5, 6), (-120.5, -201.25, -845.125), (4.07, 3.9, 3.27), (10.0, -5.0, 20.0))
    array = _small()
    write_image(tmp_path / "a.nii.gz", grid, array)
    image = SimpleITK.ReadImage(str(tmp_path / "a.nii.gz"))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), array)
    assert np.allclose(image.TransformIndexToPhysicalPoint((5, 1, 3)), grid.to_mm([[3, 1, 5]])[0], atol=1e-3)


def test_an_image_written_by_simpleitk_is_read(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(_small())
    image.SetOrigin((-10.0, 20.0, 30.0))
    image.SetSpacing((2.0, 3.0, 4.0))
    SimpleITK.WriteImage(image, str(tmp_path / "a.nii"))
    grid, voxels = read_image(tmp_path / "a.nii")
    assert np.array_equal(voxels, _small())
    assert grid.matches(Grid((4, 5, 6), (-10.0, 20.0, 30.0), ((0, 0, 4.0), (0, 3.0, 0), (2.0, 0, 0))), 1e-5)


def test_a_mask_stored_the_other_way_round_lands_on_the_grid_of_its_pet(tmp_path: Path) -> None:
    """The same lattice, stored with all axes reversed and swapped, as another program may do."""
    pet = Grid((4, 5, 6), (-10.0, 20.0, 30.0), ((0, 0, 4.0), (0, 3.0, 0), (2.0, 0, 0)))
    mask = (_small() > 3).astype(np.uint8)
    far = pet.to_mm([[3, 4, 5]])[0]
    affine = np.eye(4)
    affine[:3, :3] = RAS @ np.array([[0, 0, -4.0], [-2.0, 0, 0], [0, -3.0, 0]]).T
    affine[:3, 3] = RAS @ far
    stored = mask[::-1, ::-1, ::-1].transpose(0, 2, 1)  # k, i, j
    nibabel.save(Nifti1Image(stored, affine), tmp_path / "m.nii.gz")
    labels = read_labels(tmp_path / "m.nii.gz", like=pet)
    assert labels.grid.matches(pet, 1e-5)
    assert np.array_equal(labels.labels, mask)


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    grid = _grid((4, 5, 6), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    write_image(tmp_path / "a.nii.gz", grid, _small())
    write_image(tmp_path / "b.nii.gz", grid, _small())
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[4:8] == b"\0\0\0\0"  # MTIME of RFC 1952
    assert not list(tmp_path.glob(".part-*"))


def test_scaling_by_slope_and_intercept_is_undone(tmp_path: Path) -> None:
    path = _written(tmp_path, np.arange(24, dtype=np.int16).reshape(4, 3, 2).T)
    _set(path, scl_slope=0.5, scl_inter=-1.0)
    _, voxels = read_image(path, like=Grid((4, 3, 2), (0, 0, 0), ((0, 0, 1), (0, -1, 0), (-1, 0, 0))))
    assert np.allclose(voxels.ravel(), np.arange(24) * 0.5 - 1.0)


def test_a_big_endian_and_a_nifti2_image_are_read(tmp_path: Path) -> None:
    array = _small().T
    big = nibabel.nifti1.Nifti1Header(endianness=">")
    nibabel.save(Nifti1Image(array, np.eye(4), big), tmp_path / "big.nii.gz")
    nibabel.save(nibabel.nifti2.Nifti2Image(array, np.eye(4)), tmp_path / "two.nii.gz")
    for name in ("big.nii.gz", "two.nii.gz"):
        _, voxels = read_image(tmp_path / name)
        assert voxels.dtype.isnative
        assert np.array_equal(voxels, _small()[:, ::-1, ::-1])  # identity is RAS, psmap turns to LPS


def test_a_ct_of_fractions_is_rounded_and_says_so(tmp_path: Path) -> None:
    nibabel.save(Nifti1Image(np.full((2, 2, 2), -999.6, np.float32), np.eye(4)), tmp_path / "ct.nii.gz")
    ct = read_ct(tmp_path / "ct.nii.gz")
    assert ct.hu.dtype == np.int16 and ct.hu[0, 0, 0] == -1000
    assert ct.notes == ("CT: fractional HU rounded to whole numbers",)


def test_a_label_map_is_16_bit_and_has_its_table(tmp_path: Path) -> None:
    grid = _grid((2, 2, 2), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    labels = LabelImage(grid, np.array([0, 1, 0, 300, 0, 0, 0, 0], dtype=np.int32).reshape(2, 2, 2))
    rows = [{"index": 1, "name": "site 1"}, {"index": 300, "name": None}]
    write_label_map(tmp_path / "d.nii.gz", labels, ("index", "name"), rows)
    assert nibabel.load(tmp_path / "d.nii.gz").get_data_dtype() == np.uint16
    assert np.array_equal(read_labels(tmp_path / "d.nii.gz").labels, labels.labels)
    assert (tmp_path / "d.tsv").read_text() == "index\tname\n1\tsite 1\n300\tn/a\n"
    with pytest.raises(ValueError, match="300"):
        write_label_map(tmp_path / "e.nii.gz", labels, ("index", "name"), rows[:1])


def _written(tmp_path: Path, array: np.ndarray | None = None, affine: np.ndarray | None = None) -> Path:
    image = Nifti1Image(_small().T if array is None else array, np.eye(4) if affine is None else affine)
    nibabel.save(image, tmp_path / "x.nii.gz")
    return tmp_path / "x.nii.gz"


def _set(path: Path, **fields: object) -> Path:
    """Change header fields of a written file."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    header = nibabel.nifti1.Nifti1Header(bytes(raw[:348]), check=False)
    for field, value in fields.items():
        header[field] = value
    raw[:348] = header.binaryblock
    path.write_bytes(gzip.compress(bytes(raw)))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: _set(_written(p), sform_code=0, qform_code=0), "sform_code and qform_code are both 0"),
        (lambda p: _set(_written(p), xyzt_units=1), "xyzt_units says meter"),
        (lambda p: _set(_written(p), qform_code=1, qoffset_x=5.0), "sform and qform disagree by 5 mm"),
        (lambda p: _set(_written(p), srow_x=[0, 0, 0, 0], qform_code=0), "the affine spans no volume"),
        (
            lambda p: _set(_written(p), sform_code=0, qform_code=1, quatern_b=2.0),
            "no readable NIfTI image (ValueError)",
        ),
        (lambda p: _set(_written(p), qform_code=0, srow_x=[1, 0.05, 0, 0]), "sheared (cosine 0.04994"),
        (lambda p: _written(p, np.zeros((2, 2, 2, 3), np.float32)), "2x2x2x3 voxels: more than one volume"),
        (lambda p: _written(p, np.zeros((2, 2), np.float32)), "fewer than three dimensions"),
        (lambda p: _written(p, np.full((2, 2, 2), np.nan, np.float32)), "8 voxels are not finite"),
        (lambda p: _written(p, np.zeros((2, 2, 2), np.complex64)), "no real numbers"),
        (lambda p: p / "none.nii.gz", "there is no such file"),
        (lambda p: p, "no readable NIfTI image (IsADirectoryError)"),
    ],
)
def test_what_has_no_safe_reading_is_refused(tmp_path: Path, make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused) as refusal:
        read_image(make(tmp_path))
    assert words in str(refusal.value)
    assert "cure" in str(refusal.value) and str(tmp_path.parent) not in str(refusal.value)


def test_damaged_files_are_refused_whatever_the_damage(tmp_path: Path) -> None:
    content = _written(tmp_path, np.random.default_rng(1).normal(size=(9, 9, 9)).astype(np.float32)).read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    plain = gzip.decompress(content)
    damaged = {
        "cut": content[: len(content) // 2],
        "trailer": content[:-4],
        "flipped": bytes(flipped),
        "empty": b"",
        "header only": plain[:348],
        "half a header": plain[:100],
        "few voxels": plain[:1000],
        "no nifti": b"PK\x03\x04" + b"nothing of the kind " * 40,
        "pair": plain[:344] + b"ni1\0" + plain[348:],
    }
    for name, junk in damaged.items():
        path = tmp_path / "junk.nii.gz"
        path.write_bytes(junk)
        with pytest.raises(Refused) as refusal:
            read_image(path)
        assert refusal.value.where == "junk.nii.gz", name


def test_the_first_bytes_may_be_anything_but_never_a_traceback(tmp_path: Path) -> None:
    plain = bytearray(gzip.decompress(_written(tmp_path).read_bytes()))
    rng = np.random.default_rng(5)
    path = tmp_path / "fuzz.nii"
    outcomes = set()
    for _ in range(300):
        junk = bytearray(plain)
        for place in rng.integers(0, 352, size=3):
            junk[place] = rng.integers(0, 256)
        path.write_bytes(junk)
        try:
            read_image(path)
            outcomes.add("read")
        except Refused:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize(("value", "dtype"), [(-1, "int16"), (0.5, "float32"), (3e9, "float64")])
def test_labels_are_whole_numbers_from_0_on(tmp_path: Path, value: float, dtype: str) -> None:
    with pytest.raises(Refused, match="whole numbers from 0 on"):
        read_labels(_written(tmp_path, np.full((2, 2, 2), value, dtype)))


def test_a_pet_in_becquerel_is_refused_by_its_sidecar_or_its_numbers(tmp_path: Path) -> None:
    path = _written(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps({"Units": "Bq/mL"}))
    with pytest.raises(Refused, match=r"Units is 'Bq/mL'.*x\.json"):
        read_pet(path)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(Refused, match="no readable JSON"):
        read_pet(path)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(Refused, match="no JSON object"):
        read_pet(path)
    (tmp_path / "x.json").unlink()
    with pytest.raises(Refused, match="hottest voxel is 23000"):
        read_pet(_written(tmp_path, np.full((2, 2, 2), 23000.0, np.float32)))


def test_a_pet_takes_tracer_and_scanner_from_its_sidecar(tmp_path: Path) -> None:
    path = _written(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps({"Units": "g/mL", "TracerName": "68Ga-PSMA-11", "Manufacturer": "M"}))
    pet = read_pet(path)
    assert (pet.acquisition.units, pet.acquisition.suv_type) == ("GML", "BW")
    assert (pet.acquisition.radiopharmaceutical, pet.acquisition.manufacturer) == ("68Ga-PSMA-11", "M")
    assert len(pet.acquisition.slices) == pet.grid.shape[0] == 4
    assert np.array_equal(pet.rescaled, _small()[:, ::-1, ::-1])


def test_the_writer_takes_no_type_that_would_be_changed_silently(tmp_path: Path) -> None:
    grid = _grid((4, 5, 6), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="float64"):
        write_image(tmp_path / "a.nii.gz", grid, _small().astype(np.float64))
    with pytest.raises(ValueError, match=r"\.nii\.gz"):
        write_image(tmp_path / "a.nii", grid, _small())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"datatype": 867}, "no readable NIfTI"),
        ({"vox_offset": np.nan}, "no readable NIfTI"),
        ({"scl_slope": 3e38}, "not finite"),
        ({"scl_slope": 1.0, "scl_inter": np.inf}, "no readable NIfTI"),
        ({"qform_code": 1, "pixdim": [1, np.nan, 1, 1, 0, 0, 0, 0]}, "sform and qform disagree"),
        ({"qform_code": 1, "quatern_b": np.inf}, "geometry is invalid"),
        ({"dim": [2, 4, 4, 4, 1, 1, 1, 1]}, "fewer than three dimensions"),
        ({"dim": [1, 4, 4, 4, 1, 1, 1, 1]}, "fewer than three dimensions"),
        ({"dim": [0, 4, 4, 4, 1, 1, 1, 1], "sform_code": 0}, "fewer than three dimensions"),
    ],
)
def test_a_bad_header_is_said_once_and_by_psmap_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], fields: dict[str, object], words: str
) -> None:
    """A slope of 3e38 takes voxels of 1e300 beyond what float64 holds: numpy would warn, and nibabel would log."""
    path = _set(_written(tmp_path, np.full((4, 4, 4), 1e300)), **fields)
    capfd.readouterr()
    with pytest.raises(Refused) as refusal:
        read_image(path)
    assert words in str(refusal.value)
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("nibabel.global").filters


@pytest.mark.parametrize("shape", [(4,), (4, 5)])
def test_a_plane_is_no_volume(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(Refused, match="fewer than three dimensions"):
        read_image(_set(_written(tmp_path, np.ones(shape)), qform_code=1))
