"""Progress of what takes long: lines for programs, and what there is room for in a line for people."""

import json
import signal
import sys
import time
from itertools import pairwise

import pytest
from cli.test_json import SECTIONS, fits

from nukeworks_migrate.cli.progress import rows_layout
from nukeworks_migrate.model.events import Progressed

COUNTING = """
import time
for n in range({first}, {last} + 1, 10):
    db.progress(n, {total}, "clients")
    time.sleep(0.1)
"""


def counting(*, first=0, last=220, total=220):
    return COUNTING.format(first=first, last=last, total=total)


def lines_of(text):
    """The lines of stderr; one that is not an object of JSON fails."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def slow(folder):
    """A step that counts 220 rows in a bit over 2 seconds, and one before it that is done at once."""
    folder.add("0001_quick", "for n in range(1000):\n    db.progress(n, 1000)")
    folder.add("0002_slow", counting(), counting())
    return folder


def test_progress_comes_as_lines_of_json_and_the_answer_stays_one_object(slow):
    done = slow.run("up", "--yes", "--json")

    told = lines_of(done.stderr)
    assert done.returncode == 0
    assert json.loads(done.stdout)["command"] == "up"
    assert {line["migration"] for line in told} == {"0002_slow"}
    assert {(line["event"], line["label"], line["total"]) for line in told} == {("progress", "clients", 220)}
    assert [line["done"] for line in told] == sorted({line["done"] for line in told})
    assert told[-1]["done"] == 220
    assert told[-1]["left_s"] == 0


def test_there_is_none_in_the_first_second_and_then_one_a_second(slow):
    told = lines_of(slow.run("up", "--yes", "--json").stderr)

    # What is done by the rate until then is the time of the line.
    first, *more, last = [line["done"] / line["rows_s"] for line in told]
    assert first > 0.95
    assert more
    assert [later - earlier for earlier, later in pairwise([first, *more]) if later - earlier < 0.8] == []
    assert last > 2


def test_the_keys_of_a_line_are_documented(slow):
    slow.add("0003_unknown", counting(total=None))

    told = lines_of(slow.run("up", "--yes", "--json").stderr)

    assert {line["total"] for line in told} == {220, None}
    for line in told:
        assert set(line) == set(SECTIONS["Progress"])
        assert [key for key, kind in SECTIONS["Progress"].items() if not fits(line[key], kind)] == []


def test_with_quiet_there_are_no_lines(slow):
    done = slow.run("up", "--yes", "--json", "-q")

    assert json.loads(done.stdout)["ok"]
    assert done.stderr == ""


def test_without_json_there_are_none_either(slow):
    done = slow.run("up", "--yes")

    assert done.returncode == 0
    assert "{" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["down", "--steps", "1", "--yes"], id="down"),
        pytest.param(["down", "--steps", "1", "--dry-run"], id="down on a copy"),
    ],
)
def test_the_way_back_tells_of_itself_too(folder, words):
    folder.add("0001_first", "pass", counting())
    assert folder.run("up", "--yes").returncode == 0

    told = lines_of(folder.run(*words, "--json").stderr)

    assert told[-1]["done"] == 220


def test_a_rehearsal_tells_of_the_step_and_not_of_its_way_back(slow):
    done = slow.run("plan", "--rehearse", "--json")

    told = lines_of(done.stderr)
    assert json.loads(done.stdout)["rehearsal"]
    assert [line["done"] for line in told] == sorted({line["done"] for line in told})
    assert told[-1]["done"] == 220


def test_resume_tells_too_and_counts_what_it_does_itself(folder):
    begun = counting(first=100_000, last=100_200, total=100_300)
    folder.add("0001_alone", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
    assert folder.run("up", "--yes").returncode == 6
    folder.add("0001_alone", begun, head='transaction = "none"')

    done = folder.run("resume", "--rerun", "--yes", "--json")

    told = lines_of(done.stderr)
    assert done.returncode == 0, done.stdout
    assert told[-1]["done"] == 100_200
    assert max(line["rows_s"] for line in told) <= 100.5


def test_a_step_that_fails_leaves_its_last_numbers(folder):
    folder.add("0001_broken", counting(last=150) + "\nraise ValueError('no')")

    done = folder.run("up", "--yes", "--json")

    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["code"] == "step-failed"
    assert lines_of(done.stderr)[-1]["done"] == 150


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to a process on Windows")
def test_a_run_that_is_stopped_leaves_its_last_numbers(folder):
    folder.add("0001_slow", counting(last=6000).replace("time.sleep", "db.scalar('SELECT 1'); time.sleep"))
    process = folder.start("up", "--yes", "--json")
    first = json.loads(process.stderr.readline())
    time.sleep(0.5)  # a few more calls, and no line yet

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 143
    assert json.loads(out)["error"]["code"] == "stopped"
    (last,) = lines_of(err)
    assert last["done"] > first["done"]


def test_what_is_no_number_does_not_end_the_run_because_of_json(folder):
    folder.add(
        "0001_odd",
        "import time\nfrom fractions import Fraction\nclass Odd(int):\n    pass\n"
        "for n in range(13):\n    db.progress(Fraction(n), Odd(13), label=Odd)\n    time.sleep(0.1)",
    )

    done = folder.run("up", "--yes", "--json")

    assert done.returncode == 0, done.stdout
    assert lines_of(done.stderr)[-1]["done"] == "12"


def shown(title, width, *, done=1_250_000, total=2_000_000, rows_s=412_000.0, left_s=1.8):
    layout = rows_layout(len(title), Progressed(None, done, total, "", rows_s, left_s), width)
    parts = [title[: layout.title_width], "-" * layout.bar_width, *(number for number, _ in layout.numbers)]
    return "  ".join(part for part in parts if part)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (120, "1/3  0011_parse  ------------------------  1,250,000/2,000,000 rows  412,000 rows/s  0:00:02 left"),
        (80, "1/3  0011_parse  -------  1,250,000/2,000,000 rows  412,000 rows/s  0:00:02 left"),
        (75, "1/3  0011_pa  -----  1,250,000/2,000,000 rows  412,000 rows/s  0:00:02 left"),
        (70, "1/3  0011_pars  1,250,000/2,000,000 rows  412,000 rows/s  0:00:02 left"),
        (60, "1/3  0011_par  -----  1,250,000/2,000,000 rows  0:00:02 left"),
        (55, "1/3  0011_parse  1,250,000/2,000,000 rows  0:00:02 left"),
        (45, "1/3  0011_pa  -----  1,250,000/2,000,000 rows"),
        (20, "1/3  0011_pa  1,250,000/2,000,000 rows"),
    ],
)
def test_a_narrow_line_gives_up_the_name_first_and_the_rows_never(width, expected):
    assert shown("1/3  0011_parse", width) == expected
    assert len(expected) <= max(width, 38)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        pytest.param({"total": None, "left_s": None}, "1,250,000 rows  412,000 rows/s", id="without a total"),
        pytest.param({"rows_s": None, "left_s": None}, f"{'-' * 24}  1,250,000/2,000,000 rows", id="without a rate"),
        pytest.param(
            {"rows_s": 0.254, "left_s": 100_000.2, "done": 7, "total": 9},
            f"{'-' * 24}  7/9 rows  0.25 rows/s  27:46:41 left",
            id="a slow one",
        ),
    ],
)
def test_what_is_not_known_is_left_out(numbers, expected):
    assert shown("1/1  a", 80, **numbers) == f"1/1  a  {expected}"
