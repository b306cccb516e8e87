"""A rehearsal that is killed, stopped, short of room or kept out: the real database is the same to the byte.

What a killed one leaves behind among the temporary files is cleared away by the next, and nothing else is.
"""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from faults.five import add_five, make_in_use
from faults.processes import LONG_S, MARK, POSIX_ONLY, WAIT, Process, python, read_lock, started, write_lock
from support import MIGRATE, Folder, environment, footprint

from nukeworks_migrate import up

pytestmark = POSIX_ONLY

LOGGER = logging.getLogger("faults")  # where the kills have hit: pytest -m faults -o log_cli=true --log-cli-level=INFO
KILLED = -9
FAULTS = [pytest.mark.faults, pytest.mark.timeout(3600)]
UNTOUCHED = "the database was not touched: this ran on a copy, which is gone"
REHEARSE = ("up", "--dry-run")
MEGABYTE = 1 << 20
DAYS_AGO = 3 * 86400


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder for temporary files that nobody else uses."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.fixture
def used(folder, temporary) -> Folder:
    """A database of some 40 MB with one migration applied; what is pending is written by the test."""
    fill_with_blobs(folder, 40)
    folder.add_table("0001_one", "one")
    up(folder.project(snapshot="never"))
    folder.database.with_name("app.sqlite-migrate-lock").unlink()
    return folder


def fill_with_blobs(folder: Folder, megabytes: int) -> None:
    folder.sql(
        "CREATE TABLE blobs (id INTEGER PRIMARY KEY, data BLOB);"
        "INSERT INTO blobs (data)"
        f" WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes})"
        f" SELECT zeroblob({MEGABYTE}) FROM n"
    )


def copies(temporary: Path) -> list[str]:
    """Copies of a database that lie among the temporary files."""
    return sorted(str(path.relative_to(temporary)) for path in temporary.glob("*/*.sqlite"))


# The phases of a rehearsal: what the migration looks like, and what shows that the phase has begun.
ROWS = 100_000
COMPARED = "UPDATE loose SET word = upper(word)"


def in_the_copying(folder: Folder) -> None:
    folder.sql(
        f"INSERT INTO blobs (data) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
        f" SELECT zeroblob({MEGABYTE}) FROM n"
    )
    folder.add("0002_two", f'db.execute("CREATE TABLE two (id)")\n{MARK}')


def in_the_import(folder: Folder) -> None:
    folder.add("0002_two", head=f"{MARK}\nimport time\ntime.sleep({LONG_S})")


def in_the_step(folder: Folder) -> None:
    folder.add("0002_two", f'db.execute("CREATE TABLE two (id)")\ndb.execute("DELETE FROM one")\n{WAIT}')


def in_a_statement(folder: Folder) -> None:
    folder.add(
        "0002_two",
        MARK + 'db.query("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000000)'
        ' SELECT count(*) FROM n")',
    )


def in_the_comparing(folder: Folder) -> None:
    add_loose_rows(folder)
    folder.add("0002_two", f'db.execute("{COMPARED}")\n{MARK}')


def in_the_way_back(folder: Folder) -> None:
    folder.add("0002_two", 'db.execute("CREATE TABLE two (id)")', f'db.execute("DROP TABLE two")\n{WAIT}')


def in_the_comparing_of_the_way_back(folder: Folder) -> None:
    add_loose_rows(folder)
    folder.add("0002_two", 'db.execute("CREATE TABLE two (id)")', f'db.execute("{COMPARED}")\n{MARK}')


def in_a_step_without_transaction(folder: Folder) -> None:
    folder.add("0002_two", f'db.execute("CREATE TABLE two (id)")\n{WAIT}', head='transaction = "none"')


def in_the_way_back_of_a_step_without_transaction(folder: Folder) -> None:
    folder.add(
        "0002_two",
        'db.execute("CREATE TABLE two (id)")',
        f'db.execute("DROP TABLE two")\n{WAIT}',
        head='transaction = "none"',
    )


def in_a_statement_of_the_way_back_of_a_step_without_transaction(folder: Folder) -> None:
    folder.add(
        "0002_two",
        'db.execute("CREATE TABLE two (id)")',
        MARK + 'db.query("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000000)'
        ' SELECT count(*) FROM n")',
        head='transaction = "none"',
    )


def add_loose_rows(folder: Folder) -> None:
    """Rows without a key, so that it takes a second or more to compare them all."""
    folder.sql(
        f"""
        CREATE TABLE loose (word TEXT PRIMARY KEY, number INTEGER);
        INSERT INTO loose VALUES (NULL, 1), (NULL, 2);
        INSERT INTO loose WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            SELECT printf('word %09d', i) || printf('%.90c', 'x'), i FROM n;
        """
    )


