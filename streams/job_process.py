"""Runs a job in a separate process, so that it cannot stop the worker.

The process is forked from a server that has the modules loaded already (``forkserver`` of the standard library), so a
start costs milliseconds. It is terminated when it exceeds its memory or time limit; the next run starts a new one.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import psutil
from clickhouse_connect.driver.client import Client

from models.errors import RomashkaError
from models.insights import Insight
from streams.job import Job, JobEnded, JobLimits, JobPostponed, JobSchedule

log = logging.getLogger(__name__)

# Called in the job's process; both have to be picklable: module functions with their arguments.
JobFactory = Callable[[], Sequence[Job]]
Connect = Callable[[], Client]

_LOOK_SECONDS: Final = 0.25
_MEGABYTE: Final = 1_048_576
# OOM score adjustment (-1000 to 1000): the kernel kills this process before the worker.
_KILLED_FIRST: Final = "900"
_SERVER: Final = multiprocessing.get_context("forkserver")


class _Asked(NamedTuple):
    """A request of the worker to the job's process."""

    what: Literal["run", "confirm"]
    now: datetime | None = None


class _Answer(NamedTuple):
    """The result of a run; ``error`` is empty on success, ``memory_bytes`` is the peak memory of the process.

    ``insights`` is ``None`` where the job was postponed for all tenants.
    """

    insights: Sequence[Insight] | None = ()
    error: str = ""
    expected: bool = False
    postponed: bool = False
    out_of_memory: bool = False
    memory_bytes: int = 0


class JobProcess:
    """Runs one job, one run at a time. Its methods block and are called from one thread at a time, ``stop`` from any.

    Parameters
    ----------
    name
        Name of the job among those that ``factory`` makes.
    connect
        Opens a connection; each run has its own.
    """

    def __init__(self, name: str, factory: JobFactory, connect: Connect, limits: JobLimits) -> None:
        self._name = name
        self._factory = factory
        self._connect = connect
        self._limits = limits
        self._process: Any = None
        self._connection: Connection | None = None
        self._stopped = threading.Event()
        self.memory_bytes = 0

    def run(self, now: datetime) -> Sequence[Insight]:
        """Run the job; return its insights.

        Raises
        ------
        JobEnded
            The run was terminated: it exceeded its memory or time limit, or its process died.
        JobPostponed
            Ingestion works off a backlog, of all tenants or of some.
        RomashkaError
            The job failed; says why.
        """
        return self._ask(_Asked("run", now)).insights or ()

    def confirm(self) -> None:
        """Tell the job that its insights are durable; raises as ``run`` does."""
        self._ask(_Asked("confirm"))

    def release(self) -> None:
        """Stop the process, so that its memory is free until the next run."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.join(timeout=_LOOK_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    def stop(self) -> None:
        """Terminate the job at once; the worker is stopping."""
        self._stopped.set()

    def _ask(self, asked: _Asked) -> _Answer:
        connection = self._started()
        try:
            connection.send(asked)
            self._wait(connection)
            answer: _Answer = connection.recv()
        except (EOFError, OSError) as error:
            code = self._exit_code()
            self.release()
            raise JobEnded("died", f"its process died (exit code {code})") from error
        except JobEnded:
            self.release()
            raise
        self.memory_bytes = answer.memory_bytes
        if answer.out_of_memory:
            self.release()
            raise JobEnded("memory", f"it needed more than {self._limits.memory_bytes // _MEGABYTE} MB")
        if answer.postponed:
            raise JobPostponed(answer.error, answer.insights)
        if answer.error:
            raise RomashkaError(answer.error) if answer.expected else _Unexpected(answer.error)
        return answer

    def _started(self) -> Connection:
        if self._connection is not None and self._process.is_alive():
            return self._connection
        self.release()
        ours, theirs = _SERVER.Pipe()
        arguments = (theirs, self._name, self._factory, self._connect, self._limits)
        self._process = _SERVER.Process(target=serve, args=arguments, name=f"job {self._name}", daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        return ours

    def _wait(self, connection: Connection) -> None:
        """Wait for the result while checking memory and time."""
        began = time.monotonic()
        process = psutil.Process(self._process.pid)
        while not connection.poll(_LOOK_SECONDS):
            with contextlib.suppress(psutil.NoSuchProcess):  # the pipe reports the end
                self.memory_bytes = process.memory_info().rss
            if self.memory_bytes > self._limits.memory_bytes:
                raise JobEnded("memory", f"it took {self.memory_bytes // _MEGABYTE} MB")
            if time.monotonic() - began > self._limits.seconds:
                raise JobEnded("time", f"it took more than {self._limits.seconds:.0f} s")
            if self._stopped.is_set():
                raise JobEnded("stopped", "the worker stops")

    def _exit_code(self) -> int | None:
        self._process.join(timeout=1.0)
        code: int | None = self._process.exitcode
        return code


class _Unexpected(Exception):
    """An unexpected exception; the text is the traceback of the job's process."""


