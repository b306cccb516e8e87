"""`migrate lint`: its screens, compared whole, its formats, and what it exits with."""

import json
import os
import tempfile

import pytest
from cli.screens import screen
from support import footprint


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files that nobody else uses; nothing is left in it."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    yield
    assert os.listdir(path) == []


@pytest.fixture
def applied(folder, migrate):
    """Clients and notes, applied, with a row each."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_notes", "notes")
    migrate("up", "--yes")
    return folder


def test_findings_of_every_severity(applied, migrate):
    applied.add(
        "0003_drop", 'db.execute("DROP TABLE notes")\ndb.execute("UPDATE clients SET name = upper(name)")', None
    )
    applied.add("0004_quiet", 'db.execute("CREATE TABLE more (id)")', 'db.execute("DROP TABLE more")')
    applied.add("0005_commits", 'db.execute("COMMIT")')

    answer = migrate("lint")

    assert answer.exit_code == 8
    assert answer.err == ""
    assert answer.screen == screen(
        """
        lint   3 migrations of versions/, rehearsed on a copy of app.sqlite

          0003_drop.py
            note: there is no downgrade: the way back is a snapshot   line 4   [NWM305]
            warning: table notes is dropped with 1 row   line 5   [NWM101]
            note: rows of clients are updated without WHERE   line 6   [NWM104]

          0005_commits.py
            error: COMMIT is for the run alone: it begins and ends the transaction
                   itself
                   line 5   [NWM106]
            error: it fails: COMMIT would end or replace the run's transaction
                   line 5   [NWM307]

        2 errors, 1 warning, 2 notes. One that is meant: # noqa: NWM305
        See what they do: migrate plan --rehearse
        """
    )


def test_nothing_found(applied, migrate):
    applied.add_table("0003_more", "more")

    answer = migrate("lint")

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.screen == screen(
        """
        lint   1 migration of versions/, rehearsed on a copy of app.sqlite

        No findings.
        """
    )


def test_nothing_pending(applied, migrate):
    answer = migrate("lint")

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.screen == screen(
        """
        lint   0 migrations of versions/

        Nothing is pending. Look at every migration: migrate lint --all
        """
    )


def test_all_of_them(applied, migrate):
    answer = migrate("lint", "--all")

    assert answer.screen.splitlines()[0] == "lint   2 migrations of versions/, rehearsed on an empty database"


@pytest.mark.parametrize("named", [True, False], ids=["not there yet", "not named"])
def test_without_a_database(folder, migrate, monkeypatch, named):
    folder.add_table("0001_clients", "clients")
    if not named:
        monkeypatch.delenv("NUKEWORKS_MIGRATE_DATABASE")

    answer = migrate("lint")

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.screen == screen(
        """
        lint   1 migration of versions/, rehearsed on an empty database

        No findings.
        """
    )
    assert not folder.database.exists()


def test_from_the_files_alone(applied, migrate):
    applied.add("0003_drop", 'open("ran", "w").close()\ndb.execute("DROP TABLE notes")')

    answer = migrate("lint", "--static")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        lint   1 migration of versions/, from the files alone

          0003_drop.py
            warning: table notes is dropped with all its rows   line 6   [NWM101]

        1 warning. One that is meant: # noqa: NWM101
        See what they do: migrate plan --rehearse
        """
    )
    assert not (applied.path / "ran").exists()


