"""A small Flask application with our commands: called in this process, and as the program `flask` in one of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.screens import Answer
from flask import Flask
from support import Folder, environment

from nukeworks_migrate import Project
from nukeworks_migrate.application import Application
from nukeworks_migrate.web.commands import add_commands

FLASK = [sys.executable, "-c", "import sys; from flask.cli import main; sys.argv[0] = 'flask'; main()"]
PROGRAM = [*FLASK, "--app", "web_app"]
_FILE = """
from flask import Flask

from nukeworks_migrate import Project
from nukeworks_migrate.application import Application
from nukeworks_migrate.web.commands import add_commands

app = Flask(__name__)
add_commands(app, lambda: Application(Project("app.sqlite", base={base!r}, **{settings!r}), {required!r}))
"""


def app_of(application: Callable[[], Application]) -> Flask:
    app = Flask("web_app")
    add_commands(app, application)
    return app


def app_for(folder: Folder, required: int | None = None, **settings: Any) -> Flask:
    return app_of(lambda: Application(folder.project(**settings), required))


def call(app: Flask, *words: str) -> Answer:
    """Call a command of `app` in this process, as Flask's own runner does; a bug in the command comes through."""
    done = app.test_cli_runner().invoke(args=list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Answer(done.exit_code, done.stdout, done.stderr)


def write_app(folder: Folder, required: int | None = None, **settings: Any) -> Path:
    """Write web_app.py, for `flask --app web_app`."""
    path = folder.path / "web_app.py"
    path.write_text(_FILE.format(base=str(folder.path), settings=settings, required=required), encoding="utf-8")
    return path


def run_flask(folder: Folder, *words: str, **variables: str) -> Answer:
    """Run `flask --app web_app` with `words` in a process of its own, with nobody at a terminal."""
    done = subprocess.run(
        [*PROGRAM, *words],
        cwd=folder.path,
        env={**flask_environment(folder), **variables},
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    # Also where the console is said to be ASCII: click then writes UTF-8.
    out, err = (stream.decode().replace("\r\n", "\n") for stream in (done.stdout, done.stderr))
    return Answer(done.returncode, out, err)


def flask_environment(folder: Folder) -> dict[str, str]:
    return {name: value for name, value in environment(folder).items() if not name.startswith("FLASK_")}


__all__ = ["FLASK", "PROGRAM", "Application", "Project", "app_for", "app_of", "call", "run_flask", "write_app"]
