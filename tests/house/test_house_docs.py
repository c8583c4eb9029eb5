"""The papers of the house: the README's two lines, pages that can be reached, links that lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from psmap.catalog.load import load_tracers

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PAPERS = [*PAGES, *sorted(ROOT.glob("*.md")), ROOT / "CITATION.cff", ROOT / "mkdocs.yml"]
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#|mailto:)([^)#\s]+)[^)]*\)")
LOCAL_PATH = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users)/|[A-Z]:\\\\")

RUN_DEMO = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/psmap demo"
RUN_TESTS = '.venv/bin/pip install ".[test]" && .venv/bin/python -m pytest -m "not train and not gpu"'


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_readme_has_its_two_lines_and_ci_runs_exactly_these() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert readme.count(RUN_DEMO) == 1
    assert readme.count(RUN_TESTS) == 1
    listed = subprocess.run(["bash", str(ROOT / ".ci" / "run"), "--show"], capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines() == [RUN_DEMO, RUN_TESTS]


def test_navigation_lists_every_page_once() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w./-]+\.md)\s*$", nav, flags=re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(ROOT / "docs").as_posix() for page in PAGES)


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_papers_name_no_path_of_one_machine(paper: Path) -> None:
    assert LOCAL_PATH.findall(paper.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("paper", [paper for paper in PAPERS if paper.suffix == ".md"], ids=name_of)
def test_links_lead_somewhere(paper: Path) -> None:
    links = LINK.findall(paper.read_text(encoding="utf-8"))
    assert [link for link in links if not (paper.parent / link).exists()] == []


def test_every_tracer_of_the_catalogue_is_documented() -> None:
    page = (ROOT / "docs" / "tracers.md").read_text(encoding="utf-8")
    missing = [tracer for tracer in load_tracers().values() if f"| `{tracer.id}` | {tracer.name} |" not in page]
    assert missing == []


def test_every_dependency_has_its_licence_and_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = text.partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    names = re.findall(r'"([\w-]+)', block)
    assert len(names) > 5
    licences = (ROOT / "THIRD_PARTY_LICENSES.md").read_text(encoding="utf-8")
    reasons = (ROOT / "docs" / "decisions" / "0001-libraries.md").read_text(encoding="utf-8")
    assert [name for name in names if f"| {name} |" not in licences] == []
    assert [name for name in names if f"| {name} |" not in reasons] == []
