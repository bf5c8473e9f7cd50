"""Starts and stops the stand-in, and tells it what to suffer from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_S = 30


@dataclass(frozen=True)
class Double:
    """A running stand-in."""

    port: int
    grpc_port: int
    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def started(cls, message_bytes: int | None = None) -> Iterator[Double]:
        """One that runs until the block ends."""
        room = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        command = [sys.executable, "-m", "weaviate_double", *([str(message_bytes)] if message_bytes else [])]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=room) as process:
            try:
                assert process.stdout is not None
                ports = json.loads(process.stdout.readline())
                yield cls(ports["port"], ports["grpc_port"], process)
            finally:
                process.kill()

    @property
    def url(self) -> str:
        """The address of its HTTP half."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, **faults: object) -> None:
        """Begin or end faults, by the names of `Faults`."""
        self._tell({"faults": faults})

    def heal(self) -> None:
        """End all faults."""
        self.set(hang=False, unavailable=False, slow_s=0.0, lost_nodes=0, not_ready=False, refuse_writes=False)

    def forget(self) -> None:
        """Lose everything, as after a lost disk."""
        self._tell({"forget": True})

    def held(self) -> dict[str, dict[str, int]]:
        """How many objects there are, by collection and tenant."""
        return dict(self._tell({})["held"])

    def die(self) -> None:
        """End at once: from now on connections are refused."""
        self.process.kill()
        self.process.wait()

    def _tell(self, body: dict[str, Any]) -> Any:
        return httpx.post(f"{self.url}/double", json=body, timeout=START_S).json()
