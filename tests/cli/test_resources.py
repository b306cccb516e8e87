"""`--resource NAME=module:factory`: where it may be said, what is shown of it, and what never is."""

import base64
import json
import signal
import sys
import time

import pytest
from cli.screens import screen
from faults.processes import POSIX_ONLY, started
from support import footprint

SECRET = "c0nfidential-Kéy'\\1"
KEYS = f'''
"""Keys of the tests."""


def load():
    return {SECRET!r}


def load_bytes():
    return {SECRET!r}.encode()


def load_all():
    return {{"now": {SECRET!r}, "before": [{SECRET!r}.encode()]}}


def raises():
    return int("hunter22")


def has_no_variable():
    import os

    return os.environ["NO_SUCH_KEY"]
'''
WANTS_KEY = 'resources = ["confidential_key"]'
FACTORY = "confidential_key=keys:load"


@pytest.fixture
def two(folder):
    """One migration that is applied, one that asks for a key, and a module that has it."""
    folder.add_table("0001_clients", "clients")
    assert folder.run("up", "--yes").returncode == 0
    folder.add("0002_secret", "assert db.resource('confidential_key')", "pass", head=WANTS_KEY)
    (folder.path / "keys.py").write_text(KEYS, encoding="utf-8")
    return folder


COMMANDS = {
    "up": ["up", "--yes"],
    "up --dry-run": ["up", "--dry-run"],
    "plan --rehearse": ["plan", "--rehearse"],
    "lint": ["lint"],
    "schema dump": ["schema", "dump"],
    "schema dump --check": ["schema", "dump", "--check", "schema.sql"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_each_command_that_runs_migrations_takes_it(two, words):
    schema = two.run("schema", "dump", "-o", "schema.sql", "--resource", FACTORY)

    done = two.run(*words, "--resource", FACTORY)

    assert (schema.returncode, done.returncode) == (0, 0), done.stderr
    assert "confidential_key" not in done.stdout.replace(f"--resource {FACTORY}", "")


def test_down_resume_and_verify_take_it(two):
    assert two.run("up", "--yes", "--resource", FACTORY).returncode == 0

    assert two.run("verify", "--resource", FACTORY).returncode == 0
    assert two.run("resume", "--resource", FACTORY).returncode == 0
    assert two.run("down", "--steps", "1", "--yes", "--resource", FACTORY).returncode == 0
    assert two.run("verify").returncode == 0  # nothing that is applied needs it any more


@pytest.mark.parametrize("words", [["status"], ["check"], ["new", "x"], ["history"]], ids=" ".join)
def test_commands_that_run_none_do_not_take_it(two, words):
    assert two.run(*words, "--resource", FACTORY).returncode == 2


def test_a_file_and_a_flag_go_together_name_by_name(two):
    two.add("0003_more", "assert db.resource('more')", head='resources = ["confidential_key", "more"]')
    (two.path / "pyproject.toml").write_text(
        '[tool.nukeworks_migrate]\nresource = ["confidential_key=keys:raises", "more=keys:load"]\n'
    )

    done = two.run("up", "--yes", "--resource", FACTORY)

    assert done.returncode == 0, done.stderr
    assert two.applied() == [1, 2, 3]


def test_of_one_name_the_flag_counts_then_the_variable_then_the_file(two, migrate, monkeypatch):
    (two.path / "pyproject.toml").write_text(
        '[tool.nukeworks_migrate]\nresource = ["confidential_key=no_keys_in_file:load"]\n'
    )

    of_file = migrate("up", "--yes", "--json").error
    monkeypatch.setenv("NUKEWORKS_MIGRATE_RESOURCE", "other=a:b, confidential_key=no_keys_in_variable:load")
    of_variable = migrate("up", "--yes", "--json").error
    of_flag = migrate("up", "--yes", "--json", "--resource", "confidential_key=no_keys_in_flag:load").error

    found = [error["what"].split(":")[0] for error in (of_file, of_variable, of_flag)]
    assert found == ["no_keys_in_file", "no_keys_in_variable", "no_keys_in_flag"]


# What goes wrong


def test_what_is_written_otherwise_is_a_usage_error_that_does_not_show_it(two, migrate):
    for entry in ("hunter22", "confidential_key=hunter22", "aHVudGVyMjI=="):
        answer = migrate("up", "--resource", entry)

        assert answer.exit_code == 2
        assert answer.out == ""
        assert answer.err == screen(
            """
            Usage: migrate up [OPTIONS]
            Try 'migrate up --help' for help.

            Error: Invalid value for '--resource': expected: NAME=module:factory.
            """
        )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('resource = ["confidential_key=hunter22"]', "resource in {}/pyproject.toml"),
        ('resource = {confidential_key = "hunter22"}', "resource in {}/pyproject.toml"),
        (None, "NUKEWORKS_MIGRATE_RESOURCE"),
    ],
)
def test_in_a_setting_it_is_a_bad_setting_that_does_not_show_it(two, migrate, monkeypatch, text, where):
    if text is None:
        monkeypatch.setenv("NUKEWORKS_MIGRATE_RESOURCE", "confidential_key=hunter22")
    else:
        (two.path / "pyproject.toml").write_text(f"[tool.nukeworks_migrate]\n{text}\n")

    answer = migrate("status")

    assert answer.exit_code == 2
    assert answer.aside == (
        f"error: {where.format(two.path)} does not name factories   [bad-setting]\n"
        "  cause      expected: NAME=module:factory, as a list or with commas between\n"
        "  unchanged  nothing was opened\n"
        "  next       correct the value\n"
    )


