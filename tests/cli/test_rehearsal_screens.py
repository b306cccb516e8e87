"""The screens of a rehearsal, compared whole: what ran, what it did, whether there is a way back, what to type next."""

import re

import pytest
from cli.screens import normalised, screen

from nukeworks_migrate import up
from nukeworks_migrate.runtime.statement_log import StatementLog

CLIENTS = """
CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, priority TEXT);
INSERT INTO clients VALUES (1, 'ann', 'High'), (2, 'bob', 'Low'), (3, 'cy', NULL);
"""
TIERS = """
def upgrade(db):
    db.execute("ALTER TABLE clients ADD COLUMN tier INTEGER")
    db.execute("UPDATE clients SET tier = 1 WHERE priority = ?", ("High",))
    for name in ("dee", "eve"):
        db.execute("INSERT INTO clients (name) VALUES (?)", (name,))
    db.log("tiers are filled")

def downgrade(db):
    db.execute("ALTER TABLE clients DROP COLUMN tier")
    db.execute("DELETE FROM clients WHERE id > 3")
"""
NOTES = """
def upgrade(db):
    db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    db.execute("CREATE INDEX by_text ON notes (text)")
    db.execute("DELETE FROM clients WHERE name = 'cy'")

def downgrade(db):
    db.execute("DROP TABLE notes")
"""


@pytest.fixture(autouse=True)
def _statements_take_no_time(monkeypatch):
    """The time of a statement shows when it is long, and would make a screen another one."""
    note = StatementLog.note

    def noted(self, sql, params, rows, seconds):
        # Called here, `note` finds the migration's line one frame further up, where it looks anyway.
        note(self, sql, params, rows, 0.0)

    monkeypatch.setattr(StatementLog, "note", noted)


@pytest.fixture
def tiers(folder):
    """Three clients, and a migration that gives them tiers."""
    folder.sql(CLIENTS)
    folder.write("0001_tiers.py", f'"""Give tiers."""\n{TIERS}')
    return folder


@pytest.fixture
def two(tiers):
    """And a second one, that makes a table and loses a row."""
    tiers.write("0002_notes.py", NOTES.lstrip())
    return tiers


# Whole screens


def test_one_step(tiers, migrate):
    answer = migrate("up", "--dry-run")

    assert answer.exit_code == 0
    assert answer.err == ""
    assert answer.screen == screen(
        """
        rehearsal   upgrade, 1 step   app.sqlite (sqlite)
        copy        4.2 KiB in 0.04 s, 4.2 KiB at the end

          1  0001_tiers   ran 0.04 s
               Give tiers.
               4:   ALTER TABLE clients ADD COLUMN tier INTEGER
               5:   UPDATE clients SET tier = 1 WHERE priority = ?
                       1 row, with text of 4
               7:   INSERT INTO clients (name) VALUES (?)
                       2 times, 2 rows, with text of 3
               logged: tiers are filled
               ~ table clients
                 + column tier INTEGER
               rows of clients: 2 added, 1 changed (3 → 5)
                   ~ (1)  tier: (no such column) → 1
                   + id 4, name 'dee', priority NULL, tier NULL
                   + id 5, name 'eve', priority NULL, tier NULL
               way back: exact, downgrade gave back the same schema and rows

        A run would take about 0.04 s: 0.04 s for the steps, 0.04 s for the snapshot;
        nobody else can write meanwhile; others read while its changes fit in memory.
        The database was not touched.
        Run it: migrate up
        """
    )


