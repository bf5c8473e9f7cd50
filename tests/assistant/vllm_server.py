"""A real vLLM server on loopback, from an environment of its own: a base and an adapter as Hugging Face folders."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.language_model import OpenAIModel

START_S = 420.0
RANKS = (8, 16, 32, 64, 128)
"""The adapter ranks that vLLM makes room for."""


@contextmanager
def vllm_server(python: str, base: Path, adapter: Path, log: Path) -> Iterator[str]:
    """The URL of a fresh vLLM that serves the base as `base` and the adapter as `roundsman`, once it answers.

    It is ended afterwards; what it said is in `log`. Single precision, so that no call hangs on a rounding.
    """
    port = _free_port()
    rank = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"]
    room = next(each for each in RANKS if each >= rank)
    flags = [
        "--model", base, "--served-model-name", "base", "--host", "127.0.0.1", "--port", str(port),
        "--dtype", "float32", "--max-model-len", "4096", "--max-num-seqs", "2", "--enforce-eager",
        "--enable-lora", "--max-lora-rank", str(room), "--lora-modules", f"roundsman={adapter}",
        "--structured-outputs-config", '{"backend": "guidance"}',
    ]  # fmt: skip
    environment = {
        **os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1",
        "OMP_NUM_THREADS": "1", "PYTHONPATH": "",
    }  # fmt: skip
    with log.open("wb") as out:
        server = subprocess.Popen(
            [python, "-m", "vllm.entrypoints.openai.api_server", *map(str, flags)],
            env=environment, cwd=log.parent, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, server, log)
        yield url
    finally:
        _end(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_S
    while not asyncio.run(_ready(url)):
        said = log.read_text(errors="replace")[-3000:]
        assert server.poll() is None, f"vLLM ended with {server.returncode}:\n{said}"
        assert time.monotonic() < give_up, f"vLLM did not start within {START_S:g} s:\n{said}"
        time.sleep(1)


async def _ready(url: str) -> bool:
    probe = OpenAIModel(url, "roundsman", None, "vllm")
    try:
        return await probe.ready(deadline_s=30)
    finally:
        await probe.close()


def _end(server: subprocess.Popen[bytes]) -> None:
    """First as vLLM likes it, so that it ends its workers; then by force, with all that it started."""
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, 9)
        server.wait()
