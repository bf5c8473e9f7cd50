"""python -m assistant.prepare ADAPTER

Write the embedded model's weights with an adapter merged in (assistant/merged_weights.py), so that answers come sooner;
`make setup` does it for the shipped one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from assistant.local_model import check_adapter, file_digest, packaged_weights
from assistant.merged_weights import cache_folder, merged_file, write_merged
from domain.errors import ModelUnavailable
from prompts.render import VERSION_OF_STYLE
from tools.registry import registry_version


def main() -> None:
    """Write the file unless it is there, and say where it is."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    adapter = Path(sys.argv[1])
    try:
        base = packaged_weights()
        check_adapter(adapter, base, registry_version(), VERSION_OF_STYLE["small"])
    except ModelUnavailable as unavailable:
        sys.exit(str(unavailable))
    folder = cache_folder()
    file = merged_file(file_digest(base), file_digest(adapter), folder) if folder else None
    if file and (file.is_file() or write_merged(base, adapter, file)):
        sys.stdout.write(f"{file}: {adapter.name} merged into {base.name}\n")
    else:
        where = file or "the user's cache"
        sys.stdout.write(f"{where} cannot be written: {base.name} and {adapter.name} are served apart, more slowly\n")


if __name__ == "__main__":
    main()
