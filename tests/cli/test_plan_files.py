"""`plan -o` and `up --plan`, `down --plan`: screens whole, what is refused, and both with --json."""

import json
import re

import pytest
from cli.screens import screen
from support import footprint


@pytest.fixture
def two(folder, migrate):
    """Two migrations, the first of them applied."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts", depends_on="0001_clients")
    migrate("up", "--to", "1", "--yes")
    return folder


def edit(folder, name):
    path = folder.versions / name
    path.write_text(path.read_text().replace("INSERT INTO", "INSERT OR IGNORE INTO"))


def aside(answer):
    """What went to stderr, without checksums."""
    return re.sub(r"\b[0-9a-f]{12}\b", "1a2b3c4d5e6f", answer.aside)


def test_a_plan_is_saved_and_run(two, migrate):
    answer = migrate("plan", "-o", "plan.json")

    assert answer.exit_code == 0
    assert answer.err == ""
    assert answer.screen == screen(
        """
        upgrade   1 step   app.sqlite (sqlite)

          1  0002_contacts                                               one transaction
               0002_contacts does something.
               CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT)
               INSERT INTO contacts (name) VALUES ('contacts')

        A snapshot is taken before step 1. Nothing has been changed.
        The plan is saved in plan.json.
        Run it: migrate up --plan plan.json
        """
    )
    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 0
    assert answer.err == ""
    assert answer.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0001.sqlite   4.2 KiB
        1/1  0002_contacts   ran       0.04 s
        committed  1 migration applied, version 1 → 2, 0.04 s

        Back to where it was: migrate restore SNAPSHOT-0001
        See where it stands:  migrate status
        """
    )


def test_a_plan_down_is_saved_and_run(two, migrate):
    answer = migrate("plan", "--down", "--to", "base", "--output", "back.json")

    assert answer.screen.splitlines()[-2:] == [
        "The plan is saved in back.json.",
        "Run it: migrate down --plan back.json",
    ]
    answer = migrate("down", "--plan", "back.json", "--yes")

    assert answer.exit_code == 0
    assert "1 migration reverted, version 1 → 0" in answer.screen


def test_a_rehearsed_plan_is_saved(two, migrate):
    answer = migrate("plan", "--rehearse", "-o", "plan.json")

    assert answer.exit_code == 0
    assert answer.screen.splitlines()[-3:] == [
        "The database was not touched.",
        "The plan is saved in plan.json.",
        "Run it: migrate up --plan plan.json",
    ]
    assert migrate("up", "--plan", "plan.json", "--yes").exit_code == 0


def test_a_rehearsal_that_failed_says_that_no_plan_was_saved(two, migrate):
    two.add("0003_broken", "raise ValueError('no')", depends_on="0002_contacts")

    answer = migrate("plan", "--rehearse", "-o", "plan.json")

    assert answer.exit_code == 4
    assert answer.aside.splitlines()[-1] == "No plan was saved in plan.json, because the rehearsal failed."
    assert not (two.path / "plan.json").exists()


def test_what_a_saved_plan_would_do_is_rehearsed(two, migrate):
    migrate("plan", "-o", "plan.json")

    answer = migrate("up", "--plan", "plan.json", "--dry-run")

    assert answer.exit_code == 0
    assert answer.screen.startswith("rehearsal   upgrade, 1 step   app.sqlite (sqlite)\n")
    assert answer.screen.splitlines()[-1] == "Run it: migrate up --plan plan.json"


def test_the_command_that_runs_it_has_what_was_set_besides(two, migrate):
    answer = migrate("plan", "--to", "2", "--commit", "each", "-o", "a plan.json", "-d", "app.sqlite")

    assert answer.screen.splitlines()[-1] == "Run it: migrate up --plan 'a plan.json' --database app.sqlite"


def test_nothing_to_do_is_a_plan_too(two, migrate):
    migrate("up", "--yes")

    answer = migrate("plan", "-o", "plan.json")

    assert answer.screen == screen(
        """
        Nothing to do: app.sqlite has nothing to apply.
        A plan without steps is saved in plan.json.
        """
    )
    assert migrate("up", "--plan", "plan.json").screen == "Nothing to do: the database is at version 2.\n"


def test_a_file_that_moved_is_refused(two, migrate):
    migrate("plan", "-o", "plan.json")
    edit(two, "0002_contacts.py")
    before = footprint(two.path)

    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 3
    assert answer.out == ""
    assert aside(answer) == screen(
        """
        error: the plan plan.json does not hold any more: the files moved   [plan-moved]
          where      plan.json, made 2026-11-20 14:02 UTC for app.sqlite
          cause      versions/0002_contacts.py was changed: 1a2b3c4d5e6f in the plan, 1a2b3c4d5e6f now
          unchanged  nothing was run; database and ledger are as they were
          next       make it again: migrate plan -o plan.json
        """
    )
    assert footprint(two.path) == before


def test_files_and_schema_that_moved_are_refused(two, migrate):
    migrate("plan", "--to", "2", "-o", "plan.json")
    edit(two, "0002_contacts.py")
    two.sql("ALTER TABLE clients ADD COLUMN phone TEXT")

    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 3
    assert aside(answer) == screen(
        """
        error: the plan plan.json does not hold any more: the files and the schema moved   [plan-moved]
          where      plan.json, made 2026-11-20 14:02 UTC for app.sqlite
          cause      versions/0002_contacts.py was changed: 1a2b3c4d5e6f in the plan, 1a2b3c4d5e6f now
                     the schema is another, and no migration made it so
                     (1a2b3c4d5e6f when the plan was made, 1a2b3c4d5e6f now; migrate verify shows where)
          unchanged  nothing was run; database and ledger are as they were
          next       make it again: migrate plan --to 2 -o plan.json
        """
    )


