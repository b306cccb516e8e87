"""A run is seen by all processes of an application: a server with several workers answers from any of them."""

import os
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from nukeworks_migrate.errors import Busy
from nukeworks_migrate.web import runs as runs_module
from nukeworks_migrate.web.run_book import RunBook
from nukeworks_migrate.web.runs import DialogRun, Kind, Runs

PATIENCE_S = 15


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of the test's own, for its processes too."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def runs_of(application="app"):
    return Runs(print, print, RunBook(application))


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def other_process():
    """Begin a run in another process; it ends when a line is written to it, or when it is killed."""
    script = """
        import sys
        from nukeworks_migrate.model.events import SnapshotTaken
        from nukeworks_migrate.web.run_book import RunBook
        from nukeworks_migrate.web.runs import DialogRun, Kind, Runs
        run = DialogRun(Kind.REHEARSAL, "theirs", digest="d1")
        def work(run):
            run.listen(SnapshotTaken("s", "snapshots/one.sqlite", 4096))
            print(run.id, flush=True)
            sys.stdin.readline()
            return {"rehearsed_well": True}
        runs = Runs(print, print, RunBook("app"))
        runs.start(run, work)
        runs.join()
        sys.stdin.readline()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_a_run_of_another_process_is_seen_while_it_runs_and_at_its_end(other_process):
    run_id = other_process.stdout.readline().strip()
    runs = runs_of()
    wait_until(lambda: runs.find(run_id).state()["messages"])
    meanwhile = runs.find(run_id).state()

    current, last = runs.current, runs.last
    other_process.stdin.write("go on\n")
    other_process.stdin.flush()
    seen = runs.find(run_id)
    wait_until(lambda: seen.state()["state"] == "done")

    assert (meanwhile["state"], meanwhile["messages"]) == ("running", ["snapshot snapshots/one.sqlite, 4.0 KiB"])
    assert (current.id, last.id, current.title) == (run_id, run_id, "theirs")
    assert seen.ended and runs.current is None
    assert runs.rehearsal_of("d1").id == run_id
    assert runs.rehearsal_of("another plan") is None


def test_whoever_waits_for_a_change_hears_of_the_end_in_another_process(other_process):
    run_id = other_process.stdout.readline().strip()
    runs = runs_of()
    wait_until(lambda: runs.find(run_id).state()["messages"])
    seen = runs.find(run_id)
    number = seen.state()["number"]

    nothing_yet = seen.wait_for_change(number, 0.4)
    other_process.stdin.write("go on\n")
    other_process.stdin.flush()

    assert not nothing_yet
    assert seen.wait_for_change(number, PATIENCE_S)


def test_a_second_run_is_refused_while_another_process_runs(other_process):
    other_process.stdout.readline()

    with pytest.raises(Busy) as refused:
        runs_of().start(DialogRun(Kind.UP, "ours"), lambda run: {})

    assert refused.value.what == "a run is under way already"
    assert refused.value.cause == "theirs"


def test_a_run_whose_process_was_killed_is_lost_and_nobody_waits_for_it(other_process, monkeypatch):
    run_id = other_process.stdout.readline().strip()
    monkeypatch.setattr(runs_module, "ALIVE_S", 0.5)
    other_process.kill()
    other_process.wait()
    runs = runs_of()
    wait_until(lambda: runs.find(run_id).state()["state"] == "failed")

    lost = runs.find(run_id)
    ours = DialogRun(Kind.UP, "ours")
    runs.start(ours, lambda run: {})
    runs.join()

    assert lost.outcome["error"]["what"] == "the process that ran this is gone"
    assert ours.state()["state"] == "done"


def test_applications_do_not_see_each_others_runs(other_process):
    run_id = other_process.stdout.readline().strip()

    assert runs_of("another").find(run_id) is None
    assert runs_of("another").current is None


@pytest.mark.parametrize("run_id", ["", "../../etc/passwd", "a/b", "é" * 8, "a" * 33, "a\0b", "*"])
def test_an_id_that_is_none_finds_nothing(run_id, other_process):
    other_process.stdout.readline()

    assert runs_of().find(run_id) is None


@pytest.mark.skipif(os.name == "nt", reason="not tested: on Windows the temporary folder is the user's own")
def test_nobody_else_can_read_what_is_written(other_process, temporary):
    other_process.stdout.readline()

    (folder,) = temporary.iterdir()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.json")} == {0o600}


@pytest.mark.skipif(os.name == "nt", reason="not tested: on Windows the temporary folder is the user's own")
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_folder_that_others_can_open_is_not_used(mode, temporary):
    folder = temporary / f"nukeworks-migrate-{os.getuid()}"
    folder.mkdir()
    folder.chmod(mode)
    runs = runs_of()
    run = DialogRun(Kind.UP, "ours")

    runs.start(run, lambda run: {"done": {}})
    runs.join()

    assert list(folder.iterdir()) == []
    assert runs.find(run.id) is run
    assert runs_of().find(run.id) is None


def test_a_link_in_the_place_of_the_folder_is_not_followed(temporary, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    user = os.getuid() if hasattr(os, "getuid") else "user"
    (temporary / f"nukeworks-migrate-{user}").symlink_to(elsewhere)
    runs = runs_of()

    runs.start(DialogRun(Kind.UP, "ours"), lambda run: {})
    runs.join()

    assert list(elsewhere.iterdir()) == []


def test_what_cannot_be_read_is_no_run(other_process, temporary):
    run_id = other_process.stdout.readline().strip()
    (folder,) = temporary.iterdir()
    (written,) = folder.glob("*.json")
    (folder / written.name.replace(run_id, "0" * 16)).write_text("{", encoding="utf-8")

    runs = runs_of()

    assert runs.find("0" * 16) is None
    assert runs.current.id == run_id


def test_files_of_yesterday_are_removed(other_process, temporary):
    run_id = other_process.stdout.readline().strip()
    (folder,) = temporary.iterdir()
    (written,) = folder.glob("*.json")
    old = folder / written.name.replace(run_id, "1" * 16)
    old.write_bytes(written.read_bytes())
    os.utime(old, (0, 0))

    assert runs_of().current.id == run_id
    assert not old.exists()