PHASES: tuple[Callable[[Folder], None], ...] = (
    in_the_copying,
    in_the_import,
    in_the_step,
    in_a_statement,
    in_the_comparing,
    in_the_way_back,
    in_the_comparing_of_the_way_back,
    in_a_step_without_transaction,
    in_the_way_back_of_a_step_without_transaction,
    in_a_statement_of_the_way_back_of_a_step_without_transaction,
)


def has_begun(phase: Callable, folder: Folder, temporary: Path) -> Callable[[], object]:
    if phase is in_the_copying:
        return lambda: copies(temporary)
    return (folder.path / "inside").exists


def named(phase: Callable) -> str:
    return phase.__name__.replace("_", " ")


@contextmanager
def in_phase(folder: Folder, temporary: Path, phase: Callable) -> Iterator[Process]:
    """A rehearsal that has come to a phase."""
    with started(folder, *REHEARSE) as process:
        process.wait_until(has_begun(phase, folder, temporary), f"it was {named(phase)}")
        if "comparing" in phase.__name__:
            time.sleep(0.15)  # what is still done of the step is next to nothing
        yield process


@pytest.mark.parametrize("phase", PHASES, ids=named)
def test_a_kill_in_any_phase_leaves_the_database_and_a_copy_that_the_next_clears_away(used, temporary, phase):
    phase(used)
    before = footprint(used.path)

    with in_phase(used, temporary, phase) as process:
        assert process.kill() == KILLED
    (used.path / "inside").unlink(missing_ok=True)

    assert footprint(used.path) == before
    if phase is not in_the_import:  # there is a copy by then, and yet it is not looked at before
        assert copies(temporary) != []
    path = used.versions / "0002_two.py"
    path.write_text('def upgrade(db):\n    db.execute("CREATE TABLE two (id)")\n')
    before = footprint(used.path)
    again = used.run(*REHEARSE)
    assert again.returncode == 0, again.stderr
    assert leftovers(temporary) == []
    assert footprint(used.path) == before


def test_a_kill_while_a_database_in_wal_mode_is_copied_leaves_sqlites_own_files_at_most(used, temporary):
    in_the_copying(used)
    used.sql("PRAGMA journal_mode = WAL")
    before = footprint(used.path)

    with in_phase(used, temporary, in_the_copying) as process:
        process.kill()

    (used.path / "inside").unlink(missing_ok=True)
    after = footprint(used.path)
    appeared = {*after} - {*before}
    assert appeared <= {"app.sqlite-shm", "app.sqlite-wal"}
    assert after.get("app.sqlite-wal", (b"",))[0] == b""
    assert {name: after[name] for name in before} == before


SIGNALS = [
    pytest.param(signal.SIGINT, 130, id="SIGINT"),
    pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
]


def phases_and_signals() -> list:
    """Each phase with one of the signals, in turns; with the other too where all is run."""
    cases = []
    for place, phase in enumerate(PHASES):
        for turn, given in enumerate(SIGNALS):
            marks = [] if place % 2 == turn else [pytest.mark.faults]
            cases.append(pytest.param(phase, *given.values, id=f"{named(phase)}-{given.id}", marks=marks))
    return cases


@pytest.mark.parametrize(("phase", "number", "code"), phases_and_signals())
def test_a_signal_in_any_phase_ends_it_and_its_copy(used, temporary, phase, number, code):
    phase(used)
    before = footprint(used.path)

    with in_phase(used, temporary, phase) as process:
        process.send(number)
        ended = process.end(15)
        told = process.stdout, process.stderr
    shown = (used.path / "inside").exists()
    (used.path / "inside").unlink(missing_ok=True)

    assert os.listdir(temporary) == []
    assert footprint(used.path) == before
    assert ended == code, told
    assert "[stopped]" in told[1]
    assert "Traceback" not in told[1]
    assert told[0] == ""
    if phase is in_the_copying:
        assert not shown
        assert "error: stopped while the database was copied" in told[1]


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase is not in_the_import], ids=named)
def test_a_stop_is_told_as_one_of_a_rehearsal(used, temporary, phase):
    phase(used)

    with in_phase(used, temporary, phase) as process:
        process.send(signal.SIGTERM)
        process.end(15)
        told = " ".join(process.stderr.split())

    assert UNTOUCHED in told
    assert "before anything ran" not in told


