"""A migration that misbehaves in a rehearsal does so on the copy: the real folder is the same to the byte."""

import os
import sqlite3
import tempfile
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import pytest
from runtime.misbehaviour import CASES, MISBEHAVIOUR, four_of_five
from support import Folder, content, footprint

from nukeworks_migrate import rehearse
from nukeworks_migrate.errors import ModuleNotLoaded
from nukeworks_migrate.model.rehearsal import WayBack

UNTOUCHED = "the database was not touched: this ran on a copy, which is gone"
REFUSED = "app.sqlite is opened by its name, and this is a rehearsal: it must not be touched"


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder for temporary files that nobody else uses."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.fixture
def five(folder, temporary, monkeypatch) -> Folder:
    """Five migrations, the first applied; the third is to be written by the test. Nothing of the run is left over."""
    four_of_five(folder)
    folder.database.with_name("app.sqlite-migrate-lock").unlink()
    monkeypatch.chdir(folder.path)
    return folder


class Untouched:
    """The real folder and the temporary one as they were, to be held against how they are afterwards."""

    def __init__(self, folder: Folder, temporary: Path) -> None:
        self._folder, self._temporary = folder, temporary
        self._footprint, self._content = footprint(folder.path), content(folder.database)
        assert self._content

    def hold(self) -> None:
        assert footprint(self._folder.path) == self._footprint
        assert content(self._folder.database) == self._content
        assert os.listdir(self._temporary) == []


@pytest.fixture
def untouched(five, temporary):
    """Call it when everything is arranged; what it gives holds that nothing has changed since."""
    return lambda: Untouched(five, temporary)


def steps_of(found) -> list[tuple[str, bool]]:
    return [(step.step.name, step.failed) for step in found.steps]


@pytest.mark.parametrize(("body", "cause"), CASES)
def test_what_fails_in_a_run_fails_in_a_rehearsal_and_touches_nothing(five, untouched, body, cause):
    five.add("0003_wrong", body)
    before = untouched()

    found = rehearse(five.project())

    before.hold()
    assert cause in found.failure.cause
    assert found.failure.name == "0003_wrong"
    assert found.failure.what == "0003_wrong failed on the way up in the rehearsal"
    assert found.failure.where.startswith("versions/0003_wrong.py")
    assert (found.failure.unchanged, found.failure.changed) == (UNTOUCHED, "")
    assert steps_of(found) == [("0002_before", False), ("0003_wrong", True)]
    assert [(rows.table, rows.deleted) for rows in found.steps[0].difference.rows] == [("clients", 1)]
    assert found.steps[1].difference.empty
    assert [(count.table, count.before, count.after) for count in found.counts] == [("clients", 2, 1)]


def in_function(function: str, body: str) -> str:
    return f"def {function}(db):\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}"


@pytest.mark.parametrize("function", ["check", "verify"])
@pytest.mark.parametrize(("body", "cause"), CASES)
def test_what_misbehaves_in_check_or_verify_fails_too(five, untouched, function, body, cause):
    five.add("0003_wrong", 'db.execute("CREATE TABLE three (id)")', head=in_function(function, body))
    before = untouched()

    found = rehearse(five.project())

    before.hold()
    assert cause in found.failure.cause
    assert found.failure.unchanged == UNTOUCHED
    assert steps_of(found) == [("0002_before", False), ("0003_wrong", True)]
    assert "three" not in {change.table for change in found.schema}


@pytest.mark.parametrize(("body", "cause"), CASES)
def test_what_misbehaves_on_the_way_back_is_told_of_its_step_and_the_others_go_on(five, untouched, body, cause):
    five.add("0003_wrong", 'db.execute("CREATE TABLE three (id)")', body)
    before = untouched()

    found = rehearse(five.project())

    before.hold()
    assert found.failure is None
    verdicts = {step.step.name: step.way_back.verdict for step in found.steps}
    # 0002, 0004 and 0005 make tables and their downgrade does nothing.
    assert verdicts == {
        "0002_before": WayBack.LOSSY,
        "0003_wrong": WayBack.FAILED,
        "0004_after": WayBack.LOSSY,
        "0005_last": WayBack.LOSSY,
    }
    way_back = found.steps[1].way_back
    assert cause in way_back.cause
    assert way_back.where.startswith("versions/0003_wrong.py")
    assert {change.table for change in found.schema} == {"before", "three", "after", "last"}
    assert [(change.table, change.change.value) for change in found.steps[2].difference.schema] == [("after", "added")]


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(("body", "cause"), CASES)
def test_what_misbehaves_without_the_runs_transaction_touches_nothing(five, untouched, direction, body, cause):
    """Some of it is allowed there, and what fails leaves half of it, on the copy."""
    bodies = (body, "pass") if direction == "up" else ("pass", body)
    five.add("0003_wrong", *bodies, head='transaction = "none"')
    before = untouched()

    found = rehearse(five.project())

    before.hold()
    if direction == "up" and found.failure is not None:
        assert found.failure.unchanged == UNTOUCHED
        assert steps_of(found) == [("0002_before", False), ("0003_wrong", True)]
    else:
        assert [name for name, _ in steps_of(found)] == ["0002_before", "0003_wrong", "0004_after", "0005_last"]


