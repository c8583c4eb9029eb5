"""The house's manners: a first line for every file, a sentence for every public name, no file too long, no shrugs."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "psmap"
MODULES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = 450
NAMES_WITHOUT_IDEA = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}
SHRUGS = re.compile(r"\b(?:TODO|FIXME|XXX)\b|raise\s+NotImplementedError\b|except\s+(?:Base)?Exception\b|except\s*:")


def name_of(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def without_sentence(tree: ast.Module) -> list[str]:
    """Public classes, functions and methods that have no docstring."""
    bare = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            bare.append(node.name)
        methods = node.body if isinstance(node, ast.ClassDef) else []
        bare += [
            f"{node.name}.{method.name}"
            for method in methods
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and not ast.get_docstring(method)
        ]
    return bare


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_file_says_its_idea_and_keeps_to_it(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    tree = ast.parse(text)
    first_line = (ast.get_docstring(tree) or "").partition("\n")[0]
    assert len(first_line) > 15, "the first line of the docstring is the idea of the file"
    assert len(text.splitlines()) <= MOST_LINES
    assert without_sentence(tree) == []
    assert SHRUGS.findall(text) == []


def test_no_name_without_an_idea() -> None:
    words = {part for module in MODULES for part in module.relative_to(SOURCE).with_suffix("").parts}
    assert {word for word in words if NAMES_WITHOUT_IDEA & set(word.split("_"))} == set()


def test_no_empty_room() -> None:
    """Every folder of code holds a file of code; rooms are furnished when their first verb is written."""
    folders = {module.parent for module in MODULES}
    verbs = {module.parent for module in MODULES if module.name != "__init__.py"}
    empty = {name_of(folder) for folder in folders - verbs if not any(folder in other.parents for other in verbs)}
    furnished_by_init = {name for name in empty if len(ast.parse((SOURCE / name / "__init__.py").read_text()).body) > 1}
    assert empty - furnished_by_init == set()


@pytest.mark.parametrize("entry", sorted((SOURCE / "catalog").rglob("*.toml")), ids=name_of)
def test_every_catalogue_entry_has_a_source(entry: Path) -> None:
    table = tomllib.loads(entry.read_text(encoding="utf-8"))
    listed = (value if isinstance(value, list) else [value] for value in table.values())
    entries = [table] if "source" in table else [each for values in listed for each in values]
    assert entries
    assert all(isinstance(each, dict) and len(each.get("source", "")) > 10 for each in entries)
