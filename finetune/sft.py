"""Supervised tuning of the embedded model on rendered rows; writes a PEFT adapter folder (or, with --full, a model).

    python -m finetune.sft --rows train.jsonl --val val.jsonl --out finetune/runs/a --epochs 3
    python -m finetune.sft --rows train.jsonl --val val.jsonl --out finetune/runs/a --epochs 3 --resume

Rows are those of `python -m finetune.rows`, rendered in a style of prompts/render.py (`--style`); loss falls on the
completion and its end token only. The folder holds the
adapter (adapter_config.json, adapter_model.safetensors), log.jsonl, and checkpoint.pt while the run can still go on. A
killed run continues exactly where its last checkpoint left off; SIGTERM and Ctrl-C write one first.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from domain.errors import BadData
from finetune.base import base_folder
from finetune.llama import PROJECTIONS, Lora, TunedLlama
from finetune.packing import Row, collate, epoch_steps, pack, read_rows
from prompts.render import END

BASE_CACHE = Path("finetune/runs/base")
ADAM_BETAS = (0.9, 0.99)
PROBE_STEPS = 3


@dataclass(frozen=True)
class Plan:
    """What decides the weights that come out; a resumed run must have the same."""

    rank: int
    alpha: float
    lr: float
    warmup: float
    weight_decay: float
    clip: float
    step_tokens: int
    micro_tokens: int
    seed: int
    full: bool
    dtype: str
    style: str = "small"


@dataclass
class Run:
    """A run under way. `step` steps of `total` are done."""

    plan: Plan
    net: TunedLlama
    optimiser: torch.optim.Optimizer
    rows: list[Row]
    val: list[Row]
    out: Path
    total: int
    step: int = 0
    stop: bool = False


def learning_rate(plan: Plan, step: int, total: int) -> float:
    """Linear warm-up over the first `warmup` share of the steps, then a cosine down to a tenth."""
    warm = max(1, round(plan.warmup * total))
    if step < warm:
        return plan.lr * (step + 1) / warm
    done = (step - warm) / max(1, total - warm)
    return plan.lr * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))


def train_step(net: TunedLlama, optimiser: torch.optim.Optimizer, packs: Sequence[Sequence[Row]], clip: float) -> float:
    """One optimiser step on all packs; the mean loss of a counted token before it."""
    counted = sum(len(row.ids) - row.quiet for packed in packs for row in packed)
    total = 0.0
    for packed in packs:
        loss, _ = net(collate(packed))
        (loss / counted).backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(net.trained(), clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return total / counted


def validate(net: TunedLlama, rows: Sequence[Row], micro_tokens: int) -> tuple[float, float]:
    """Mean loss of a counted token, and the share of rows whose whole completion greedy decoding would say."""
    loss, counted, right = 0.0, 0, 0
    for packed in pack(rows, micro_tokens):
        batch = collate(packed)
        with torch.no_grad():
            part, hits = net(batch)
        loss += part.item()
        counted += len(hits)
        wrong = torch.zeros(len(packed)).index_add_(0, batch.row_of, (~hits).float())
        right += int((wrong == 0).sum())
    return loss / counted, right / len(rows)


def order(run: Run, epoch: int) -> list[list[list[Row]]]:
    """The steps of an epoch; a function of the plan alone."""
    return epoch_steps(run.rows, run.plan.step_tokens, run.plan.micro_tokens, f"{run.plan.seed}/{epoch}")


def probe_speed(run: Run) -> float:
    """Seconds a step, median of a few whose result is thrown away (the first, which compiles, not counted)."""
    idle = torch.optim.SGD(run.net.trained(), lr=0.0)
    took = []
    for packs in order(run, 0)[: PROBE_STEPS + 2]:
        began = time.perf_counter()
        train_step(run.net, idle, packs, run.plan.clip)
        took.append(time.perf_counter() - began)
    return sorted(took[2:] or took)[len(took[2:] or took) // 2]


def write_whole(path: Path, write: Any) -> None:
    """Write beside, then rename: a reader sees the old file or the new one."""
    part = path.with_name(path.name + ".part")
    write(part)
    os.replace(part, path)  # noqa: PTH105


def save_weights(run: Run, base: Path) -> None:
    """The PEFT folder (fp16), or after full fine-tuning a Hugging Face folder (bf16)."""
    from safetensors.torch import save_file

    plan, out = run.plan, run.out
    if plan.full:
        state = {k: v.to(torch.bfloat16).contiguous() for k, v in run.net.model_state().items()}
        write_whole(out / "model.safetensors", lambda p: save_file(state, p, {"format": "pt"}))
        for name in (
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
        ):
            if (base / name).is_file():
                (out / name).write_bytes((base / name).read_bytes())
        return
    adapter = {k: v.to(torch.float16).contiguous() for k, v in run.net.adapter_state().items()}
    write_whole(out / "adapter_model.safetensors", lambda p: save_file(adapter, p, {"format": "pt"}))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.name,
        "r": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "target_modules": sorted(name.split(".")[1] for name in PROJECTIONS),
    }
    write_whole(out / "adapter_config.json", lambda p: p.write_text(json.dumps(config, indent=2) + "\n"))


def save_checkpoint(run: Run, base: Path) -> None:
    """Everything a resumed run needs; the weights for readers go first."""
    save_weights(run, base)
    trained = [p.detach() for p in run.net.trained()]
    state = {
        "plan": asdict(run.plan),
        "total": run.total,
        "step": run.step,
        "rows": len(run.rows),
        "trained": trained,
        "optimiser": run.optimiser.state_dict(),
    }
    write_whole(run.out / "checkpoint.pt", lambda p: torch.save(state, p))


def load_checkpoint(run: Run) -> None:
    """Continue `run` from its folder. Raises BadData when there is none, or it was another plan or other rows."""
    path = run.out / "checkpoint.pt"
    if not path.is_file():
        raise BadData(f"{path}: nothing to resume; start without --resume")
    state = torch.load(path, weights_only=True)
    if asdict(Plan(**state["plan"])) != asdict(run.plan) or state["rows"] != len(run.rows):
        raise BadData(f"{path}: made with other flags or rows; resume with the same ones")
    with torch.no_grad():
        for parameter, value in zip(run.net.trained(), state["trained"], strict=True):
            parameter.copy_(value)
    run.optimiser.load_state_dict(state["optimiser"])
    run.step, run.total = state["step"], state["total"]


def log(run: Run, **figures: float) -> None:
    """One line to the screen and to log.jsonl."""
    line = {"step": run.step, "total": run.total} | {k: float(f"{v:.5g}") for k, v in figures.items()}
    print(json.dumps(line), flush=True)
    with (run.out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def check_up(run: Run) -> None:
    """Log the validation figures."""
    if run.val:
        loss, exact = validate(run.net, run.val, run.plan.micro_tokens)
        log(run, val_loss=loss, val_exact=exact)


def train(run: Run, base: Path, save_every_s: float, val_every: int) -> None:
    """Run to the last planned step, or until `run.stop`; checkpoints on the way."""
    epoch, skip = 0, run.step
    steps = order(run, 0)
    while skip >= len(steps) and run.step < run.total:
        skip, epoch = skip - len(steps), epoch + 1
        steps = order(run, epoch)
    saved = time.monotonic()
    while run.step < run.total and not run.stop:
        if skip == len(steps):
            skip, epoch = 0, epoch + 1
            steps = order(run, epoch)
        packs, skip = steps[skip], skip + 1
        began, rate = time.perf_counter(), learning_rate(run.plan, run.step, run.total)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        loss = train_step(run.net, run.optimiser, packs, run.plan.clip)
        run.step += 1
        tokens = sum(len(row.ids) for packed in packs for row in packed)
        log(run, epoch=epoch + skip / len(steps), loss=loss, lr=rate, tokens_s=tokens / (time.perf_counter() - began))
        if run.step % val_every == 0 and run.step < run.total:
            check_up(run)
        if time.monotonic() - saved > save_every_s:
            save_checkpoint(run, base)
            saved = time.monotonic()
    save_checkpoint(run, base)
    check_up(run)


def parse() -> argparse.Namespace:
    """The flags."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", type=Path, required=True)
    p.add_argument("--val", type=Path)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--base", type=Path, help="a Hugging Face Llama folder; the packaged weights when left out")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=float, default=1.0)
    length.add_argument("--minutes", type=float, help="as many steps as fit, by the speed of the first ones")
    p.add_argument("--style", choices=tuple(END), default="small", help="of the prompts")
    p.add_argument("--rank", type=int, default=16)
    p.add_argument("--alpha", type=float, help="twice the rank when left out")
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--warmup", type=float, default=0.03, help="share of the steps")
    p.add_argument("--weight-decay", type=float, default=0.0)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--step-tokens", type=int, default=2048)
    p.add_argument("--micro-tokens", type=int, default=2048, help="tokens in one forward pass")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16", help="of the matrix products")
    p.add_argument("--eager", action="store_true", help="no torch.compile (it needs a C++ compiler)")
    p.add_argument("--full", action="store_true", help="tune all weights instead of an adapter; wants an lr near 1e-4")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--save-every-min", type=float, default=5.0)
    p.add_argument("--val-every", type=int, default=200, help="steps")
    return p.parse_args()


