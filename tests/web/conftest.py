"""Fixtures: databases as they stand before the dialog is opened, applications, and somebody who is logged in."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from nukeworks.runner import VERSIONS, up
from nukeworks.test_old_database import OLD_LEDGER, ROWS
from web.application import add_users, create_app
from web.browsing import Browser, Gate, is_ann, small_app


@pytest.fixture(scope="session")
def old_template(tmp_path_factory):
    """The old system's database at version 2, with ann, who is an admin, and bob, who is not; made once."""
    path = tmp_path_factory.mktemp("old") / "nukeworks.sqlite"
    up(path, to=2)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("schema_version", "schema_version_log", "schema_version_source"):
            connection.execute(f"DROP TABLE {table}")
        connection.executescript(OLD_LEDGER)
        connection.executemany("INSERT INTO schema_version VALUES (?, ?, ?, ?)", ROWS)
        connection.execute("INSERT INTO technology_vendors (vendor_name) VALUES ('Acme')")
        connection.commit()
    add_users(path)
    return path


@pytest.fixture
def own_temporary_folder(tmp_path_factory, monkeypatch):
    """A temporary folder for this test alone: what runs there is written down in it."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.fixture
def old_database(old_template, tmp_path):
    """A copy of that database, in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    return shutil.copyfile(old_template, folder / "nukeworks.sqlite")


@pytest.fixture
def nukeworks(old_database, own_temporary_folder):
    """Make the application over it, with what its settings say besides."""
    apps = []

    def make(**config):
        app = create_app(old_database, VERSIONS, **config)
        apps.append(app)
        return app

    yield make
    _wait_for_runs(apps)


@pytest.fixture
def ann(nukeworks):
    """Ann, logged in to that application."""
    return Browser(nukeworks()).log_in("ann")


@pytest.fixture
def gate(tmp_path):
    """A place at which a migration waits until the test lets it go on; at the test's end it may."""
    folder = tmp_path / "gate"
    folder.mkdir()
    gate = Gate(folder)
    yield gate
    gate.open()


@pytest.fixture
def browse(folder, own_temporary_folder, gate):
    """Make a small application over the project in `folder`, and log ann in."""
    apps = []

    def make(authorize=is_ann, **config):
        app = small_app(folder, authorize, **config)
        apps.append(app)
        browser = Browser(app)
        return browser.log_in("ann") if authorize is is_ann else browser

    yield make
    gate.open()
    _wait_for_runs(apps)


def _wait_for_runs(apps):
    for app in apps:
        app.extensions["nukeworks_migrate"].runs.join(60)
