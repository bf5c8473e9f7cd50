"""The house's own rules: sizes, names, silence at import, settings and clock in one place."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("assistant", "cities", "domain", "engines", "evals", "feeds", "finetune", "prompts", "retrieval", "tools")
SOURCES = sorted([ROOT / "app.py", *(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MIGRATIONS = "domain/migrations/versions/"  # written once, never read again

LONGEST_FILE, LONGEST_TEST, LONGEST_FUNCTION = 400, 600, 60
ENVIRONMENT = {
    "domain/settings.py": "the one place where settings are read",
    "assistant/surfaces/chat_files.py": "the chat's library knows no other way to be told its settings",
}
CLOCK = {
    "domain/clock.py": "the clock itself",
    "app.py": "when records were loaded, and nothing is computed from it",
    "evals/__main__.py": "the date of a result",
    "evals/bench.py": "when records were loaded, and the time of a thrown-away ledger",
}
WEAK_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "base", "core", "misc", "stuff"}
NAMES_WITH_REASON = {"finetune/base.py": "the base model, not a base class"}
MOST_BROAD_EXCEPTS = 8
HEAVY = ("torch", "chainlit", "mlflow", "prophet", "langgraph")
UNSPOKEN = [
    "work" + "/main", "work" + "/shared", "brief" + "/common", "sub" + "-agent", "sub" + "agent", "DESIGN" + "\\.md",
    "HOUSE" + "-STYLE\\.md", "field" + "-notes", "this" + " session", "as an AI" + " model",
]  # fmt: skip
"""How a text would speak of where and how it was written instead of Roundsman (built from pieces, for this file)."""


def place(file: Path) -> str:
    """The path as the rules name it."""
    return file.relative_to(ROOT).as_posix()


@functools.cache
def trees() -> list[tuple[str, ast.Module]]:
    """Every source file, read."""
    return [(place(file), ast.parse(file.read_text("utf-8"))) for file in SOURCES]


def lines_with(pattern: str, files: list[Path]) -> list[str]:
    """`path:line` of each line that holds the pattern."""
    found = re.compile(pattern)
    return [
        f"{place(file)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if found.search(line)
    ]


def test_no_file_is_longer_than_the_house_allows() -> None:
    limits = [(file, LONGEST_FILE) for file in SOURCES] + [(file, LONGEST_TEST) for file in TESTS]
    sizes = {place(file): (len(file.read_text("utf-8").splitlines()), most) for file, most in limits}
    assert {name: size for name, (size, most) in sizes.items() if size > most} == {}


def test_no_function_is_longer_than_sixty_lines() -> None:
    found = [
        f"{name}:{node.lineno} {node.name} ({_length(node)})"
        for name, tree in trees()
        if not name.startswith(MIGRATIONS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > LONGEST_FUNCTION
    ]
    assert found == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: a tool's docstring is its declaration."""
    doc = node.body[0] if ast.get_docstring(node) else None
    told = (doc.end_lineno or doc.lineno) - doc.lineno + 1 if doc else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - told


def test_the_environment_is_read_in_one_place() -> None:
    found = lines_with(r"os\.environ|\bgetenv\b", SOURCES)
    assert {line.partition(":")[0] for line in found} <= {*ENVIRONMENT}


def test_the_clock_is_read_in_one_place() -> None:
    asked = r"datetime\.now\(|date\.today\(|datetime\.today\(|utcnow\(|\btime\.time\("
    found = {line.partition(":")[0] for line in lines_with(asked, SOURCES) if not line.startswith("cities/")}
    assert found <= {*CLOCK}


def test_only_surfaces_catch_everything_and_seldom() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]
    assert [line for line in found if not line.startswith("assistant/surfaces/")] == []
    assert len(found) <= MOST_BROAD_EXCEPTS, found


def test_no_file_has_a_name_that_says_nothing() -> None:
    weak = [place(file) for file in [*SOURCES, *TESTS] if file.stem in WEAK_NAMES]
    assert [name for name in weak if name not in NAMES_WITH_REASON] == []


def test_no_two_files_of_tests_have_one_name() -> None:
    names = [file.name for file in TESTS if file.name not in ("conftest.py", "__init__.py")]
    assert sorted(names) == sorted(set(names)), "pytest collects files without packages by their names"


def test_libraries_do_not_print() -> None:
    speaking = ("finetune/", "evals/", "cities/", "assistant/surfaces/", MIGRATIONS)
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        if not name.startswith(speaking)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert found == []


def test_the_repository_speaks_of_roundsman_alone() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")  # fmt: skip
    endings = (".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".sh", "Makefile", ".cfg")
    files = [ROOT / name for name in tracked if name.endswith(endings) and (ROOT / name).is_file()]
    assert lines_with("|".join(UNSPOKEN), files or [*SOURCES, *TESTS]) == []


# ---------------------------------------------------------------- import is silent


def fresh(program: str) -> subprocess.CompletedProcess[str]:
    """A program in a fresh interpreter, in the repository's root."""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_importing_the_assistant_brings_nothing_heavy() -> None:
    program = f"""
import sys
import assistant.answer, assistant.approvals, assistant.surfaces.api, assistant.surfaces.cli
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert fresh(program).stdout.strip() == "[]"


def test_importing_any_module_prints_nothing() -> None:
    modules = [place(file).removesuffix(".py").replace("/", ".").removesuffix(".__init__") for file in SOURCES]
    skipped = ("domain.migrations", "evals.__main__", "assistant.surfaces.chat", "finetune", "cities")
    told = fresh("\n".join(f"import {module}" for module in modules if not module.startswith(skipped)))
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
