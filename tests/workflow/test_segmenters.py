"""Segmenters by name: a program that writes a map, that fails, that is killed, that is not there; and files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage
from psmap.domain.refusal import Refused
from psmap.io.nifti import write_image
from psmap.workflow.segmenters import SEGMENTERS, FromFiles, TotalSegmentator, segmenter

GRID = Grid((12, 10, 8), (-7.0, 5.0, 100.0), ((0.0, 0.0, 3.0), (0.0, 2.0, 0.0), (1.5, 0.0, 0.0)))

# What stands in for the program: it names every voxel of more than 0 HU liver, and writes as the real one does with
# --ml, names in the header; what it was called with goes to a file.
PROGRAM = """#!{python}
import os, signal, sys
if "--version" in sys.argv:
    print("2.5.0")
    sys.exit(0)
open({called!r}, "w").write(" ".join(sys.argv[1:]))
print("If you use this tool please cite it")
{then}
import nibabel
given = nibabel.load(sys.argv[sys.argv.index("-i") + 1])
voxels = (given.get_fdata() > 0).astype("uint8") * 5
image = nibabel.Nifti1Image(voxels, given.affine)
names = '<Label Key="5" Red="1" Alpha="1"><![CDATA[liver]]></Label><Label Key="1" Red="1"><![CDATA[spleen]]></Label>'
xml = "<CaretExtension><LabelTable>" + names + "</LabelTable></CaretExtension>"
image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, xml.encode()))
image.to_filename(sys.argv[sys.argv.index("-o") + 1])
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in program is a script with a first line")


def ct() -> CtImage:
    hu = np.full(GRID.shape, -100, np.int16)
    hu[3:6, 4:8, 2:5] = 60
    return CtImage(GRID, hu)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, then: str = "") -> Path:
    """Put the stand-in first on PATH; returns the file that says what it was called with."""
    called = folder / "called.txt"
    program = folder / "bin" / "TotalSegmentator"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, called=str(called), then=then), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return called


def test_totalsegmentator_names_the_voxels_of_a_ct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    called = install(tmp_path, monkeypatch)
    anatomy = segmenter("TotalSegmentator")(None, ct())
    (liver,) = anatomy.found
    assert (liver.id, liver.voxels, liver.cut) == ("liver", 3 * 4 * 3, False)
    assert liver.volume_ml == pytest.approx(36 * 0.009)
    assert np.allclose(liver.centroid_mm, (-7.0 + 3 * 1.5, 5.0 + 5.5 * 2.0, 100.0 + 4 * 3.0), atol=1e-6)
    assert np.array_equal(anatomy.labels.labels > 0, ct().hu > 0)
    assert anatomy.source == "TotalSegmentator 2.5.0, task total"
    options = called.read_text(encoding="utf-8").split()
    assert options[4:] == ["--ml", "--device", "gpu"]
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_fast_model_is_asked_for_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = install(tmp_path, monkeypatch)
    anatomy = segmenter("totalsegmentator-fast")(None, ct())
    assert called.read_text(encoding="utf-8").split()[-1] == "--fast"
    assert anatomy.source == "TotalSegmentator 2.5.0, task total, 3 mm"


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("sys.exit('no such weights')", r"ended with code 1: no such weights"),
        ("sys.stdout.flush(); os._exit(3)", r"ended with code 3: If you use this tool please cite it"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"was stopped \(SIGKILL\)"),
        ("sys.exit(137)", r"was stopped \(SIGKILL\)"),
        ("sys.exit(0)", "left no label map"),
        ("open(sys.argv[sys.argv.index('-o') + 1], 'w').write('x'); sys.exit(0)", "does not say"),
    ],
)
def test_a_program_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, says: str
) -> None:
    install(tmp_path, monkeypatch, then)
    with pytest.raises(Refused, match=says) as caught:
        TotalSegmentator()(None, ct())
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_program_that_cannot_be_started_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    (tmp_path / "bin" / "TotalSegmentator").write_text("#!/nowhere/python\n", encoding="utf-8")
    with pytest.raises(Refused, match="cannot be started"):
        TotalSegmentator()(None, ct())


def test_without_the_program_or_a_ct_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="not installed"):
        TotalSegmentator()(None, ct())
    install(tmp_path, monkeypatch)
    with pytest.raises(Refused, match="needs a CT"):
        TotalSegmentator()(None, None)


def test_files_are_a_segmenter(tmp_path: Path) -> None:
    write_image(tmp_path / "liver.nii.gz", GRID, (ct().hu > 0).astype(np.uint8))
    found = segmenter(tmp_path)
    assert found == FromFiles(tmp_path)
    assert found(None, ct()).of("liver").voxels == 36  # type: ignore[union-attr]
    assert found(None, None).of("liver").voxels == 36  # type: ignore[union-attr]


def test_the_anatomy_of_another_scan_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "liver.nii.gz", GRID, (ct().hu > 0).astype(np.uint8))
    away = Grid(GRID.shape, (-7.0, 5.0, 136.0), GRID.axes_mm)
    with pytest.raises(Refused, match="outside the scan"):
        FromFiles(tmp_path)(None, CtImage(away, ct().hu.copy()))


def test_an_unknown_segmenter_names_the_known() -> None:
    with pytest.raises(Refused, match="totalsegmentator") as caught:
        segmenter("unicorn")
    assert all(name in str(caught.value) for name in SEGMENTERS)
