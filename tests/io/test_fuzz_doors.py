"""A thousand hostile inputs at every door, and those that once got through: a result or a clear refusal, no more."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import signal
import sys
import time
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from dicom_builder import pet, refusal, write, zipped

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "validation" / "robustness"))

import hostile_nifti
from doors import DOORS, Ending, Images, Task, chosen, judged
from fuzz_doors import run, table
from watch import keep_watch

from psmap.domain.refusal import Refused
from psmap.io.dicom_files import list_files
from psmap.io.dicom_read import read_study
from psmap.io.history import read_history
from psmap.io.nifti import read_image
from psmap.io.pet_nifti import read_pet
from psmap.io.store import Store
from psmap.workflow.ingest import ReadRequest, ingest

SEED, INPUTS = 20260203, 1000


def test_a_thousand_hostile_inputs_give_a_result_or_a_refusal() -> None:
    rows = run(SEED, range(INPUTS), workers=2)
    findings = [f"--seed {SEED} --only {row[0]}: {row[1]}, {row[2]}: {row[4]}" for row in rows if row[3] == "finding"]
    assert len(rows) == INPUTS
    assert findings == []
    assert {row[1] for row in rows} == set(DOORS)
    assert sum(row[3] == "refusal" for row in rows) > INPUTS // 4 < 2 * sum(row[3] == "result" for row in rows)
    assert f"| **all** |  | {INPUTS} |" in table(rows)


def test_an_input_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    made = []
    for attempt in ("one", "two"):
        for number in range(60):
            folder = tmp_path / attempt / str(number)
            folder.mkdir(parents=True)
            door, way, dice = chosen(SEED, number, "DICOM zip" if number % 2 else "JSON")
            if way not in ("truncated", "wrapped", "bomb", "nested zips", "many members", "links"):  # need `prepare`
                DOORS[door].make(folder, way, dice)
        made.append({path.relative_to(tmp_path / attempt): path.read_bytes() for path in _files(tmp_path / attempt)})
    assert made[0] == made[1] and len(made[0]) > 60


def _raises(error: Exception) -> Callable[[], None]:
    def read() -> None:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (_raises(KeyError("x")), "KeyError"),
        (_raises(MemoryError()), "MemoryError"),
        (lambda: warnings.warn("overflow", RuntimeWarning, stacklevel=1), "RuntimeWarning"),
        (_raises(Refused("it is wrong")), "without cure"),
        (_raises(Refused("", cure="mend it")), "without reason"),
        (_raises(Refused("Wolkenstein^Oswald has no weight", cure="mend it")), "names the patient"),
        (lambda: Images(np.zeros((1, 1, 2), np.float32), None), "silently another"),
    ],
    ids=["KeyError", "MemoryError", "warning", "no cure", "no reason", "patient", "another result"],
)
def test_what_is_no_clear_answer_is_a_finding(read: Callable[[], Images | None], said: str, tmp_path: Path) -> None:
    ending, detail = judged(Task(read, Images(np.ones((1, 1, 2), np.float32), None)), "any", tmp_path)
    assert ending is Ending.FINDING and said in detail


def test_a_write_outside_out_is_a_finding(tmp_path: Path) -> None:
    keep_watch()
    out = tmp_path / "out"
    out.mkdir()
    assert judged(Task(lambda: write_text(out / "x"), out=out), "any", tmp_path) == (Ending.RESULT, "")
    for wrong in (lambda: write_text(tmp_path / "x"), (tmp_path / "y").mkdir, (out / "../x").unlink):
        ending, detail = judged(Task(wrong, out=out), "any", tmp_path)
        assert ending is Ending.FINDING and "outside OUT" in detail


def write_text(path: Path) -> None:
    path.write_text("x")


def hanging_or_dying(line: Connection, seed: int, door: str, numbers: Sequence[int]) -> None:
    """A worker that hangs at input 1 and dies at input 2."""
    line.send(None)
    for number in numbers:
        line.send(number)
        if number == 1:
            time.sleep(60)
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        line.send((number, "a door", "a way", "result", ""))


def test_a_worker_that_hangs_or_dies_is_a_finding_and_the_others_go_on() -> None:
    rows = run(1, range(5), workers=1, worker=hanging_or_dying, limit_s=0.5)
    assert [(row[0], row[3]) for row in rows] == [
        (0, "result"),
        (1, "finding"),
        (2, "finding"),
        (3, "result"),
        (4, "result"),
    ]
    assert (rows[1][4], rows[2][4]) == ("hung", "died with exit code -9")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_zip_bomb_is_refused_before_it_swells(tmp_path: Path) -> None:
    bomb = zipped(write(tmp_path / "study", pet()), tmp_path / "bomb.zip")
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as opened, opened.open("zeros.dcm", "w") as member:
        for _ in range(300):
            member.write(b"\0" * 2**20)
    assert bomb.stat().st_size < 2**20
    assert "100 times its own size" in refusal(lambda: read_study(bomb))


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    archive = zipped(write(tmp_path / "study", pet()), tmp_path / "study.zip")
    with zipfile.ZipFile(archive, "a") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened.writestr("000.dcm", b"another")
    assert "1 members of the zip have the name of another" in refusal(lambda: read_study(archive))


def test_a_study_a_thousand_folders_down_is_read(tmp_path: Path) -> None:
    """1200 folders in one another are more than Python's functions may call each other."""
    shallow, study = write(tmp_path / "shallow", pet()), tmp_path / "study"
    folders = [study / "/".join("d" * depth) for depth in range(1200)]
    for folder in folders:
        folder.mkdir()
    for path in _files(shallow):
        path.rename(folders[-1] / path.name)
    try:
        assert read_study(study).pet.grid == read_study(folders[-1]).pet.grid
    finally:  # pytest cannot remove so many in one another
        for path in folders[-1].iterdir():
            path.unlink()
        for folder in reversed(folders):
            folder.rmdir()