RAISED_AT_IMPORT = {
    "an exception": ("raise RuntimeError('at import')", "RuntimeError: at import"),
    "SystemExit": ("raise SystemExit(0)", "SystemExit: 0"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a missing module": ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
}


@pytest.mark.parametrize(("line", "cause"), RAISED_AT_IMPORT.values(), ids=RAISED_AT_IMPORT)
def test_what_raises_at_import_refuses_the_rehearsal_as_it_does_the_run(five, untouched, line, cause):
    five.add("0003_wrong", head=line)
    before = untouched()

    with pytest.raises(ModuleNotLoaded) as refused:
        rehearse(five.project())

    before.hold()
    assert cause in refused.value.cause


@pytest.mark.parametrize(
    "kind",
    ["an exception", "SystemExit", "KeyboardInterrupt", "COMMIT", "connection.rollback", "ATTACH", "RAISE(ROLLBACK)"],
)
@pytest.mark.parametrize("words", [["up", "--dry-run"], ["plan", "--rehearse", "--json"]], ids=" ".join)
def test_the_program_ends_with_the_code_of_the_failed_run(five, untouched, kind, words):
    body, cause = MISBEHAVIOUR[kind]
    five.add("0003_wrong", body)
    before = untouched()

    ended = five.run(*words)

    before.hold()
    assert ended.returncode == 4, ended.stderr
    assert "Traceback" not in ended.stderr
    told = ended.stdout if "--json" in words else ended.stderr
    assert UNTOUCHED in told
    assert cause in told


def test_what_fails_on_the_way_down_touches_nothing(five, untouched):
    five.add("0003_wrong", downgrade='db.execute("DROP TABLE clients")\nraise RuntimeError("no way")')
    assert five.run("up", "--yes").returncode == 0
    before = untouched()

    ended = five.run("down", "--to", "1", "--dry-run")

    before.hold()
    assert ended.returncode == 4
    assert "error: 0003_wrong failed on the way down in the rehearsal   [step-failed]" in ended.stderr
    assert UNTOUCHED in ended.stderr


# Past the guard: what Python lets anybody do with the real file. Each is refused, and the file stays as it is.
def writing(connect: str, before: str = "") -> str:
    return f"""
import os, sqlite3
from contextlib import closing
from pathlib import Path
{before}
with closing({connect}) as other:
    other.execute("DELETE FROM clients")
    other.commit()
"""


CONNECTIONS = {
    "a relative path": writing('sqlite3.connect("app.sqlite")'),
    "a path with dots": writing('sqlite3.connect("../project/./app.sqlite")'),
    "an absolute path": writing('sqlite3.connect(os.path.abspath("app.sqlite"))'),
    "a Path": writing('sqlite3.connect(Path("app.sqlite"))'),
    "bytes": writing('sqlite3.connect(b"app.sqlite")'),
    "a keyword": writing('sqlite3.connect(database="app.sqlite", timeout=0)'),
    "a URI": writing('sqlite3.connect("file:app.sqlite", uri=True)'),
    "a URI of an absolute path": writing('sqlite3.connect(Path("app.sqlite").absolute().as_uri(), uri=True)'),
    "a URI with a host": writing("sqlite3.connect(f\"file://localhost{os.path.abspath('app.sqlite')}\", uri=True)"),
    "a URI with an escape": writing('sqlite3.connect("file:app%2Esqlite?mode=rw", uri=True)'),
    "a URI with another VFS": writing('sqlite3.connect("file:app.sqlite?vfs=unix-none", uri=True)'),
    "a URI with two modes": writing('sqlite3.connect("file:app.sqlite?mode=ro&mode=rw", uri=True)'),
    "a URI with an anchor": writing('sqlite3.connect("file:app.sqlite#?mode=ro", uri=True)'),
    "a symbolic link": writing('sqlite3.connect("link.sqlite")', 'os.symlink("app.sqlite", "link.sqlite")'),
    "a link to the folder": writing('sqlite3.connect("here/app.sqlite")', 'os.symlink(".", "here")'),
    "a hard link": writing('sqlite3.connect("hard.sqlite")', 'os.link("app.sqlite", "hard.sqlite")'),
    "after chdir": writing('sqlite3.connect("../app.sqlite")', 'os.chdir("versions")'),
    "the class itself": writing('sqlite3.Connection("app.sqlite")'),
    "a class of its own": writing('sqlite3.connect("app.sqlite", factory=Own)', "class Own(sqlite3.Connection): pass"),
}
ATTACHED = {
    "an attached database": """
        import sqlite3
        from contextlib import closing
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as other:
            other.execute("ATTACH 'app.sqlite' AS real")
            other.execute("DELETE FROM real.clients")
        """,
    "a database attached to one that is only read": """
        import sqlite3
        from contextlib import closing
        with closing(sqlite3.connect("file:app.sqlite?mode=ro", uri=True, isolation_level=None)) as other:
            other.execute("ATTACH 'file:app.sqlite?mode=rw' AS real")
            other.execute("DELETE FROM real.clients")
        """,
    "a database attached by a parameter": """
        import sqlite3
        from contextlib import closing
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as other:
            other.execute("ATTACH ? AS real", ("app.sqlite",))
            other.execute("DELETE FROM real.clients")
        """,
}
FILES = {
    "open to write": 'open("app.sqlite", "wb").close()',
    "open to append": 'with open("app.sqlite", "ab") as file: file.write(b"x")',
    "open to write in place": 'with open("app.sqlite", "r+b") as file: file.write(b"x")',
    "os.open to write": 'import os; os.write(os.open("app.sqlite", os.O_WRONLY), b"x")',
    "os.open to read and write": 'import os; os.write(os.open("app.sqlite", os.O_RDWR), b"x")',
    "os.open that empties": 'import os; os.close(os.open("app.sqlite", os.O_RDONLY | os.O_TRUNC))',
    "Path.write_bytes": 'import pathlib; pathlib.Path("app.sqlite").write_bytes(b"")',
    "Path.unlink": 'import pathlib; pathlib.Path("app.sqlite").unlink()',
    "os.remove": 'import os; os.remove("app.sqlite")',
    "os.remove by a descriptor": """
        import os
        folder = os.open(".", os.O_RDONLY)
        os.chdir("versions")
        try:
            os.remove("app.sqlite", dir_fd=folder)
        finally:
            os.close(folder)
        """,
    "os.rename away": 'import os; os.rename("app.sqlite", "old.sqlite")',
    "os.rename over": 'import os; open("new", "w").close(); os.rename("new", "app.sqlite")',
    "os.replace away": 'import os; os.replace("app.sqlite", "old.sqlite")',
    "os.replace over": 'import os; open("new", "w").close(); os.replace("new", "app.sqlite")',
    "shutil.copy over": 'import shutil; open("new", "w").close(); shutil.copy("new", "app.sqlite")',
    "shutil.move away": 'import shutil; shutil.move("app.sqlite", "old.sqlite")',
    "shutil.move over": 'import shutil; open("new", "w").close(); shutil.move("new", "app.sqlite")',
    "os.truncate": 'import os; os.truncate("app.sqlite", 10)',
    "a journal": 'open("app.sqlite-journal", "wb").close()',
    "a -wal": 'open("app.sqlite-wal", "wb").close()',
    "the folder renamed": 'import os; os.rename("../project", "../moved")',
    "the folder moved": 'import shutil; shutil.move("../project", "../moved")',
    "the folder removed": "import shutil; shutil.rmtree(FOLDER)",
    "the folder removed from elsewhere": 'import os, shutil; os.chdir("/"); shutil.rmtree(FOLDER)',
    "os.chmod": 'import os; os.chmod("app.sqlite", 0o400)',
    "os.utime": 'import os; os.utime("app.sqlite", (1, 1))',
    "a helper": "from ._opening import spoil; spoil()",
}


@pytest.mark.parametrize("swallowed", [False, True], ids=["", "swallowed"])
@pytest.mark.parametrize("body", [*CONNECTIONS.values(), *FILES.values()], ids=[*CONNECTIONS, *FILES])
def test_the_real_file_is_out_of_reach(five, temporary, body, swallowed):
    """Links and other files that the migration makes beside it are its own affair; the database is looked at."""
    body = textwrap.dedent(body).strip().replace("FOLDER", repr(str(five.path)))
    if swallowed:
        body = f"try:\n{textwrap.indent(body, '    ')}\nexcept Exception:\n    pass"
    five.write(
        "_opening.py",
        """
        import sqlite3

        def spoil():
            sqlite3.connect("app.sqlite")
        """,
    )
    five.add("0003_wrong", body)
    before = database_files(five)

    found = rehearse(five.project())

    assert database_files(five) == before
    assert os.listdir(temporary) == []
    if not swallowed:
        assert REFUSED in found.failure.cause
        assert found.failure.unchanged == UNTOUCHED
        assert "use db.execute() and db.query(), or db.connection for libraries" in found.failure.next_step


def database_files(folder: Folder) -> dict[str, object]:
    if not folder.database.exists():
        return {}
    found = {name: value for name, value in footprint(folder.path).items() if name.startswith("app.sqlite")}
    about = folder.database.stat()
    return {**found, "mode": about.st_mode, "inode": about.st_ino}


WRITE = writing('sqlite3.connect("app.sqlite")')
PLACES = {
    "check": {"head": in_function("check", WRITE)},
    "verify": {"head": in_function("verify", WRITE)},
    "downgrade": {"downgrade": WRITE},
    "import": {"head": WRITE},
    "import, for later": {
        "head": 'import sqlite3\nother = sqlite3.connect("app.sqlite", isolation_level=None)',
        "upgrade": 'other.execute("DELETE FROM clients")\nother.close()',
    },
    "a function of a transform": {
        "upgrade": f"""
            def spoil(name):
                {textwrap.indent(WRITE.strip(), " " * 16).strip()}
                return name
            db.transform("clients", spoil, reads=["name"], writes=["name"])
            """
    },
    "a function that SQL calls": {
        "upgrade": f"""
            def spoil():
                {textwrap.indent(WRITE.strip(), " " * 16).strip()}
            db.connection.create_function("spoil", 0, spoil)
            db.query("SELECT spoil()")
            """
    },
    "a migration without transaction": {"head": 'transaction = "none"', "upgrade": WRITE},
    "the way back of one without transaction": {"head": 'transaction = "none"', "downgrade": WRITE},
}


@pytest.mark.parametrize("parts", PLACES.values(), ids=PLACES)
def test_the_real_file_is_out_of_reach_wherever_a_migration_has_code(five, temporary, parts):
    five.add("0003_wrong", **parts)
    before = database_files(five)

    try:
        found = rehearse(five.project())
    except ModuleNotLoaded as refused:
        told = refused.cause
    else:
        told = found.failure.cause if found.failure is not None else found.steps[1].way_back.cause

    assert database_files(five) == before
    assert os.listdir(temporary) == []
    # What a function raises inside a statement, SQLite tells in its own words.
    assert REFUSED in told or "user-defined function raised exception" in told


@pytest.mark.xfail(reason="known gap: ATTACH in a connection of the migration's own is not seen", strict=True)
@pytest.mark.parametrize("body", ATTACHED.values(), ids=ATTACHED)
def test_a_connection_of_its_own_cannot_attach_the_real_file_either(five, temporary, body):
    five.add("0003_wrong", textwrap.dedent(body).strip())
    before = database_files(five)

    rehearse(five.project())

    assert database_files(five) == before


@pytest.mark.xfail(reason="known gap: a thread of the migration's own is not seen", strict=True)
def test_a_thread_that_the_migration_starts_cannot_write_either(five):
    thread = "import threading\nthread = threading.Thread(target=spoil)\nthread.start()\nthread.join()"
    five.add("0003_wrong", f"def spoil():\n{textwrap.indent(WRITE.strip(), '    ')}\n{thread}")
    before = database_files(five)

    rehearse(five.project())

    assert database_files(five) == before


@pytest.mark.xfail(reason="known gap: another program that the migration calls is not seen", strict=True)
def test_a_program_that_the_migration_calls_cannot_write_either(five):
    five.add(
        "0003_wrong", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WRITE.strip()!r}], check=True)"
    )
    before = database_files(five)

    rehearse(five.project())

    assert database_files(five) == before