def test_a_missing_one_is_refused_with_both_ways_to_provide_it(two, migrate):
    before = footprint(two.path)

    answer = migrate("up", "--yes")

    assert answer.exit_code == 3
    assert answer.out == ""
    assert answer.aside == screen(
        """
        error: 0002_secret needs the resource 'confidential_key', and nobody handed it in   [missing-resource]
          where      versions/0002_secret.py
          unchanged  nothing was run; database and ledger are as they were
          next       name what makes it: --resource confidential_key=module:factory
                     or hand it in: Project(…, resources={'confidential_key': …})
        """
    )
    assert footprint(two.path) == before


SCREENS = {
    "no such module": (
        "no_such_module_3:load",
        """
        error: no_such_module_3:load cannot give the resource 'confidential_key'   [resource-not-loaded]
          cause      ModuleNotFoundError: No module named 'no_such_module_3'
          unchanged  nothing was run; database and ledger are as they were
          next       correct it, or name another one: --resource confidential_key=module:factory
        """,
    ),
    "no such name": (
        "keys:laod",
        """
        error: keys:laod cannot give the resource 'confidential_key'   [resource-not-loaded]
          cause      AttributeError: module 'keys' has no attribute 'laod'
          unchanged  nothing was run; database and ledger are as they were
          next       correct it, or name another one: --resource confidential_key=module:factory
        """,
    ),
    "the value in the words": (
        "keys:raises",
        """
        error: keys:raises cannot give the resource 'confidential_key'   [resource-not-loaded]
          where      keys.py:18
          cause      ValueError
          unchanged  nothing was run; database and ledger are as they were
          next       correct it, or name another one: --resource confidential_key=module:factory
        """,
    ),
    "a variable": (
        "keys:has_no_variable",
        """
        error: keys:has_no_variable cannot give the resource 'confidential_key'   [resource-not-loaded]
          where      keys.py:24
          cause      KeyError: 'NO_SUCH_KEY'
          unchanged  nothing was run; database and ledger are as they were
          next       correct it, or name another one: --resource confidential_key=module:factory
        """,
    ),
}


@pytest.mark.parametrize("case", SCREENS)
def test_a_factory_that_fails_is_told_whole_and_nothing_is_changed(two, case):
    factory, expected = SCREENS[case]
    before = footprint(two.path)

    done = two.run("up", "--yes", "--resource", f"confidential_key={factory}")
    in_full = two.run("up", "--yes", "-vv", "--resource", f"confidential_key={factory}")

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == screen(expected)
    assert "hunter22" not in in_full.stdout + in_full.stderr
    assert footprint(two.path) == before


@POSIX_ONLY
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("swallows", [False, True])
def test_a_signal_ends_a_factory(two, number, code, swallows):
    text = "import time\n\ndef slow():\n    open('inside', 'w').close()\n    time.sleep(600)\n\ndef load():\n"
    text += (
        "    try:\n        slow()\n    except BaseException:\n        return 'value'\n" if swallows else "    slow()\n"
    )
    (two.path / "slow_keys.py").write_text(text)
    before = two.database.read_bytes()

    with started(two, "up", "--yes", "--resource", "confidential_key=slow_keys:load") as process:
        process.wait_until((two.path / "inside").exists, "the factory ran")
        time.sleep(0.1)
        process.send(number)
        ended = process.end()

        assert ended == code
        assert process.stderr.startswith("error: stopped while the resources were loaded   [stopped]\n")
    assert two.database.read_bytes() == before


# What is never shown