def test_a_stop_is_told_in_json_too(used, temporary):
    in_the_step(used)

    with started(used, *REHEARSE, "--json") as process:
        process.wait_until((used.path / "inside").exists, "the migration began")
        process.send(signal.SIGTERM)
        ended = process.end()
        told = json.loads(process.stdout)

    assert ended == 143
    assert told["error"]["code"] == "stopped"
    assert told["error"]["unchanged"] == UNTOUCHED
    assert os.listdir(temporary) == []


def test_a_migration_that_catches_for_ever_is_ended_by_the_second_signal(used, temporary):
    used.add(
        "0002_stubborn",
        MARK + "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end:\n    try:\n"
        "        time.sleep(0.01)\n    except BaseException:\n        pathlib.Path('caught').touch()",
    )
    before = footprint(used.path)

    with started(used, *REHEARSE) as process:
        process.wait_until((used.path / "inside").exists, "the migration began")
        process.send(signal.SIGTERM)
        process.wait_until((used.path / "caught").exists, "the migration caught it")
        process.send(signal.SIGTERM)
        ended = process.end(15)
    for mark in ("inside", "caught"):
        (used.path / mark).unlink()

    assert ended in (143, -signal.SIGTERM)
    assert footprint(used.path) == before
    (used.versions / "0002_stubborn.py").write_text("def upgrade(db):\n    pass\n")
    assert used.run(*REHEARSE).returncode == 0
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("place", ["upgrade", "downgrade", "head"])
def test_a_migration_that_ends_the_process_leaves_a_copy_that_the_next_clears_away(used, temporary, place):
    line = "import os; os._exit(3)"
    used.add("0002_two", **{"upgrade": 'db.execute("CREATE TABLE two (id)")', place: line})
    before = footprint(used.path)

    ended = used.run(*REHEARSE)

    assert ended.returncode == 3
    assert footprint(used.path) == before
    assert copies(temporary) != []
    used.add("0002_two", 'db.execute("CREATE TABLE two (id)")')
    assert used.run(*REHEARSE).returncode == 0
    assert os.listdir(temporary) == []


def leftovers(temporary: Path) -> list[str]:
    """What is left of a process that was killed before its copy: a folder that nobody was seen to hold yet.

    It is kept for a day, since another process may be about to hold it; there is no data in it. A file of SQLite's own
    stays when the kill hits between its opening and its unlinking, which are one after the other (os_unix.c,
    SQLITE_OPEN_DELETEONCLOSE): nothing was written to it yet.
    """
    found = []
    for folder in temporary.iterdir():
        if folder.name.startswith("etilqs_"):
            assert folder.stat().st_size == 0, f"{folder} holds data"
            folder.unlink()
            continue
        names = {path.name for path in folder.iterdir()}
        assert names <= {"alive", "alive-journal"}, f"{folder} holds {names}"
        found.append(folder.name)
    return found


KILLS = [pytest.param(3, id="3 kills"), pytest.param(100, marks=FAULTS, id="100 kills")]
# `migrate`, with a mark that Python has started.
BEGUN = """
import pathlib
from nukeworks_migrate.cli.main import main
pathlib.Path("begun").touch()
main()
"""


@pytest.fixture
def five(folder, temporary) -> Folder:
    """Five pending migrations over megabytes of rows."""
    make_in_use(folder, "delete")
    add_five(folder)
    return folder


@pytest.mark.parametrize("count", KILLS)
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_kill_at_any_instant_leaves_the_database_to_the_byte(five, temporary, journal_mode, count):
    five.sql(f"PRAGMA journal_mode = {journal_mode}")
    with closing(sqlite3.connect(five.database)) as kept_open:  # so that a -wal stays and is in use
        kept_open.execute("UPDATE notes SET number = number")
        kept_open.commit()
        duration_s = instant_of_the_end(five)
        wanted = {"in the copying", "in the steps"} if count > 10 else set()
        outcomes: Counter[str] = Counter()
        before = database_files(five)

        for part in range(count):
            instant_s = (part + random.random()) / count * duration_s * 1.1
            with python(five, BEGUN, *REHEARSE) as process:
                process.wait_until((five.path / "begun").exists, "Python had started")
                time.sleep(instant_s)
                code = process.kill()
            (five.path / "begun").unlink()
            outcomes[where_it_hit(temporary, code)] += 1

            assert database_files(five) == before, f"killed after {instant_s:.3f} s"
            assert sorted(path.name for path in five.path.iterdir()) == [
                "app.sqlite",
                *COMPANIONS[journal_mode],
                "versions",
            ]
            if part % 10 == 9 or count < 10:
                again = five.run(*REHEARSE)
                assert again.returncode == 0, again.stderr
                for name in leftovers(temporary):
                    shutil.rmtree(temporary / name)

    LOGGER.info("rehearsal in %s mode, killed within %.3f s: %s", journal_mode, duration_s, dict(outcomes))
    assert wanted <= set(outcomes)