def test_two_steps_and_what_is_lost_on_the_way_back(two, migrate):
    answer = migrate("plan", "--rehearse", "--samples", "1")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        rehearsal   upgrade, 2 steps   app.sqlite (sqlite)
        copy        4.2 KiB in 0.04 s, 4.2 KiB at the end

          1  0001_tiers   ran 0.04 s
               Give tiers.
               4:   ALTER TABLE clients ADD COLUMN tier INTEGER
               5:   UPDATE clients SET tier = 1 WHERE priority = ?
                       1 row, with text of 4
               7:   INSERT INTO clients (name) VALUES (?)
                       2 times, 2 rows, with text of 3
               logged: tiers are filled
               ~ table clients
                 + column tier INTEGER
               rows of clients: 2 added, 1 changed (3 → 5)
                   ~ (1)  tier: (no such column) → 1
                   + id 4, name 'dee', priority NULL, tier NULL
               way back: exact, downgrade gave back the same schema and rows

          2  0002_notes   ran 0.04 s
               2:   CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)
               3:   CREATE INDEX by_text ON notes (text)
               4:   DELETE FROM clients WHERE name = 'cy'   1 row
               + table notes
               rows of clients: 1 deleted (5 → 4)
                   - id 3, name 'cy', priority NULL, tier NULL
               way back: lossy, after downgrade this is not as it was before:
                 rows of clients: 1 deleted (5 → 4)
                     - id 3, name 'cy', priority NULL, tier NULL

        in all
          ~ table clients
            + column tier INTEGER
          + table notes
          rows of clients: 3 → 4

        A run would take about 0.04 s: 0.04 s for the steps, 0.04 s for the snapshot;
        nobody else can write meanwhile; others read while its changes fit in memory.
        The database was not touched.
        Run it: migrate up
        """
    )


def test_the_way_down(two, migrate):
    up(two.project())

    answer = migrate("down", "--dry-run", "--to", "base")

    assert answer.exit_code == 0
    assert answer.err == ""
    assert answer.screen == screen(
        """
        rehearsal   downgrade, 2 steps   app.sqlite (sqlite)
        copy        4.2 KiB in 0.04 s

          1  0002_notes   ran 0.04 s
               7:   DROP TABLE notes
               - table notes
               way back: exact, upgrade gave back the same schema and rows

          2  0001_tiers   ran 0.04 s
               Give tiers.
               11:  ALTER TABLE clients DROP COLUMN tier
               12:  DELETE FROM clients WHERE id > 3   2 rows
               ~ table clients
                 - column tier INTEGER
               rows of clients: 1 changed, 2 deleted (4 → 2)
                   ~ (1)  tier: 1 → (no such column)
                   - id 4, name 'dee', priority NULL, tier NULL
                   - id 5, name 'eve', priority NULL, tier NULL
               way back: lossy, after upgrade this is not as it was before:
                 rows of clients: 1 added, 1 changed, 1 deleted (4 → 4)
                     ~ (4)  name: 'dee' → 'eve'
                     + id 3, name 'dee', priority NULL, tier NULL
                     - id 5, name 'eve', priority NULL, tier NULL

        in all
          ~ table clients
            - column tier INTEGER
          - table notes
          rows of clients: 4 → 2

        A run would take about 0.04 s: 0.04 s for the steps, 0.04 s for the snapshot;
        nobody else can write meanwhile; others read while its changes fit in memory.
        The database was not touched.
        Run it: migrate down --to base
        """
    )


def test_a_database_that_is_not_there(folder, migrate):
    folder.add_table("0001_clients", "clients")

    answer = migrate("plan", "--rehearse")

    assert answer.exit_code == 0
    assert not folder.database.exists()
    assert answer.screen == screen(
        """
        rehearsal   upgrade, 1 step   app.sqlite (sqlite)
        copy        0 B in 0.04 s, 4.2 KiB at the end

          1  0001_clients   ran 0.04 s
               0001_clients does something.
               5:   CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)
               6:   INSERT INTO clients (name) VALUES ('clients')   1 row
               + table clients
               rows of clients: 1 added (0 → 1)
                   + id 1, name 'clients'
               way back: exact, downgrade gave back the same schema and rows

        A run would take about 0.04 s: 0.04 s for the steps;
        nobody else can write meanwhile; others read while its changes fit in memory.
        No database was made.
        Run it: migrate up
        """
    )


def test_a_failure(two, migrate):
    two.add(
        "0003_wrong",
        'db.execute("CREATE TABLE half (id)")\ndb.execute("INSERT INTO clients VALUES (1, NULL, NULL, NULL)")',
    )
    two.add("0004_more")
    two.add("0005_last")
    before = two.content()

    answer = migrate("up", "--dry-run", "--samples", "0")

    assert answer.exit_code == 4
    assert two.content() == before
    assert answer.screen == screen(
        """
        rehearsal   upgrade, 5 steps   app.sqlite (sqlite)
        copy        4.2 KiB in 0.04 s, 4.2 KiB at the end

          1  0001_tiers   ran 0.04 s
               Give tiers.
               4:   ALTER TABLE clients ADD COLUMN tier INTEGER
               5:   UPDATE clients SET tier = 1 WHERE priority = ?
                       1 row, with text of 4
               7:   INSERT INTO clients (name) VALUES (?)
                       2 times, 2 rows, with text of 3
               logged: tiers are filled
               ~ table clients
                 + column tier INTEGER
               rows of clients: 2 added, 1 changed (3 → 5)
               way back: exact, downgrade gave back the same schema and rows

          2  0002_notes   ran 0.04 s
               2:   CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)
               3:   CREATE INDEX by_text ON notes (text)
               4:   DELETE FROM clients WHERE name = 'cy'   1 row
               + table notes
               rows of clients: 1 deleted (5 → 4)
               way back: lossy, after downgrade this is not as it was before:
                 rows of clients: 1 deleted (5 → 4)

          3  0003_wrong   failed 0.04 s
               0003_wrong does something.
               5:   CREATE TABLE half (id)

        not tried: 0004_more, 0005_last

        in all
          ~ table clients
            + column tier INTEGER
          + table notes
          rows of clients: 3 → 4
        """
    )
    assert answer.aside.strip() + "\n" == screen(
        """
        error: 0003_wrong failed on the way up in the rehearsal   [step-failed]
          where      versions/0003_wrong.py:6
                     INSERT INTO clients VALUES (1, NULL, NULL, NULL)
          cause      UNIQUE constraint failed: clients.id
          unchanged  the database was not touched: this ran on a copy, which is gone
          next       correct the file, then: migrate plan --rehearse
        """
    )


def test_ways_back_that_fail_or_are_not_there(folder, migrate):
    folder.add("0001_one", downgrade='db.execute("DROP TABLE nowhere")')
    folder.add("0002_two", downgrade=None)

    answer = migrate("plan", "--rehearse")

    assert answer.exit_code == 0
    assert (
        answer.screen.splitlines()[3:17]
        == screen(
            """
          1  0001_one   ran 0.04 s
               0001_one does something.
               changes nothing
               way back: failed, downgrade did not run
                 versions/0001_one.py:9
                 DROP TABLE nowhere
                 no such table: nowhere

          2  0002_two   ran 0.04 s
               0002_two does something.
               changes nothing
               way back: none, there is no downgrade

        in all
        """
        )
        .replace("\n  1", "\n  1")
        .splitlines()
    )


def test_nothing_to_do(folder, migrate):
    folder.add_table("0001_clients", "clients")
    up(folder.project())

    upwards = [migrate("up", "--dry-run"), migrate("plan", "--rehearse")]
    downwards = [migrate("down", "--dry-run", "--to", "1"), migrate("plan", "--down", "--rehearse", "--to", "1")]

    assert {a.out for a in upwards} == {"Nothing to do: app.sqlite has nothing to apply.\n"}
    assert {a.out.splitlines()[-1] for a in downwards} == {"Nothing to do: app.sqlite has nothing to take back."}
    assert {a.exit_code for a in (*upwards, *downwards)} == {0}


def test_a_remark_of_the_plan_is_shown(folder, migrate):
    folder.add_table("0002_notes", "notes")
    up(folder.project())
    folder.add_table("0001_clients", "clients")

    plan, rehearsal = migrate("plan"), migrate("plan", "--rehearse")

    remarks = [line for line in rehearsal.out.splitlines() if line.startswith("note: ")]
    assert remarks == [line for line in plan.out.splitlines() if line.startswith("note: ")]


# Options


def test_verbose_shows_whole_statements_and_definitions(folder, migrate):
    folder.add(
        "0001_notes",
        '''
        db.execute("""CREATE TABLE notes (
            id INTEGER PRIMARY KEY,
            a_column_with_a_long_name TEXT NOT NULL DEFAULT 'a default',
            another_column_with_a_long_name TEXT NOT NULL DEFAULT 'another default'
        )""")
        for n in range(14):
            db.execute(f"INSERT INTO notes (id) VALUES ({n})")
        ''',
        'db.execute("DROP TABLE notes")',
    )

    plain, verbose = migrate("plan", "--rehearse"), migrate("plan", "--rehearse", "-v", "--samples", "0")

    assert "       … 3 more statements (-v shows all)" in plain.out.splitlines()
    cut = "       5:   CREATE TABLE notes ( id INTEGER PRIMARY KEY, a_column_with_a_long_ …"
    assert cut in plain.out.splitlines()
    assert "more statement" not in verbose.out
    lines = verbose.screen.splitlines()
    assert sum("INSERT INTO notes (id) VALUES (" in line for line in lines) == 14
    # As it stands in the file, moved right.
    assert "another_column_with_a_long_name TEXT NOT NULL DEFAULT 'another default'" in verbose.out
    at = lines.index("       + table notes")
    assert lines[at + 1 : at + 5] == [
        "           id INTEGER",
        "           a_column_with_a_long_name TEXT NOT NULL DEFAULT 'a default'",
        "           another_column_with_a_long_name TEXT NOT NULL DEFAULT 'another",
        "               default'",
    ]
    assert lines[at + 5] == "           PRIMARY KEY (id)"
    assert re.search(r"\d\.\d{3} s$", verbose.out, re.MULTILINE)


def test_messages_beyond_ten_are_counted(folder, migrate):
    folder.add("0001_talk", "for n in range(12):\n    db.log(f'message {n}')")

    plain, verbose = migrate("up", "--dry-run"), migrate("up", "--dry-run", "-v")

    assert sum("logged: message" in line for line in verbose.out.splitlines()) == 12
    assert sum("logged: message" in line for line in plain.out.splitlines()) == 10
    assert "2 more messages" in plain.out


@pytest.mark.parametrize(("samples", "expected"), [("0", 0), ("1", 2), ("2", 3), ("1000", 3)])
def test_samples_are_as_many_as_asked_for(tiers, migrate, samples, expected):
    answer = migrate("up", "--dry-run", "--samples", samples)

    lines = [line for line in answer.out.splitlines() if re.match(r" {11}[-+~] ", line)]
    assert len(lines) == expected


@pytest.mark.parametrize("samples", ["-1", "1001", "some"])
def test_samples_that_mean_nothing_are_a_usage_error(tiers, migrate, samples):
    answer = migrate("up", "--dry-run", "--samples", samples)

    assert answer.exit_code == 2
    assert answer.out == ""


def test_values_are_shown_only_when_asked_for(tiers, migrate):
    hidden = migrate("up", "--dry-run", "--samples", "0")
    plain = migrate("up", "--dry-run", "--samples", "0", "--show-values")

    assert "'High'" not in hidden.out
    assert "'dee'" not in hidden.out
    assert "       5:   UPDATE clients SET tier = 1 WHERE priority = ?   1 row, with 'High'\n" in plain.screen
    assert "       7:   INSERT INTO clients (name) VALUES (?)   2 times, 2 rows, with 'dee'" in plain.screen


def test_the_way_back_is_left_out_when_it_is_not_wanted(two, migrate):
    answer = migrate("plan", "--rehearse", "--no-way-back")

    assert answer.exit_code == 0
    assert "way back" not in answer.out
    assert "2  0002_notes   ran" in answer.out


def test_redacted_columns_show_as_stars(tiers, migrate):
    tiers.path.joinpath("pyproject.toml").write_text(
        '[tool.nukeworks_migrate]\nredact = ["clients.name", "tier"]\n', encoding="utf-8"
    )

    answer = migrate("up", "--dry-run")

    assert "           ~ (1)  tier: (no such column) → ***" in answer.out
    assert "           + id 4, name ***, priority NULL, tier ***" in answer.out
    assert "'dee'" not in answer.out


def test_it_needs_no_yes_and_says_nothing_aside_even_in_a_process_of_its_own(tiers):
    done = tiers.run("up", "--dry-run")

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.endswith("The database was not touched.\nRun it: migrate up\n")


def test_quiet_leaves_the_answer(tiers, migrate):
    answer = migrate("up", "--dry-run", "-q")

    assert answer.err == ""
    assert answer.out.startswith("rehearsal   upgrade, 1 step")


def test_colours_are_added_and_nothing_else(two, migrate, monkeypatch):
    plain = migrate("up", "--dry-run").screen
    monkeypatch.setenv("FORCE_COLOR", "1")

    coloured = migrate("up", "--dry-run").out

    assert "\x1b[" in coloured
    assert normalised(re.sub(r"\x1b\[\d*m", "", coloured)) == plain


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["up", "--dry-run"], "migrate up"),
        (["up", "--dry-run", "--to", "2"], "migrate up --to 2"),
        (["up", "--dry-run", "--to", "0002"], "migrate up --to 0002"),
        (["up", "--dry-run", "--only", "0001_tiers"], "migrate up --only 0001_tiers"),
        (["up", "--dry-run", "--steps", "1"], "migrate up --steps 1"),
        (["up", "--dry-run", "--commit", "each"], "migrate up --commit each"),
        (["up", "--dry-run", "--snapshot", "never"], "migrate up --snapshot never"),
        (["up", "--dry-run", "--samples", "1", "--no-way-back", "--show-values", "-v"], "migrate up"),
        (["plan", "--rehearse", "--to", "1"], "migrate up --to 1"),
        (["--lock-timeout", "5", "plan", "--rehearse"], "migrate up --lock-timeout 5.0"),
        (["plan", "--rehearse", "--versions", "other versions"], "migrate up --versions 'other versions'"),
        (["plan", "--rehearse", "-d", "app.sqlite"], "migrate up --database app.sqlite"),
    ],
)
def test_the_last_line_is_the_command_that_runs_it(two, migrate, words, command):
    two.path.joinpath("other versions").symlink_to(two.versions)

    answer = migrate(*words)

    assert answer.exit_code == 0
    assert answer.out.splitlines()[-1] == f"Run it: {command}"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["down", "--dry-run", "--to", "base"], "migrate down --to base"),
        (["down", "--dry-run", "--steps", "1", "--commit", "each"], "migrate down --steps 1 --commit each"),
        (["plan", "--down", "--rehearse", "--only", "0001"], "migrate down --only 0001"),
    ],
)
def test_the_last_line_is_the_command_that_takes_it_back(two, migrate, words, command):
    up(two.project())

    answer = migrate(*words)

    assert answer.exit_code == 0
    assert answer.out.splitlines()[-1] == f"Run it: {command}"


# Exit codes


FAILURES = {
    "an exception": ("raise RuntimeError", "", 4, 4),
    "a refused statement": ('db.execute("COMMIT")', "", 4, 4),
    "a failed verify": ("pass", "def verify(db):\n    return False", 4, 4),
    "no transaction, before it began": ("raise RuntimeError", 'transaction = "none"', 4, 4),
    "no transaction, part-way": ('db.execute("CREATE TABLE t (id)")\nraise RuntimeError', 'transaction = "none"', 6, 4),
    "a resource that is not listed": ('db.resource("key")', "", 3, 4),
    "a resource that is not there": ("pass", 'resources = ["key"]', 3, 3),
    "an import that fails": ("pass", "import no_such_module_at_all", 3, 3),
}


@pytest.mark.parametrize(("body", "head", "of_the_run", "expected"), FAILURES.values(), ids=FAILURES.keys())
def test_a_step_that_fails_ends_in_4_because_no_state_of_the_copy_stays(
    folder, migrate, body, head, of_the_run, expected
):
    folder.sql(CLIENTS)
    folder.add("0001_wrong", body, head=head)

    rehearsal = migrate("up", "--dry-run")
    run = migrate("up", "--yes")

    assert run.exit_code == of_the_run
    assert rehearsal.exit_code == expected


def test_words_that_mean_nothing_are_a_usage_error(two, migrate):
    assert migrate("up", "--dry-run", "--to", "99").exit_code == 2
    assert migrate("down", "--dry-run").exit_code == 2
    assert migrate("plan", "--rehearse", "--to", "1", "--steps", "1").exit_code == 2


# JSON


def test_json_has_the_facts_under_their_keys(two, migrate):
    found = migrate("up", "--dry-run", "--json", "--samples", "1").object

    assert set(found) >= {
        "command", "ok", "rehearsal", "database", "engine", "database_exists", "direction", "target", "commit",
        "steps", "not_tried", "schema", "rows", "copy", "duration_ms", "estimate_ms", "locks", "takes_snapshot",
        "remarks", "error",
    }  # fmt: skip
    assert (found["command"], found["ok"], found["rehearsal"], found["error"]) == ("up", True, True, None)
    assert (found["direction"], found["target"], found["commit"]) == ("up", "head", "run")
    assert found["rows"] == [{"table": "clients", "before": 3, "after": 4}]
    assert found["not_tried"] == []
    first, second = found["steps"]
    assert set(first) >= {
        "version", "name", "failed", "duration_ms", "statements", "statements_not_told_apart", "messages", "schema",
        "rows", "way_back",
    }  # fmt: skip
    assert [set(statement) for statement in first["statements"]] == [
        {"sql", "line", "times", "rows", "seconds", "parameters"}
    ] * 3
    assert first["statements"][2] | {"seconds": 0} == {
        "sql": "INSERT INTO clients (name) VALUES (?)",
        "line": 7,
        "times": 2,
        "rows": 2,
        "seconds": 0,
        "parameters": "text of 3",
    }
    assert first["messages"] == ["tiers are filled"]
    assert [(change["change"], change["kind"], change["name"]) for change in first["schema"]] == [
        ("added", "column", "tier")
    ]
    assert first["rows"] == [
        {
            "table": "clients",
            "before": 3,
            "after": 5,
            "added": 2,
            "changed": 1,
            "deleted": 0,
            "samples": [
                {"key": [1], "before": {}, "after": {"tier": 1}},
                {"key": [4], "before": None, "after": {"id": 4, "name": "dee", "priority": None, "tier": None}},
            ],
        }
    ]
    assert first["way_back"] | {"duration_ms": 0} == {
        "verdict": "exact",
        "duration_ms": 0,
        "cause": None,
        "where": None,
        "schema": [],
        "rows": [],
    }
    assert second["way_back"]["verdict"] == "lossy"
    assert [rows["deleted"] for rows in second["way_back"]["rows"]] == [1]


def test_json_of_a_failure_is_one_object_too(two, migrate):
    two.add("0003_wrong", "raise RuntimeError('half way')")
    two.add("0004_more")

    answer = migrate("plan", "--rehearse", "--json")
    found = answer.object

    assert answer.exit_code == 4
    assert (found["command"], found["ok"], found["not_tried"]) == ("plan", False, ["0004_more"])
    assert [step["failed"] for step in found["steps"]] == [False, False, True]
    assert found["steps"][2]["way_back"]["verdict"] == "not tried"
    assert (found["error"]["code"], found["error"]["exit_code"]) == ("step-failed", 4)
    assert (found["error"]["migration"], found["error"]["cause"]) == ("0003_wrong", "RuntimeError: half way")


def test_json_of_nothing_to_do(folder, migrate):
    folder.add_table("0001_clients", "clients")
    up(folder.project())

    found = migrate("up", "--dry-run", "--json").object

    assert (found["ok"], found["steps"], found["rows"], found["schema"]) == (True, [], [], [])


def test_json_takes_every_value(folder, migrate):
    folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    folder.write(
        "0001_values.py",
        """
        def upgrade(db):
            values = [None, 1, 2**62, 1.5, 1e999, -1e999, "", "a\\0b", "\\x1b[31m", "\\u202e", b"\\xff\\0"]
            db.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in values])
            db.execute("INSERT INTO t (v) VALUES (CAST(x'ff41' AS TEXT))")
        """,
    )

    (step,) = migrate("up", "--dry-run", "--json", "--samples", "20").object["steps"]

    values = [sample["after"]["v"] for sample in step["rows"][0]["samples"]]
    assert values[:-1] == [None, 1, 2**62, 1.5, "inf", "-inf", "", "a\0b", "\x1b[31m", "\u202e", {"bytes": 2}]
    assert len(values) == 12


# Data is data


CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_control_characters_are_escaped_wherever_they_come_from(folder, migrate):
    folder.write(
        "0001_nasty.py",
        '''
        """Red \\x1b[31m and \\u202e turned."""

        def upgrade(db):
            db.execute('CREATE TABLE "t\\x1b[2J" (id INTEGER PRIMARY KEY, "c\\x07\\u202e" TEXT)')
            db.execute('INSERT INTO "t\\x1b[2J" VALUES (1, ?)', ("v\\x1b[0m\\x9b1A",))
            db.execute('INSERT INTO "t\\x1b[2J" VALUES (2, \\'w\\x08\\')')
            db.execute('INSERT INTO "t\\x1b[2J" VALUES (3, CAST(x\\'ff1b\\' AS TEXT))')
            db.execute('CREATE VIEW "v\\x1b" AS SELECT \\'\\x1b]0;title\\x07\\' AS x')
            db.execute('CREATE INDEX "i\\x1b" ON "t\\x1b[2J" ("c\\x07\\u202e")')
            db.log("logged \\x1b[31m\\r\\x08")

        def downgrade(db):
            db.execute('UPDATE "t\\x1b[2J" SET "c\\x07\\u202e" = \\'\\x1b[5m\\'')
        ''',
    )
    folder.write(
        "0002_fails.py",
        """
        def upgrade(db):
            pass

        def downgrade(db):
            raise RuntimeError("way back \\x1b[31m\\u202e")
        """,
    )
    folder.write(
        "0003_fails.py",
        """
        def upgrade(db):
            raise RuntimeError("no \\x1b[31m\\u202e way")
        """,
    )

    for words in ((), ("-v", "--show-values"), ("-vv",)):
        answer = migrate("up", "--dry-run", *words)

        assert answer.exit_code == 4
        assert not CONTROL.search(answer.out)
        assert not CONTROL.search(answer.err)
        assert "\\x1b[2J" in answer.out


@pytest.mark.parametrize("direction", ["up", "down"])
def test_no_line_is_longer_than_80_columns(folder, migrate, direction):
    folder.sql(
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, priority TEXT, a_rather_long_column_name TEXT);"
        f"INSERT INTO clients VALUES (1, '{'an old name ' * 9}', 'High', '{'some old text ' * 9}'), (2, 'b', 'c', 'd');"
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, first_column TEXT, second_column TEXT, third_column TEXT);"
        "CREATE TABLE pairs (first_half_of_key TEXT, second_half_of_key TEXT, value TEXT,"
        " PRIMARY KEY (first_half_of_key, second_half_of_key));"
        f"INSERT INTO pairs VALUES ('{'k' * 29}', '{'l' * 29}', 'value');"
    )
    long = f"{'a new text, and a long one ' * 3}"
    folder.write(
        "0001_long.py",
        f'''
        def upgrade(db):
            db.execute("UPDATE clients SET name = ?, a_rather_long_column_name = ? WHERE id = 1", ("{long}", "{long}"))
            db.execute("UPDATE pairs SET value = '{long}'")
            db.execute("DELETE FROM clients WHERE id = 2")
            db.execute("INSERT INTO notes VALUES (1, '{long}', '{long}', '{long}')")
            db.execute("ALTER TABLE notes ADD COLUMN state TEXT NOT NULL DEFAULT 'open'"
                       " CHECK (state IN ('open', 'closed', 'in progress', 'waiting for somebody else'))")
            db.execute("CREATE INDEX notes_by_all_of_it ON notes (first_column, second_column, third_column, state)")
            db.execute("CREATE VIEW seen AS SELECT first_column, second_column, third_column, state FROM notes, pairs")
            db.executemany("INSERT INTO notes (id) VALUES (?)", [(n,) for n in range(10, 5000)])

        def downgrade(db):
            db.execute("UPDATE clients SET name = 'lost', priority = '{long}'")
            db.execute("UPDATE notes SET second_column = '{long}'")
        ''',
    )
    for number in range(2, 12):
        folder.add(f"{number:04}_another_step", "raise ValueError" if number == 5 and direction == "up" else "pass")
    words = ["up", "--dry-run"]
    if direction == "down":
        up(folder.project())
        words = ["down", "--dry-run", "--to", "base", "--no-way-back"]

    answer = migrate(*words)

    assert answer.exit_code == (4 if direction == "up" else 0)
    assert [line for line in answer.out.splitlines() if len(line) > 80] == []
