"""The ledger's own keys: one seals records, the other signs checkpoints. Made once, kept under home/keys/ledger.

Whoever holds `hmac.key` can verify, and could also forge, so an auditor gets a copy of an export and of the checkpoints
first. `checkpoints.vkey` is public. Keep a backup of the folder apart from the database's.
"""

from __future__ import annotations

import secrets
import tempfile
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.errors import LedgerUnavailable

__all__ = ["ORIGIN", "Keys", "key_hash", "load_keys", "new_keys"]

ORIGIN = "roundsman/ledger"  # the first line of every checkpoint, and the name of its signer
HMAC_FILE, SIGNING_FILE, PUBLIC_FILE = "hmac.key", "signing.key", "checkpoints.vkey"
ED25519 = b"\x01"  # the algorithm's byte in C2SP signed-note


@dataclass(frozen=True)
class Keys:
    """`hmac_key` (32 bytes) seals records, `signing_key` signs checkpoints. Neither is ever shown."""

    hmac_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)

    @property
    def vkey(self) -> str:
        """The public key as C2SP signed-note writes it: name+hash+base64(algorithm byte, key)."""
        public = self.signing_key.public_key()
        return f"{ORIGIN}+{key_hash(public).hex()}+{b64encode(ED25519 + public.public_bytes_raw()).decode()}"


def key_hash(public: Ed25519PublicKey) -> bytes:
    """The four bytes by which a signature names its signer (C2SP signed-note)."""
    return sha256(ORIGIN.encode() + b"\n" + ED25519 + public.public_bytes_raw()).digest()[:4]


def new_keys() -> Keys:
    """Fresh keys that are kept nowhere."""
    return Keys(secrets.token_bytes(32), Ed25519PrivateKey.generate())


def load_keys(home: Path) -> Keys:
    """The keys under `home`, made at first use: mode 0600, all at once, so two first starts agree on one pair.

    Raises LedgerUnavailable when one is missing, damaged or unreadable: a new one would not fit the records.
    """
    folder = home / "keys" / "ledger"
    try:
        if not folder.exists():
            _keep(new_keys(), folder)
        return Keys(_secret(folder / HMAC_FILE), Ed25519PrivateKey.from_private_bytes(_secret(folder / SIGNING_FILE)))
    except OSError as error:
        raise LedgerUnavailable(
            f"The ledger's key cannot be used: {error.strerror or error} ({error.filename}). "
            "Restore the folder keys/ledger from a backup; without it no record can be written or verified."
        ) from error


def _keep(keys: Keys, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    private = keys.signing_key.private_bytes_raw()
    files = {HMAC_FILE: keys.hmac_key.hex(), SIGNING_FILE: private.hex(), PUBLIC_FILE: keys.vkey}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:  # made with mode 0700
        made = Path(making) / "ledger"
        made.mkdir(mode=0o700)
        for name, content in files.items():
            (made / name).touch(mode=0o600)
            (made / name).write_text(content + "\n", encoding="ascii")
        try:
            made.rename(folder)
        except OSError:  # somebody else was first, and theirs count
            if not folder.exists():
                raise


def _secret(file: Path) -> bytes:
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise OSError(0, "the file is no key of 32 bytes in hexadecimal", str(file))
    return key
