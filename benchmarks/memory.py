"""How much memory an action takes at its highest, over what the process held before (Linux; NaN elsewhere)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def peak_mb(run: Callable[[], object]) -> float:
    """MB of resident pages; blocks that the process freed before and kept may be used again, and then do not count."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not clear.exists():
        return float("nan")
    clear.write_text("5", encoding="ascii")
    before = _field_mb(status, "VmRSS")
    run()
    return max(_field_mb(status, "VmHWM") - before, 0.0)


def _field_mb(status: Path, field: str) -> float:
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024.0