COMPANIONS = {"delete": [], "wal": ["app.sqlite-shm", "app.sqlite-wal"]}


def database_files(folder: Folder) -> dict[str, object]:
    """The database and what belongs to it, without SQLite's shared memory, which readers write."""
    found = footprint(folder.path)
    return {name: found[name] for name in found if name.startswith("app.sqlite") and not name.endswith("-shm")}


def instant_of_the_end(folder: Folder) -> float:
    """How long a rehearsal takes from where Python has started, when nobody kills it."""
    took = []
    for _ in range(3):
        with python(folder, BEGUN, *REHEARSE) as process:
            process.wait_until((folder.path / "begun").exists, "Python had started")
            began = time.monotonic()
            assert process.end() == 0, process.stderr
            took.append(time.monotonic() - began)
        (folder.path / "begun").unlink()
    return sorted(took)[1]


def where_it_hit(temporary: Path, code: int) -> str:
    if code != KILLED:
        return "had ended"
    sizes = {path.name: path.stat().st_size for path in temporary.glob("*/*")}
    if "copy.sqlite" not in sizes:
        return "in the copying" if sizes else "before the copy"
    return "in the steps" if "copy.sqlite-wal" in sizes else "in the copying"


@pytest.mark.parametrize("count", [pytest.param(2, id="2 stops"), pytest.param(60, marks=FAULTS, id="60 stops")])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_at_any_instant_leaves_nothing_behind(five, temporary, number, code, count):
    before = footprint(five.path)
    duration_s = instant_of_the_end(five)
    outcomes: Counter[int] = Counter()

    for part in range(count):
        instant_s = (part + random.random()) / count * duration_s
        with python(five, BEGUN, *REHEARSE) as process:
            process.wait_until((five.path / "begun").exists, "Python had started")
            time.sleep(instant_s)
            process.send(number)
            ended = process.end()
            told = process.stderr
        (five.path / "begun").unlink()
        outcomes[ended] += 1

        assert ended in (0, code, -number), f"after {instant_s:.3f} s\n{told}"
        assert "Traceback" not in told or ended == -number, f"after {instant_s:.3f} s\n{told}"
        assert footprint(five.path) == before
        if ended == -number:  # before anybody listened, or when the last word was said
            for name in leftovers(temporary):
                shutil.rmtree(temporary / name)
        assert os.listdir(temporary) == [], f"after {instant_s:.3f} s"

    LOGGER.info("rehearsal, signal %d within %.3f s: %s", number, duration_s, dict(outcomes))


def test_a_copy_that_is_in_use_is_not_cleared_away(used, temporary, tmp_path):
    in_the_step(used)
    other = Folder(tmp_path / "other")
    other.add_table("0001_one", "one")

    with started(used, *REHEARSE) as process:
        process.wait_until((used.path / "inside").exists, "the migration began")
        in_use = copies(temporary)
        quick = other.run(*REHEARSE)
        seen = copies(temporary)
        (used.path / "go").touch()
        ended = process.end()

    assert quick.returncode == 0, quick.stderr
    assert ended == 0, process.stderr
    assert any(name.endswith("copy.sqlite") for name in in_use)
    assert seen == in_use
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("rounds", [pytest.param(2, id="2 rounds"), pytest.param(30, marks=FAULTS, id="30 rounds")])
def test_rehearsals_of_one_database_at_once_all_finish(five, temporary, rounds):
    before = footprint(five.path)

    for _ in range(rounds):
        with ExitStack() as all_of_them:
            processes = [all_of_them.enter_context(started(five, *REHEARSE, "--json")) for _ in range(4)]
            codes = [process.end() for process in processes]
            reports = [json.loads(process.stdout) for process in processes]

        assert codes == [0] * 4, reports
        assert os.listdir(temporary) == []
    assert footprint(five.path) == before


def test_a_rehearsal_in_a_thread_does_not_clear_away_that_of_another_thread(folder, temporary):
    """Locks of one process do not stand in its own way; SQLite keeps count of them all the same."""
    script = """
import threading
from nukeworks_migrate import Project, rehearse
from nukeworks_migrate.model.rehearsal import WayBack
found = {}
def one(number):
    found[number] = rehearse(Project("app.sqlite", base="."))
threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert [found[number].failure for number in range(6)] == [None] * 6
assert all(step.way_back.verdict is WayBack.EXACT for step in found[0].steps)
"""
    make_in_use(folder, "delete")
    add_five(folder)

    with python(folder, script) as process:
        assert process.end() == 0, process.stderr

    assert os.listdir(temporary) == []


