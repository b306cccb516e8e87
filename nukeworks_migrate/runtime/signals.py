"""Ctrl-C and SIGTERM during a run: noted at once, obeyed where it is safe."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..databases.writing import StopSignal

_PATIENCE_S = 1.0  # a second signal within it is taken for the first one, told twice
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last on Windows only: Ctrl-Break


class StopFlag:
    """Whether a signal has asked the run to end. It stays up, whatever a migration catches."""

    def __init__(self) -> None:
        self.signal_number = 0
        self._first_heard = 0.0
        self._in_user_code = False

    def requested(self) -> bool:
        return self.signal_number != 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals until it closes; only the main thread can, and elsewhere nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {}
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None:
                before[number] = signal.signal(number, self._heard)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def user_code(self) -> _UserCode:
        """While a migration's own code runs, a signal also raises where it is: it may be sleeping."""
        return _UserCode(self)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number and time.monotonic() - self._first_heard > _PATIENCE_S:
            # Asked twice: end at once. The database undoes what was not committed when it is opened next.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if not self.signal_number:
            self.signal_number, self._first_heard = number, time.monotonic()
        if self._in_user_code:
            raise StopSignal


class _UserCode:
    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag

    def __enter__(self) -> None:
        self._flag._in_user_code = True

    def __exit__(self, *_: object) -> None:
        self._flag._in_user_code = False
