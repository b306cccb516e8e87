"""From the data folder of a PyInstaller bundle, as NukeWorks is shipped: migrations and helpers are data there."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from web.starting import TOKEN, Browser, program

import nukeworks_migrate

if importlib.util.find_spec("PyInstaller") is None:
    pytest.skip("PyInstaller is not installed: running from a bundle was not tested", allow_module_level=True)

APPLICATION = """
import os, sys
from nukeworks_migrate import Project, check, down, up
from nukeworks_migrate.cli.main import run

versions = os.path.join(sys._MEIPASS, "versions")
project = Project("app.sqlite", versions=versions)
print(check(project).verdict, up(project).version_after, check(project).verdict)
print(down(project, to="base").snapshot_id != "")
print(run(["-d", "app.sqlite", "--versions", versions, "up", "--yes"]))
"""


SERVED = """
import os, sys
from flask import Flask
from werkzeug.serving import make_server
from nukeworks_migrate.cli.main import run
from nukeworks_migrate.web import Migrations

if sys.argv[1:] == ["ui"]:
    versions = os.path.join(sys._MEIPASS, "versions")
    sys.exit(run(["-d", "app.sqlite", "--versions", versions, "ui", "--no-browser"]))
app = Flask(__name__)
app.config.update(SECRET_KEY="for tests only", MIGRATIONS_DATABASE="app.sqlite", MIGRATIONS_AT_START="dialog")
app.get("/")(lambda: "the application")
Migrations(app, authorize=lambda: True)
server = make_server("127.0.0.1", 0, app, threaded=True)
print(f"served at {server.port}.", flush=True)
server.serve_forever()
"""


def bundle(folder, place, application):
    """Freeze `application` with the migrations of `folder` as its data, and return the program."""
    (place / "application.py").write_text(application, encoding="utf-8")
    separator = ";" if sys.platform == "win32" else ":"
    build = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "application.py"]
    # PyInstaller does not follow an editable installation by itself.
    package = ["--paths", str(Path(nukeworks_migrate.__file__).parent.parent)]
    data = ["--add-data", f"{folder.versions}{separator}versions"]
    subprocess.run([*build, *package, *data], cwd=place, check=True, timeout=280)
    return place / "dist" / "application" / "application"


def test_a_bundled_application_migrates_with_the_files_in_its_data_folder(folder, tmp_path):
    folder.write("_names.py", 'TABLE = "clients"')
    folder.write(
        "0001_clients.py",
        """
        from ._names import TABLE


        def upgrade(db):
            db.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, name TEXT)")
            db.execute("DROP TABLE IF EXISTS leftovers")  # for which sqlparse is asked, and has to be in the bundle
            db.transform(TABLE, lambda name: name.upper(), reads=["name"], writes=["name"])


        def downgrade(db):
            db.execute(f"DROP TABLE {TABLE}")
        """,
    )
    program = bundle(folder, tmp_path, APPLICATION)

    done = subprocess.run([program], cwd=folder.path, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["pending 1 ok", "True"]
    assert lines[-1] == "0"
    assert "warning: table leftovers is dropped with all its rows" in done.stderr
    assert folder.applied() == [1]


def test_a_bundled_application_has_the_pages_of_the_dialog_and_migrates_what_lies_beside_it(folder, tmp_path):
    folder.add_table("0001_clients", "clients")
    frozen = bundle(folder, tmp_path, SERVED)
    beside = frozen.parent

    (tmp_path / "temporary").mkdir()
    with program([str(frozen)], folder, tmp_path / "said", TMPDIR=str(tmp_path / "temporary")) as served:
        browser = Browser(int(served.wait_until(lambda: re.search(r"at (\d+)\.", served.stdout), "it is served")[1]))
        closed = browser.get("/")
        confirm = browser.get("/migrations/confirm")
        files = {
            name: browser.get(f"/migrations/static/{name}").status
            for name in ("dialog.css", "dialog.js", "favicon.svg")
        }
        digest = re.search(r'name="plan" value="([^"]+)"', confirm.text)[1]
        done = browser.after_run(browser.submit(confirm, "/migrations/apply", plan=digest))
        other_pages = [
            browser.get(f"/migrations/{name}").status for name in ("history", "history/1", "graph", "snapshots")
        ]
        opened = browser.get("/")

    assert (closed.status, "The database has to be updated first" in closed.words) == (503, True)
    assert files == {"dialog.css": 200, "dialog.js": 200, "favicon.svg": 200}
    assert "1 migration applied" in done.words
    assert other_pages == [200] * 4
    assert (opened.status, opened.text) == (200, "the application")
    assert (beside / "app.sqlite").exists() and not folder.database.exists()

    with program([str(frozen), "ui"], folder, tmp_path / "said") as served:
        port, path = served.wait_until(
            lambda: re.search(r"127\.0\.0\.1:(\d+)(/\S+)", served.stdout), "it is served"
        ).groups()
        page = Browser(int(port)).get(path)

    assert (page.status, "0001_clients" in page.words) == (200, True)
    assert TOKEN.search(page.text)
