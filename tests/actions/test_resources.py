"""Resources: who provides them, when they are made, and that what they hold is told to nobody."""

import base64
import os
import sys
import traceback

import pytest
from support import content

from nukeworks_migrate import Project, down, dump_schema, events, lint, migration_history, rehearse, resume, up, verify
from nukeworks_migrate.errors import (
    BadSetting,
    Interrupted,
    MigrateError,
    MissingResource,
    ResourceNotLoaded,
    StepFailed,
)
from nukeworks_migrate.runtime.resources import Resources, load_resource
from nukeworks_migrate.runtime.secrets import Secrets

WANTS_KEY = 'resources = ["key"]'
COUNTED = """
def load():
    with open("calls", "a") as calls:
        calls.write("x")
    return "value"
"""
SECRET = "c0nfidential-Kéy'\\1"


@pytest.fixture
def two(folder, monkeypatch):
    """A migration that is applied, and one that asks for a resource; the program was started in their folder."""
    monkeypatch.chdir(folder.path)
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    folder.add("0002_wants", "db.resource('key')", head=WANTS_KEY)
    return folder


@pytest.fixture
def module(folder, monkeypatch):
    """Write a module beside the database, under a name that no other test has imported."""
    made = []

    def write(text):
        name = f"keys_of_{folder.path.parent.name}_{len(made)}".replace("-", "_").replace("[", "_").replace("]", "_")
        made.append(name)
        (folder.path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(folder.path)
    yield write
    for name in made:
        sys.modules.pop(name, None)


def with_factory(folder, factory, **settings):
    return folder.project(resource_factories=[f"key={factory}"], **settings)


# Who provides them


def test_a_missing_one_is_refused_before_the_snapshot_and_not_a_byte_is_changed(two):
    before, snapshots = two.database.read_bytes(), sorted(os.listdir(two.path))

    with pytest.raises(MissingResource) as refusal:
        up(two.project())

    assert refusal.value.what == "0002_wants needs the resource 'key', and nobody handed it in"
    assert refusal.value.next_step == (
        "name what makes it: --resource key=module:factory\nor hand it in: Project(…, resources={'key': …})"
    )
    assert two.database.read_bytes() == before
    assert sorted(os.listdir(two.path)) == snapshots


def test_a_factory_is_imported_from_the_current_folder_and_called_once(two, module):
    name = module(COUNTED)
    two.add("0003_wants_too", "assert db.resource('key') == 'value'", head=WANTS_KEY)
    path = list(sys.path)

    up(with_factory(two, f"{name}:load"))

    assert two.applied() == [1, 2, 3]
    assert (two.path / "calls").read_text() == "x"
    assert sys.path == path


def test_a_factory_may_be_an_attribute_of_an_attribute(two, module):
    name = module("class Store:\n    @classmethod\n    def load(cls):\n        return cls()\n    mark = 7\n")
    two.add("0003_looks", "assert db.resource('key').mark == 7", head=WANTS_KEY)

    up(with_factory(two, f"{name}:Store.load"))

    assert two.applied() == [1, 2, 3]


def test_what_is_handed_in_counts_before_a_factory(two, module):
    two.add("0003_looks", "assert db.resource('key') == 'handed in'", head=WANTS_KEY)

    up(with_factory(two, "no_such_module:load", resources={"key": "handed in"}))

    assert two.applied() == [1, 2, 3]


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(lambda project: up(project, to=1), id="up to before it"),
        pytest.param(lambda project: down(project, to="base"), id="down"),
        pytest.param(lambda project: rehearse(project, to=1), id="a rehearsal to before it"),
        pytest.param(lambda project: lint(project, static=True), id="lint of the files"),
        pytest.param(verify, id="verify, where it is not applied"),
    ],
)
def test_a_factory_that_nothing_needs_is_not_even_imported(two, module, action):
    name = module("open('imported', 'w').close()\n")

    action(with_factory(two, f"{name}:load"))

    assert not (two.path / "imported").exists()


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(up, id="up"),
        pytest.param(rehearse, id="rehearse"),
        pytest.param(lint, id="lint"),
        pytest.param(dump_schema, id="schema dump"),
        pytest.param(lambda project: (up(project), verify(project)), id="verify"),
        pytest.param(lambda project: (up(project), down(project, to=1)), id="down"),
    ],
)
def test_whatever_runs_migrations_calls_it(two, module, action):
    name = module(COUNTED)
    two.add(
        "0002_wants", "assert db.resource('key') == 'value'", "assert db.resource('key') == 'value'", head=WANTS_KEY
    )

    found = action(with_factory(two, f"{name}:load"))

    assert (two.path / "calls").exists()
    assert getattr(found, "failure", None) is None
    assert getattr(found, "why_static", "") == ""


