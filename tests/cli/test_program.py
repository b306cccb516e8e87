"""The program itself: how it is called, what it does with pipes that close, and that data cannot steer a terminal."""

import os
import subprocess
import sys
import tomllib

import pytest
from cli.screens import screen
from support import MIGRATE, REPOSITORY, environment

from nukeworks_migrate import __version__

# Clears the screen, renames the window, rings, turns the direction of writing, begins a sequence in one byte.
EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\x9b31m\u2028\r"
CONTROLS = ("\x1b", "\x07", "\u202e", "\x9b", "\u2028", "\r")


def test_python_m_is_the_program(folder):
    done = folder.run("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"migrate, version {__version__}\n", "")


def test_both_console_scripts_are_entry_points_of_the_same_function():
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]

    assert scripts == {
        "migrate": "nukeworks_migrate.cli.main:main",
        "nukeworks-migrate": "nukeworks_migrate.cli.main:main",
    }


def test_main_takes_the_words_of_the_command_line_and_exits_with_their_code(folder, migrate, monkeypatch, capsys):
    from nukeworks_migrate.cli.main import main

    folder.add("0001_first")
    monkeypatch.setattr(sys, "argv", ["migrate", "check"])

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 7
    assert capsys.readouterr().out == "pending: 1 pending: 0001_first\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("upp", "up"), ("dwon", "down"), ("statsu", "status"), ("histroy", "history"), ("restor", "restore")],
)
def test_an_unknown_command_is_answered_with_the_one_that_was_meant(migrate, typed, meant):
    answer = migrate(typed)

    assert answer.exit_code == 2
    assert answer.out == ""
    assert answer.err == screen(
        f"""
        Usage: migrate [OPTIONS] COMMAND [ARGS]...
        Try 'migrate --help' for help.

        Error: No such command '{typed}'. Did you mean '{meant}'?
        """
    )


def test_a_command_like_no_other_gets_no_suggestion(migrate):
    assert migrate("xyzzy").err.endswith("Error: No such command 'xyzzy'.\n")


def test_without_a_command_it_shows_what_there_is(migrate):
    answer = migrate()

    assert "  up        Apply what is pending.\n" in answer.out + answer.err


def read_one_line(folder, *words):
    """What `migrate words | head -1` does: the reader leaves after the first line."""
    process = subprocess.Popen(
        [*MIGRATE, *words], cwd=folder.path, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    line = process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    return process.wait(timeout=60), line.decode(), errors.decode()


def without_a_reader(folder, *words, errors_too=False):
    """Run the program with a stdout from which nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*MIGRATE, *words],
            cwd=folder.path,
            env=environment(folder),
            stdout=writer,
            stderr=writer if errors_too else subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
    finally:
        os.close(writer)
    return done.returncode, (done.stderr or b"").decode()


def test_a_reader_that_leaves_early_is_no_error(folder, migrate):
    for version in range(1, 400):
        folder.add(f"{version:04}_step")
    migrate("up", "--yes")

    code, line, errors = read_one_line(folder, "history")

    assert (code, line, errors) == (0, "history   app.sqlite\n", "")


@pytest.mark.parametrize("words", [["up", "--yes"], ["up", "--yes", "-v"]], ids=["up", "up -v"])
def test_a_run_goes_on_to_its_end_when_nobody_reads_what_it_says(folder, words):
    """`migrate up --yes | head -1` must not be rolled back, and least of all exit with 0 then."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts")

    code, _ = without_a_reader(folder, *words)

    assert code == 0
    assert folder.applied() == [1, 2]


def test_a_run_goes_on_to_its_end_when_the_disk_for_its_words_is_full(folder):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full on this platform")
    folder.add_table("0001_clients", "clients")

    with open("/dev/full", "w") as full:
        subprocess.run([*MIGRATE, "up", "--yes"], cwd=folder.path, env=environment(folder), stdout=full, timeout=60)

    assert folder.applied() == [1]


def test_a_failed_run_that_nobody_reads_still_exits_with_4(folder):
    folder.add("0001_wrong", "raise ValueError('no')")

    code, errors = without_a_reader(folder, "up", "--yes")

    assert code == 4
    assert "error: 0001_wrong failed   [step-failed]" in errors


@pytest.mark.parametrize(
    ("words", "expected"), [(["check"], 7), (["up", "--to", "9", "--yes"], 2)], ids=["check", "usage"]
)
@pytest.mark.parametrize("errors_too", [False, True], ids=["stdout", "stdout and stderr"])
def test_the_exit_code_is_the_same_when_nobody_reads(folder, words, expected, errors_too):
    folder.add("0001_first")

    code, _ = without_a_reader(folder, *words, errors_too=errors_too)

    assert code == expected