@pytest.mark.parametrize(
    "leak",
    [
        "db.log(key)",
        "db.progress(1, 2, str(key))",
        "raise ValueError(key)",
        "raise KeyError(key)",
        "raise SystemExit(key)",
        "db.execute(f'''INSERT INTO nowhere VALUES ('{key!r}')''')",
        "db.execute('''SELECT '{}' '''.format(str(key).replace(\"'\", \"''\")))",
        "class Own(Exception):\n    def __str__(self):\n        return str(key)\nraise Own",
        "e = ValueError()\ne.add_note(str(key))\nraise e",
        "try:\n    {}[str(key)]\nexcept KeyError as e:\n    raise ValueError from e",
    ],
)
@pytest.mark.parametrize("factory", ["load", "load_bytes", "load_all"])
@pytest.mark.parametrize("words", [["up", "--yes", "-vv"], ["up", "--yes", "--json"], ["plan", "--rehearse", "-vv"]])
def test_no_value_is_shown_or_kept(folder, migrate, monkeypatch, leak, factory, words):
    monkeypatch.delitem(sys.modules, "keys", raising=False)  # of another test's folder
    (folder.path / "keys.py").write_text(KEYS, encoding="utf-8")
    folder.add_table("0001_clients", "clients")
    assert migrate("up", "--yes").exit_code == 0
    folder.add("0002_leaks", f"key = db.resource('confidential_key')\n{leak}", head=WANTS_KEY)

    more = ["--show-values"] if "--rehearse" in words else []
    done = migrate(*words, *more, "--resource", f"confidential_key=keys:{factory}")
    told = migrate("history", "0002_leaks").out + migrate("history", "--json").out

    found = [done.out, done.err, told, folder.database.read_bytes().decode("latin-1")]
    found += [path.read_bytes().decode("latin-1") for path in (folder.path / "snapshots").glob("*")]
    data = SECRET.encode()
    assert done.exit_code in (0, 4)
    for form in (SECRET, "c0nfidential", data.hex(), base64.b64encode(data).decode(), repr(data), json.dumps(SECRET)):
        assert [text for text in found if form in text] == []


def test_the_next_command_has_what_was_said(two, migrate):
    plan = migrate("plan", "--resource", FACTORY)
    check = migrate("schema", "dump", "-o", "schema.sql", "--resource", FACTORY)

    assert plan.out.endswith(f"Run it: migrate up --resource {FACTORY}\n")
    assert check.out.endswith(f": migrate schema dump --check schema.sql --resource {FACTORY}\n")


# All of it, in a process of its own

VAULT = '''
"""The key, as the application has it."""

import os


def load():
    with open(os.path.join(os.path.dirname(__file__), "key.txt"), "rb") as file:
        return file.read()
'''
ENCRYPTS = '''
"""Encrypt the clients' notes."""

import base64
from itertools import cycle

resources = ["confidential_key"]


def upgrade(db):
    key = db.resource("confidential_key")

    def encrypted(note):
        return base64.b64encode(bytes(a ^ b for a, b in zip(note.encode(), cycle(key), strict=False))).decode()

    db.log(f"with a key of {len(key)} bytes")
    db.transform("clients", encrypted, reads=["note"], writes=["note"], where="note IS NOT NULL")


def downgrade(db):
    key = db.resource("confidential_key")

    def decrypted(note):
        return bytes(a ^ b for a, b in zip(base64.b64decode(note), cycle(key), strict=False)).decode()

    db.transform("clients", decrypted, reads=["note"], writes=["note"], where="note IS NOT NULL")
'''


def test_a_column_is_encrypted_with_a_key_from_a_module_beside_it_and_decrypted_again(folder):
    folder.add("0001_clients", 'db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, note TEXT)")')
    folder.write("0002_encrypt_notes.py", ENCRYPTS)
    (folder.path / "keys.py").write_text(VAULT, encoding="utf-8")
    (folder.path / "key.txt").write_bytes(bytes(range(1, 65)))
    assert folder.run("up", "--to", "1", "--yes").returncode == 0
    folder.sql("INSERT INTO clients (note) VALUES ('owes us'), (NULL), ('Größe')")
    before = folder.query("SELECT * FROM clients")
    resource = ["--resource", "confidential_key=keys:load"]

    refused = folder.run("up", "--yes")
    encrypted = folder.run("up", "--yes", *resource)
    notes = [note for (note,) in folder.query("SELECT note FROM clients")]
    decrypted = folder.run("down", "--steps", "1", "--yes", *resource)

    assert (refused.returncode, encrypted.returncode, decrypted.returncode) == (3, 0, 0), encrypted.stderr
    assert "with a key of 64 bytes" in encrypted.stderr
    assert notes == ["bnVmdyVzdA==", None, "RnDAssaZYg=="]
    assert folder.query("SELECT * FROM clients") == before
