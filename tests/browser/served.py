"""What the tests in a browser build with: the application behind a server, and the ways through its dialog."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

from nukeworks.runner import VERSIONS
from support import content
from web.application import PASSWORD

FOLDER = Path(__file__).parent
SCREENSHOTS = FOLDER / "screenshots"
WIDE, NARROW = {"width": 1100, "height": 800}, {"width": 375, "height": 740}
ROWS = 200_000  # of the slow migration


class Site:
    """The application over a database as the old system left it, and the server in front of it."""

    def __init__(self, path: Path, template: Path) -> None:
        self.database = path / "nukeworks.sqlite"
        self.versions = path / "versions"
        self.hold = path / "hold"  # while it is there, the slow migration waits
        self.temporary = path / "temporary"
        self.temporary.mkdir()
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        shutil.copyfile(template, self.database)
        shutil.copytree(VERSIONS, self.versions, ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the server; after the first time at the same port."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NUKEWORKS_MIGRATE_")}
        with open(self.temporary / "log", "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(FOLDER / "serve.py"), str(self.database), str(self.versions), str(self._port)],
                # The folder for temporary files is the test's own: what runs are under way is noted there.
                env={**environment, "TMPDIR": str(self.temporary), "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline() or self._fail())

    def _fail(self) -> str:
        raise AssertionError(f"the server did not start:\n{self.log()}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def log(self) -> str:
        return (self.temporary / "log").read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.versions / name).write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")

    def add_slow(self, *, pause_s: float = 0.02) -> None:
        """Add a migration that goes through many rows, and takes a pause after each thousand."""
        self.write(
            "0011_scale_readings.py",
            f'''
            """Fill a table of readings, and scale each of them in Python."""

            import os
            import time

            depends_on = ["0010_add_engineer_role"]


            def upgrade(db):
                db.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY, raw INTEGER NOT NULL, scaled REAL)")
                db.execute("""
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
                    INSERT INTO readings (id, raw) SELECT i, i * 7 FROM n
                """)
                db.transform("readings", scaled, reads=["id", "raw"], writes=["scaled"])
                db.log("all readings are scaled")


            def downgrade(db):
                db.execute("DROP TABLE readings")


            def scaled(id, raw):
                if id % 1000 == 0:
                    time.sleep({pause_s})
                    while os.path.exists({str(self.hold)!r}):
                        time.sleep(0.02)
                return raw / 1000
            ''',
        )

    def add_failing(self) -> None:
        """Add a migration whose second statement names a table that is not there."""
        self.write("0011_add_tiers.py", FAILING)

    def correct_failing(self) -> None:
        self.write("0011_add_tiers.py", FAILING.replace("teirs", "tiers"))

    def content(self) -> list[str]:
        """Schema and rows, without the ledger's tables and the list of backups that each run adds one to."""
        return [line for line in content(self.database, framework=False) if not line.startswith("database_snapshots: ")]

    def version(self) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]


FAILING = '''
"""Add tiers."""

depends_on = ["0010_add_engineer_role"]


def upgrade(db):
    db.execute("CREATE TABLE tiers (id INTEGER PRIMARY KEY, label TEXT NOT NULL)")
    db.execute("INSERT INTO teirs (label) VALUES ('first')")


def downgrade(db):
    db.execute("DROP TABLE tiers")
'''


def log_in(page, site, name: str = "ann") -> None:
    page.goto(f"{site.url}/login")
    page.get_by_label("User").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def open_dialog(page, site) -> None:
    """Log ann in, and go to the dialog."""
    log_in(page, site)
    page.goto(f"{site.url}/migrations/")


def begin_upgrade(page) -> None:
    """From the overview through the question to the page of the run."""
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/runs/*")


def screenshot(page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def wait_until(true, timeout_s: float = 15.0) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