# What all sees in the temporary folder, from inside a migration.
MODES = """
import json, os, pathlib, stat, tempfile
found = {}
for path, folders, files in os.walk(tempfile.gettempdir()):
    for name in [*folders, *files]:
        whole = os.path.join(path, name)
        found[whole] = stat.S_IMODE(os.lstat(whole).st_mode)
with open("modes", "a") as file:
    file.write(json.dumps(found) + chr(10))
"""
WATCH = """
import json, os, stat, sys
found = {}
folder = os.environ["TMPDIR"]
print("watching", flush=True)
while not os.path.exists("go"):
    for path, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            whole = os.path.join(path, name)
            try:
                mode = stat.S_IMODE(os.lstat(whole).st_mode)
            except OSError:
                continue
            kind = "folder" if name in folders else "file"
            found.setdefault(f"{kind} {mode:o}", whole)
print(json.dumps(found), flush=True)
"""


@pytest.mark.parametrize("head", ["", 'transaction = "none"'], ids=["a transaction", "no transaction"])
def test_folders_and_files_are_for_this_user_alone_from_the_first_moment(used, temporary, head):
    body = f'db.execute("UPDATE one SET name = upper(name)")\n{MODES}'
    used.database.chmod(0o666)
    used.add("0002_two", body, f'db.execute("UPDATE one SET name = lower(name)")\n{MODES}', head=head)

    with python(used, WATCH) as watcher:
        watcher.wait_until(lambda: watcher.stdout, "it watched")
        ended = subprocess.run(
            [*MIGRATE, *REHEARSE], cwd=used.path, env=environment(used), umask=0, capture_output=True, text=True
        )
        (used.path / "go").touch()
        watcher.end()
        watched = json.loads(watcher.stdout.splitlines()[-1])

    assert ended.returncode == 0, ended.stderr
    inside = [json.loads(line) for line in (used.path / "modes").read_text().splitlines()]
    assert len(inside) == 2
    for found in inside:
        kinds = {stat.S_IMODE(mode) for mode in found.values()}
        assert kinds == {0o700, 0o600}, found
        assert any(path.endswith("copy.sqlite") for path in found)
    assert set(watched) == {"folder 700", "file 600"}, watched


# What is not ours stays where it is, however old it is.
def made_old(path: Path) -> Path:
    then = time.time() - DAYS_AGO
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def a_folder_of_another_program(temporary: Path) -> None:
    path = temporary / "nukeworks-migrate-theirs"
    path.mkdir()
    (path / "notes.txt").write_text("mine")
    made_old(path)


def a_lock_that_is_no_database(temporary: Path) -> None:
    path = temporary / "nukeworks-migrate-theirs"
    path.mkdir()
    (path / "alive").write_text("yes, thank you, and no database at all\n" * 100)
    (path / "copy.sqlite").write_text("mine")
    made_old(path)


def a_symbolic_link(temporary: Path) -> None:
    target = temporary / "elsewhere"
    abandoned(target)
    (temporary / "nukeworks-migrate-link").symlink_to(target, target_is_directory=True)
    made_old(temporary / "nukeworks-migrate-link")


def a_file(temporary: Path) -> None:
    path = temporary / "nukeworks-migrate-file"
    path.write_text("mine")
    made_old(path)


def a_new_empty_folder(temporary: Path) -> None:
    """Somebody may just be about to hold it."""
    (temporary / "nukeworks-migrate-new").mkdir()


def a_new_folder_with_an_empty_lock(temporary: Path) -> None:
    (temporary / "nukeworks-migrate-new").mkdir()
    (temporary / "nukeworks-migrate-new" / "alive").touch()


