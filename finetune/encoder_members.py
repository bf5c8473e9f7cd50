"""One file of several thread encoders that were tuned on rows of different authors; each keeps a say of its own.

    python -m finetune.encoder_members --members finetune/runs/first.npz finetune/runs/second.npz \\
        --out finetune/adapter/roundsman-encoder.npz

Networks that differ in their rows and their order err in other places, and are together less sure where they err
("deep ensembles": Lakshminarayanan et al. 2017, arXiv:1612.01474).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from finetune.adapters import write_parts
from finetune.stage import run_stage
from tools.thread_encoder import load_encoders, made_for, part_name
from tools.tuned_minilm import reader


def join(members: Sequence[Path], out: Path) -> int:
    """Write the file; how many members it has. Raises BadData for a file that is none of today's, one that is given
    twice, and one that would be written over."""
    given = [file.resolve() for file in members]
    if len(set(given)) < len(given) or out.resolve() in given:
        raise BadData(f"every member is another file, and --out {out} none of them")
    parts: dict[str, npt.NDArray[Any]] = {}
    digests, count = list[str](), 0
    for file in members:
        here = len(load_encoders(file))  # refuses what does not fit
        with np.load(file, allow_pickle=False) as stored:
            digests += json.loads(str(stored["about"])).get("data_digests", [])
            for name in stored.files:
                number, _, part = name.partition("/")
                if part:
                    parts[part_name(count + int(number), part)] = stored[name]
        count += here
    write_parts(out, parts, {**made_for(reader()), "data_digests": digests})
    return count


def main() -> None:
    """Join as the flags say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=Path, nargs="+", required=True, help="files of finetune.encoder")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    count = join(options.members, options.out)
    print(f"{options.out}: {count} members, {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage(main)
