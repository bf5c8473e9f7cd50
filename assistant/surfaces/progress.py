"""A question with its steps as they happen, for every surface that shows them live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from assistant.ports import Asks, Inquiry
from assistant.shown import Answer, StepEvent


async def ask_with_steps(
    asks: Asks, inquiry: Inquiry, keep_alive_s: float = 15.0
) -> AsyncGenerator[StepEvent | Answer | None, None]:
    """Steps, then the answer; None whenever nothing happened for `keep_alive_s`. Raises what `ask` raises.

    Steps may come from any thread. Whoever stops listening cancels the question.
    """
    loop = asyncio.get_running_loop()
    steps: asyncio.Queue[StepEvent | None] = asyncio.Queue()

    def on_step(step: StepEvent | None) -> None:
        loop.call_soon_threadsafe(steps.put_nowait, step)

    asking = asyncio.create_task(asks.ask(inquiry, on_step))
    asking.add_done_callback(lambda _: on_step(None))
    try:
        while True:
            try:
                step = await asyncio.wait_for(steps.get(), keep_alive_s)
            except TimeoutError:
                yield None
                continue
            if step is None:
                break
            yield step
        yield await asking
    finally:
        asking.cancel()
