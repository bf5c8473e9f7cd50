"""Verifies an exported ledger without any part of Roundsman: one file, Python's standard library.

    python domain/verify_standalone.py export.jsonl --key hmac.key --checkpoints FOLDER [--vkey checkpoints.vkey]
Exit code 0: whole, 1: not whole, 2: cannot be read. Signatures are looked at where the package `cryptography` is.
"""

from __future__ import annotations

import argparse
import hmac
import json
import sys
from base64 import b64decode, b64encode
from functools import reduce
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TEXTS = ("at", "kind", "decision_id", "thread", "refers_to", "idem_key", "key_id", "body")
EMPTY: dict[str, Any] = {
    "seq": 0,
    "hash": bytes(32).hex(),
    "root": sha256(b"").hexdigest(),
}  # the head before the first record
Fault = tuple[str, "int | None", str]  # kind, first record not to trust, why


def covered(record: dict[str, Any], seq: int) -> bytes:
    """The bytes under a record's seal, as if its number were `seq`."""
    values = (seq, *map(record.get, TEXTS))
    parts = [b"" if value is None else str(value).encode("utf-8", "surrogateescape") for value in values]
    parts += [b64decode(record["asked_ciphertext"]), bytes.fromhex(record["prev_hash"])]
    return b"roundsman ledger record v1\n" + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def genuine(key: bytes, record: dict[str, Any], seq: int) -> bool:
    """Whether the record fits its seal (HMAC-SHA256) as number `seq`."""
    return bool(hmac.digest(key, covered(record, seq), "sha256").hex() == record["hash"])


def chain_fault(key: bytes, records: list[dict[str, Any]]) -> Fault | None:
    """The first record that is not the one that belongs there."""
    last: str = EMPTY["hash"]
    for wanted, record in enumerate(records, 1):
        if record["seq"] != wanted or record["prev_hash"] != last or not genuine(key, record, wanted):
            return name_fault(key, records, wanted, last)
        last = record["hash"]
    return None


def name_fault(key: bytes, records: list[dict[str, Any]], wanted: int, last: str) -> Fault:
    """What was done to the ledger at record `wanted`, whose predecessor has the seal `last`."""
    record = records[wanted - 1]
    if record["seq"] > wanted:
        return "gap", wanted, "it is missing"
    if record["seq"] == wanted and genuine(key, record, wanted):
        return "fork", max(1, wanted - 1), "the next one follows another record"
    if any(genuine(key, record, seq) for seq in range(1, max(len(records), records[-1]["seq"]) + 2)):
        moved = any(genuine(key, other, wanted) and other["prev_hash"] == last for other in records)
        return "reorder" if moved else "gap", wanted, "another genuine record stands here"
    strange = len(records) > 1 and not any(genuine(key, other, other["seq"]) for other in records)
    return ("key", 1, "no record fits the key") if strange else ("edit", wanted, "it was changed or put in")


def tree_roots(records: list[dict[str, Any]]) -> list[bytes]:
    """The root of the tree (RFC 6962, section 2.1) over no record, over the first, over the first two, and so on."""
    roots, peaks = [sha256(b"").digest()], list[bytes]()
    for size, record in enumerate(records, 1):
        peaks.append(sha256(b"\x00" + covered(record, record["seq"])).digest())
        for _ in range((size & -size).bit_length() - 1):  # as often as two equal subtrees stand at the end
            peaks[-2:] = [sha256(b"\x01" + peaks[-2] + peaks[-1]).digest()]
        roots.append(reduce(lambda right, left: sha256(b"\x01" + left + right).digest(), reversed(peaks)))
    return roots


def head_fault(last: str, roots: list[bytes], head: dict[str, Any]) -> Fault | None:
    """Whether the ledger ends where it says; `last` is the last record's seal."""
    size = len(roots) - 1
    if head["seq"] > size:
        return "truncation", size + 1, "the head knows of more records"
    if head["seq"] < size:
        return "edit", head["seq"] + 1, "there are records behind the head"
    whole = (head["hash"], head["root"]) == (last, roots[size].hex())
    return None if whole else ("edit", size, "the head was changed")


def signature_fault(note: str, vkey: str) -> str | None:
    """The fault in a signed note's signature: "edit", "key" or None. Needs the package `cryptography`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    name, signer, public = vkey.strip().split("+", 2)
    text, line = note.split("\n\n")
    signature = b64decode(line.split(" ")[2])
    if signature[:4].hex() != signer:
        return "key"
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(public)[1:]).verify(signature[4:], f"{text}\n".encode())
    except InvalidSignature:
        return "edit"
    return None if line == f"— {name} {b64encode(signature).decode()}\n" else "edit"


def checkpoint_fault(roots: list[bytes], folder: Path, vkey: str | None) -> Fault | None:
    """Holds every checkpoint, by size, against the records; without `vkey` their signatures are not looked at."""
    good = 0
    for size, file in sorted((int(f.stem), f) for f in folder.glob("*.checkpoint") if f.stem.isdecimal()):
        try:
            note = file.read_bytes().decode("utf-8")
            root = note.split("\n")[2]
            fault = signature_fault(note, vkey) if vkey else None
        except (ValueError, IndexError):
            fault = "edit"
        if fault or not note.startswith(f"roundsman/ledger\n{size}\n"):
            return fault or "edit", None, f"the checkpoint {file.name} was changed, or signed by somebody else"
        if size >= len(roots):
            return "truncation", len(roots), f"the checkpoint {file.name} knows of more records"
        if b64encode(roots[size]).decode() != root:
            return "fork", good + 1, f"these are not the records of the checkpoint {file.name}"
        good = size
    return None


def main() -> int:
    """Reads the files, says one line, gives the exit code."""
    parser = argparse.ArgumentParser(description="Verifies an exported ledger.")
    parser.add_argument("export", type=Path)
    for name in ("--key", "--checkpoints", "--vkey"):
        parser.add_argument(name, type=Path, required=name != "--vkey")
    given = parser.parse_args()
    try:
        records = [json.loads(line) for line in given.export.read_text().splitlines()]
        public = given.vkey or given.checkpoints / "checkpoints.vkey"
        vkey = public.read_text() if find_spec("cryptography") and public.exists() else None
        head = records.pop()["head"] if records and "head" in records[-1] else EMPTY
        roots, last = tree_roots(records), records[-1]["hash"] if records else EMPTY["hash"]
        fault = chain_fault(bytes.fromhex(given.key.read_text()), records) or head_fault(last, roots, head)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stdout.write(f"cannot read: {error!r}\n")
        return 2
    fault = fault or checkpoint_fault(roots, given.checkpoints, vkey)
    said = f"{fault[0]} at record {fault[1]}: {fault[2]}" if fault else f"whole: {len(records)} records"
    sys.stdout.write(said + ("\n" if vkey else " (signatures not looked at: no cryptography or no public key)\n"))
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
