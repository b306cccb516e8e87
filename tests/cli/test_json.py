"""--json: one object for each command, every key in it documented, and every documented key in it."""

import json
import os
import re
from datetime import datetime

import pytest
from support import MIGRATE, REPOSITORY
from web.starting import program

DOCUMENT = (REPOSITORY / "docs" / "json.md").read_text(encoding="utf-8")
FILES = {"A plan file"}  # which are written, and not printed
LINES = {"Progress"}  # which come to stderr meanwhile: tests/cli/test_progress.py
SHARED = {
    "snapshot": "A snapshot",
    "entry": "An entry",
    "log row": "A log row",
    "schema change": "A schema change",
    "table difference": "A table difference",
    "quarantine": "A quarantine",
}
PLURALS = {
    "snapshots": "snapshot",
    "entries": "entry",
    "log rows": "log row",
    "schema changes": "schema change",
    "table differences": "table difference",
    "quarantines": "quarantine",
}
IN_EVERY_OBJECT = {"command": "text", "ok": "true or false"}


def sections():
    """The tables of the document, by heading: key, and what its second column says of its type."""
    found = {}
    for piece in re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]:
        title, _, body = piece.partition("\n")
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", body, flags=re.MULTILINE)
        for one in title.split(", "):
            found[one.strip().removeprefix("migrate ")] = dict(rows)
    return found


SECTIONS = sections()


def documented(title):
    """The keys of a section with their types; what a table elsewhere describes is put in its place."""
    found = {}
    for key, kind in SECTIONS[title].items():
        plain = kind.removesuffix(" or null")
        many = PLURALS.get(plain.removeprefix("list of "))
        shared = SHARED.get(many or plain)
        found[key] = kind if shared is None else kind.replace(plain, "list of objects" if many else "object")
        if shared is not None:
            inside = f"{key}[]" if many else key
            found.update({f"{inside}.{name}": more for name, more in SECTIONS[shared].items()})
        if plain == "error":
            found.update({**SECTIONS["error"], key: kind.replace("error", "object")})
    return {key: kind for key, kind in found.items() if title == "error" or not key.startswith("error.problems")}


def paths(value, prefix=""):
    """Every key of an object by its path, with the value; what stands in lists is under []."""
    for key, inner in value.items():
        path = f"{prefix}{key}"
        yield path, inner
        if "samples[]." in path or path in ("rows[].key", "rows[].row"):
            continue  # what is in there are data, with the application's names
        if isinstance(inner, dict):
            yield from paths(inner, f"{path}.")
        elif isinstance(inner, list):
            for item in inner:
                if isinstance(item, dict):
                    yield from paths(item, f"{path}[].")


def fits(value, kind):
    """Whether a value is of the kind that the document names."""
    if kind.endswith(" or null"):
        return value is None or fits(value, kind.removesuffix(" or null"))
    if kind == "list of values":
        return isinstance(value, list)
    if kind.startswith("list of "):
        inner = kind.removeprefix("list of ")
        inner = "list of texts" if inner == "lists of texts" else inner.removesuffix("s")
        return isinstance(value, list) and all(fits(item, inner) for item in value)
    kinds = {"text": str, "whole number": int, "number": (int, float), "true or false": bool}
    kinds |= {"object": dict, "row": dict}
    return isinstance(value, kinds[kind]) and not ("number" in kind and isinstance(value, bool))


def change(folder, name):
    path = folder.versions / f"{name}.py"
    path.write_text(path.read_text().replace("INSERT INTO", "INSERT OR IGNORE INTO"))


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """What every command printed in every situation that changes the shape of its object, by section."""
    from support import Folder

    told = {}
    folder = Folder(tmp_path_factory.mktemp("json") / "project")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("NUKEWORKS_MIGRATE_")]:
            patch.delenv(name)
        patch.setenv("NUKEWORKS_MIGRATE_DATABASE", "app.sqlite")
        story = _Story(folder, patch, told)
        story.ordinary()
        story.served()
        story.old_system()
        story.errors()
        story = _Story(Folder(tmp_path_factory.mktemp("json") / "rehearsed"), patch, told)
        story.rehearsals()
        story.lint()
        _Story(Folder(tmp_path_factory.mktemp("json") / "quarantine"), patch, told).quarantine()
    return told


