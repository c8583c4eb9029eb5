"""Output files appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(final: Path) -> Iterator[Path]:
    """Give a temporary path beside `final` with the same suffixes; rename it to `final` when the block ends well.

    The temporary file is removed if the block raises. A kill can leave a hidden `.part-*` file, never a
    half-written `final`.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".part-{secrets.token_hex(6)}-{final.name}")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)