def test_a_resumed_migration_gets_it_too(two, module):
    name = module("def load():\n    return ['value']\n")
    two.add(
        "0002_wants",
        """
        import os
        db.execute("CREATE TABLE IF NOT EXISTS t (id)")
        assert db.resource("key") == ["value"]
        assert os.path.exists("go")
        """,
        head=f'{WANTS_KEY}\ntransaction = "none"',
    )
    with pytest.raises(Interrupted):
        up(with_factory(two, f"{name}:load"))
    (two.path / "go").write_text("now")

    resume(with_factory(two, f"{name}:load"), rerun=True)

    assert two.applied() == [1, 2]


def test_it_is_made_before_the_question_and_before_the_copy_of_a_rehearsal(two, module):
    name = module("def load():\n    raise ValueError\n")
    asked, seen = [], []

    with pytest.raises(ResourceNotLoaded):
        up(with_factory(two, f"{name}:load"), confirm=asked.append)
    with pytest.raises(ResourceNotLoaded):
        rehearse(with_factory(two, f"{name}:load"), on_event=seen.append)

    assert asked == []
    assert seen == []


def test_verify_and_lint_say_why_they_could_not_run_it(two, module):
    name = module("def load():\n    raise ValueError('not to be told')\n")
    up(two.project(resources={"key": "x"}))
    two.add("0003_wants", head=WANTS_KEY)
    project = with_factory(two, f"{name}:load")

    (finding,) = verify(project).findings
    why = lint(project).why_static

    assert finding.message == why == f"{name}:load cannot give the resource 'key'"
    assert finding.details == (f"{name}.py:2", "ValueError")


