"""Runs by themselves, and as those who look see them: by their states, and by a stream of them."""

import http.client
import json
import logging
import socket
import textwrap
import threading
import time
from contextlib import closing, contextmanager

import pytest
from support import Folder
from web.browsing import LONG_S, served

from nukeworks_migrate import up
from nukeworks_migrate.errors import Busy, Refused
from nukeworks_migrate.model.events import Logged, Progressed, SnapshotTaken, Waiting
from nukeworks_migrate.model.migration import Migration
from nukeworks_migrate.model.plan import Direction, Step
from nukeworks_migrate.web import dialog as dialog_module
from nukeworks_migrate.web.runs import DialogRun, Kind, Runs

STEP = Step(Migration(1, "0001_one"), Direction.UP)


class Log:
    """What is written to the log of an application."""

    def __init__(self):
        self.bugs, self.failures = [], []

    def runs(self):
        return Runs(self.bugs.append, self.failures.append)


@pytest.fixture
def log():
    return Log()


def end_of(runs, run):
    runs.join(LONG_S)
    assert run.ended
    return run


def start(runs, work, kind=Kind.UP):
    run = DialogRun(kind, f"{kind} of a test")
    runs.start(run, work)
    return run


# --- runs


def test_a_run_ends_with_what_its_work_returns(log):
    runs = log.runs()

    run = end_of(runs, start(runs, lambda run: {"done": {"nothing": True}}))

    assert run.outcome == {"done": {"nothing": True}}
    state = run.state()
    assert (state["state"], state["phase"], state["progress"]) == ("done", "Done", None)
    assert (log.bugs, log.failures) == ([], [])


def test_work_that_is_refused_ends_as_failed_and_is_logged(log):
    runs, refused = log.runs(), Refused("the files are gone", next_step="migrate plan")

    def work(run):
        raise refused

    run = end_of(runs, start(runs, work))

    assert run.state()["state"] == "failed"
    assert run.outcome["error"]["what"] == "the files are gone"
    assert (log.bugs, log.failures) == ([], [refused])


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("it cannot even say what it is")


@pytest.mark.parametrize(
    "bug",
    [
        ValueError("a bug\nof two lines"),
        Unspeakable(),
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        MemoryError(),
    ],
    ids=lambda bug: type(bug).__name__,
)
def test_a_bug_ends_as_failed_in_words_and_with_its_traceback_in_the_log(log, bug):
    runs = log.runs()

    def work(run):
        raise bug

    run = end_of(runs, start(runs, work))
    after = end_of(runs, start(runs, lambda run: {}))

    assert run.state()["state"] == "failed"
    assert type(bug).__name__ in run.outcome["error"]["what"]
    assert {"label": "cause", "text": run.outcome["error"]["parts"][0]["text"], "ours": False} in run.outcome["error"][
        "parts"
    ]
    assert "this is a bug in nukeworks_migrate" in run.outcome["error"]["parts"][0]["text"]
    assert len(log.bugs) == 1
    assert log.bugs[0].startswith("Traceback (most recent call last)") and "in work" in log.bugs[0]
    assert after.state()["state"] == "done"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [Refused("no"), ValueError("a bug")], ids=["refused", "a bug"])
def test_where_the_log_fails_too_the_run_has_ended_all_the_same(error):
    def broken_log(told):
        raise OSError("the disk is full")

    runs = Runs(broken_log, broken_log)

    def work(run):
        raise error

    run = end_of(runs, start(runs, work))

    assert run.state()["state"] == "failed"
    assert run.outcome["error"]["what"].endswith(str(error))
    assert runs.current is None


def test_one_run_at_a_time(log):
    runs, go = log.runs(), threading.Event()
    first = start(runs, lambda run: {"waited": go.wait(LONG_S)})

    with pytest.raises(Busy) as refused:
        start(runs, lambda run: {})
    current = runs.current
    go.set()
    end_of(runs, first)

    assert refused.value.unchanged == "nothing was begun"
    assert current is first
    assert runs.current is None
    assert runs.last is first
    assert end_of(runs, start(runs, lambda run: {})).state()["state"] == "done"


