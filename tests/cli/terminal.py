"""A terminal with nobody at it: the program runs on a pseudo-terminal, and gets its answers typed."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence

from cli.screens import Answer
from support import MIGRATE, Folder, environment

_PATIENCE_S = 10.0
_LEAD_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs the program as the leader of a terminal of its own, so that Ctrl-C is a signal there."""

    def __init__(self, folder: Folder, program: Sequence[str] = MIGRATE, question: str = "[y/N]: ") -> None:
        self.folder = folder
        self.program = program
        self.question = question  # how one ends

    def __call__(self, *words: str, answers: tuple[str, ...] = (), **variables: str) -> Answer:
        """Run the program with `words`, type one of `answers` at each question, and return what stood on the screen.

        What it wrote to stdout and to stderr stands in `out`, as both went to the terminal.
        """
        import pty

        parent, child = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", _LEAD_THE_TERMINAL, *self.program, *words],
            cwd=self.folder.path,
            env={**environment(self.folder), "TERM": "xterm", "LOGNAME": "ann", **variables},
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
        )
        os.close(child)
        try:
            shown = self._talk(parent, process, list(answers))
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            os.close(parent)
        return Answer(process.returncode, shown.replace("\r\n", "\n"), "")

    def _talk(self, parent: int, process: subprocess.Popen[bytes], answers: list[str]) -> str:
        shown = ""
        seen = 0  # how much of it had been shown at the last answer
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if select.select([parent], [], [], 0.05)[0]:
                try:
                    data = os.read(parent, 65536)
                except OSError:  # the program has ended, and with it the other side
                    data = b""
                if not data:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=5)
                    return shown
                shown += data.decode()
            elif process.poll() is not None:
                return shown
            if answers and self.question in shown[seen:]:
                seen = len(shown)
                os.write(parent, answers.pop(0).encode())
        raise AssertionError(f"still running after {_PATIENCE_S:g} s, with this on the screen:\n{shown}")
