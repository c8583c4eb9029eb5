"""What every test may ask for: the folder of real data; and, where a skip would hide something, no skips."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

import psmap
from psmap.apps.cli.main import main
from psmap.apps.demonstration import Demonstration

ROOT = Path(__file__).resolve().parent.parent

# torch belongs to training alone: where it is not installed, what needs it is not looked at
collect_ignore = [] if find_spec("torch") else ["training/anatomy/test_losses_and_network.py"]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real scans, headers and reference values: PSMAP_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("PSMAP_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data are not here: set PSMAP_DATA to their folder")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With PSMAP_NO_SKIP=1 a skipped test fails, unless it is marked gpu."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("PSMAP_NO_SKIP") == "1" and item.get_closest_marker("gpu") is None:
        reason = call.excinfo.value if call.excinfo is not None else "no reason given"
        report.outcome = "failed"
        report.longrepr = f"skipped, and PSMAP_NO_SKIP=1 allows no skips: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """With PSMAP_NO_SKIP=1 a test file that is skipped whole fails too."""
    report = yield
    if report.skipped and os.environ.get("PSMAP_NO_SKIP") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, and PSMAP_NO_SKIP=1 allows no skips: {collector.nodeid}"
    return report


def command(*arguments: str | Path) -> int:
    """Run a command of psmap in this process; its exit code."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@dataclass(frozen=True)
class ReadPhantom:
    """A phantom study on disk and what psmap made of it."""

    study: Path
    out: Path
    shown: Demonstration


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> ReadPhantom:
    """The body phantom's demonstration, run once; tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("demo")
    shown = psmap.demo(folder, iec=True)
    return ReadPhantom(folder / "iec-study", folder / "iec-read", shown)