def test_a_plan_that_has_been_run_is_refused(two, migrate):
    migrate("plan", "-o", "plan.json")
    migrate("up", "--plan", "plan.json", "--yes")

    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 3
    assert answer.aside == screen(
        """
        error: every step of the plan plan.json is applied already   [plan-moved]
          where      plan.json, made 2026-11-20 14:02 UTC for app.sqlite
          cause      applied now, and not when the plan was made: 0002_contacts
          unchanged  nothing was run; database and ledger are as they were
          next       see where it stands: migrate status
        """
    )


@pytest.mark.parametrize("words", [["--to", "2"], ["--only", "2"], ["--steps", "1"], ["--commit", "run"]])
@pytest.mark.parametrize("command", ["up", "down"])
def test_with_a_plan_nothing_else_can_be_said(two, migrate, command, words):
    migrate("plan", "-o", "plan.json")

    answer = migrate(command, "--plan", "plan.json", *words, "--yes")

    assert answer.exit_code == 2
    assert answer.aside == screen(
        """
        error: --plan excludes --to, --only, --steps and --commit   [usage]
          cause      the plan says how far it goes, and where it commits
          unchanged  nothing was run; database and ledger are as they were
          next       leave them out, or make another plan: migrate plan … -o plan.json
        """
    )


def test_a_plan_of_the_other_direction_names_the_command(two, migrate):
    migrate("plan", "-o", "plan.json")

    answer = migrate("down", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 2
    assert answer.aside == screen(
        """
        error: the plan plan.json goes up, not down   [usage]
          unchanged  nothing was run; database and ledger are as they were
          next       run it: migrate up --plan plan.json
        """
    )


def test_what_plan_prints_as_json_is_no_plan_to_run(two, migrate):
    (two.path / "plan.json").write_text(migrate("plan", "--json").out)

    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 2
    assert answer.aside == screen(
        """
        error: plan.json is no saved plan   [usage]
          cause      it has no plan_format
          unchanged  nothing was run; database and ledger are as they were
          next       make one: migrate plan -o plan.json
        """
    )


def test_a_damaged_plan_says_where(two, migrate):
    migrate("plan", "-o", "plan.json")
    content = json.loads((two.path / "plan.json").read_text())
    content["steps"][0]["version"] = "\x1b[2J"
    (two.path / "plan.json").write_text(json.dumps(content))

    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 2
    assert answer.aside == screen(
        """
        error: the plan plan.json is damaged   [usage]
          cause      steps[0].version is "\\u001b[2J", which is no whole number
          unchanged  nothing was run; database and ledger are as they were
          next       make one: migrate plan -o plan.json
        """
    )


def test_what_a_file_says_cannot_move_the_cursor(two, migrate):
    migrate("plan", "-o", "plan.json")
    content = json.loads((two.path / "plan.json").read_text())
    content["database"] = "\x1b[2J\ud800"
    content["steps"][0]["name"] = "\x1b[2J"
    (two.path / "plan.json").write_text(json.dumps(content))

    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 3
    assert "\x1b" not in answer.err
    assert r"\x1b[2J.py is now 0002_contacts.py" in answer.err


def test_a_plan_does_not_take_the_place_of_the_database(two, migrate):
    before = footprint(two.path)

    answer = migrate("plan", "-o", "app.sqlite")

    assert answer.exit_code == 2
    assert answer.aside == screen(
        """
        error: app.sqlite is the database   [usage]
          unchanged  nothing was run, and no file was written
          next       name another file: -o plan.json
        """
    )
    assert footprint(two.path) == before


def test_a_file_is_named_relative_to_the_current_folder(two, migrate, monkeypatch):
    """Also where the settings file, and with it the database, lies elsewhere."""
    (two.path / "setup.cfg").write_text("[nukeworks_migrate]\ndatabase = app.sqlite\n")
    monkeypatch.delenv("NUKEWORKS_MIGRATE_DATABASE")
    below = two.path / "below"
    below.mkdir()
    monkeypatch.chdir(below)

    migrate("plan", "-o", "plan.json")
    answer = migrate("up", "--plan", "plan.json", "--yes")

    assert (below / "plan.json").is_file()
    assert answer.exit_code == 0
    assert two.applied() == [1, 2]


def test_json_tells_where_the_plan_was_saved(two, migrate):
    plain = migrate("plan", "--json").object
    saved = migrate("plan", "--json", "-o", "plan.json").object
    rehearsed = migrate("plan", "--json", "--rehearse", "-o", "plan.json").object
    edit(two, "0002_contacts.py")
    refusal = migrate("up", "--plan", "plan.json", "--yes", "--json").error

    assert plain == {**saved, "saved_to": None}
    assert saved["saved_to"] == rehearsed["saved_to"] == "plan.json"
    assert (refusal["code"], refusal["exit_code"]) == ("plan-moved", 3)


def test_at_a_terminal_the_saved_plan_is_shown_and_asked_about(two, migrate, terminal):
    migrate("plan", "-o", "plan.json")

    answer = terminal("up", "--plan", "plan.json", "--no-color", answers=("n\n",))

    assert answer.exit_code == 3
    assert "CREATE TABLE contacts" in answer.screen
    assert "Apply 1 migration? (app.sqlite) [y/N]: n\n" in answer.screen
    assert two.applied() == [1]