def preload(modules: Sequence[str]) -> None:
    """Set the modules that job processes have loaded from their start."""
    _SERVER.set_forkserver_preload(list(modules))


def schedules(factory: JobFactory) -> Sequence[JobSchedule]:
    """Return which jobs a factory makes, asked of a process of its own: the worker never loads what they import.

    Raises
    ------
    RomashkaError
        The process ended without an answer; its reason is in the log.
    """
    ours, theirs = _SERVER.Pipe()
    process = _SERVER.Process(target=_describe, args=(theirs, factory), name="jobs", daemon=True)
    process.start()
    theirs.close()
    try:
        found: Sequence[JobSchedule] = ours.recv()
    except EOFError as error:
        raise RomashkaError("the process that loads the jobs ended by itself; its log says why") from error
    finally:
        ours.close()
        process.join()
        process.close()
    return found


def _describe(connection: Connection, factory: JobFactory) -> None:
    found = [job.schedule for job in factory()]
    with contextlib.suppress(BrokenPipeError):  # the worker has ended meanwhile, and said why
        connection.send(found)


def serve(connection: Connection, name: str, factory: JobFactory, connect: Connect, limits: JobLimits) -> None:
    """Serve requests from a connection until it is closed: the main function of a job's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the worker, which then stops this process
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    _limit_memory(limits.memory_bytes)
    job = next(one for one in factory() if one.name == name)
    while True:
        try:
            asked: _Asked = connection.recv()
        except EOFError:
            return
        connection.send(_done(job, asked, connect))


def _done(job: Job, asked: _Asked, connect: Connect) -> _Answer:
    try:
        if asked.now is None:
            if job.confirm is not None:
                job.confirm()
            return _Answer(memory_bytes=_most_memory())
        with connect() as client:
            return _Answer(insights=job.once(client, asked.now), memory_bytes=_most_memory())
    except MemoryError:
        return _Answer(out_of_memory=True, memory_bytes=_most_memory())
    except JobPostponed as error:
        return _Answer(error.insights, str(error), postponed=True, memory_bytes=_most_memory())
    except RomashkaError as error:
        return _Answer(error=str(error), expected=True, memory_bytes=_most_memory())
    except Exception:  # noqa: BLE001 - reported to the worker, which logs it
        return _Answer(error=traceback.format_exc(), memory_bytes=_most_memory())


def _most_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_memory(most: int) -> None:
    """Make allocations beyond the limit fail, and make the kernel kill this process before the worker.

    The limit is on data, because the address space includes unused gigabytes. Without Linux only the worker's check of
    the resident size applies.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        there = next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (there + most, hard))
        Path("/proc/self/oom_score_adj").write_text(_KILLED_FIRST, encoding="ascii")


def _end_with_the_worker() -> None:
    """Exit when the worker is gone, for example killed: jobs of two leaders must not run at the same time."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