@pytest.mark.xfail(reason="known gap: a connection that was open before is not seen", strict=True)
def test_a_connection_that_the_application_hands_in_cannot_write_either(five):
    five.add("0003_wrong", 'db.resource("own").execute("DELETE FROM clients")', head='resources = ["own"]')
    before = database_files(five)

    with closing(sqlite3.connect(five.database, isolation_level=None)) as own:
        rehearse(five.project(resources={"own": own}))

    assert database_files(five) == before


READING = {
    "mode=ro": "file:app.sqlite?mode=ro",
    "immutable": "file:app.sqlite?immutable=1",
    "an absolute path": "file:{path}?mode=ro&cache=private",
}


@pytest.mark.parametrize("uri", READING.values(), ids=READING)
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_migration_may_look_at_the_real_database_and_sees_it_as_before_the_run(five, temporary, uri, journal_mode):
    five.sql(f"PRAGMA journal_mode = {journal_mode}")
    uri = uri.format(path=five.database)
    five.add(
        "0003_looking",
        f"""
        import sqlite3
        from contextlib import closing
        with closing(sqlite3.connect("{uri}", uri=True)) as other:
            seen = other.execute("SELECT count(*) FROM clients").fetchone()[0]
            try:
                other.execute("DELETE FROM clients")
            except sqlite3.OperationalError as error:
                db.log(str(error))
        db.log(f"seen {{seen}}, here {{db.scalar('SELECT count(*) FROM clients')}}")
        """,
    )
    before = five.database.read_bytes(), five.content()

    found = rehearse(five.project())

    assert found.failure is None
    assert found.steps[1].messages == ("attempt to write a readonly database", "seen 2, here 1")
    assert (five.database.read_bytes(), five.content()) == before
    assert os.listdir(temporary) == []