def test_ten_thousand_unrelated_files_change_nothing(tmp_path: Path) -> None:
    study = write(tmp_path / "study", pet())
    alone = read_study(study).pet
    for k in range(10_000):
        (study / f"{k}.{('txt', 'jpg', 'dcm', 'xml')[k % 4]}").write_bytes(b"nothing of a study %d" % k)
    among = read_study(study).pet
    assert among.grid == alone.grid and np.array_equal(among.rescaled, alone.rescaled)


@contextlib.contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Without root's rights, so that what is closed is closed; the folders above are opened for it."""
    if os.geteuid() != 0:
        yield
        return
    above = [path for path in (folder, *folder.parents) if path.stat().st_uid == 0 and not path.stat().st_mode & 0o001]
    for path in above:
        path.chmod(path.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("kind", ["link into a closed folder", "closed folder", "closed study", "closed file"])
def test_what_may_not_be_read_is_refused(kind: str, tmp_path: Path) -> None:
    study = write(tmp_path / "study", pet())
    closed = {"closed study": study, "closed file": study / "000.dcm"}.get(kind, study / "closed")
    if not closed.exists():
        closed.mkdir()
        (closed / "inside.dcm").write_bytes(b"x")
    if kind == "link into a closed folder":
        closed = closed.rename(tmp_path / "elsewhere")
        (study / "link.dcm").symlink_to(closed / "inside.dcm")
    closed.chmod(0)
    try:
        with as_nobody(tmp_path):
            assert "Permission denied" in refusal(lambda: read_study(study))
    finally:
        closed.chmod(0o755)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("n" * 300, "File name too long"),
        ("d/" * 3000, "File name too long"),
        ("nul\0byte", "there is no such folder or zip"),
        ("not there", "there is no such folder or zip"),
    ],
)
def test_a_name_that_no_study_has_is_refused(name: str, says: str, tmp_path: Path) -> None:
    assert says in refusal(lambda: list_files(tmp_path / name))


