"""Work in another process beside the server, so that no verdict waits for it."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_NICENESS = 5


class Beside:
    """Calls a function in another process of low priority, which ends with this one."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._call = (function, *args)
        self.future: Future[Any] = Future()
        # Starting a process takes a while.
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.future.set_result(self._ask())
        except (EOFError, OSError):
            self.future.set_exception(OSError("it ended early: the server's terminal may say why"))
        except Exception as error:  # arguments that cannot be sent raise any type
            self.future.set_exception(error)

    def _ask(self) -> Any:
        context = multiprocessing.get_context("spawn")
        connection, end = context.Pipe()
        # A daemonic process cannot use joblib's workers.
        process = context.Process(target=_work, args=(end,))
        with connection:
            process.start()
            atexit.register(process.terminate)
            end.close()
            connection.send(self._call)
            found, error = connection.recv()
        process.join()
        if error:
            raise ValueError(error)
        return found


def _work(end: Connection) -> None:
    """Receive a function, call it, and send its result or error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.suppress(EOFError),
        end,
    ):
        function, *args = end.recv()
        try:
            end.send((function(*args), ""))
        except (ValueError, OSError, ImportError, MemoryError) as error:
            end.send((None, str(error) or type(error).__name__))
