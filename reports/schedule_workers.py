"""A bounded thread pool for deliveries; a hanging delivery is abandoned and its slot is reused."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from typing import NamedTuple
from uuid import UUID

from models.errors import RomashkaError
from reports.delivery_log import Claim, DeliveryKey, DeliveryStatus
from reports.schedule import Schedule


@dataclass
class DeliveryQueue:
    """A report of a period for a recipient; ``claim`` is set once its attempt has started."""

    schedule: Schedule
    recipient: str
    place: DeliveryKey
    status: DeliveryStatus | None
    claim: Claim | None = None

    def __str__(self) -> str:
        """Return its display name."""
        return f"'{self.schedule.name}' of {self.place.period:%Y-%m-%d %H:%M} UTC"


class DeliveryTask(NamedTuple):
    """The deliveries of a schedule to a recipient, in sequence.

    ``attempt`` returns whether a report was delivered and raises ``RomashkaError`` on failure; ``give_up`` records an
    abandoned one.
    """

    key: tuple[UUID, str]
    deliveries: Sequence[DeliveryQueue]
    attempt: Callable[[DeliveryQueue], bool]
    give_up: Callable[[DeliveryQueue, str], None]
    failed_before: bool


class _Run:
    """A task running in its thread."""

    def __init__(self, task: DeliveryTask, changed: Condition) -> None:
        self.task = task
        self.sent = 0
        self.failures: list[str] = []
        self.fatal: BaseException | None = None
        self.done = False
        self.abandoned = False
        self.current = task.deliveries[0]
        self.began = time.monotonic()
        self._changed = changed
        # A daemon thread: a hanging delivery must not keep the process from exiting.
        Thread(target=self._work, name="report-delivery", daemon=True).start()

    def _work(self) -> None:
        try:
            for delivery in self.task.deliveries:
                if self.abandoned:
                    return
                self.current, self.began = delivery, time.monotonic()
                try:
                    self.sent += self.task.attempt(delivery)
                except RomashkaError as error:
                    self.failures.append(str(error))
        except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
            self.fatal = error
        finally:
            with self._changed:
                self.done = True
                self._changed.notify_all()


class Workers:
    """Runs tasks, each in a thread.

    Parameters
    ----------
    at_once
        Number of concurrent tasks; abandoned ones do not count.
    timeout_seconds
        Time limit of a delivery in seconds.
    """

    def __init__(self, at_once: int, timeout_seconds: float) -> None:
        self._at_once = at_once
        self._timeout_seconds = timeout_seconds
        self._changed = Condition()
        self._hanging: dict[tuple[UUID, str], _Run] = {}

    def run(self, tasks: Sequence[DeliveryTask]) -> tuple[int, list[str]]:
        """Run all; return the number of deliveries, and the failures.

        A task that still hangs from an earlier run is skipped.
        """
        self._hanging = {key: run for key, run in self._hanging.items() if not run.done}
        waiting = deque(task for task in tasks if task.key not in self._hanging)
        running: list[_Run] = []
        finished: list[_Run] = []
        while waiting or running:
            while waiting and len(running) < self._at_once:
                running.append(_Run(waiting.popleft(), self._changed))
            self._wait(running)
            for run in running:
                if not run.done and time.monotonic() - run.began >= self._timeout_seconds:
                    self._abandon(run)
            finished += [run for run in running if run.done or run.abandoned]
            running = [run for run in running if not (run.done or run.abandoned)]
        for run in finished:
            if run.fatal is not None:
                raise run.fatal
        return sum(run.sent for run in finished), [text for run in finished for text in run.failures]

    def _wait(self, running: Sequence[_Run]) -> None:
        """Wait until one is done, or overdue."""
        with self._changed:
            if not any(run.done for run in running):
                overdue = min(run.began for run in running) + self._timeout_seconds
                self._changed.wait(max(0.0, overdue - time.monotonic()) + 0.01)

    def _abandon(self, run: _Run) -> None:
        run.abandoned = True
        self._hanging[run.task.key] = run
        reason = f"it did not end within {self._timeout_seconds:.0f} s: the report or its recipient hangs"
        run.failures = [*run.failures, f"{run.current}: {reason}"]
        run.task.give_up(run.current, reason)