def test_a_gzip_bomb_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    """200 MB of zeros behind an image of 4 kB: what is held in memory meanwhile stays under 64 MB."""
    image = gzip.decompress(hostile_nifti.images()["NIfTI-1 gzipped"]["pet.nii.gz"])
    path = tmp_path / "pet.nii.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(image)
        for _ in range(200):
            stream.write(b"\0" * 1_000_000)
    tracemalloc.start()
    try:
        line = refusal(lambda: read_image(path))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "more than the" in line and peak < 64_000_000


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ((32767, 32767, 32767), "more than 4294967296"),
        ((2000, 2000, 400), "more than 4294967296"),
        ((1, 0, 1), "no voxels"),
    ],
)
def test_dimensions_that_the_file_does_not_hold_are_refused(
    sizes: tuple[int, int, int], says: str, tmp_path: Path
) -> None:
    for name in ("NIfTI-1 gzipped", "NIfTI-1"):
        path = tmp_path / ("pet.nii.gz" if "gzipped" in name else "pet.nii")
        stored = hostile_nifti.images()[name][path.name]
        content = bytearray(gzip.decompress(stored) if path.suffix == ".gz" else stored)
        content[42:48] = np.array(sizes, "<i2").tobytes()
        path.write_bytes(gzip.compress(bytes(content), 1) if path.suffix == ".gz" else bytes(content))
        assert says in refusal(lambda path=path: read_image(path))  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"Units":' * 5000,
        '{"Units": ' + "9" * 5000 + "}",
        '{"Manufacturer": "\\ud800"}',
        '{"TracerName": "' + "x" * 1000 + '"}',
        '{"Manufacturer": "\\u001b[2J"}',
        " " * 1_100_000,
    ],
    ids=["lists", "objects", "digits", "half a letter", "long", "escape", "large"],
)
def test_a_sidecar_beyond_measure_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "pet.nii.gz").write_bytes(hostile_nifti.images()["NIfTI-1 gzipped"]["pet.nii.gz"])
    (tmp_path / "pet.json").write_text(text)
    line = refusal(lambda: read_pet(tmp_path / "pet.nii.gz"))
    assert "[pet.json]" in line and len(line) < 200


def test_no_suv_is_far_below_zero(tmp_path: Path) -> None:
    image = gzip.decompress(hostile_nifti.images()["NIfTI-1 gzipped"]["pet.nii.gz"])
    (tmp_path / "pet.nii").write_bytes(image[:352] + np.array([-1e30], "<f4").tobytes() + image[356:])
    assert "coldest voxel is -1e+30" in refusal(lambda: read_pet(tmp_path / "pet.nii"))


def test_a_history_beyond_measure_is_refused(tmp_path: Path) -> None:
    for text in (" " * 1_100_000, json.dumps({"x" * 5000: 1}), '{"psa_ng_ml":' * 5000):
        (tmp_path / "history.json").write_text(text)
        assert len(refusal(lambda: read_history(tmp_path / "history.json"))) < 400


@pytest.mark.parametrize("header", ["(" * 3000, "{'descr': '<i4'\n", "{'descr': '<i4', 'shape': (1L,)}", ""])
def test_an_array_header_that_is_no_python_counts_as_damaged(header: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("tree.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    (tmp_path / "key.npz").write_bytes(stream.getvalue())
    with pytest.raises(KeyError):
        Store(tmp_path).get("key")


def test_a_refusal_is_one_line_for_a_terminal_whatever_the_header_held() -> None:
    line = str(Refused("Units is 'a\x1b[31m\nb\0\u202e'", where="x\x07y", cure="c" * 10_000))
    assert line.startswith("Units is 'a\\x1b[31m b\\x00\\u202e' [x\\x07y]; cure: ccc")
    assert line.isprintable() and len(line) < 1000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Rows": 0}, "Rows (0028,0010) x Columns (0028,0011) is 0 x"),
        ({"SeriesDate": "99991231"}, "no date between 1800 and 2200"),
        ({"PixelSpacing": [1e-3, 1e-3]}, "voxels are"),
    ],
    ids=["no rows", "the last day", "voxels of a micrometre"],
)
def test_what_fuzzing_found_in_headers_is_refused(changes: dict[str, object], says: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "study", pet(**changes))
    assert says in refusal(lambda: ingest(ReadRequest(study=folder, tracer="psma-11")))


def test_a_deflated_bomb_is_no_slice(tmp_path: Path) -> None:
    """A kilobyte of deflate holds a megabyte of zeros; pydicom would inflate all of it."""
    folder = write(tmp_path / "study", pet())
    zeros = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = b"".join(zeros.compress(b"\0" * 2**20) for _ in range(300)) + zeros.flush()
    syntax = b"\x02\x00\x10\x00UI" + (24).to_bytes(2, "little") + b"1.2.840.10008.1.2.1.99\x00\x00"
    meta = b"\x02\x00\x00\x00UL\x04\x00" + len(syntax).to_bytes(4, "little") + syntax
    (folder / "bomb.dcm").write_bytes(b"\0" * 128 + b"DICM" + meta + packed)
    tracemalloc.start()
    assert "it begins as DICOM and cannot be read" in refusal(lambda: read_study(folder))
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