@pytest.mark.parametrize(
    "body",
    [
        'open("app.sqlite", "rb").close()',
        "import os; os.stat('app.sqlite'); os.listdir('.')",
        'import sqlite3; sqlite3.connect(":memory:").close()',
        'import sqlite3; sqlite3.connect("").close()',
        'import sqlite3; sqlite3.connect("file::memory:?cache=shared", uri=True).close()',
        'import sqlite3; sqlite3.connect("other.sqlite").close()',
        "import tempfile; tempfile.TemporaryFile().close()",
        'import shutil; shutil.copy("app.sqlite", "copy.sqlite")',
    ],
)
def test_what_does_not_reach_for_the_real_file_is_left_alone(five, body):
    five.add("0003_harmless", body)
    before = database_files(five)

    found = rehearse(five.project())

    assert found.failure is None
    assert database_files(five) == before


def test_other_threads_of_the_process_go_on_with_the_database(five, temporary):
    """An application serves its requests while somebody rehearses in it."""
    inside, served = threading.Event(), threading.Event()
    five.add("0003_slow", 'db.resource("meet")()', head='resources = ["meet"]')
    problems = []

    def serve() -> None:
        assert inside.wait(60)
        try:
            with closing(sqlite3.connect(five.database)) as connection, connection:
                connection.execute("INSERT INTO clients VALUES (3, 'third')")
            with open(five.path / "app.sqlite", "r+b"):
                pass
        except BaseException as error:
            problems.append(error)
        finally:
            served.set()

    def meet() -> None:
        inside.set()
        assert served.wait(60)

    thread = threading.Thread(target=serve)
    thread.start()
    found = rehearse(five.project(resources={"meet": meet}))
    thread.join()

    assert problems == []
    assert found.failure is None
    assert five.query("SELECT id FROM clients") == [(1,), (2,), (3,)]
    assert [(count.before, count.after) for count in found.counts] == [(2, 1)]
    assert os.listdir(temporary) == []


