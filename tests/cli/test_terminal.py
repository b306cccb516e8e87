"""At a terminal a run asks first; without one it wants a --yes."""

import re

import pytest
from cli.screens import screen

PLAN = """
    upgrade   1 step   app.sqlite (sqlite)

      1  0001_clients                                                one transaction
           0001_clients does something.
           CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)
           INSERT INTO clients (name) VALUES ('clients')
    """


@pytest.fixture
def one(folder):
    """One migration, and no database yet."""
    folder.add_table("0001_clients", "clients")
    return folder


def test_the_plan_is_shown_and_a_yes_runs_it(one, terminal):
    answer = terminal("up", "--no-color", answers=("y\n",))

    assert answer.exit_code == 0
    assert one.applied() == [1]
    assert answer.screen == screen(PLAN) + screen(
        """
        Apply 1 migration? (app.sqlite, a new file) [y/N]: y
        1/1  0001_clients   ran       0.04 s
        committed  1 migration applied, version 0 → 1, 0.04 s

        See where it stands: migrate status
        """
    )


@pytest.mark.parametrize("typed", ["n\n", "\n", "no\n"], ids=["n", "the return key alone", "no"])
def test_a_no_changes_nothing_and_exits_3(one, terminal, typed):
    answer = terminal("up", "--no-color", answers=(typed,))

    assert answer.exit_code == 3
    assert not one.database.exists()
    assert answer.screen.endswith(
        screen(
            """
            error: answered no   [not-confirmed]
              unchanged  nothing was changed
              next       run it again to be asked again
            """
        )
    )


def test_ctrl_d_is_a_no_and_the_error_begins_on_a_line_of_its_own(one, terminal):
    answer = terminal("up", "--no-color", answers=("\x04",))

    assert answer.exit_code == 3
    assert not one.database.exists()
    assert "\nerror: answered no   [not-confirmed]\n" in answer.screen


@pytest.mark.parametrize("words", [["down", "--to", "base"], ["restore", "2"]], ids=["down", "restore"])
def test_ctrl_c_at_the_question_ends_the_program(one, migrate, terminal, words):
    migrate("up", "--yes")
    migrate("snapshot", "create")
    before = one.content()

    answer = terminal(*words, "--no-color", answers=("\x03",))

    assert answer.exit_code == 130
    assert one.content() == before


def test_what_is_neither_yes_nor_no_is_asked_again(one, terminal):
    answer = terminal("up", "--no-color", answers=("perhaps\n", "y\n"))

    assert answer.exit_code == 0
    assert answer.out.count("[y/N]: ") == 2
    assert one.applied() == [1]


@pytest.mark.parametrize(
    ("words", "question"),
    [
        pytest.param(["down", "--to", "base"], "Take back 1 migration? (app.sqlite) [y/N]: ", id="down"),
        pytest.param(["stamp", "base"], "Change the ledger of app.sqlite, and nothing else? [y/N]: ", id="stamp"),
        pytest.param(["restore", "2"], "Replace what is in app.sqlite? [y/N]: ", id="restore"),
    ],
)
def test_what_changes_a_database_asks_and_names_it(one, migrate, terminal, words, question):
    migrate("up", "--yes")
    migrate("snapshot", "create")
    before = one.content()

    answer = terminal(*words, answers=("n\n",))

    assert question in answer.out
    assert answer.exit_code == 3
    assert one.content() == before


@pytest.mark.parametrize(
    "words",
    [["up"], ["down", "--to", "base"], ["stamp", "base"], ["restore", "2"]],
    ids=["up", "down", "stamp", "restore"],
)
def test_without_a_terminal_and_without_a_yes_nothing_is_changed(one, migrate, words):
    migrate("up", "--yes")
    migrate("snapshot", "create")
    one.add_table("0002_contacts", "contacts")
    before = one.content()

    done = one.run(*words)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.endswith(
        screen(
            """
            error: this needs a yes, and there is no terminal to ask at   [not-confirmed]
              unchanged  nothing was changed
              next       say it beforehand: --yes
            """
        )
    )
    assert one.content() == before


def test_a_yes_in_a_pipe_is_no_terminal(one):
    import subprocess

    from support import MIGRATE, environment

    done = subprocess.run(
        [*MIGRATE, "up"], input="y\n", cwd=one.path, env=environment(one), capture_output=True, text=True
    )

    assert done.returncode == 3
    assert not one.database.exists()


def test_nothing_to_do_asks_nothing(one, migrate, terminal):
    migrate("up", "--yes")

    answer = terminal("up")

    assert answer.exit_code == 0
    assert answer.out == "Nothing to do: the database is at version 1.\n"


COLOURED = "\x1b[33mpending"