def test_why_it_was_not_rehearsed(applied, migrate):
    applied.add_table("0001_clients", "customers")
    applied.add_table("0003_more", "more")

    answer = migrate("lint")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        lint   1 migration of versions/, from the files alone
        note: not rehearsed: 0001_clients was changed after it was applied

        No findings.
        """
    )


def test_a_resource_that_the_command_line_has_not(applied, migrate):
    applied.add("0003_key", head='resources = ["key"]')

    answer = migrate("lint")

    assert "note: not rehearsed: 0003_key needs the resource 'key', and nobody handed it in\n" in answer.out


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        pytest.param("pass", {"info": 0, "warning": 0, "error": 0}, id="nothing"),
        pytest.param('db.execute("UPDATE notes SET id = id")', {"info": 8, "warning": 0, "error": 0}, id="a note"),
        pytest.param('db.execute("DELETE FROM empty")', {"info": 8, "warning": 8, "error": 0}, id="a warning"),
        pytest.param("raise ValueError", {"info": 8, "warning": 8, "error": 8}, id="an error"),
    ],
)
def test_from_which_severity_on_it_exits_with_8(applied, migrate, body, codes):
    applied.sql("CREATE TABLE empty (id)")
    applied.add("0003_x", body)

    found = {severity: migrate("lint", "--fail-on", severity).exit_code for severity in codes}

    assert found == codes
    assert migrate("lint").exit_code == codes["warning"]


def test_the_limit_of_rows(applied, migrate):
    applied.sql("INSERT INTO notes (name) VALUES ('x'), ('y')")
    applied.add("0003_x", 'db.execute("UPDATE notes SET name = name WHERE id > 0")')

    answers = migrate("lint", "--max-rows", "3"), migrate("lint", "--max-rows", "2")

    assert [answer.exit_code for answer in answers] == [0, 8]
    assert "one statement touched 3 rows, more than 2   line 5   [NWM303]" in answers[1].out


def test_the_json_of_it(applied, migrate):
    applied.add("0003_drop", 'db.execute("DROP TABLE notes")  # noqa: NWM999', 'db.execute("CREATE TABLE notes (id)")')

    answers = migrate("lint", "--json"), migrate("lint", "--format", "json")

    assert [answer.exit_code for answer in answers] == [8, 8]
    assert answers[0].object == answers[1].object
    assert answers[0].object == {
        "command": "lint",
        "ok": False,
        "migrations": ["0003_drop"],
        "rehearsed_on": "a copy of app.sqlite",
        "why_static": None,
        "findings": [
            {
                "code": "NWM101",
                "severity": "warning",
                "message": "table notes is dropped with 1 row",
                "path": "versions/0003_drop.py",
                "line": 5,
            },
            {
                "code": "NWM306",
                "severity": "warning",
                "message": answers[0].object["findings"][1]["message"],
                "path": "versions/0003_drop.py",
                "line": 8,
            },
        ],
    }


def test_the_sarif_of_it(applied, migrate):
    applied.add("0003_drop", 'db.execute("DROP TABLE notes")', None)

    answer = migrate("lint", "--format", "sarif")

    assert (answer.exit_code, answer.err) == (8, "")
    (run,) = json.loads(answer.out)["runs"]
    assert [(result["ruleId"], result["level"], result["message"]["text"]) for result in run["results"]] == [
        ("NWM305", "note", "there is no downgrade: the way back is a snapshot"),
        ("NWM101", "warning", "table notes is dropped with 1 row"),
    ]
    assert [result["locations"][0]["physicalLocation"] for result in run["results"]] == [
        {"artifactLocation": {"uri": "versions/0003_drop.py"}, "region": {"startLine": 4}},
        {"artifactLocation": {"uri": "versions/0003_drop.py"}, "region": {"startLine": 5}},
    ]


def test_the_sarif_of_nothing_is_a_log_too(applied, migrate):
    answer = migrate("lint", "--format", "sarif")

    assert answer.exit_code == 0
    assert json.loads(answer.out)["runs"][0]["results"] == []


def test_what_keeps_it_from_looking_is_an_error(applied, migrate):
    applied.write("foo.py", "")

    answer, as_json = migrate("lint"), migrate("lint", "--json")

    assert answer.exit_code == as_json.exit_code == 3
    assert answer.out == ""
    assert answer.err.startswith("error: 1 problem in versions")
    assert as_json.error["code"] == "files-refused"


def test_an_interrupted_migration_is_an_error(folder, migrate):
    folder.add("0001_half", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
    migrate("up", "--yes")

    answer = migrate("lint", "--json")

    assert (answer.exit_code, answer.error["code"]) == (6, "interrupted")


@pytest.mark.parametrize(
    "words", [["--format", "xml"], ["--fail-on", "note"], ["--max-rows", "x"], ["0001_clients"]], ids=" ".join
)
def test_words_that_mean_nothing(applied, migrate, words):
    assert migrate("lint", *words).exit_code == 2


def test_nothing_is_asked_and_nothing_changes(applied, migrate):
    applied.add("0003_drop", 'db.execute("DROP TABLE notes")', None)
    before = footprint(applied.path)

    for words in ([], ["--all"], ["--static"], ["--format", "sarif"]):
        migrate("lint", *words)

    assert footprint(applied.path) == before


def test_names_cannot_steer_the_terminal(applied, migrate):
    applied.sql('CREATE TABLE "a\x1b[2Jb" (id)')
    applied.add("0003_drop", "db.execute('DROP TABLE \"a\\x1b[2Jb\"')", None)

    answer = migrate("lint")

    assert "\x1b" not in answer.out
    assert "[NWM101]" in answer.out


def test_help(migrate):
    answer = migrate("lint", "--help")

    assert answer.exit_code == 0
    assert answer.out.startswith("Usage: migrate lint [OPTIONS]\n\n  Say what deserves a second thought in migrations:")
    shown = [line.split()[0] for line in answer.out.splitlines() if line.startswith("  --")]
    assert shown[:5] == ["--all", "--static", "--max-rows", "--fail-on", "--format"]
