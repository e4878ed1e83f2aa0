"""Exit hooks: at the end of the program, of a pool's child process, and on SIGTERM."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import FrameType
from typing import Any, Final, NoReturn

# Children of these end by os._exit: what was registered with atexit is not called there, their own finalizers are.
_POOLS: Final = ("multiprocessing.util", "billiard.util")
_BEFORE_OTHERS: Final = 100
_finalizers: dict[Callable[[], None], list[Any]] = {}
_asked: dict[Callable[[], None], None] = {}


def register(ask: Callable[[], None]) -> None:
    """Have ``ask`` called before this process ends; called more than once where it has several ends.

    At the end of the program it is called after the ``atexit`` functions of others that were registered since this
    package was imported: what those report is delivered too.

    Where nobody handles SIGTERM, it ends the program as ``sys.exit`` does, so that it is asked then too; where somebody
    does (a web server, a task queue), or outside the main thread, nothing is changed.
    """
    forget(ask)
    _asked[ask] = None
    for name in _POOLS:
        finalize: Any = getattr(sys.modules.get(name), "Finalize", None)
        if finalize is not None:
            _finalizers.setdefault(ask, []).append(finalize(None, ask, exitpriority=_BEFORE_OTHERS))
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)


def forget(ask: Callable[[], None]) -> None:
    """Unregister a hook."""
    _asked.pop(ask, None)
    for finalizer in _finalizers.pop(ask, ()):
        finalizer.cancel()


def _ask_all() -> None:
    with ExitStack() as all_of_them:  # one that fails keeps no other from being asked
        for ask in list(_asked):
            all_of_them.callback(ask)


# Registered now and not with the first tracker: functions are called in reverse order, and one that is registered
# while they are called is not called at all.
atexit.register(_ask_all)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class LateExecutor(ThreadPoolExecutor):
    """Runs each call in a thread of its own: the standard one takes none once the program has begun to end.

    An event loop looks up host names with it, also when what waits is delivered at the very end.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start the call."""
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():  # from here on nobody can cancel it: its end can be set
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is the future's
                future.set_exception(error)

        threading.Thread(target=run, name="romashka tracker look-up", daemon=True).start()
        return future
