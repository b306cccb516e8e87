"""Fixtures for all tests."""

import signal

import pytest
from support import Folder

# A shell that starts the tests in the background has SIGINT ignored, and every program that a test starts
# would inherit that: Ctrl-C would then not end it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def folder(tmp_path):
    """A project in an empty folder."""
    return Folder(tmp_path / "project")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    """No test depends on what the person who runs it has set."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    import os

    for name in list(os.environ):
        if name.startswith("NUKEWORKS_MIGRATE_"):
            monkeypatch.delenv(name)
