"""The loop of every stage of tuning: planned steps, one line a step, checkpoints from which it goes on exactly."""

from __future__ import annotations

import argparse
import json
import pickle
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from domain.errors import BadData
from domain.files import file_digest
from finetune import adapters, runs
from finetune.base import Base, load_base, open_base
from finetune.llama import Computing, Lora, TunedLlama
from prompts.render import END, VERSION_OF_STYLE

ADAM_BETAS = (0.9, 0.99)
PROBE_STEPS = 3
SAME_MAKING = {"data_digest": "rows", "base_digest": "a base", "prompt_hash": "prompts of style"}
"""What a resumed run must be made of again, in words."""
COPIED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True)
class Plan:
    """What decides the weights that come out; a resumed run must have the same. New fields need defaults: a checkpoint
    of an older version goes on with them."""

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
    init: str = ""  # digest of the adapter it starts from
    beta: float = 0.0  # of finetune.prefer
    keep: float = 0.0  # of finetune.prefer
    decay: float = 1.0
    earlier: bool = False  # of finetune.sft


class Task(Protocol):
    """What is learned, from what. A step is whatever `steps` lists."""

    @property
    def size(self) -> int:
        """How many rows there are."""
        ...

    def steps(self, plan: Plan, epoch: int) -> Sequence[Any]:
        """The steps of an epoch; a function of the plan alone."""
        ...

    def learn(self, net: TunedLlama, step: Any) -> dict[str, float]:
        """Add the step's gradients; `loss`, `tokens` and other figures."""
        ...

    def check(self, net: TunedLlama, plan: Plan) -> dict[str, float]:
        """Figures on the validation rows; empty without any."""
        ...


@dataclass
class Run:
    """A run under way. `step` steps of `total` are done."""

    plan: Plan
    net: TunedLlama
    optimiser: torch.optim.Optimizer
    task: Task
    out: Path
    total: int
    step: int = 0
    stop: bool = False
    making: adapters.Making | None = None
    diary: runs.Diary | None = None


def learning_rate(plan: Plan, step: int, total: int) -> float:
    """Linear warm-up over the first `warmup` share of the steps, constant, then straight to zero over the last `decay`
    share (Bergsma et al. 2025, "Straight to Zero"; constant in between as in Hu et al. 2024, MiniCPM)."""
    warm = max(1, round(plan.warmup * total))
    if step < warm:
        return plan.lr * (step + 1) / warm
    falling = min(round(plan.decay * total), total - warm)
    return plan.lr * min(1.0, (total - step) / (falling + 1))


