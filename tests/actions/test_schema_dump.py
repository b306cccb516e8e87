"""schema dump: the same text for the same migrations, SQL that makes the same schema, and a file held against it."""

import os
import sqlite3
from contextlib import closing

import pytest
from databases.schema_cases import MUTATIONS, REWRITES
from nukeworks import runner
from support import footprint

from nukeworks_migrate import Project, check_schema, dump_schema, up, write_schema
from nukeworks_migrate.databases.sqlite.catalogue import read_schema
from nukeworks_migrate.errors import FilesRefused, MissingResource, ModuleNotLoaded, Refused, StepFailed

TEXT = """\
-- The schema that the migrations make: these, and all that they depend on.
-- Written by nukeworks-migrate (migrate schema dump); a change belongs in a new migration.
-- head: 0002_notes
-- head: 0003_clients_in_view

CREATE TABLE clients (
    id INTEGER PRIMARY KEY,
    name TEXT
);

CREATE TABLE notes (id);

CREATE INDEX clients_name ON clients (name);

CREATE VIEW names AS SELECT name FROM clients;

CREATE TRIGGER named AFTER INSERT ON clients BEGIN UPDATE clients SET name = ';'; END;
"""


@pytest.fixture
def three(folder):
    """Three migrations with two heads; no database."""
    folder.add(
        "0001_clients",
        '''
        db.script("""
            CREATE TABLE clients (
                id INTEGER PRIMARY KEY,
                name TEXT
            );
            CREATE TRIGGER named AFTER INSERT ON clients BEGIN UPDATE clients SET name = ';'; END;
            CREATE INDEX clients_name ON clients (name);
        """)
        ''',
    )
    folder.add("0002_notes", "db.execute('CREATE TABLE notes (id)')", depends_on="0001_clients")
    folder.add(
        "0003_clients_in_view", "db.execute('CREATE VIEW names AS SELECT name FROM clients')", depends_on="0001_clients"
    )
    return folder


def schema_of(script):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        return read_schema(connection)


def test_the_text_is_written_out_whole(three):
    made = dump_schema(three.project())

    assert made.text == TEXT
    assert made.heads == ("0002_notes", "0003_clients_in_view")
    assert schema_of(made.text) == made.schema


def test_it_is_the_same_every_time_and_everywhere(three, tmp_path, monkeypatch):
    first = dump_schema(three.project()).text
    monkeypatch.chdir(tmp_path)
    moved = tmp_path / "elsewhere"
    three.versions.rename(moved)
    up(Project("other.sqlite", versions=moved, base=tmp_path))

    assert dump_schema(Project("other.sqlite", versions=moved, base=tmp_path)).text == first


def test_no_database_is_needed_nor_made_nor_opened(three):
    before = footprint(three.path)

    texts = {
        dump_schema(Project(database, base=three.path)).text
        for database in ("", "app.sqlite", "sqlite:///no/such/folder/app.sqlite")
    }

    assert texts == {TEXT}
    assert footprint(three.path) == before


def test_what_is_in_the_database_makes_no_difference(three):
    three.sql("CREATE TABLE by_hand (id)")
    before = footprint(three.path)

    assert dump_schema(three.project()).text == TEXT
    assert footprint(three.path) == before


def test_an_empty_folder_has_an_empty_schema(folder):
    made = dump_schema(folder.project())

    assert made.text.count("\n") == made.text.count("-- ") == 2
    assert schema_of(made.text) == made.schema


def test_nukeworks_schema_can_be_loaded_and_is_the_one_that_up_makes(tmp_path):
    path = tmp_path / "nukeworks.sqlite"
    runner.up(path)

    made = dump_schema(runner.project_of(path))

    with closing(sqlite3.connect(path)) as connection:
        live = read_schema(connection).without_prefix("schema_version")
    assert schema_of(made.text) == made.schema == live
    assert dump_schema(runner.project_of(path)).text == made.text


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(after, id=name)
        for name, _before, after in (*MUTATIONS, *REWRITES)
        if after and "ANALYZE" not in after
    ],
)
def test_what_it_prints_makes_the_schema_that_it_was_made_of(folder, script):
    """Without ANALYZE, which would reach the ledger's tables, and is refused."""
    folder.add("0001_schema", f"db.script({script!r})")

    made = dump_schema(folder.project())

    assert schema_of(made.text) == schema_of(script) == made.schema
    assert "\r" not in made.text
    assert "schema_version" not in made.text


def test_migrations_are_taken_in_their_order_and_not_in_that_of_their_numbers(folder):
    folder.add("0001_second", "db.execute('ALTER TABLE t ADD COLUMN b')", depends_on="0002_first")
    folder.add("0002_first", "db.execute('CREATE TABLE t (a)')")

    assert "CREATE TABLE t (a, b);\n" in dump_schema(folder.project()).text


@pytest.mark.parametrize(
    ("upgrade", "head", "error", "what", "cause"),
    [
        ("raise ValueError('no')", "", StepFailed, "0001_first cannot run on an empty database", "ValueError: no"),
        (
            "db.execute('CREATE TABLE t (id)')\nraise ValueError('no')",
            'transaction = "none"',
            StepFailed,
            "0001_first cannot run on an empty database",
            "ValueError: no",
        ),
        ("pass", "import no_such", ModuleNotLoaded, "0001_first cannot be imported", "No module named 'no_such'"),
        ("pass", 'resources = ["key"]', MissingResource, "0001_first needs the resource 'key'", ""),
    ],
)
def test_a_migration_that_cannot_run_is_named(folder, upgrade, head, error, what, cause):
    folder.add("0001_first", upgrade, head=head)

    with pytest.raises(error) as failure:
        dump_schema(folder.project())

    assert failure.value.what.startswith(what)
    assert cause in failure.value.cause
    assert "versions/0001_first.py" in failure.value.where
    assert "database and ledger" not in failure.value.unchanged or error is MissingResource
    assert "migrate up" not in failure.value.next_step


