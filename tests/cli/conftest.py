"""Fixtures: the program in this process, in one of its own, without root's power over files, and at a terminal."""

import os
import shutil
import subprocess

import pytest
from cli.screens import Answer
from cli.terminal import Terminal
from support import MIGRATE, environment

from nukeworks_migrate.cli.main import run

_FILE_POWERS = "-dac_override,-dac_read_search"


@pytest.fixture
def migrate(folder, monkeypatch, capsys):
    """Call the program in the project's folder; only where the database is has been set."""
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "app.sqlite")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LOGNAME", "ann")

    def call(*words: str) -> Answer:
        capsys.readouterr()
        exit_code = run(list(words))
        return Answer(exit_code, *capsys.readouterr())

    return call


@pytest.fixture
def powerless(folder):
    """Call the program in a process that file permissions bind, also where the tests run as root."""
    prefix = []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root is bound by no permissions, and there is no setpriv to change that")
        prefix = ["setpriv", f"--bounding-set={_FILE_POWERS}", f"--inh-caps={_FILE_POWERS}"]
    probe = folder.path / "probe"
    probe.mkdir()
    probe.chmod(0o555)
    try:
        denied = subprocess.run([*prefix, "touch", str(probe / "file")], capture_output=True).returncode != 0
    finally:
        probe.chmod(0o755)
        shutil.rmtree(probe)
    if not denied:
        pytest.skip("permissions of files are not enforced here")

    def call(*words: str) -> Answer:
        done = subprocess.run(
            [*prefix, *MIGRATE, *words],
            cwd=folder.path,
            env=environment(folder),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def terminal(folder):
    """Call the program at a terminal, and type there."""
    pytest.importorskip("pty", reason="there are no pseudo-terminals on this platform")
    return Terminal(folder)