def train_step(run: Run, optimiser: torch.optim.Optimizer, step: Any) -> dict[str, float]:
    """One optimiser step, and its figures."""
    figures = run.task.learn(run.net, step)
    torch.nn.utils.clip_grad_norm_(run.net.trained(), run.plan.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return figures


def probe_speed(run: Run) -> float:
    """Seconds a step, median of a few whose result is thrown away (the first, which compiles, not counted)."""
    idle = torch.optim.SGD(run.net.trained(), lr=0.0)
    took = []
    for step in run.task.steps(run.plan, 0)[: PROBE_STEPS + 2]:
        began = time.perf_counter()
        train_step(run, idle, step)
        took.append(time.perf_counter() - began)
    return sorted(took[2:] or took)[len(took[2:] or took) // 2]


def save_weights(run: Run, base: Path) -> None:
    """The PEFT folder (fp16), or after full fine-tuning a Hugging Face folder (bf16)."""
    from safetensors.torch import save_file

    if run.making:
        adapters.write_making(run.out, run.making)
    if not run.plan.full:
        adapters.write_adapter(run.out, run.net.adapter_state(), run.plan.alpha, base.name)
        return
    state = {k: v.to(torch.bfloat16).contiguous() for k, v in run.net.model_state().items()}
    adapters.write_whole(run.out / "model.safetensors", lambda p: save_file(state, p, {"format": "pt"}))
    for name in COPIED:
        if (base / name).is_file():
            (run.out / name).write_bytes((base / name).read_bytes())


def save_checkpoint(run: Run, base: Path) -> None:
    """Everything a resumed run needs; the weights for readers go first."""
    save_weights(run, base)
    state = {
        "plan": asdict(run.plan),
        "total": run.total,
        "step": run.step,
        "rows": run.task.size,
        "trained": [p.detach() for p in run.net.trained()],
        "optimiser": run.optimiser.state_dict(),
        "making": asdict(run.making) if run.making else None,
    }
    adapters.write_whole(run.out / "checkpoint.pt", lambda p: torch.save(state, p))


def load_checkpoint(run: Run) -> None:
    """Continue `run` from its folder. Raises BadData when there is none, or for another plan, other rows or base.

    A checkpoint of an older version does not hold what it was made of: then training.json beside it says so, and
    without that file only the plan and the number of rows are compared.
    """
    path = run.out / "checkpoint.pt"
    if not path.is_file():
        raise BadData(f"{path}: nothing to resume; start without --resume")
    state = torch.load(path, weights_only=True, map_location="cpu")
    if asdict(Plan(**state["plan"])) != asdict(run.plan) or state["rows"] != run.task.size:
        raise BadData(f"{path}: made with other flags or rows; resume with the same ones")
    made = adapters.Making(**state["making"]) if state.get("making") else adapters.read_making(run.out)
    for name, what in SAME_MAKING.items() if made and run.making else ():
        if (then := getattr(made, name)) != (now := getattr(run.making, name)):
            raise BadData(f"{path}: made of {what} {then[:12]}, given is {now[:12]}; resume with the same")
    with torch.no_grad():
        for parameter, value in zip(run.net.trained(), state["trained"], strict=True):
            parameter.copy_(value)
    run.optimiser.load_state_dict(state["optimiser"])
    run.step, run.total = state["step"], state["total"]


def log(run: Run, **figures: float) -> None:
    """One line to the screen and to log.jsonl, and the figures to the diary."""
    said = {key: float(f"{value:.5g}") for key, value in figures.items()}
    line = {"step": run.step, "total": run.total} | said
    print(json.dumps(line), flush=True)
    with (run.out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    if run.diary:
        run.diary.note(run.step, said)


def check_up(run: Run) -> None:
    """Log the validation figures."""
    if figures := run.task.check(run.net, run.plan):
        log(run, **figures)


def train(run: Run, base: Path, save_every_s: float, val_every: int) -> None:
    """Run to the last planned step, or until `run.stop`; checkpoints on the way."""
    epoch, skip = 0, run.step
    steps = run.task.steps(run.plan, 0)
    while skip >= len(steps) and run.step < run.total:
        skip, epoch = skip - len(steps), epoch + 1
        steps = run.task.steps(run.plan, epoch)
    saved = time.monotonic()
    while run.step < run.total and not run.stop:
        if skip == len(steps):
            skip, epoch = 0, epoch + 1
            steps = run.task.steps(run.plan, epoch)
        step, skip = steps[skip], skip + 1
        began, rate = time.perf_counter(), learning_rate(run.plan, run.step, run.total)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        figures = train_step(run, run.optimiser, step)
        run.step += 1
        speed = figures.pop("tokens") / (time.perf_counter() - began)
        log(run, epoch=epoch + skip / len(steps), **figures, lr=rate, tokens_s=speed)
        if run.step % val_every == 0 and run.step < run.total:
            check_up(run)
        if time.monotonic() - saved > save_every_s:
            save_checkpoint(run, base)
            saved = time.monotonic()
    save_checkpoint(run, base)
    if not run.stop:  # who asks to stop does not wait for minutes of judging
        check_up(run)


# ---------------------------------------------------------------- from the flags


def add_flags(p: argparse.ArgumentParser, lr: float) -> None:
    """The flags that all stages share; `lr` is the stage's usual rate."""
    p.add_argument("--rows", type=Path, required=True)
    p.add_argument("--val", type=Path)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--base", type=Path, help="a Hugging Face Llama folder; the packaged weights when left out")
    p.add_argument("--init", type=Path, help="a PEFT folder to start from; its rank and alpha are taken over")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=float, default=1.0)
    length.add_argument("--minutes", type=float, help="as many steps as fit, by the speed of the first ones")
    length.add_argument("--steps", type=int)
    p.add_argument("--style", choices=tuple(END), default="small", help="of the prompts")
    p.add_argument("--rank", type=int, default=16)
    p.add_argument("--alpha", type=float, help="twice the rank when left out")
    p.add_argument("--lr", type=float, default=lr)
    p.add_argument("--warmup", type=float, default=0.03, help="share of the steps")
    p.add_argument("--decay", type=float, default=1.0, help="share of the steps over which the rate falls to zero")
    p.add_argument("--weight-decay", type=float, default=0.0)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--step-tokens", type=int, default=2048)
    p.add_argument("--micro-tokens", type=int, default=2048, help="tokens in one forward pass")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    p.add_argument(
        "--dtype",
        choices=("auto", "bfloat16", "float32"),
        default="auto",
        help="of the matrix products; auto: bfloat16 where the hardware has it, and what a resumed run began with",
    )
    p.add_argument("--eager", action="store_true", help="no torch.compile (it needs a C++ compiler)")
    p.add_argument("--recompute", action="store_true", help="keep no inner results of layers (gradient checkpointing)")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--save-every-min", type=float, default=5.0)
    p.add_argument("--val-every", type=int, default=200, help="steps")
    p.add_argument("--no-diary", action="store_true", help="nothing to MLflow")


def device_of(said: str) -> str:
    """`auto` as what this machine has. Raises BadData for a GPU that is not there."""
    there = torch.cuda.is_available()
    if said == "cuda" and not there:
        raise BadData("--device cuda: torch sees no GPU here (a CPU build of torch, or no driver)")
    return ("cuda" if there else "cpu") if said == "auto" else said


def native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; one without it emulates that, many times slower."""
    able = torch.cpu.get_capabilities()
    return any(able.get(kind) for kind in ("avx512_bf16", "amx_bf16", "bf16"))


def dtype_of(args: argparse.Namespace) -> str:
    """`auto` as this machine multiplies fastest, or as the run began that is resumed. Raises BadData for a checkpoint
    that is none."""
    said: str = args.dtype
    checkpoint = args.out / "checkpoint.pt"
    if said != "auto":
        return said
    if args.resume and checkpoint.is_file():
        try:
            return str(torch.load(checkpoint, weights_only=True, map_location="cpu")["plan"]["dtype"])
        except (KeyError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
            raise BadData(f"{checkpoint}: not a checkpoint of finetune ({error!r}); start in another folder") from error
    return "bfloat16" if native_bfloat16() or device_of(args.device) == "cuda" else "float32"


def plan_of(args: argparse.Namespace, init: adapters.Described | None, **more: Any) -> Plan:
    """The plan that the flags say; an adapter to start from decides rank and alpha."""
    rank = init.rank if init else args.rank
    alpha = init.alpha if init else args.alpha or 2.0 * args.rank
    digest = file_digest(init.weights) if init else ""
    same = ("lr", "warmup", "decay", "weight_decay", "clip", "step_tokens", "micro_tokens", "seed", "style")
    flags = {name: getattr(args, name) for name in same} | {"dtype": dtype_of(args)}
    return Plan(rank=rank, alpha=alpha, full=getattr(args, "full", False), init=digest, **flags, **more)


def open_net(args: argparse.Namespace, plan: Plan, base: Base, init: adapters.Described | None) -> TunedLlama:
    """The network before its first step."""
    torch.manual_seed(plan.seed)
    dtype = getattr(torch, plan.dtype)
    lora = None if plan.full else Lora(plan.rank, plan.alpha)
    computing = Computing(dtype, device_of(args.device), not args.eager, args.recompute)
    net = TunedLlama(load_base(base, torch.float32 if plan.full else dtype), lora, computing)
    if init:
        net.load_adapter(adapters.read_adapter(init))
    return net


def making_of(args: argparse.Namespace, plan: Plan, base: Base, size: int) -> adapters.Making:
    """What the run's weights are made of."""
    import tools  # noqa: F401  # declares them
    from tools.registry import registry_version

    data, prompt = file_digest(args.rows), VERSION_OF_STYLE[plan.style]
    stage: str = args.stage
    seed = adapters.seed_of(args.rows)
    return adapters.Making(stage, base.name, base.digest, data, registry_version(), prompt, size, asdict(plan), seed)


def planned_steps(run: Run, args: argparse.Namespace) -> int:
    """The schedule's length, from the flags."""
    if args.steps is not None:
        return max(1, int(args.steps))
    if args.minutes is not None:
        return max(1, int(args.minutes * 60 / probe_speed(run)))
    whole = int(args.epochs)
    epochs: float = args.epochs
    counts = [len(run.task.steps(run.plan, epoch)) for epoch in range(whole + 1)]
    return max(1, sum(counts[:whole]) + round((epochs - whole) * counts[whole]))


def go(
    args: argparse.Namespace, plan_more: dict[str, Any], make_task: Callable[[Plan, TunedLlama, Base], Task]
) -> None:
    """Train as the flags say; SIGTERM and Ctrl-C end it with a checkpoint."""
    torch.set_num_threads(args.threads)
    base = open_base(args.base)
    init = adapters.describe(args.init) if args.init else None
    if init:
        adapters.check_base(init, base)
    if not args.resume and (args.out / "checkpoint.pt").exists():
        raise BadData(f"{args.out} holds a run already; add --resume or choose another folder")
    args.out.mkdir(parents=True, exist_ok=True)
    plan = plan_of(args, init, **plan_more)
    net = open_net(args, plan, base, init)
    task = make_task(plan, net, base)
    optimiser = torch.optim.AdamW(net.trained(), plan.lr, ADAM_BETAS, weight_decay=plan.weight_decay, fused=True)
    run = Run(plan, net, optimiser, task, args.out, total=0, making=making_of(args, plan, base, task.size))
    if args.resume:
        load_checkpoint(run)
    else:
        run.total = planned_steps(run, args)

    def ask_to_stop(*_: object) -> None:
        run.stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    if not args.no_diary:
        run.diary = runs.open_diary(args.out, run.making)
    torch.set_flush_denormal(True)  # softmaxes over a vocabulary end in them; in fp32 on a CPU they cost 3 to 7 %
    try:
        train(run, base.folder, args.save_every_min * 60, args.val_every)
    finally:
        torch.set_flush_denormal(False)
    if run.diary:
        run.diary.close("FINISHED" if run.step >= run.total else "KILLED")