@pytest.mark.skipif(os.name == "nt", reason="a shell closes the streams here")
@pytest.mark.parametrize(("words", "expected"), [("check", 7), ("up --yes", 0), ("status", 0)])
def test_closed_streams_are_no_bug(folder, words, expected):
    folder.add("0001_first")

    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {words} >&- 2>&-', "sh", *MIGRATE],
        cwd=folder.path,
        env=environment(folder),
        timeout=60,
    )

    assert done.returncode == expected


@pytest.mark.skipif(os.name == "nt", reason="the current folder cannot be removed there")
def test_a_current_folder_that_is_gone_is_said_in_words(folder):
    gone = folder.path / "gone"
    gone.mkdir()

    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$@" -d app.sqlite status', "sh", *MIGRATE],
        cwd=gone,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode in (2, 3)
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("variable", ["_MIGRATE_COMPLETE", "_NUKEWORKS_MIGRATE_COMPLETE"])
def test_a_shells_completion_can_be_made(folder, shell, variable):
    program = variable.strip("_").removesuffix("_COMPLETE").lower().replace("_", "-")
    code = f"import sys; sys.argv[0] = {program!r}; from nukeworks_migrate.cli.main import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder.path,
        env={**environment(folder), variable: f"{shell}_source"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0
    assert variable in done.stdout
    assert program in done.stdout


def test_a_shell_completes_commands_and_options(folder):
    code = "import sys; sys.argv[0] = 'migrate'; from nukeworks_migrate.cli.main import main; main()"

    def complete(words):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder.path,
            env={
                **environment(folder),
                "_MIGRATE_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert complete("migrate re") == ["resume", "restore"]
    assert "--dry-run" not in complete("migrate up --st")
    assert complete("migrate up --st") == ["--steps"]


@pytest.fixture
def evil(folder, migrate, monkeypatch):
    """A project in which whatever is data holds control characters; colours are on, so that nothing is stripped."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    folder.versions.joinpath("0001_evil.py").write_text(
        f'"""Looks {EVIL} harmless."""\n\n\ndef upgrade(db):\n    db.log({EVIL!r})\n'
        '    db.execute("CREATE TABLE t (id)")\n',
        encoding="utf-8",
        newline="",
    )
    migrate("up", "--yes")
    folder.versions.joinpath("0002_more.py").write_text(
        f'"""Also {EVIL}."""\n\n\ndef upgrade(db):\n    db.execute("""DROP TABLE t -- {EVIL}\n""")\n'
        f"    raise RuntimeError({EVIL!r})\n",
        encoding="utf-8",
        newline="",
    )
    return folder


def assert_harmless(answer):
    """No control character but the colours of this program's own words, and line ends."""
    import re

    shown = re.sub(r"\x1b\[3[1-3]m([a-z:]+ *)\x1b\[0m", r"\1", answer.out + answer.err)
    assert [character for character in CONTROLS if character in shown] == []


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["plan"],
        ["plan", "-v"],
        ["up", "--yes", "-v"],
        ["up", "--yes", "-vv"],
        ["history"],
        ["history", "1"],
        ["history", "2"],
    ],
    ids=" ".join,
)
def test_files_and_errors_cannot_steer_the_terminal(evil, migrate, words):
    migrate("up", "--yes")

    answer = migrate(*words)

    assert answer.exit_code in (0, 4)
    assert_harmless(answer)