def another_users(temporary: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make what belongs to another user")
    path = temporary / "nukeworks-migrate-theirs"
    abandoned(path)
    os.chown(path, 12345, 12345)


def abandoned(path: Path) -> None:
    """What a killed rehearsal leaves behind."""
    path.mkdir(mode=0o700)
    with closing(sqlite3.connect(path / "alive")) as connection:
        connection.execute("CREATE TABLE holder (pid INTEGER)")
    (path / "copy.sqlite").write_text("a copy")


FOREIGN = (
    a_folder_of_another_program,
    a_lock_that_is_no_database,
    a_symbolic_link,
    a_file,
    a_new_empty_folder,
    a_new_folder_with_an_empty_lock,
    another_users,
)


@pytest.mark.parametrize("thing", FOREIGN, ids=named)
def test_what_is_not_left_behind_by_a_rehearsal_stays(folder, temporary, thing):
    folder.add_table("0001_one", "one")
    thing(temporary)
    before = footprint(temporary)

    ended = folder.run(*REHEARSE)

    assert ended.returncode == 0, ended.stderr
    assert footprint(temporary) == before


def an_abandoned_copy(temporary: Path) -> None:
    abandoned(temporary / "nukeworks-migrate-abandoned")


def an_old_empty_folder(temporary: Path) -> None:
    (temporary / "nukeworks-migrate-empty").mkdir()
    made_old(temporary / "nukeworks-migrate-empty")


def an_old_folder_with_an_empty_lock(temporary: Path) -> None:
    (temporary / "nukeworks-migrate-empty").mkdir()
    (temporary / "nukeworks-migrate-empty" / "alive").touch()
    made_old(temporary / "nukeworks-migrate-empty")


@pytest.mark.parametrize("thing", [an_abandoned_copy, an_old_empty_folder, an_old_folder_with_an_empty_lock], ids=named)
def test_what_is_left_behind_goes(folder, temporary, thing):
    folder.add_table("0001_one", "one")
    thing(temporary)

    ended = folder.run(*REHEARSE)

    assert ended.returncode == 0, ended.stderr
    assert os.listdir(temporary) == []


@pytest.fixture
def small_disk(tmp_path, monkeypatch) -> Iterator[Callable[[int], Path]]:
    """Give a folder for temporary files on a disk of so many MiB."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        path = tmp_path / "small"
        path.mkdir()
        if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("a full disk was not tested: only root can mount a small one")
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"a full disk was not tested: {done.stderr.strip()}")
        mounted.append(path)
        monkeypatch.setenv("TMPDIR", str(path))
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize(("megabytes", "disk"), [(0, 4), (10, 16)], ids=["no room at all", "too little for the steps"])
def test_a_copy_that_does_not_fit_is_refused_before_it_is_made(folder, small_disk, megabytes, disk):
    path = small_disk(disk)
    fill_with_blobs(folder, megabytes)
    folder.add("0001_one", MARK)
    before = footprint(folder.path)

    ended = folder.run(*REHEARSE)

    assert ended.returncode == 3, ended.stderr
    told = " ".join(ended.stderr.split())
    assert f"error: there is no room for a copy of app.sqlite in {path} [rehearsal-refused]" in told
    assert "bytes, and" in told and "are free" in told
    assert "TMPDIR=/path migrate …" in told
    assert footprint(folder.path) == before
    assert os.listdir(path) == []


FILL = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT hex(zeroblob(500000)) FROM n"
)
INSERT_20_MB = f'db.execute("INSERT INTO big (data) {FILL.format(20)}")'


def too_much_in_the_step(folder: Folder) -> int:
    folder.sql("CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT)")
    folder.add("0001_one", INSERT_20_MB)
    return 12


def too_much_that_is_swallowed(folder: Folder) -> int:
    """The statement fails here and would not in a run: what the migration makes of it tells nothing."""
    folder.sql("CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT)")
    folder.add("0001_one", f"try:\n    {INSERT_20_MB}\nexcept Exception:\n    pass")
    return 12


def too_much_on_the_way_back(folder: Folder) -> int:
    folder.sql("CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT)")
    folder.add("0001_one", 'db.execute("CREATE TABLE one (id)")', INSERT_20_MB)
    return 12


def too_much_without_transaction(folder: Folder) -> int:
    folder.sql("CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT)")
    folder.add("0001_one", INSERT_20_MB, head='transaction = "none"')
    return 12


def too_much_to_keep_what_was_there(folder: Folder) -> int:
    """A step without transaction has what was there before it kept as a second file."""
    folder.sql(f"CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT); INSERT INTO big (data) {FILL.format(12)}")
    folder.add("0001_one", 'db.execute("CREATE TABLE one (id)")', head='transaction = "none"')
    return 22


def too_much_aside(folder: Folder) -> int:
    """Its way back is tried on a third file."""
    folder.sql(f"CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT); INSERT INTO big (data) {FILL.format(8)}")
    folder.add("0001_one", 'db.execute("CREATE TABLE one (id)")', head='transaction = "none"')
    return 20


def too_much_to_compare_the_way_back(folder: Folder) -> int:
    """What the step found is copied beside what its way back has written."""
    folder.sql(f"CREATE TABLE big (id INTEGER PRIMARY KEY, data TEXT); INSERT INTO big (data) {FILL.format(7)}")
    folder.add("0001_one", 'db.execute("CREATE TABLE one (id)")', 'db.execute("UPDATE big SET data = data || 1")')
    return 18


def too_much_to_sort(folder: Folder) -> int:
    """Rows without a key are sorted to be compared, in temporary files."""
    folder.sql(
        "CREATE TABLE big (word TEXT PRIMARY KEY, data TEXT); INSERT INTO big VALUES (NULL, 1);"
        "INSERT INTO big WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        " SELECT printf('%09d', i), hex(zeroblob(250)) FROM n"
    )
    folder.add("0001_one", "db.execute(\"UPDATE big SET data = data || 'x'\")", None)
    return 16


TOO_MUCH = (
    too_much_in_the_step,
    too_much_that_is_swallowed,
    too_much_on_the_way_back,
    too_much_without_transaction,
    too_much_to_keep_what_was_there,
    too_much_aside,
    too_much_to_compare_the_way_back,
    too_much_to_sort,
)


@pytest.mark.parametrize("too_much", TOO_MUCH, ids=named)
def test_a_copy_that_runs_out_of_room_is_no_failure_of_the_migration(folder, small_disk, too_much):
    path = small_disk(too_much(folder))
    before = footprint(folder.path)

    ended = folder.run(*REHEARSE)

    assert ended.returncode == 3, ended.stdout + ended.stderr
    told = " ".join(ended.stderr.split())
    assert "error: the copy ran out of room [rehearsal-refused]" in told
    assert "TMPDIR=/path migrate …" in told
    assert footprint(folder.path) == before
    assert os.listdir(path) == []


def test_when_the_copy_ran_out_of_room_it_is_not_said_that_nothing_was_run(folder, small_disk):
    small_disk(too_much_in_the_step(folder))

    ended = folder.run(*REHEARSE)

    assert UNTOUCHED in " ".join(ended.stderr.split())


def test_a_folder_for_temporary_files_that_is_not_there_falls_back_or_is_refused(folder, monkeypatch, temporary):
    monkeypatch.setenv("TMPDIR", str(temporary / "nowhere"))
    folder.add_table("0001_one", "one")

    ended = folder.run(*REHEARSE)

    assert ended.returncode in (0, 3)
    assert "Traceback" not in ended.stderr
    assert os.listdir(temporary) == []


def powerless(folder: Folder, *words: str) -> subprocess.CompletedProcess[str]:
    """Call the program in a process that file permissions bind, also where the tests run as root."""
    powers = "-dac_override,-dac_read_search"
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root is bound by no permissions, and there is no setpriv to change that")
        prefix = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]
    if subprocess.run([*prefix, "touch", str(folder.path / "probe")], capture_output=True).returncode == 0:
        pytest.skip("permissions of files are not enforced here")
    return subprocess.run(
        [*prefix, *MIGRATE, *words], cwd=folder.path, env=environment(folder), capture_output=True, text=True
    )


@contextmanager
def closed_to_writing(folder: Folder) -> Iterator[None]:
    paths = [folder.path, *folder.path.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_database_and_a_folder_that_can_only_be_read_are_rehearsed(five, temporary, journal_mode):
    five.sql(f"PRAGMA journal_mode = {journal_mode}")

    with closed_to_writing(five):
        before = footprint(five.path)
        ended = powerless(five, *REHEARSE, "--json")
        after = footprint(five.path)

    assert ended.returncode == 0, ended.stderr
    assert [step["failed"] for step in json.loads(ended.stdout)["steps"]] == [False] * 5
    assert after == before
    assert os.listdir(temporary) == []


def test_a_folder_for_temporary_files_that_cannot_be_written_is_refused_in_words(five, temporary, monkeypatch):
    closed = temporary / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    for name in ("TMP", "TEMP", "TMPDIR"):
        monkeypatch.setenv(name, str(closed))
    with closed_to_writing(five):
        ended = powerless(five, *REHEARSE)

    # Python goes on to /tmp, /var/tmp and the like where it may.
    assert ended.returncode in (0, 3)
    assert "Traceback" not in ended.stderr


HALF_A_WRITE = """
import pathlib, sqlite3, time
connection = sqlite3.connect("app.sqlite", isolation_level=None)
connection.execute("BEGIN")
connection.execute("UPDATE readings SET note = upper(note), size = 1")
pathlib.Path("written").touch()
time.sleep(600)
"""


@pytest.mark.parametrize(
    "words", [REHEARSE, ("plan", "--rehearse"), ("down", "--to", "base", "--dry-run")], ids=" ".join
)
def test_beside_a_hot_journal_it_is_refused_and_nothing_is_recovered(five, temporary, words):
    with python(five, HALF_A_WRITE) as writer:
        writer.wait_until((five.path / "written").exists, "it wrote")
        writer.kill()
    journal = Path(f"{five.database}-journal").read_bytes()
    assert journal[:8] == bytes.fromhex("d9d505f920a163d7")  # sqlite.org/fileformat.html: hot
    before = footprint(five.path)

    ended = five.run(*words)

    assert ended.returncode == 5
    assert "error: app.sqlite has an interrupted write; SQLite recovers it at the next run" in ended.stderr
    assert "[hot-journal]" in ended.stderr
    assert footprint(five.path) == before
    assert os.listdir(temporary) == []


@contextmanager
def exclusive_lock(database: Path) -> Iterator[None]:
    """Be another program that lets nobody read either."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_database_that_stays_locked_is_busy_in_time(five, temporary):
    before = footprint(five.path)
    began = time.monotonic()

    with exclusive_lock(five.database):
        ended = five.run(*REHEARSE, "--lock-timeout", "1")
    took = time.monotonic() - began

    assert ended.returncode == 5, ended.stderr
    assert "error: app.sqlite is locked by another program" in ended.stderr
    assert took < 10
    assert database_files(five) == before_files(before)
    assert os.listdir(temporary) == []


def before_files(found: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in found.items() if name.startswith("app.sqlite")}


def test_a_database_that_is_unlocked_in_time_is_rehearsed(five, temporary):
    with exclusive_lock(five.database):
        process = Process([*MIGRATE, *REHEARSE, "--lock-timeout", "30"], five)
        time.sleep(1.2)
    try:
        assert process.end() == 0, process.stderr
    finally:
        process.close()
    assert os.listdir(temporary) == []


def test_it_waits_for_a_locked_database_as_long_as_it_was_told(five, temporary):
    with exclusive_lock(five.database):
        process = Process([*MIGRATE, *REHEARSE, "--lock-timeout", "60"], five)
        time.sleep(5)
    try:
        assert process.end() == 0, process.stderr
    finally:
        process.close()
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("lock", [read_lock, write_lock])
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_who_reads_or_is_about_to_write_does_not_stand_in_its_way(five, temporary, journal_mode, lock):
    five.sql(f"PRAGMA journal_mode = {journal_mode}")
    with lock(five.database):
        before = database_files(five)
        ended = five.run(*REHEARSE, "--lock-timeout", "1")
        after = database_files(five)

    assert ended.returncode == 0, ended.stderr
    assert after == before
    assert os.listdir(temporary) == []


def test_while_it_runs_others_write_on_and_it_goes_on_with_what_it_copied(used, temporary):
    in_the_step(used)
    used.add("0003_three", 'db.log(str(db.scalar("SELECT count(*) FROM one")))')

    with started(used, *REHEARSE, "--json") as process:
        process.wait_until((used.path / "inside").exists, "the migration began")
        used.sql("INSERT INTO one (name) VALUES ('new'), ('newer')")
        (used.path / "go").touch()
        assert process.end() == 0, process.stderr
        told = json.loads(process.stdout)

    assert told["steps"][1]["messages"] == ["0"]
    assert used.query("SELECT count(*) FROM one") == [(3,)]
    assert os.listdir(temporary) == []


def test_of_a_database_in_wal_mode_the_rows_in_the_wal_are_rehearsed(five, temporary):
    with closing(sqlite3.connect(five.database)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("DELETE FROM readings WHERE id > 100")
        other.execute("INSERT INTO notes VALUES (1)")
        other.commit()
        other.execute("INSERT INTO notes VALUES (2)")  # not committed
        before = database_files(five)
        assert len(before["app.sqlite-wal"][0]) > 0

        ended = five.run(*REHEARSE, "--json")
        after = database_files(five)
        other.rollback()

    assert ended.returncode == 0, ended.stderr
    counts = {count["table"]: (count["before"], count["after"]) for count in json.loads(ended.stdout)["rows"]}
    assert counts["copies"] == (0, 50)
    assert counts["readings"] == (100, 100)
    assert "notes" not in counts
    assert after == before
    assert os.listdir(temporary) == []


def test_a_rehearsal_of_a_database_that_is_not_there_makes_none(folder, temporary):
    folder.add_table("0001_one", "one")
    before = footprint(folder.path)

    ended = folder.run(*REHEARSE)

    assert ended.returncode == 0, ended.stderr
    assert footprint(folder.path) == before
    assert os.listdir(temporary) == []