class _Story:
    def __init__(self, folder, patch, told):
        self.folder, self.told = folder, told
        patch.chdir(folder.path)

    def tell(self, section, words, exit_code=0):
        import contextlib
        import io

        from nukeworks_migrate.cli.main import run

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*words.split(), "--json", "--yes"])
        assert (code, err.getvalue()) == (exit_code, ""), words + out.getvalue()
        found = json.loads(out.getvalue())
        self.told.setdefault(section, []).append(found)
        return found

    def served(self):
        """`migrate ui` goes on when it has printed its object: a process of its own, which is ended then."""
        words = [*MIGRATE, "ui", "--no-browser", "--json"]
        with program(words, self.folder, self.folder.path.parent / "said") as ui:
            found = ui.wait_until(lambda: ui.stdout.endswith("}\n") and json.loads(ui.stdout), "it is served")
        self.told["ui"] = [found]

    def ordinary(self):
        folder, tell = self.folder, self.tell
        tell("status", "status")
        tell("new", "new first")
        next(folder.versions.glob("0001_first.py")).unlink()
        folder.add_table("0001_clients", "clients")
        folder.write("_names.py", "TABLE = 'contacts'\n")
        folder.add(
            "0002_contacts",
            """
            from ._names import TABLE
            db.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, name TEXT)")
            db.execute("INSERT INTO contacts (name) VALUES ('A')")
            db.transform("contacts", str.lower, reads=["name"], writes=["name"])
            db.log("done")
            """.replace("            ", "").replace("str.lower", "lambda name: name.lower()"),
            'db.execute("DROP TABLE contacts")',
            depends_on="0001_clients",
        )
        tell("history", "history")
        tell("history NAME", "history 1")
        tell("graph", "graph")
        tell("plan", "plan --commit each")
        tell("check", "check", 7)
        tell("up", "up")
        tell("up", "up")
        tell("plan", "plan --down --to base")
        tell("check", "check")
        tell("verify", "verify")
        folder.sql("CREATE TABLE extra (id)")
        tell("verify", "verify", 8)
        folder.sql("DROP TABLE extra")
        tell("schema dump", "schema dump")
        tell("schema dump", "schema dump -o schema.sql")
        tell("schema dump", "schema dump --check schema.sql")
        (folder.path / "schema.sql").write_text("CREATE TABLE clients (id);")
        tell("schema dump", "schema dump --check schema.sql", 8)
        (folder.path / "schema.sql").unlink()
        tell("new", "new more")
        next(folder.versions.glob("0003_more.py")).unlink()
        tell("snapshot list", "snapshot list")
        made = tell("snapshot create", "snapshot create --note by-hand")["snapshot"]
        for _ in range(3):
            tell("down", "down --steps 1")
            tell("up", "up --to 2")
        tell("snapshot list", "snapshot list")
        tell("snapshot verify", "snapshot verify")
        tell("snapshot prune", "snapshot prune --keep 2")
        tell("restore", f"restore {made['id']}")
        tell("restore", f"restore {made['id']} -d other.sqlite")
        folder.path.joinpath("damaged.sqlite").write_bytes(b"not a database at all" * 100)
        tell("restore", f"restore {made['id']} -d damaged.sqlite")
        tell("history", "history")
        tell("graph", "graph --format svg")
        tell("history NAME", "history 2")
        change(folder, "0001_clients")
        tell("status", "status")
        tell("check", "check", 9)
        tell("history NAME", "history 1")
        tell("accept", "accept 1 --reason known")
        tell("stamp", "stamp 1")
        tell("stamp", "stamp head")
        tell("stamp", "stamp head")
        tell("resume", "resume")
        folder.add("0004_broken", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
        tell("error", "up", 6)
        tell("status", "status")
        tell("error", "resume", 6)
        folder.add("0004_broken", "db.execute('CREATE TABLE IF NOT EXISTS t (id)')", head='transaction = "none"')
        tell("resume", "resume --rerun")
        path = folder.path / "snapshots" / made["file"]
        path.write_bytes(b"")
        tell("snapshot verify", f"snapshot verify {made['id']}", 8)
        tell("error", f"restore {made['id']}", 3)

    def old_system(self):
        self.folder.database.unlink()
        self.folder.sql(
            """
            CREATE TABLE schema_version (version INTEGER PRIMARY KEY,
                applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);
            CREATE TABLE clients (id INTEGER PRIMARY KEY);
            INSERT INTO schema_version VALUES (1, '2024-05-01 00:00:00', 'system', 'Clients')
            """
        )
        self.tell("status", "status")
        self.tell("history", "history")
        self.tell("history NAME", "history 1")
        self.tell("up", "up --snapshot never")

    def rehearsals(self):
        """Up or down, one comes back otherwise than it was, one fails, and one is not tried."""
        folder, tell = self.folder, self.tell
        tell("plan --rehearse", "plan --rehearse")
        folder.add_table("0001_clients", "clients")
        folder.add("0002_broken", "pass", "raise ValueError('no')")
        tell("up --dry-run", "up --dry-run")
        tell("up", "up")
        folder.add(
            "0003_tier",
            """
            db.execute("ALTER TABLE clients ADD COLUMN tier INTEGER")
            db.execute("UPDATE clients SET tier = ?", (1,))
            db.execute("INSERT INTO clients (name) VALUES (?)", (b"bytes",))
            """,
            """
            db.execute("ALTER TABLE clients DROP COLUMN tier")
            db.execute("DELETE FROM clients")
            db.execute("CREATE TABLE IF NOT EXISTS left_over (id INTEGER)")
            """,
        )
        folder.add("0004_broken", "raise ValueError('no')")
        folder.add("0005_last")
        tell("up --dry-run", "up --dry-run", 4)
        tell("plan --rehearse", "plan --rehearse --samples 0 --no-way-back", 4)
        tell("plan --rehearse", "plan --rehearse --show-values", 4)
        tell("up", "up --to 3")
        tell("down --dry-run", "down --dry-run --to head")
        tell("down --dry-run", "down --dry-run --to base", 4)
        tell("error", "plan --rehearse --samples 1001", 2)

    def quarantine(self):
        """Rows that are left as they were, some for good."""
        folder, tell = self.folder, self.tell
        tell("data errors", "data errors")
        folder.add_table("0001_clients", "clients")
        lower = """
            lower = lambda name: name.lower()
            db.transform("clients", lower, reads=["name"], writes=["name"], on_error="quarantine")
            """.replace("            ", "")
        insert = 'db.executemany("INSERT INTO clients (name) VALUES (?)", [("A",), (None,), (None,)])'
        folder.add("0002_lower", insert + lower, lower)
        tell("up", "up --to 1")
        tell("up --dry-run", "up --dry-run")
        tell("plan --rehearse", "plan --rehearse")
        tell("up", "up")
        tell("data errors", "data errors 2 --limit 1")
        folder.sql("UPDATE clients SET name = 'B' WHERE id = 2")
        tell("data retry", "data retry 2")
        folder.sql("UPDATE clients SET name = 'B'")
        tell("data retry", "data retry 2")
        tell("data retry", "data retry 2")
        tell("history", "history")
        folder.sql("UPDATE clients SET name = NULL")
        tell("down --dry-run", "down --dry-run --to 1")
        tell("down", "down --to 1")
        folder.add("0002_lower", f"{lower}\nraise ValueError", head='transaction = "none"')
        tell("error", "up", 6)
        folder.add("0002_lower", lower, head='transaction = "none"')
        tell("resume", "resume")

    def lint(self):
        folder, tell = self.folder, self.tell
        tell("lint", "lint", 8)
        tell("lint", "lint --all --format json --fail-on error", 8)
        for name in ("0004_broken", "0005_last"):
            folder.versions.joinpath(f"{name}.py").unlink()
        tell("lint", "lint")
        folder.write("0004_static.py", "def upgrade(db):\n    pass\n")
        tell("lint", "lint --static")

    def errors(self):
        folder, tell = self.folder, self.tell
        tell("error", "up --to 99", 2)
        tell("error", "upp", 2)
        tell("error", "up --steps x", 2)
        folder.add("0009_wrong", "db.execute('SELECT nothing')")
        tell("error", "up", 4)
        folder.versions.joinpath("foo.py").touch()
        tell("error", "status", 3)


NAMED = sorted(set(SECTIONS) - set(SHARED.values()) - FILES - LINES)


@pytest.mark.parametrize("section", NAMED)
def test_every_key_that_appears_is_documented_and_every_documented_key_appears(objects, section):
    seen = {path for told in objects[section] for path, _ in paths(told)}

    assert seen == {*IN_EVERY_OBJECT, *documented(section)}


@pytest.mark.parametrize("section", NAMED)
def test_every_value_is_of_the_documented_type(objects, section):
    kinds = {**IN_EVERY_OBJECT, **documented(section)}

    wrong = [
        (path, value, kinds[path])
        for told in objects[section]
        for path, value in paths(told)
        if path in kinds and not fits(value, kinds[path])
    ]

    assert wrong == []


@pytest.mark.parametrize("section", NAMED)
def test_all_objects_of_a_command_have_the_same_keys(objects, section):
    optional = {"problems", "migration", "kept", "undone"}  # of an error; the document says when
    shapes = {
        tuple(sorted(set(told["error"]) - optional if section == "error" else set(told))) for told in objects[section]
    }

    assert len(shapes) == 1


def test_the_keys_of_a_plan_file_are_documented(folder, migrate):
    folder.write("_names.py", "TABLE = 'clients'\n")
    folder.add("0001_clients", 'db.execute(f"CREATE TABLE {TABLE} (id INTEGER)")', head="from ._names import TABLE")
    migrate("up", "--yes")
    folder.add("0002_contacts")
    (told,) = SECTIONS.keys() & FILES

    migrate("plan", "-o", "plan.json")
    migrate("plan", "--down", "--steps", "1", "-o", "back.json")

    for name in ("plan.json", "back.json"):
        found = list(paths(json.loads((folder.path / name).read_text())))
        assert {path for path, _ in found} == set(SECTIONS[told])
        assert [path for path, value in found if not fits(value, SECTIONS[told][path])] == []


def test_every_command_is_documented():
    from click import Context

    from nukeworks_migrate.cli.main import commands

    context = Context(commands)
    names = set()
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        names.update([f"{name} {inner}" for inner in command.commands] if hasattr(command, "commands") else [name])

    also = {"history NAME", "error", "plan --rehearse", "up --dry-run", "down --dry-run"}
    assert set(NAMED) == names | also


def test_command_is_the_name_of_the_command(objects):
    for section, told in objects.items():
        assert {one["command"] for one in told} == {section.removesuffix(" NAME").partition(" --")[0]}


def test_ok_is_false_for_errors_and_for_what_was_found_wrong(objects):
    assert {told["ok"] for told in objects["error"]} == {False}
    assert [told["ok"] for told in objects["check"]] == [told["verdict"] == "ok" for told in objects["check"]]
    assert [told["ok"] for told in objects["snapshot verify"]] == [True, False]


TIMES = {"applied_at", "happened_at", "taken_at"}


@pytest.mark.parametrize("section", NAMED)
def test_every_time_is_iso_8601_in_utc(objects, section):
    times = {
        value
        for told in objects[section]
        for path, value in paths(told)
        if path.rpartition(".")[2] in TIMES and value is not None
    }

    assert [time for time in times if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", time)] == []
    assert all(datetime.fromisoformat(time).utcoffset() is not None for time in times)


def test_the_objects_that_the_document_shows_have_documented_keys():
    shown = re.findall(r"^    \$ migrate (\w+).* --json\n((?:    .*\n)+)", DOCUMENT, flags=re.MULTILINE)

    assert [command for command, _ in shown] == ["check", "up"]
    for command, text in shown:
        told = json.loads(text)
        section = "error" if told["command"] == "error" else command
        always = {key for key in documented(section) if "[]" not in key and "only for" not in key}
        optional = {"error.problems", "error.migration", "error.kept", "error.undone"}
        assert {path for path, _ in paths(told)} == ({*IN_EVERY_OBJECT} | always) - optional


def test_the_error_of_a_bug_is_the_only_one_with_a_traceback(folder, migrate, monkeypatch):
    import nukeworks_migrate.cli.looking as looking

    def broken(project):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(looking, "read_status", broken)

    answer = migrate("status")

    assert answer.exit_code == 1
    assert answer.out == ""
    assert answer.err.startswith("Traceback (most recent call last):\n")
    assert answer.err.endswith(
        "ZeroDivisionError: division by zero\n\n"
        "This is a bug in nukeworks_migrate: please report it with the lines above.\n"
    )


def test_json_is_plain_ascii_whatever_the_data(folder, migrate):
    folder.write("0001_x.py", '"""Größe \x1b[31m 漢字."""\n\ndef upgrade(db):\n    pass\n')

    answer = migrate("status", "--json")

    assert answer.out.isascii()
    assert "\x1b" not in answer.out
    assert answer.object["migrations"][0]["description"] == "Größe \x1b[31m 漢字."


def test_json_still_wants_a_yes_and_says_so_in_json(folder, migrate):
    folder.add("0001_first")

    answer = migrate("up", "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "not-confirmed"
    assert not folder.database.exists()


@pytest.mark.parametrize("words", ["-v", "-vv", "-q"])
def test_more_or_fewer_words_do_not_change_the_object(folder, migrate, words):
    folder.add("0001_first", "db.log('something')")

    answer = migrate("up", "--yes", "--json", words)

    assert answer.object["steps"][0]["messages"] == ["something"]
