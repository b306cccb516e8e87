"""A real browser in front of the small application, which runs in a server of its own.

They run with `pytest -m browser`, and need the extra `browser` and a Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing
from typing import NamedTuple

import pytest
from browser.served import FOLDER, WIDE, Site
from nukeworks.runner import up
from nukeworks.sample_data import fill
from web.application import add_users

OLD_LEDGER = """
    CREATE TABLE schema_version (
        version INTEGER PRIMARY KEY,
        applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
        applied_by TEXT,
        description TEXT);
    INSERT INTO schema_version VALUES (1, '2025-10-04 20:18:45', 'system', 'Initial schema creation');
    INSERT INTO schema_version VALUES (2, '2025-10-05 08:00:00', 'system', 'Energy off-takers');
"""
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def pytest_collection_modifyitems(items):
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A database of version 2 with rows in every table, as the old system left it."""
    path = tmp_path_factory.mktemp("template") / "nukeworks.sqlite"
    up(path, to=2)
    fill(path)
    add_users(path)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("schema_version", "schema_version_log", "schema_version_source"):
            connection.execute(f"DROP TABLE {table}")
        connection.executescript(OLD_LEDGER)
        connection.commit()
    return path


@pytest.fixture
def site(tmp_path, template):
    """The application, not served yet: site.start() does it."""
    site = Site(tmp_path, template)
    yield site
    site.kill()


@pytest.fixture(scope="session")
def chromium():
    """A browser; without one, the reason why these tests are skipped."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the dialog was not tried in a browser: pip install '.[browser]'"
    )
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if program is None:
        pytest.skip(f"the dialog was not tried in a browser: none of {', '.join(_CHROMIUMS)} is there")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*_ARGUMENTS, "--no-sandbox"] if is_root else list(_ARGUMENTS)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


class Seen(NamedTuple):
    """What a browser said and asked for besides its pages."""

    console: list[str]  # warnings and errors, those of the Content-Security-Policy among them
    elsewhere: list[str]  # requests to other hosts than the application's


@pytest.fixture
def visit(chromium, site):
    """Open a browser of its own for a visitor: `page = visit()`; what it should not have said fails the test.

    Chromium writes a line for each answer with an error status, too: those that a test means to get are `expected`.
    """
    opened = []

    def open_page(*, expected: str = "", **settings):
        context = chromium.new_context(viewport=WIDE, **{"color_scheme": "light", "locale": "en-GB", **settings})
        context.set_default_timeout(15_000)
        seen = Seen([], [])
        allowed = re.compile(expected) if expected else None

        def note(message):
            if message.type in ("error", "warning") and not (allowed and allowed.search(message.text)):
                seen.console.append(f"{message.type}: {message.text} ({message.location.get('url')})")

        def look(request):
            if not request.url.startswith((site.url, "data:")):
                seen.elsewhere.append(request.url)

        context.on("console", note)
        context.on("weberror", lambda error: seen.console.append(f"exception: {error.error}"))
        context.on("request", look)
        opened.append((context, seen))
        return context.new_page()

    yield open_page
    for context, _ in opened:
        context.close()
    assert [seen for _, seen in opened if seen.console or seen.elsewhere] == []
