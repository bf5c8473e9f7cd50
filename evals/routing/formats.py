"""Which files of a folder are routing instances, and the instance of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from domain.errors import BadData
from evals.routing.best import published
from evals.routing.conventions import instance_of
from evals.routing.instances import Instance
from evals.routing.vrplib import is_solomon, read_solomon, read_vrplib
from evals.routing.waste import CONTAINERS, read_montevideo

ARC_ROUTING = (
    "arc routing is not read: an edge may be served in either direction and from either end, which no stop can say"
)
NO_FORMAT = "neither VRPLIB, Solomon nor Montevideo's containers"


@dataclass(frozen=True)
class Found:
    """The instance files below a folder by name, and the other data files with the reason why they are not read."""

    files: dict[str, Path]
    unread: dict[Path, str]


def find(where: Path) -> Found:
    """Every instance below a folder, or the one file. Raises BadData when there is none."""
    if not where.exists():
        raise BadData(f"there is no file or folder {where}")
    files, unread = [], {}
    for file in [where] if where.is_file() else sorted(each for each in where.rglob("*") if each.is_file()):
        if (reason := _unread(file)) is None:
            files.append(file)
        elif reason:
            unread[file] = reason
    if not files:
        why = "; ".join(f"{file.name}: {reason}" for file, reason in list(unread.items())[:3]) or "it holds none"
        raise BadData(f"{where}: no routing instance found ({why})")
    stems = [_stem(file) for file in files]
    names = [
        stem if stems.count(stem) == 1 else f"{file.parent.name}/{stem}"
        for file, stem in zip(files, stems, strict=True)
    ]
    return Found(dict(zip(names, files, strict=True)), unread)


def read_instance(file: Path) -> Instance:
    """One instance with its best-known cost. Raises BadData that names the file, and the line where there is one."""
    if file.name.endswith(CONTAINERS):
        return read_montevideo(file)
    raw = read_vrplib(file) if file.suffix == ".vrp" else read_solomon(file)
    return instance_of(raw, published(file))


def read_all(found: Found) -> Iterator[tuple[str, Instance]]:
    """Each instance under its name in the folder."""
    for name, file in found.files.items():
        yield name, replace(read_instance(file), name=name)


def _stem(file: Path) -> str:
    return file.name.removesuffix(CONTAINERS) if file.name.endswith(CONTAINERS) else file.stem


def _unread(file: Path) -> str | None:
    """None for an instance, a reason for other data, and an empty one for what is no data or belongs to an instance."""
    if file.suffix == ".vrp" or file.name.endswith(CONTAINERS):
        return None
    if file.suffix.casefold() not in {".txt", ".dat"} or file.name.endswith(".sol.txt") or _belongs(file):
        return ""
    text = file.read_text("utf-8", errors="replace")
    if is_solomon(text):
        return None
    return ARC_ROUTING if "LIST_REQ_" in text else NO_FORMAT


def _belongs(file: Path) -> bool:
    """Whether a text file is one of those beside a `NAME.containers.txt`."""
    name = file.name.partition(".")[0]
    return file.with_name(name + CONTAINERS).is_file()
