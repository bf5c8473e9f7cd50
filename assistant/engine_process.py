"""The embedded engine's own process: llama.cpp behind HTTP on a free loopback port.

`python engine_process.py` reads one line of JSON from standard input (the keys of `EngineConfig`), loads the model,
writes the address it listens on as one line to standard output, and serves until standard input closes. The pipe closes
when the parent ends, however it ends, so no engine outlives it; where a fork of the parent holds the pipe open, the
change of parent is seen within a second. What the engine says goes to standard error.

It runs as a file and imports nothing of Roundsman, so a start costs no more than loading the engine.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from typing import Any, TypedDict

PROMPT_CACHE_MIB = 64
"""Memory for prompts of other conversations; a 100-token prompt of the embedded model takes about 2 MiB."""
WARNINGS = 2
SPINS = 1_000
"""Turns that a thread of the engine waits for another in before it sleeps, read by libgomp as it is loaded.

Enough for the waits of an idle machine: with 100 of them the threads of a virtual machine wake each other 5,500 times a
second, and two are slower than one. With libgomp's own 300,000, a decision takes minutes on two cores of which one has
other work (finetune/LOG.md has the figures).
"""


class EngineConfig(TypedDict):
    """What the parent says in the first line."""

    base: str
    adapter: str | None
    key: str
    threads: int
    context: int
    slots: int


def main() -> None:
    """Serve until the parent lets go of standard input."""
    report = os.dup(1)
    os.dup2(2, 1)  # the engine's C++ code may print
    config: EngineConfig = json.loads(sys.stdin.readline())
    end = threading.Thread(target=_end_with_parent, daemon=True)
    end.start()
    server = _serve(config)
    os.write(report, f"{server.listening_address}\n".encode())
    os.close(report)
    end.join()


def _end_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        if select.select([0], [], [], 1.0)[0] and not os.read(0, 4096):
            break
    os._exit(0)  # the state is all in memory: nothing to save, and nothing may hold up the end


def _serve(config: EngineConfig) -> Any:
    """The running server; it answers only requests that carry the key."""
    os.putenv("GOMP_SPINCOUNT", str(SPINS))
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["base"]
    if config["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(config["adapter"], 1.0)]
    params.n_ctx = config["context"] * config["slots"]
    params.n_parallel = config["slots"]
    params.cpuparams.n_threads = config["threads"]
    params.cpuparams_batch.n_threads = config["threads"]
    params.cache_prompt = True
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["key"]]
    params.ui = False
    params.verbosity = WARNINGS
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