@pytest.mark.parametrize(
    "words", [["status", "--all"], ["history"], ["history", "1"], ["plan"], ["check"]], ids=" ".join
)
def test_what_a_ledger_holds_cannot_steer_the_terminal(evil, migrate, words):
    import sqlite3

    with sqlite3.connect(evil.database) as connection:
        for column in ("applied_date", "applied_by", "description", "name", "run_id"):
            connection.execute(f"UPDATE schema_version SET {column} = ?", (EVIL,))
        connection.execute("INSERT INTO schema_version (version, applied_by, name) VALUES (9, ?, ?)", (EVIL, EVIL))
        for column in ("happened_at", "event", "name", "who", "detail", "snapshot"):
            connection.execute(f"UPDATE schema_version_log SET {column} = ?", (EVIL,))
        connection.execute("UPDATE schema_version_source SET text = text || ?", (EVIL,))
    connection.close()

    assert_harmless(migrate(*words))


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--to", EVIL],
        ["-d", f"a{EVIL}.db", "status"],
        ["--versions", EVIL, "status"],
        ["--config", EVIL, "status"],
        ["history", EVIL],
        ["restore", EVIL],
        ["accept", "1", "--reason", EVIL],
        ["snapshot", "create", "--note", EVIL],
        ["snapshot", "list"],
        ["new", EVIL],
        [EVIL],
        ["status", EVIL],
        [f"--{EVIL}"],
        ["up", "--commit", EVIL],
    ],
    ids=lambda words: " ".join("…" if EVIL in word else word for word in words),
)
def test_words_of_the_command_line_cannot_steer_the_terminal(evil, migrate, words):
    migrate("snapshot", "create", "--note", EVIL)

    answer = migrate(*words)

    assert answer.exit_code in (0, 2, 3)
    assert_harmless(answer)


def test_names_of_files_cannot_steer_the_terminal(folder, migrate, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    name = f"0001_{EVIL.replace('/', '')}.py"
    try:
        folder.versions.joinpath(name).touch()
    except OSError:
        pytest.skip("this file system takes no control characters in names")

    answer = migrate("status")

    assert answer.exit_code == 3
    assert_harmless(answer)


def test_a_settings_file_cannot_steer_the_terminal(folder, migrate, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    folder.path.joinpath("setup.cfg").write_text("[nukeworks_migrate]\nodd\x1b[2J = \x1b[2J\n", encoding="utf-8")

    answer = migrate("status")

    assert answer.exit_code == 2
    assert_harmless(answer)


def test_who_holds_the_lock_cannot_steer_the_terminal(folder, migrate, monkeypatch):
    import sqlite3

    monkeypatch.setenv("FORCE_COLOR", "1")
    folder.add("0001_first")
    migrate("up", "--yes")
    folder.add("0002_more")
    with sqlite3.connect(f"{folder.database}-migrate-lock", isolation_level=None) as holder:
        holder.execute("UPDATE holder SET who = ?, host = ?, command = ?", (EVIL, EVIL, EVIL))
        holder.execute("BEGIN IMMEDIATE")
        answer = migrate("up", "--yes", "--lock-timeout", "0.1")
        holder.execute("ROLLBACK")
    holder.close()

    assert answer.exit_code == 5
    assert_harmless(answer)


def test_a_manifest_cannot_steer_the_terminal(evil, migrate):
    import json

    manifest = next(evil.path.joinpath("snapshots").glob("*.json"), None)
    if manifest is None:
        migrate("snapshot", "create")
        manifest = next(evil.path.joinpath("snapshots").glob("*.json"))
    told = json.loads(manifest.read_text())
    told.update(note=EVIL, reason=EVIL, taken_at="2026-11-20T14:02:11+00:00", tool_version=EVIL)
    manifest.write_text(json.dumps(told))

    for words in (["snapshot", "list"], ["snapshot", "verify"], ["restore", told["id"]]):
        assert_harmless(migrate(*words))


def test_half_a_surrogate_pair_can_be_shown(folder, migrate):
    """A name of a file that is not UTF-8 arrives as one."""
    answer = migrate("up", "--to", "\udcff")

    assert answer.exit_code == 2
    assert "\\udcff" in answer.err


def test_what_a_console_cannot_show_is_escaped_and_no_error(folder, migrate):
    folder.write("0001_x.py", '"""Größe 漢字 → head."""\n\ndef upgrade(db):\n    pass\n')

    done = subprocess.run(
        [*MIGRATE, "status"],
        cwd=folder.path,
        env={**environment(folder), "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
    )

    assert done.returncode == 0
    assert b"Gr\xf6\xdfe \\u6f22\\u5b57 \\u2192 head." in done.stdout


def test_utf_8_is_read_and_shown_whatever_the_locale(folder):
    folder.write("0001_x.py", '"""Größe."""\n\ndef upgrade(db):\n    pass\n')

    done = subprocess.run(
        [*MIGRATE, "status"],
        cwd=folder.path,
        env={**environment(folder), "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=60,
    )

    assert "Größe.".encode() in done.stdout


def test_looking_imports_neither_rich_nor_sqlparse(folder, migrate):
    folder.add("0001_first")
    code = (
        "import sys; from nukeworks_migrate.cli.main import run; run(['status']);"
        "print([name for name in ('rich', 'sqlparse', 'difflib', 'tomllib') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder.path,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.splitlines()[-1] == "[]"