def test_of_many_that_begin_at_once_one_is_begun(log):
    runs, go, all_here, begun = log.runs(), threading.Event(), threading.Barrier(12), []

    def begin():
        all_here.wait(LONG_S)
        try:
            begun.append(start(runs, lambda run: {"waited": go.wait(LONG_S)}))
        except Busy:
            begun.append(None)

    threads = [threading.Thread(target=begin) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    go.set()
    runs.join(LONG_S)

    assert len([run for run in begun if run is not None]) == 1
    assert len(begun) == 12


def test_the_last_ten_runs_are_kept(log):
    runs = log.runs()

    ids = [end_of(runs, start(runs, lambda run: {})).id for _ in range(13)]

    assert [runs.find(run_id) is not None for run_id in ids] == [False] * 3 + [True] * 10
    assert runs.last.id == ids[-1]
    assert runs.find("") is None


def test_a_dry_run_counts_for_its_own_plan_where_it_ended_well(log):
    runs = log.runs()

    def rehearse(digest, well):
        run = DialogRun(Kind.REHEARSAL, "dry run", digest=digest)
        runs.start(run, lambda run: {"rehearsed_well": well})
        return end_of(runs, run)

    first, second = rehearse("a", True), rehearse("a", True)
    rehearse("b", False)
    end_of(runs, start(runs, lambda run: {"rehearsed_well": True}))

    assert first.id != second.id
    assert runs.rehearsal_of("a") is second
    assert runs.rehearsal_of("b") is None
    assert runs.rehearsal_of("") is None


def test_messages_are_cut_where_there_are_too_many_and_hold_no_control_characters():
    run = DialogRun(Kind.UP, "run")

    for number in range(1000):
        run.listen(Logged(STEP, f"\x1b[2J\n\u202e {number}"))

    messages = run.state()["messages"]
    assert len(messages) == 201
    assert messages[0] == "0001_one: \\x1b[2J\\n\\u202e 0"
    assert messages[-1] == "…"


@pytest.mark.parametrize(
    ("done", "total", "told"),
    [
        (3, 10, (3, 10)),
        (3, None, (3, None)),
        (2.0, 4.5, (2, 4)),
        (float("nan"), float("inf"), (0, None)),
        (10**400, 10**400, (10**400, 10**400)),
    ],
    ids=str,
)
def test_progress_of_any_kind_can_be_told_as_json(done, total, told):
    run = DialogRun(Kind.UP, "run")

    run.listen(Progressed(STEP, done, total, "rows\nof\0all"))

    def refused(constant):
        raise ValueError(constant)

    progress = json.loads(json.dumps(run.state()), parse_constant=refused)["progress"]
    assert (progress["done"], progress["total"]) == told
    assert progress["text"].startswith("rows\\nof\\x00all: ")


def test_a_state_is_a_copy_that_does_not_change():
    run = DialogRun(Kind.UP, "run")
    before = run.state()

    run.listen(SnapshotTaken("s", "snapshots/s.sqlite", 4096))
    run.listen(Waiting("ann"))

    assert before["messages"] == []
    assert before["phase"] == "Reading files and ledger"
    assert run.state()["number"] == before["number"] + 2


def test_many_may_look_while_it_runs():
    run, stop, wrong = DialogRun(Kind.UP, "run"), threading.Event(), []

    def look():
        last = -1
        while not stop.is_set():
            state = run.state()
            json.dumps(state)
            # Each message and each number were noted together.
            if state["number"] != len(state["messages"]) or state["number"] < last:
                wrong.append(state)
            last = state["number"]

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(150):
        run.listen(Logged(STEP, str(number)))
        time.sleep(0.0005)
    stop.set()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_who_waits_is_woken_by_a_change_and_by_the_end(log):
    runs, go, end = log.runs(), threading.Event(), threading.Event()

    def work(run):
        go.wait(LONG_S)
        run.listen(Logged(STEP, "one"))
        end.wait(LONG_S)
        return {}

    run = start(runs, work)
    number = run.state()["number"]
    nothing_yet = run.wait_for_change(number, 0.05)
    woken = []
    for later in (go, end):
        threading.Timer(0.1, later.set).start()  # somebody waits by then
        began = time.monotonic()
        woken.append(run.wait_for_change(number, LONG_S) and time.monotonic() - began < LONG_S / 2)
        number = run.state()["number"]

    assert (nothing_yet, woken) == (False, [True, True])
    end_of(runs, run)


# --- what a migration raises


@pytest.mark.parametrize(
    "body", ["raise SystemExit(0)", "raise KeyboardInterrupt", "raise GeneratorExit", "import sys\nsys.exit()"]
)
def test_a_migration_cannot_end_the_server(folder, browse, body):
    folder.add("0001_one", f"db.execute('CREATE TABLE half (id)')\n{body}")
    ann = browse()

    page = ann.apply()

    assert "0001_one failed step-failed" in page.text
    assert ann.get().status == 200
    assert not folder.database.exists() or folder.tables() == set()
    folder.add_table("0001_one", "one")
    assert "1 migration applied" in ann.apply().text


def test_a_bug_of_ours_is_told_in_words_and_its_traceback_stands_in_the_log(folder, browse, caplog, monkeypatch):
    folder.add_table("0001_one", "one")
    ann = browse()
    plan = ann.get("/confirm").form("/apply")

    def broken(*_, **__):
        raise ZeroDivisionError("<script>alert(1)</script>")

    monkeypatch.setattr(dialog_module, "run_up", broken)
    page = ann.run("/apply", plan)

    assert "failed Upgrade of the database ✗ error ZeroDivisionError: <script>alert(1)</script>" in page.text
    assert page.dangers() == []
    assert ("cause", "this is a bug in nukeworks_migrate; the application's log has all of it") in page.facts
    assert ("next", "see where it stands: flask migrations status") in page.facts
    assert "Traceback" not in page.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "Traceback (most recent call last)" in record.getMessage()
    assert "in broken" in record.getMessage()
    assert ann.get().status == 200


def test_a_failure_stands_in_the_applications_log_as_the_terminal_shows_it(folder, browse, caplog):
    folder.add("0001_one", "raise ValueError('no\\x1b[2J')")
    ann = browse()

    ann.apply()

    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith("error: 0001_one failed   [step-failed]\n  where      versions/0001_one.py:5")
    assert "ValueError: no\\x1b[2J" in record.getMessage()
    assert "next       correct the file, then: flask migrations up" in record.getMessage()


# --- the stream


@pytest.fixture
def waiting(folder, browse, gate):
    """A run that waits at the gate in its second step, served by a real server; and that server's port."""
    folder.add_table("0001_one", "one")
    folder.add("0002_two", "db.log('before the gate')\n" + textwrap.dedent(gate.body).strip() + "\ndb.log('behind it')")
    ann = browse(lambda: True)
    ann.run_address = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    gate.wait()
    ann.wait_for(ann.run_address, lambda state: state["messages"])
    with served(ann.app) as port:
        ann.port = port
        yield ann
        gate.open()
        ann.end_of(ann.run_address)


@contextmanager
def stream(browser, run=None):
    """Ask for the stream of events, and yield the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=LONG_S)
    with closing(connection):
        connection.request("GET", f"/migrations{run or browser.run_address}/events", headers={"Connection": "close"})
        with closing(connection.getresponse()) as answer:
            yield answer


def events(answer):
    """Yield what the stream says, message by message."""
    message = []
    for line in answer:
        text = line.decode().rstrip("\n")
        if text:
            message.append(text)
        elif message:
            yield message
            message = []


def states(answer):
    for message in events(answer):
        if message[-1].startswith("data: "):
            yield json.loads(message[-1].removeprefix("data: "))


def test_states_come_in_order_and_the_last_one_ends_the_stream(waiting, gate):
    with stream(waiting) as answer:
        kind, seen = answer.headers["Content-Type"], []
        for state in states(answer):
            seen.append(state)
            if len(seen) == 1:
                gate.open()

    assert kind.startswith("text/event-stream")
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert (seen[0]["state"], seen[0]["messages"]) == ("running", ["0002_two: before the gate"])
    assert [step["state"] for step in seen[0]["steps"]] == ["ran", "running"]
    numbers = [state["number"] for state in seen]
    assert numbers == sorted(set(numbers))
    assert [state["state"] for state in seen[:-1]] == ["running"] * (len(seen) - 1)
    assert seen[-1]["state"] == "done"
    assert seen[-1]["messages"] == ["0002_two: before the gate", "0002_two: behind it"]
    assert [step["state"] for step in seen[-1]["steps"]] == ["ran", "ran"]


def test_the_stream_of_a_run_that_has_ended_is_its_last_state(waiting, gate):
    gate.open()
    waiting.end_of(waiting.run_address)

    with stream(waiting) as answer:
        (state,) = states(answer)

    assert state["state"] == "done"
    assert state == waiting.state(waiting.run_address)


def test_a_third_stream_is_told_to_ask_for_the_state_and_a_place_comes_free_at_the_end(waiting, gate):
    with stream(waiting) as first, stream(waiting) as second:
        next(states(first)), next(states(second))

        with stream(waiting) as third:
            status, body = third.status, third.read()
        state = waiting.state(waiting.run_address)
        gate.open()
        ends = [list(states(answer))[-1]["state"] for answer in (first, second)]

    assert (status, body) == (204, b"")
    assert state["state"] == "running"
    assert ends == ["done", "done"]
    _until(lambda: _status(waiting) == 200)


def test_while_nothing_happens_the_stream_says_that_it_lives(waiting, gate, monkeypatch):
    monkeypatch.setattr(dialog_module, "_KEEP_ALIVE_S", 0.05)

    with stream(waiting) as answer:
        told = events(answer)
        first = [next(told) for _ in range(5)]

    assert first[0] == ["retry: 1000"]
    assert first[1][1].startswith("data: ")
    assert first[2:] == [[": still under way"]] * 3


def test_a_stream_ends_after_a_while_and_can_be_asked_for_anew(waiting, monkeypatch):
    monkeypatch.setattr(dialog_module, "_STREAM_S", 0.2)
    monkeypatch.setattr(dialog_module, "_KEEP_ALIVE_S", 0.05)

    with stream(waiting) as answer:
        seen = [state["state"] for state in states(answer)]
    with stream(waiting) as answer:
        again = [state["state"] for state in states(answer)]

    assert seen == again == ["running"]


def test_who_goes_away_frees_the_place(waiting, monkeypatch):
    monkeypatch.setattr(dialog_module, "_KEEP_ALIVE_S", 0.05)
    for _ in range(2):
        raw = socket.create_connection(("127.0.0.1", waiting.port), timeout=LONG_S)
        raw.sendall(f"GET /migrations{waiting.run_address}/events HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        assert b"200 OK" in raw.recv(100)
        raw.close()  # in the middle of it

    _until(lambda: _status(waiting) == 200)


def test_many_ask_for_the_state_over_the_net_while_it_runs(waiting, gate):
    wrong, numbers = [], []

    def look():
        for _ in range(15):
            connection = http.client.HTTPConnection("127.0.0.1", waiting.port, timeout=LONG_S)
            with closing(connection):
                connection.request("GET", f"/migrations{waiting.run_address}/state")
                answer = connection.getresponse()
                state = json.loads(answer.read())
            numbers.append(state["number"])
            if answer.status != 200 or state["state"] not in ("running", "done"):
                wrong.append(state)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    gate.open()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(numbers) == 90


def test_the_run_goes_on_when_nobody_looks_any_more(waiting, gate, folder):
    with stream(waiting) as answer:
        next(states(answer))
    gate.open()

    waiting.dialog.runs.join(LONG_S)

    assert folder.applied() == [1, 2]


def test_a_run_survives_the_stop_of_the_server(folder, browse, gate):
    folder.add("0001_one", textwrap.dedent(gate.body).strip())
    ann = browse(lambda: True)
    with served(ann.app):
        run = ann.begin("/apply", ann.get("/confirm").form("/apply"))
        gate.wait()
    gate.open()

    assert "1 migration applied" in ann.end_of(run).text


def _status(browser):
    with stream(browser) as answer:
        return answer.status


def _until(condition):
    end = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


# --- what is shown on the way


def test_phases_snapshot_and_steps_are_told(folder, browse, gate):
    folder.add_table("0001_one", "one")
    up(folder.project(header_index=False))
    folder.add("0002_two", "db.progress(1, 4, 'rows')\n" + textwrap.dedent(gate.body).strip())
    folder.add_table("0003_three", "three")
    ann = browse()

    run = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    gate.wait()
    state = ann.wait_for(run, lambda state: state["progress"])
    gate.open()
    ann.end_of(run)

    assert state["phase"] == "Step 1 of 2: 0002_two"
    assert state["progress"] == {"done": 1, "total": 4, "text": "rows: 1 of 4 rows"}
    assert [(step["name"], step["state"]) for step in state["steps"]] == [
        ("0002_two", "running"),
        ("0003_three", "waiting"),
    ]
    (message,) = state["messages"]
    assert message.startswith("snapshot snapshots/")


def test_in_a_dry_run_steps_are_named_as_they_come(tmp_path, folder, browse, gate):
    assert isinstance(folder, Folder)
    folder.add_table("0001_one", "one")
    folder.add("0002_two", textwrap.dedent(gate.body).strip())
    ann = browse()

    run = ann.begin("/rehearse")
    gate.wait()
    state = ann.wait_for(run, lambda state: len(state["steps"]) == 2)
    gate.open()
    page = ann.end_of(run)

    assert [(step["name"], step["state"]) for step in state["steps"]] == [("0001_one", "ran"), ("0002_two", "running")]
    assert "done Dry run on a private copy" in page.text