def test_after_a_rehearsal_the_same_thread_may_open_the_database_again(five):
    five.add("0003_wrong", WRITE)

    found = rehearse(five.project())
    with closing(sqlite3.connect(five.database)) as connection, connection:
        connection.execute("INSERT INTO clients VALUES (3, 'third')")

    assert REFUSED in found.failure.cause
    assert five.query("SELECT count(*) FROM clients") == [(3,)]


def test_rehearsals_in_several_threads_each_keep_their_own_file_out_of_reach(tmp_path, temporary):
    folders = [four_of_five(Folder(tmp_path / str(number))) for number in range(3)]
    both_in = threading.Barrier(3)
    for number, folder in enumerate(folders):
        own, other = folder.database, folders[(number + 1) % 3].database
        folder.add(
            "0003_wrong",
            f"""
            import sqlite3
            db.resource("meet")()
            sqlite3.connect({str(other)!r}).close()
            db.log("the other one")
            sqlite3.connect({str(own)!r}).close()
            """,
            head='resources = ["meet"]',
        )
    found = {}

    def one(number: int) -> None:
        found[number] = rehearse(folders[number].project(resources={"meet": lambda: both_in.wait(60)}))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [REFUSED in found[number].failure.cause for number in range(3)] == [True] * 3
    assert os.listdir(temporary) == []


def test_the_tests_tell_a_real_file_that_was_touched(five):
    before = database_files(five)
    os.utime(five.database)

    assert database_files(five) != before