def prepare(args: argparse.Namespace, plan: Plan, base: Path) -> Run:
    """Model, rows and optimiser of a run that has not begun."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    torch.manual_seed(plan.seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    lora = None if plan.full else Lora(plan.rank, plan.alpha)
    net = TunedLlama(model, lora, getattr(torch, plan.dtype), compiled=not args.eager)
    optimiser = torch.optim.AdamW(net.trained(), plan.lr, ADAM_BETAS, weight_decay=plan.weight_decay, fused=True)
    rows = read_rows(args.rows, tokenizer, plan.micro_tokens, plan.style)
    val = read_rows(args.val, tokenizer, plan.micro_tokens, plan.style) if args.val else []
    return Run(plan, net, optimiser, rows, val, args.out, total=0)


def planned_steps(run: Run, args: argparse.Namespace) -> int:
    """The schedule's length, from the flags."""
    if args.minutes is not None:
        return max(1, int(args.minutes * 60 / probe_speed(run)))
    whole = int(args.epochs)
    epochs: float = args.epochs
    counts = [len(order(run, epoch)) for epoch in range(whole + 1)]
    return max(1, sum(counts[:whole]) + round((epochs - whole) * counts[whole]))


def main() -> None:
    """Train as the flags say."""
    args = parse()
    torch.set_num_threads(args.threads)
    plan = Plan(
        args.rank,
        args.alpha or 2.0 * args.rank,
        args.lr,
        args.warmup,
        args.weight_decay,
        args.clip,
        args.step_tokens,
        args.micro_tokens,
        args.seed,
        args.full,
        args.dtype,
        args.style,
    )
    base = args.base or base_folder(BASE_CACHE)
    args.out.mkdir(parents=True, exist_ok=True)
    run = prepare(args, plan, base)
    if args.resume:
        load_checkpoint(run)
    elif (args.out / "checkpoint.pt").exists():
        raise BadData(f"{args.out} holds a run already; add --resume or choose another folder")
    else:
        run.total = planned_steps(run, args)

    def ask_to_stop(*_: object) -> None:
        run.stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    train(run, base, args.save_every_min * 60, args.val_every)


if __name__ == "__main__":
    main()