@pytest.mark.parametrize(
    ("words", "variables", "coloured"),
    [
        pytest.param([], {}, True, id="a terminal has colours"),
        pytest.param(["--no-color"], {}, False, id="not with --no-color"),
        pytest.param([], {"NO_COLOR": "1"}, False, id="not with NO_COLOR"),
        pytest.param([], {"NO_COLOR": ""}, True, id="an empty NO_COLOR says nothing"),
        pytest.param([], {"NUKEWORKS_MIGRATE_NO_COLOR": "yes"}, False, id="not with the variable of its own"),
        pytest.param([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="NO_COLOR is stronger than FORCE_COLOR"),
    ],
)
def test_colours_at_a_terminal(one, terminal, words, variables, coloured):
    answer = terminal("status", *words, **variables)

    assert (COLOURED in answer.out) == coloured
    assert ("\x1b" in answer.out) == coloured


@pytest.mark.parametrize(
    ("variables", "words", "coloured"),
    [
        pytest.param({}, [], False, id="a pipe has none"),
        pytest.param({"FORCE_COLOR": "1"}, [], True, id="but with FORCE_COLOR"),
        pytest.param({"FORCE_COLOR": "1"}, ["--no-color"], False, id="not with --no-color besides"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False, id="not with NO_COLOR besides"),
    ],
)
def test_colours_in_a_pipe(one, migrate, monkeypatch, variables, words, coloured):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    answer = migrate("status", *words)

    assert (COLOURED in answer.out) == coloured
    assert ("\x1b" in answer.out) == coloured


def test_an_error_is_coloured_like_all_else(one, migrate, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")

    answer = migrate("up", "--to", "9")

    assert answer.err.startswith("\x1b[31merror:\x1b[0m no migration has version 9   [unknown-target]\n")


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        pytest.param(["--no-color", "status"], {"NUKEWORKS_MIGRATE_ODD": "1"}, id="a setting that is not known"),
        pytest.param(["status", "--no-color", "--config", "nothing.toml"], {}, id="a file that is not there"),
        pytest.param(["status", "--config", "nothing.toml"], {"NUKEWORKS_MIGRATE_NO_COLOR": "1"}, id="by a variable"),
    ],
)
def test_an_error_in_the_settings_has_no_colours_either(one, migrate, monkeypatch, words, variables):
    for name, value in {"FORCE_COLOR": "1", **variables}.items():
        monkeypatch.setenv(name, value)

    answer = migrate(*words)

    assert answer.exit_code == 2
    assert "\x1b" not in answer.err


def test_a_bar_stands_at_a_terminal_while_it_takes_long_and_is_gone_at_the_end(one, terminal):
    one.add("0002_slow", "import time\nfor n in range(15):\n    db.progress(n, 15)\n    time.sleep(0.1)")

    answer = terminal("up", "--yes", "--no-color")

    assert "2/2  0002_slow  ━" in answer.out.replace("\x1b[2K", "")
    assert answer.exit_code == 0
    assert answer.screen.splitlines()[-3].startswith("committed")


ROWS = """
import time
for n in range(0, 201, 10):
    db.progress(n * 1000, {total})
    {at_each}
    time.sleep(0.1)
"""


def bars(answer, beginning):
    """Every state of the line that begins so, without what moves the cursor and what colours."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", answer.out)
    return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.startswith(beginning) and "rows" in line]


LONG = "0002_slow_with_a_name_that_is_rather_long"


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        pytest.param(
            "0002_slow",
            {},
            r"2/2  0002_slow  [━╸╺]{10,}  \d+,000/200,000 rows  \d\d,\d{3} rows/s  0:00:0\d left",
            id="a short name",
        ),
        pytest.param(
            LONG,
            {},
            r"2/2  0002_slow_wi\w*…  [━╸╺]{5}  \d+,000/200,000 rows  \d\d,\d{3} rows/s  0:00:0\d left",
            id="a long name is shortened",
        ),
        pytest.param(
            LONG,
            {"COLUMNS": "60"},
            r"2/2  0002_slow\w*…  [━╸╺]{5}  \d+,000/200,000 rows  0:00:0\d left",
            id="in 60 columns there is no rate",
        ),
        pytest.param(
            LONG,
            {"NO_COLOR": "1"},
            r"2/2  0002_slow_wi\w*…  [━╸ ]{5}  \d+,000/200,000 rows  \d\d,\d{3} rows/s  0:00:0\d left",
            id="without colours",
        ),
        pytest.param(
            LONG,
            {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
            r"2/2  0002_slow_\w*\.\.\.  [- ]{5}  \d+,000/200,000 rows  \d\d,\d{3} rows/s  0:00:0\d left",
            id="in ASCII",
        ),
    ],
)
def test_the_bar_says_rows_rate_and_time_left_and_fits(one, terminal, name, variables, expected):
    one.add(name, ROWS.format(total=200_000, at_each="pass"))

    answer = terminal("up", "--yes", **variables)

    seen = bars(answer, "2/2")
    assert answer.exit_code == 0
    assert [line for line in seen if not re.fullmatch(expected, line)] == []
    assert len(set(seen)) > 3
    assert max(map(len, seen)) <= int(variables.get("COLUMNS", "80"))


def test_where_the_total_is_not_known_the_bar_says_rows_and_rate_alone(one, terminal):
    one.add("0002_slow", ROWS.format(total=None, at_each="pass"))

    answer = terminal("up", "--yes")

    assert re.fullmatch(r"2/2  0002_slow  \d+,000 rows  \d\d,\d{3} rows/s", bars(answer, "2/2")[-1])


def test_the_bar_comes_back_after_something_was_said(one, terminal):
    one.add("0002_slow", ROWS.format(total=200_000, at_each="if n == 50: db.log('a quarter')"))

    answer = terminal("up", "--yes")

    said, later = answer.out.split("     a quarter")
    assert "rows/s" not in said
    assert "rows/s" in later


@pytest.mark.parametrize("words", [["up", "--dry-run"], ["plan", "--rehearse"]], ids=["up", "plan"])
def test_a_rehearsal_says_the_same(one, terminal, words):
    one.add("0002_slow", ROWS.format(total=200_000, at_each="pass"), None)

    answer = terminal(*words)

    assert "/200,000 rows" in bars(answer, "2/2  0002_slow")[-1]
