"""Imports point only down from room to room; imports inside functions count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BELOW = {
    "assistant": {"tools", "prompts", "domain"},
    "tools": {"engines", "retrieval", "domain"},
    "engines": {"domain"},
    "retrieval": {"domain"},
    "feeds": {"domain"},
    "evals": {"assistant", "tools", "engines", "retrieval", "prompts", "domain"},
    "finetune": {"tools", "engines", "evals", "prompts", "domain"},
    "cities": {"domain", "engines"},
    "domain": set(),
    "prompts": set(),
}
ROOMS = {*BELOW, "app", "docs", "tests", "deploy"}
EXCEPTIONS = {
    ("assistant/health.py", "retrieval"): "the doctor asks each part how it is, the search among them",
}
FILES = sorted(file for room in BELOW for file in (ROOT / room).rglob("*.py"))


def imported(source: str, file: str) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of every import of a source text, lazy and relative ones too."""
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module if node.module and not node.level else file.split("/")[0], node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            named = node.args[0] if node.args else None
            yield str(named.value) if isinstance(named, ast.Constant) else "", node.lineno


def faults(source: str, file: str) -> list[str]:
    """The imports of a file that do not point down."""
    room = file.split("/")[0]
    found = ((module.split(".")[0], line) for module, line in imported(source, file))
    return [
        f"{file}:{line} imports {target}"
        for target, line in found
        if target in ROOMS - {room} and target not in BELOW[room] and (file, target) not in EXCEPTIONS
    ]


@pytest.mark.parametrize("room", sorted(BELOW))
def test_a_room_imports_only_from_the_rooms_below_it(room: str) -> None:
    mine = [file for file in FILES if file.relative_to(ROOT).parts[0] == room]
    found = [fault for f in mine for fault in faults(f.read_text("utf-8"), f.relative_to(ROOT).as_posix())]
    assert found == []


def test_the_rooms_have_no_circle() -> None:
    order: list[str] = []
    while len(order) < len(BELOW):
        ready = [room for room in BELOW if room not in order and BELOW[room] <= {*order}]
        assert ready, f"a circle among {sorted({*BELOW} - {*order})}"
        order += ready


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("domain/x.py", "from tools.registry import TOOLS"),
        ("domain/repositories/x.py", "def late():\n    import retrieval.store"),
        ("tools/x.py", "if True:\n    from assistant import memory"),
        ("assistant/x.py", "import app"),
        ("engines/x.py", "import importlib\nimportlib.import_module('tools.fill')"),
        ("evals/x.py", "from finetune.rows import main"),
        ("prompts/x.py", "import domain.values"),
    ],
)
def test_the_check_sees_an_import_that_points_up(file: str, source: str) -> None:
    assert len(faults(source, file)) == 1


def test_every_exception_is_still_needed() -> None:
    for file, target in EXCEPTIONS:
        modules = {module.split(".")[0] for module, _ in imported((ROOT / file).read_text("utf-8"), file)}
        assert target in modules, f"{file} no longer imports {target}: take the exception out"
