"""Processes that are really started, signalled and killed, and the waits between."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support import MIGRATE, Folder, environment

POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="SIGKILL, and signals to another process, are POSIX")
LONG_S = 60.0  # the end of every wait: a busy machine takes its time, a hanging program never ends

# Bodies of migrations: one tells the test that it is being run, one waits until the test says go.
MARK = 'import pathlib\npathlib.Path("inside").touch()\n'
WAIT = f"""{MARK}
import time
end = time.monotonic() + {LONG_S}
while not pathlib.Path("go").exists():
    if time.monotonic() > end:
        raise TimeoutError("nobody said go")
    time.sleep(0.005)
"""


class Process:
    """A child of this test, whose words go to files, so that they can be read while it runs."""

    def __init__(self, words: list[str], folder: Folder) -> None:
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.started = time.monotonic()
        self._popen = subprocess.Popen(
            words,
            cwd=folder.path,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )
        self.pid = self._popen.pid

    @property
    def stdout(self) -> str:
        return _text(self._out)

    @property
    def stderr(self) -> str:
        return _text(self._err)

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

    def send(self, number: int) -> None:
        self._popen.send_signal(number)

    def kill(self) -> int:
        """Kill it as nothing can be caught, and return its exit code: -9, unless it had ended by itself."""
        self._popen.kill()
        return self._popen.wait(LONG_S)

    def end(self, seconds: float = LONG_S) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it still ran after {seconds:g} s\n{self.stdout}\n{self.stderr}") from None

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until `condition` holds; the process has to be alive until then."""
        end = time.monotonic() + LONG_S
        while not condition():
            if not self.runs and not condition():
                raise AssertionError(f"it ended before {what}\n{self.stdout}\n{self.stderr}")
            if time.monotonic() > end:
                raise AssertionError(f"waited {LONG_S:g} s until {what}\n{self.stdout}\n{self.stderr}")
            time.sleep(0.005)

    def close(self) -> None:
        if self.runs:
            self.kill()
        self._out.close()
        self._err.close()


@contextmanager
def started(folder: Folder, *words: str) -> Iterator[Process]:
    """A `migrate` that runs in `folder` while the test goes on; none outlives the test."""
    process = Process([*MIGRATE, *words], folder)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def python(folder: Folder, script: str, *words: str) -> Iterator[Process]:
    """Another program that runs in `folder`."""
    process = Process([sys.executable, "-c", script, *words], folder)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Be another program in the middle of a write."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def read_lock(database: Path) -> Iterator[None]:
    """Be another program in the middle of a long read."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield
        connection.execute("ROLLBACK")


def _text(file) -> str:
    return os.pread(file.fileno(), 1 << 20, 0).decode("utf-8", "replace")