# What goes wrong with a factory; `cause` and `where` with KEYS for the module's name.
FAILURES = {
    "there is no such module": (
        "",
        "no_such_module_1:load",
        "ModuleNotFoundError: No module named 'no_such_module_1'",
        "",
    ),
    "there is no such name": ("", "KEYS:load", "AttributeError: module 'KEYS' has no attribute 'load'", ""),
    "there is no such name in it": (
        "class Store: pass",
        "KEYS:Store.load",
        "AttributeError: type object 'Store' has no attribute 'load'",
        "",
    ),
    "it is no function": ("load = 'hunter22'", "KEYS:load", "KEYS:load is of type str, and no function", ""),
    "it returns nothing": ("def load(): pass", "KEYS:load", "KEYS:load() returned None", ""),
    "it wants an argument": ("def load(key): pass", "KEYS:load", "TypeError", ""),
    "a variable is not set": (
        "import os\ndef load():\n    return os.environ['NO_SUCH_KEY']",
        "KEYS:load",
        "KeyError: 'NO_SUCH_KEY'",
        "KEYS.py:3",
    ),
    "a file is missing": (
        "def load():\n    return open('no such file').read()",
        "KEYS:load",
        "FileNotFoundError: No such file or directory: 'no such file'",
        "KEYS.py:2",
    ),
    "a name is misspelt": (
        "def load():\n    return sceret",
        "KEYS:load",
        "NameError: name 'sceret' is not defined",
        "KEYS.py:2",
    ),
    "the value is in the words": ("def load():\n    return int('hunter22')", "KEYS:load", "ValueError", "KEYS.py:2"),
    "the value is in the words of an OSError": (
        "def load():\n    raise OSError(5, 'hunter22')",
        "KEYS:load",
        "OSError: Input/output error",
        "KEYS.py:2",
    ),
    "the value is in the words of another OSError": (
        "def load():\n    raise OSError('hunter22')",
        "KEYS:load",
        "OSError",
        "KEYS.py:2",
    ),
    "a class of its own": (
        "class Refused(KeyError): pass\ndef load():\n    raise Refused('hunter22')",
        "KEYS:load",
        "Refused",
        "KEYS.py:3",
    ),
    "it exits": ("import sys\ndef load():\n    sys.exit('hunter22')", "KEYS:load", "SystemExit", "KEYS.py:3"),
    "it is no Python": ("def load(:\n    'hunter22'", "KEYS:load", "SyntaxError", "KEYS.py:1"),
    "the module raises": ("int('hunter22')", "KEYS:load", "ValueError", "KEYS.py:1"),
    "what it calls raises": (
        "import json\ndef load():\n    return json.loads('hunter22')",
        "KEYS:load",
        "JSONDecodeError",
        "KEYS.py:3",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_factory_that_fails_is_told_by_place_and_type(two, module, case):
    text, factory, cause, where = FAILURES[case]
    name = module(f"{text}\n")
    before = content(two.database)

    with pytest.raises(ResourceNotLoaded) as refusal:
        up(with_factory(two, factory.replace("KEYS", name)))

    error = refusal.value
    assert error.what == f"{factory.replace('KEYS', name)} cannot give the resource 'key'"
    assert error.cause == cause.replace("KEYS", name)
    assert error.where == where.replace("KEYS", name)
    assert error.next_step == "correct it, or name another one: --resource key=module:factory"
    assert "hunter22" not in told(error)
    assert (error.__cause__, error.__context__) == (None, None)
    assert content(two.database) == before
    assert not list(two.path.glob("snapshots/*"))


def test_the_place_is_the_deepest_in_the_package_of_the_factory(folder, monkeypatch):
    package = folder.path / "application_with_keys"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text("import os\n\nKEY = os.environ['NO_SUCH_KEY']\n")
    (package / "keys.py").write_text("from .settings import KEY\n\n\ndef load():\n    return KEY\n")
    monkeypatch.chdir(folder.path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    with pytest.raises(ResourceNotLoaded) as refusal:
        load_resource("key", "application_with_keys.keys:load")

    assert refusal.value.where == os.path.join("application_with_keys", "settings.py:3")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "key",
        "key=",
        "key=module",
        "key=module:",
        "key=:load",
        "=module:load",
        "key=a b:load",
        "key=m:f()",
        " k=m:f",
    ],
)
def test_an_entry_that_is_written_otherwise_is_refused_and_not_shown(entry):
    with pytest.raises(BadSetting) as refusal:
        Project("app.sqlite", resource_factories=[entry])

    assert refusal.value.what == "a resource is not written as it should be"
    assert refusal.value.cause == "expected: NAME=module:factory"


def test_two_factories_for_one_name_are_refused():
    with pytest.raises(BadSetting, match="the resource 'key' has two factories"):
        Project("app.sqlite", resource_factories=["key=a:load", "key=b:load"])


def test_looking_for_a_name_calls_no_factory():
    found = Resources({"mail": 1}, {"key": "no_such_module_2:load", "mail": "no_such_module_2:load"})

    assert ("key" in found, "mail" in found, "other" in found) == (True, True, False)
    assert (sorted(found), len(found), found["mail"]) == (["key", "mail"], 2, 1)


# What they hold is told to nobody

# Bodies of a migration that let the value out, each in a way of its own; `key` is the value as text.
LEAKS = {
    "logged": "db.log(f'with {key}')",
    "logged as repr": "db.log([key, value])",
    "logged as it is handed in": "db.log(value)",
    "logged in hexadecimal": "db.log(key.encode().hex())",
    "logged in base64": "import base64\ndb.log(base64.b64encode(key.encode()))",
    "logged, and then something else fails": "db.log(key)\nraise ValueError('other')",
    "in progress": "db.progress(1, 2, key)",
    "in the message": "raise ValueError(f'bad {key}')",
    "in a KeyError": "raise KeyError(key)",
    "looked up": "{}[key]",
    "in an OSError": "open('/nowhere/' + key)",
    "in a number": "int(key)",
    "in a decoding": "value_bytes = key.encode('utf-16')\nraise UnicodeDecodeError('ascii', key.encode(), 0, 1, key)",
    "in an exit": "raise SystemExit(key)",
    "in a note": "e = ValueError('x')\ne.add_note(f'it was {key}')\nraise e",
    "in the cause": "try:\n    raise KeyError(key)\nexcept KeyError as e:\n    raise ValueError('x') from e",
    "in the context": "try:\n    raise KeyError(key)\nfinally:\n    raise ValueError('x')",
    "in the context that is not shown": (
        "try:\n    raise KeyError(key)\nexcept KeyError:\n    raise ValueError('x') from None"
    ),
    "in an argument in an argument": "raise ValueError({'key': [key]})",
    "in a literal": "db.execute(f'''INSERT INTO nowhere VALUES ('{quoted}')''')",
    "in a literal that is long": "db.execute(f'''INSERT INTO nowhere VALUES ('{'x' * 118}{quoted}')''')",
    "in a literal that ran": "db.execute(f'''SELECT '{quoted}' ''')\nraise ValueError('x')",
    "in a name": "db.execute(f'''SELECT * FROM \"{key}\"''')",
    "in the connection": "db.connection.execute(f'''SELECT '{quoted}' FROM nowhere''')",
    "in a statement that something else hides": (
        "try:\n    db.execute(f'''SELECT '{quoted}' FROM nowhere''')\nexcept Exception:\n"
        "    raise ValueError('x') from None"
    ),
    "in a refused statement": "db.execute(f'''PRAGMA foreign_keys = '{quoted}' ''')",
    "in a transform": "db.transform('clients', lambda name: {}[key], reads=['name'], writes=['name'])",
    "returned by __str__": ("class Own(Exception):\n    def __str__(self):\n        return key\nraise Own()"),
    "returned by __str__, as the cause": (
        "class Own(Exception):\n    def __str__(self):\n        return key\n"
        "try:\n    raise Own()\nexcept Own as e:\n    raise ValueError('x') from e"
    ),
    "returned by __str__, of an object in it": (
        "class Box:\n    def __repr__(self):\n        return key\nraise ValueError(Box())"
    ),
    "in slots": (
        "class Own(Exception):\n    __slots__ = ('key',)\n    def __str__(self):\n        return self.key\n"
        "e = Own()\ne.key = key\nraise e"
    ),
    "in an attribute": "e = ValueError('x')\ne.key = key\nraise e",
    "in a group": "raise ExceptionGroup('all of them', [ValueError(key), KeyError(1)])",
    "in the words of a group": "raise ExceptionGroup(key, [ValueError(1)])",
    "in a group, returned by __str__": (
        "class Own(Exception):\n    def __str__(self):\n        return key\n"
        "raise ExceptionGroup('all of them', [Own(), KeyError(1)])"
    ),
    "in the table that is altered": "with db.alter_table('clients') as t:\n    t.add_column(f'n TEXT DEFAULT {key}')",
}
KINDS = {
    "a str": SECRET,
    "bytes": SECRET.encode(),
    "a dict of them": {"now": {"a": SECRET}, "before": [SECRET.encode()]},
}
# The text, however the value is given.
TEXT = """
value = db.resource("key")
key = value["now"]["a"] if isinstance(value, dict) else value
key = key.decode() if isinstance(key, bytes) else key
quoted = key.replace("'", "''")
"""


def forms():
    data = SECRET.encode()
    found = {SECRET, repr(SECRET)[1:-1], repr(data)[2:-1], data.hex(), SECRET.replace("'", "''")}
    return found | {base64.b64encode(data).decode(), "c0nfidential"}


def told(error):
    """Everything that can be read of an exception: as a traceback, in its chain, in what each of it holds."""
    seen, waiting, words = set(), [error], ["".join(traceback.format_exception(error))]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        words += [str(link), repr(link), repr(link.args), repr(vars(link)), repr(getattr(link, "__notes__", ""))]
        words += [repr(getattr(link, name, "")) for name in ("filename", "strerror", "object", "reason", "code", "key")]
        waiting += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
    # A line of the migration is shown as it stands in the file, and is no secret.
    return "\n".join(words)


def in_words(text):
    return sorted(form for form in forms() if form in text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("leak", LEAKS)
def test_no_value_comes_out_of_a_run(folder, leak, kind):
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    folder.add("0002_leaks", f"{TEXT}\n{LEAKS[leak]}", head=WANTS_KEY)
    seen = []

    error = failure_of(lambda: up(folder.project(resources={"key": KINDS[kind]}), on_event=seen.append))

    assert in_words(repr(seen)) == []
    assert in_words(told(error) if error else "") == []
    assert in_words("\n".join(content(folder.database))) == []
    assert in_words(folder.database.read_bytes().decode("latin-1")) == []
    for path in (folder.path / "snapshots").glob("*"):
        assert in_words(path.read_bytes().decode("latin-1")) == []


@pytest.mark.parametrize("leak", [name for name in LEAKS if "object in it" not in name])
def test_no_value_comes_out_of_a_rehearsal(folder, leak):
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    body = f"{TEXT}\n{LEAKS[leak]}"
    folder.add("0002_leaks", body, body, head=WANTS_KEY)
    seen = []

    found = rehearse(folder.project(resources={"key": SECRET}), show_values=True, on_event=seen.append)

    assert in_words(repr(seen)) == []
    assert in_words(told(found.failure) if found.failure else "") == []
    for step in found.steps:
        assert in_words(repr((step.statements, step.messages, step.way_back, step.difference))) == []


@pytest.mark.parametrize("leak", ["in a KeyError", "returned by __str__", "in a literal"])
@pytest.mark.parametrize("way", ["none", "each", "down", "schema"])
def test_no_value_comes_out_of_what_else_runs_it(folder, leak, way):
    body = f"db.execute('SELECT 1')\n{TEXT}\n{LEAKS[leak]}"
    head = f'{WANTS_KEY}\ntransaction = "none"' if way == "none" else WANTS_KEY
    folder.add("0001_leaks", "pass" if way == "down" else body, body, head=head)
    project = folder.project(resources={"key": SECRET})
    if way == "down":
        up(project)

    error = failure_of(
        {
            "none": lambda: up(project),
            "each": lambda: up(project, commit="each"),
            "down": lambda: down(project, to="base"),
            "schema": lambda: dump_schema(project),
        }[way]
    )

    assert isinstance(error, MigrateError)
    assert in_words(told(error)) == []
    assert in_words("\n".join(content(folder.database))) == []
    assert "0001_leaks.py:" in error.where


def failure_of(action):
    try:
        action()
    except MigrateError as error:
        return error
    return None


def test_where_it_happened_is_told_also_where_the_words_are_not(folder):
    folder.add(
        "0001_leaks",
        "key = db.resource('key')\nclass Own(Exception):\n    def __str__(self):\n        return key\nraise Own",
        head=WANTS_KEY,
    )

    with pytest.raises(StepFailed) as failure:
        up(folder.project(resources={"key": SECRET}))

    assert failure.value.where == "versions/0001_leaks.py:11"
    assert failure.value.cause == "Own: ***"
    assert "0001_leaks.py" in "".join(traceback.format_exception(failure.value))


def test_what_it_logs_is_kept_without_the_value(folder):
    folder.add("0001_logs", "db.log('begun with %r' % db.resource('key'))", head=WANTS_KEY)
    seen = []

    report = up(folder.project(resources={"key": SECRET}), on_event=seen.append)

    assert report.steps[0].messages == ('begun with "***"',)
    assert [event.message for event in seen if isinstance(event, events.Logged)] == ['begun with "***"']
    assert folder.query("SELECT detail FROM schema_version_log WHERE event = 'applied'") == [('begun with "***"',)]
    assert "***" in repr(migration_history(folder.project(), "0001_logs"))


def test_a_rehearsal_shows_neither_parameters_nor_rows_nor_a_schema_with_it(folder):
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    folder.add(
        "0002_writes",
        """
        key = db.resource("key")
        db.execute("UPDATE clients SET name = ?", (f"x{key}",))
        db.executemany("INSERT INTO clients (name) VALUES (:name)", [{"name": key.encode()}])
        db.execute("ALTER TABLE clients ADD COLUMN more TEXT DEFAULT '{}'".format(key.replace("'", "''")))
        """,
        "pass",
        head=WANTS_KEY,
    )

    found = rehearse(folder.project(resources={"key": SECRET}), show_values=True, samples=10)

    (step,) = found.steps
    assert in_words(repr((step.statements, step.difference, step.way_back, found.schema, found.counts))) == []
    assert [statement.parameters for statement in step.statements][:2] == ["'x***'", "rows of name: 3 bytes"]
    (rows,) = step.difference.rows
    assert [sample.after for sample in rows.samples] == [
        {"name": "x***"},
        {"id": 2, "name": b"***", "more": "***"},
    ]


def test_the_database_gets_what_the_migration_writes(folder):
    folder.add("0001_writes", "db.execute('CREATE TABLE t AS SELECT ? AS key', [db.resource('key')])", head=WANTS_KEY)

    up(folder.project(resources={"key": SECRET}))

    assert folder.query("SELECT key FROM t") == [(SECRET,)]


def test_an_object_is_handed_through_and_nothing_of_it_is_called(folder):
    class Cipher:
        def __init__(self):
            self.asked = []

        def __getattribute__(self, name):
            if name not in ("asked", "encrypt") and not name.startswith("__"):
                object.__getattribute__(self, "asked").append(name)
            return object.__getattribute__(self, name)

        def __iter__(self):
            self.asked.append("iter")
            return iter(())

        def encrypt(self, text):
            return text[::-1]

    cipher = Cipher()
    folder.add("0001_a", "db.log(db.resource('key').encrypt('text'))\nraise ValueError('x')", head=WANTS_KEY)

    with pytest.raises(StepFailed):
        up(folder.project(resources={"key": cipher}))

    assert cipher.asked == []


# The texts themselves


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        pytest.param("secret", "a secret, secrets", "a ***, ***s", id="a text"),
        pytest.param("abc", "abc", "abc", id="one that is too short"),
        pytest.param("abcd", "abcd", "***", id="the shortest"),
        pytest.param("a\nb\nc", r"'a\nb\nc'", "'***'", id="escaped"),
        pytest.param("a'b'c", "'a''b''c'", "'***'", id="in SQL"),
        pytest.param("Grüße", repr("Grüße".encode()), "b'***'", id="a text as bytes"),
        pytest.param("secret\n", "secret", "***", id="without its line end"),
        pytest.param(b"\x00\xff\xfe\xfb", repr(b"\x00\xff\xfe\xfb"), "b'***'", id="bytes"),
        pytest.param(b"\x00\xff\xfe\xfb", "00fffefb 00FFFEFB", "*** ***", id="bytes in hexadecimal"),
        pytest.param(b"\x00\xff\xfe\xfb", "AP/++w== AP_--w==", "*** ***", id="bytes in base64"),
        pytest.param(b"\x00\xff\xfe\xfb", "AP/++w", "***", id="bytes in base64 without its end"),
        pytest.param(b"secret", "secret", "***", id="bytes as text"),
        pytest.param(bytearray(b"secret"), repr(bytearray(b"secret")), "bytearray(b'***')", id="a bytearray"),
        pytest.param(["one1", ("two2",)], "one1 two2", "*** ***", id="a list"),
        pytest.param({"names": {"four4"}}, "names four4", "names ***", id="a dict, whose keys are names"),
        pytest.param(["abcd", "abcdef"], "abcdef abcd", "*** ***", id="one in the other"),
        pytest.param(12345, "12345", "12345", id="a number"),
        pytest.param(None, "None", "None", id="nothing"),
    ],
)
def test_what_is_hidden(value, text, expected):
    assert Secrets([value]).hidden(text) == expected