def test_files_that_cannot_be_read_are_refused(folder):
    folder.write("foo.py", "")

    with pytest.raises(FilesRefused):
        dump_schema(folder.project())


# Written to a file


def test_a_file_is_written_where_that_changes_it_and_otherwise_not_touched(three):
    path = three.path / "schema.sql"
    made = dump_schema(three.project())

    first = write_schema(made, path)
    at = path.stat().st_mtime_ns, path.stat().st_ino
    second = write_schema(made, path)

    assert (first, second) == (True, False)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == at
    assert path.read_bytes() == TEXT.encode()
    assert sorted(os.listdir(three.path)) == ["schema.sql", "versions"]


def test_a_file_with_line_ends_of_windows_is_left_as_it_is(three):
    path = three.path / "schema.sql"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    before = path.read_bytes()

    assert not write_schema(dump_schema(three.project()), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"CREATE TABLE t (id);\n"])
def test_another_content_is_replaced_and_the_files_mode_and_link_stay(three, content):
    path = three.path / "db" / "schema.sql"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o640)
    link = three.path / "schema.sql"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("no links can be made here")

    assert write_schema(dump_schema(three.project()), link)

    assert link.is_symlink()
    assert path.read_bytes() == TEXT.encode()
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == ["schema.sql"]


@pytest.mark.parametrize("name", ["", "no/schema.sql"], ids=["a folder", "no folder"])
def test_a_file_that_cannot_be_written_is_refused(three, name):
    made = dump_schema(three.project())
    before = footprint(three.path)

    with pytest.raises(Refused, match="cannot be written"):
        write_schema(made, three.path / name)

    assert footprint(three.path) == before


def test_where_the_file_cannot_be_replaced_it_stays_and_nothing_lies_beside_it(three, monkeypatch):
    path = three.path / "schema.sql"
    path.write_text("old\n")
    made = dump_schema(three.project())
    before = footprint(three.path)

    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(Refused) as refusal:
        write_schema(made, path)

    assert refusal.value.cause == "Permission denied"
    assert footprint(three.path) == before


# A file held against it


def checked(folder, content):
    path = folder.path / "schema.sql"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return check_schema(folder.project(), path)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
    ],
    ids=["to the byte", "line ends of Windows", "a byte-order mark"],
)
def test_the_same_text_is_the_same(three, content):
    assert checked(three, content).verdict == "same"


@pytest.mark.parametrize(
    ("content", "diff"),
    [
        (TEXT.replace("-- head: 0002_notes\n", ""), ["+-- head: 0002_notes"]),
        (
            TEXT.replace("INDEX clients_name", "INDEX  clients_name"),
            ["-CREATE INDEX  clients_name", "+CREATE INDEX cl"],
        ),
        (TEXT.removesuffix("\n"), ["+"]),
    ],
    ids=["another comment", "another blank", "no line end at its end"],
)
def test_other_words_for_the_same_schema_are_told_as_such(three, content, diff):
    found = checked(three, content)

    changed = [line for line in found.diff[2:] if line[0] in "+-"]
    assert (found.verdict, found.changes) == ("other-words", ())
    assert len(changed) == len(diff)
    assert all(line.startswith(start) for line, start in zip(changed, diff, strict=True))


def test_a_long_difference_of_words_is_cut(three):
    found = checked(three, TEXT.replace("CREATE", "create\n\n"))

    assert (len(found.diff), found.diff[-1][:2]) == (21, "… ")


def test_another_schema_is_told_by_what_differs(three):
    found = checked(three, TEXT.replace("name TEXT", "name BLOB").replace("CREATE TABLE notes (id);", ""))

    assert found.verdict == "other-schema"
    assert [(change.change, change.kind, change.table) for change in found.changes] == [
        ("changed", "column", "clients"),
        ("added", "table", "notes"),
    ]


def test_the_order_of_columns_counts_here(three):
    found = checked(three, TEXT.replace("id INTEGER PRIMARY KEY,\n    name TEXT", "name TEXT, id INTEGER PRIMARY KEY"))

    assert [change.kind for change in found.changes] == ["column order"]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("CREATE TABLE (", 'near "(": syntax error\nCREATE TABLE ('),
        ("CREATE TABLE t (id); CREATE TABLE t (id);", "table t already exists"),
        ("ATTACH 'other.sqlite' AS other;", "ATTACH"),
        ("COMMIT; CREATE TABLE t (id);", "COMMIT"),
        ("CREATE TABLE schema_version (id);", "schema_version"),
        (b"\xff\xfeC\x00", "it is not UTF-8 (byte 0)"),
        (b"CREATE TABLE t (\x00);", "NUL"),
    ],
    ids=["no SQL", "twice", "attach", "commit", "the ledger", "UTF-16", "a null byte"],
)
def test_a_file_that_cannot_be_loaded_is_told_as_such_and_does_no_harm(three, content, cause):
    found = checked(three, content)

    assert found.verdict == "not-loadable"
    assert cause in found.cause
    assert sorted(os.listdir(three.path)) == ["schema.sql", "versions"]


def test_a_file_that_is_not_there_is_told_as_such(three):
    assert check_schema(three.project(), three.path / "schema.sql").verdict == "missing"


def test_a_folder_is_refused(three):
    with pytest.raises(Refused, match="cannot be read"):
        check_schema(three.project(), three.path)
