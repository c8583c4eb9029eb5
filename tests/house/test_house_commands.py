"""The command line is quick to start, documented, and has one version."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

import psmap
from psmap.apps.cli.main import app

HEAVY = (
    "PIL", "highdicom", "jinja2", "matplotlib", "nibabel", "numba", "numpy", "onnxruntime", "pydicom", "reportlab",
    "scipy", "skimage", "torch",
)  # fmt: skip
HELP = """
import sys
from psmap.apps.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    assert not left.code, left.code
print("loaded:", *sorted(set(sys.modules) & set({heavy!r})))
"""


def commands() -> list[str]:
    root = typer.main.get_command(app)
    return sorted(getattr(root, "commands", {}))


@pytest.fixture(scope="module")
def interface(repository: Path) -> str:
    return (repository / "docs" / "interface.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["read", "--help"]], ids=" ".join)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    script = HELP.format(heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_commands_of_this_version() -> None:
    """The table of the user interface asks for these three first."""
    assert {"read", "suv", "demo"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_is_documented(command: str, interface: str) -> None:
    assert f"`psmap {command}" in interface
    options = getattr(typer.main.get_command(app), "commands")[command].params  # noqa: B009
    named = [name for option in options for name in option.opts if name.startswith("--")]
    missing = [name for name in named if not re.search(rf"{re.escape(name)}(?![\w-])", interface)]
    assert missing == []


def test_every_public_name_is_documented(interface: str) -> None:
    missing = [name for name in psmap.__all__ if not re.search(rf"psmap\.{name}\b", interface)]
    assert missing == []


def test_every_public_name_can_be_had() -> None:
    assert [name for name in psmap.__all__ if not hasattr(psmap, name)] == []


def test_version_stands_in_one_place(repository: Path) -> None:
    """Package, metadata, citation and changelog agree."""
    assert version("psmap") == psmap.__version__
    assert f'\nversion: "{psmap.__version__}"\n' in (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{psmap.__version__}]" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")
