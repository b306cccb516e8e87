"""Ctrl-C and SIGTERM during a run: noted at once, obeyed where it is safe."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..databases.writing import StopSignal

_PATIENCE_S = 1.0  # after the second signal
_SHOWN_NAMES = {2: "SIGINT (Ctrl-C)", 15: "SIGTERM", 21: "SIGBREAK (Ctrl-Break)"}
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last on Windows only: Ctrl-Break


class StopFlag:
    """Whether a signal has asked the run to end. It stays up, whatever a migration catches."""

    def __init__(self) -> None:
        self.signal_number = 0
        self._deadline: threading.Timer | None = None
        self._in_user_code = False

    @property
    def name(self) -> str:
        """What the signal that was heard is called."""
        return _SHOWN_NAMES.get(self.signal_number, f"signal {self.signal_number}")

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
            if self._deadline is not None:
                self._deadline.cancel()
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def user_code(self) -> _UserCode:
        """While a migration's own code runs, a signal also raises where it is: it may be sleeping."""
        return _UserCode(self)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number and self._deadline is None:
            # Asked twice: what does not end by itself in a moment is ended. The database undoes what was not
            # committed when it is opened next.
            self._deadline = threading.Timer(_PATIENCE_S, os._exit, (128 + self.signal_number,))
            self._deadline.daemon = True
            self._deadline.start()
        self.signal_number = self.signal_number or number
        if self._in_user_code:
            raise StopSignal


class _UserCode:
    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag

    def __enter__(self) -> None:
        self._flag._in_user_code = True

    def __exit__(self, *_: object) -> None:
        self._flag._in_user_code = False