def test_without_secrets_everything_is_as_it_was():
    secrets, error, rows = Secrets(), ValueError("x"), {"a": ["text"]}

    assert secrets.hidden("text") == "text"
    assert secrets.told(rows) is rows
    assert secrets.told_error(error) is error


def test_what_holds_no_secret_is_left_as_it_is():
    secrets, rows = Secrets(["secret"]), {"a": ["text", (b"x", {1})]}

    assert secrets.told(rows) is rows
    assert secrets.told({"a": ["a secret", 1]}) == {"a": ["a ***", 1]}


def test_a_chain_that_turns_back_on_itself_ends():
    first, second = ValueError("secret"), KeyError("secret")
    first.__context__, second.__context__ = second, first

    Secrets(["secret"]).told_error(first)

    assert (str(first), str(second), first.__context__) == ("***", "'***'", second)


def test_a_context_that_was_not_shown_is_not_shown_afterwards():
    error = ValueError("secret")
    error.__context__, error.__suppress_context__ = KeyError("secret"), True
    shown = ValueError("x")
    shown.__cause__ = KeyError("secret")

    Secrets(["secret"]).told_error(error)
    Secrets(["secret"]).told_error(shown)

    assert (error.__suppress_context__, error.__cause__) == (True, None)
    assert (shown.__suppress_context__, str(shown.__cause__)) == (True, "'***'")


def test_many_statements_cost_little():
    secrets = Secrets(["a secret of some length", os.urandom(32)])

    for number in range(100_000):
        secrets.hidden(f"INSERT INTO t VALUES ({number})")  # a text of its own each time, the dearest case
