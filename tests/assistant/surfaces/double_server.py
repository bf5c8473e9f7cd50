"""Serves the chat page and the API over a scripted assistant, in a process of its own: HOME PORT."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE)]

from surface_cases import parts_over  # noqa: E402  # the tests' folders are found only now

from assistant.surfaces.serve import serve  # noqa: E402
from domain.clock import wall_clock  # noqa: E402
from domain.loading import load_city  # noqa: E402
from domain.store import Store  # noqa: E402


def main(home: Path, port: int) -> None:
    """Serve until stopped."""
    home.mkdir(parents=True, exist_ok=True)
    store = Store(f"sqlite:///{home / 'roundsman.db'}")
    store.migrate()
    load_city(store, HERE.parents[1] / "small_city", at=wall_clock())
    plain = parts_over(store, home)
    try:
        serve(parts_over(store, home, settings=plain.settings.model_copy(update={"port": port})), print)
    finally:
        (home / "closed").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
