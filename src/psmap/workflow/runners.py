"""Where the studies of a batch are run: each in a fresh Python of its own, on this machine or on a Dask cluster."""

from __future__ import annotations

import base64
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import IO, Any, TypeVar

from psmap.contracts import Ended
from psmap.domain.refusal import Refused

Job = TypeVar("Job")

POLL_S = 0.03
"""How often the processes are looked at (s); a study takes a hundred times as long."""

GRACE_S = 3.0
"""How long a process that has been told to stop may tidy up (s) before it is killed."""

THREADS = "OMP_NUM_THREADS"

CONNECT_S = 10.0
"""How long a Dask scheduler may take to answer (s)."""


def usable_cores() -> int:
    """How many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_threads() -> int:
    """How many threads a calculation may use: OMP_NUM_THREADS, as other libraries have it, else all usable cores."""
    said = os.environ.get(THREADS, "")
    return max(min(int(said), usable_cores()), 1) if said.isdecimal() else usable_cores()


@dataclass(frozen=True, slots=True)
class ProcessRunner:
    """A process per job, at most so many at once; a process that dies takes nothing else with it.

    Args:
        most_at_once: number of processes, at least 1.
    """

    most_at_once: int

    def __post_init__(self) -> None:
        if self.most_at_once < 1:
            raise ValueError(f"{self.most_at_once} processes are none")

    def __call__(self, function: Callable[[Job], None], jobs: Sequence[Job]) -> Generator[Ended, None, None]:
        """Yield every job as its process ends; closed early, it stops the processes that still run."""
        running: dict[int, _Child] = {}
        begun = 0
        try:
            while running or begun < len(jobs):
                while begun < len(jobs) and len(running) < self.most_at_once:
                    running[begun] = _start(function, jobs[begun], max(usable_cores() // self.most_at_once, 1))
                    begun += 1
                over = [index for index, child in running.items() if child.process.poll() is not None]
                if not over:
                    time.sleep(POLL_S)
                for index in over:
                    yield _ended(index, running.pop(index))
        finally:
            _stop(tuple(running.values()))


@dataclass(frozen=True, slots=True)
class DaskRunner:
    """A task per job on a Dask cluster; each task starts a process of its own on the worker that it lands on.

    The workers need psmap, and must see the studies and OUT under the same paths as the machine that asks.

    Args:
        scheduler: address of the scheduler, such as tcp://10.0.0.1:8786.
    """

    scheduler: str

    def __call__(self, function: Callable[[Job], None], jobs: Sequence[Job]) -> Generator[Ended, None, None]:
        """Yield every job as its task ends; closed early, it cancels the tasks that have not begun."""
        distributed = _distributed()
        try:
            client = distributed.Client(self.scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise Refused(
                f"no Dask scheduler answers at {self.scheduler}", cure="start it, or correct --scheduler"
            ) from error
        with client:
            futures = {client.submit(_alone, function, job, pure=False): index for index, job in enumerate(jobs)}
            try:
                for future in distributed.as_completed(futures, loop=client.loop):
                    yield _task_ended(futures[future], future)
            finally:
                client.cancel([future for future in futures if not future.done()])


def serve() -> None:
    """What a fresh process does: take one function and its job from standard input, and run it.

    Standard input stays open as long as the parent wants the job done. When it closes, because the parent stopped or
    died, the process stops too.
    """
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            return
        line += part
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    function, job = pickle.loads(base64.b64decode(line))
    function(job)


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    said: IO[bytes] = field(default_factory=tempfile.TemporaryFile)


def _start(function: Callable[[Job], None], job: Job, threads: int) -> _Child:
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    said = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the process has ended)
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=said,
        bufsize=0,
        env={THREADS: str(threads), **os.environ},
        start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children
    )
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # died already: its exit code says so
            process.stdin.write(base64.b64encode(pickle.dumps((function, job))) + b"\n")
    return _Child(process, said)


def _ended(index: int, child: _Child) -> Ended:
    code = child.process.returncode
    child.said.seek(0)
    log = child.said.read().decode("utf-8", errors="replace")
    _close(child)
    if code == 0:
        return Ended(index)
    fault = f"killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
    return Ended(index, fault, log)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stop(children: Sequence[_Child]) -> None:
    for child in children:
        if child.process.stdin is not None:
            child.process.stdin.close()
    for child in children:
        try:
            child.process.wait(2.0 * GRACE_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        _close(child)


def _close(child: _Child) -> None:
    if child.process.stdin is not None:
        child.process.stdin.close()
    child.said.close()


def _leave_with_parent() -> None:
    while os.read(0, 1):
        pass
    interrupt_main()  # as Ctrl-C would: what is being written is removed
    time.sleep(GRACE_S)
    os._exit(1)


def _distributed() -> Any:
    """The heavy library of the Dask engine, an extra of psmap."""
    try:
        return import_module("distributed")
    except ImportError as error:
        raise Refused("--engine dask needs Dask", cure='pip install "psmap[dask]"') from error


def _alone(function: Callable[[Job], None], job: Job) -> Ended:
    """One job in a process of its own, on a worker; a study that kills its process leaves the worker standing."""
    (ended,) = ProcessRunner(1)(function, (job,))
    return ended


def _task_ended(index: int, future: Any) -> Ended:
    if future.status == "finished":
        ended: Ended = future.result()
        return replace(ended, index=index)
    error = future.exception() if future.status == "error" else None
    return Ended(index, f"lost by the cluster ({type(error).__name__ if error else future.status})", str(error or ""))
