"""The functions of NukeWorks' hand-made migration system, under their names and with their meanings.

An application that called them changes one import. What is behind them is this package: a run happens wholly or not
at all, behind a snapshot that is a real copy, and nothing is skipped in silence.

Where the migrations and snapshots are is asked in this order: `configure`, the configuration of the current Flask
application, and what `migrate` reads, its settings file and the environment. The database is always the one that a
function is given.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .errors import BadSetting, Busy, DatabaseRefused, HotJournal, MigrateError, NotConfirmed, Refused, Stopped

if TYPE_CHECKING:
    import logging

    from .actions.check import CheckReport
    from .actions.preview import Proposal
    from .application import Application
    from .model.graph import MigrationGraph
    from .project import Project

__all__ = [
    "MigrationError",
    "ValidationError",
    "apply_migrations",
    "check_and_apply_migrations",
    "configure",
    "create_migration_backup",
    "get_current_schema_version",
    "get_pending_migrations",
    "get_required_schema_version",
    "get_schema_version_info",
    "validate_migration_sql",
    "verify_database_integrity",
]

StrPath = str | os.PathLike[str]

_NO_DATABASE = "none.sqlite"  # where none is asked for, and none is opened
_LEDGER = "schema_version"
_MOST_ROWS = 10  # of those that refer to nothing, in a message


class MigrationError(Exception):
    """What the functions of this module raise. `__cause__` is the package's own error, with all that it knows."""


class ValidationError(MigrationError):
    """SQL that the hand-made system would not have run."""


class _Configured(NamedTuple):
    config: Mapping[str, Any]
    base: str


_configured: _Configured | None = None


def configure(config: Mapping[str, Any] | None, *, base: StrPath | None = None) -> None:
    """Say for this process what a Flask application says in its configuration; it replaces what was said before.

    `config` has the keys that docs/reference.md lists, and relative paths mean `base`, or the folder that is current
    now. None forgets it.

    Raises:
        MigrationError: a key or a value means nothing.
    """
    global _configured
    if config is None:
        _configured = None
        return
    with _as_migration_error():
        said = _Configured(config, os.path.abspath(base if base is not None else os.getcwd()))
        _read(said, _NO_DATABASE)
        _configured = said


def get_current_schema_version(db_path: StrPath) -> int:
    """Return the highest applied version; 0 where there is no file or no ledger. Nothing is made or written.

    Raises:
        MigrationError: it cannot be read.
    """
    from .databases.ledger import read_history
    from .project import Project

    path = _path(db_path)
    with _as_migration_error():
        database = Project(path).open_database()
        if not os.path.lexists(path):
            return 0
        with database.reader() as reader:
            return read_history(reader).version


def get_required_schema_version() -> int:
    """Return the version that the application was written for: what it says, else the highest in the files.

    Raises:
        MigrationError: nothing says where the migrations are, or the files cannot be read.
    """
    with _as_migration_error():
        application = _application(_NO_DATABASE)
        return application.required if application.required is not None else _graph(application.project).highest


def get_pending_migrations(current_version: int, required_version: int) -> list[str]:
    """Return the files that lead from one version to another, in the order in which they run.

    The files alone are asked: it is what the state at `required_version` has and the one at `current_version` lacks.

    Raises:
        MigrationError: a version has no file, or the files cannot be read.
    """
    if current_version >= required_version:
        return []
    with _as_migration_error():
        graph = _graph(_application(_NO_DATABASE).project)
        for version in (current_version, required_version):
            if version and version not in graph:
                raise Refused(
                    f"there is no file for version {version}",
                    cause=f"the highest version in the files is {graph.highest}",
                    next_step="bring the file back, or update the application to the latest version",
                )
        wanted = graph.state_at(required_version) - graph.state_at(current_version)
        return [f"{graph[version].name}.py" for version in graph.in_order(wanted)]


def apply_migrations(db_path: StrPath, migration_files: Iterable[StrPath]) -> str:
    """Apply what is pending, in one run that happens wholly or not at all; return the path of the backup.

    `migration_files` has to be exactly what is pending of the state that the application requires, in any order: it
    says what the caller has agreed to. The path is empty where the database was new or nothing was pending.

    Raises:
        MigrationError: the files are others, or the run failed; nothing was applied then.
    """
    files = {_stem(file) for file in migration_files}
    with _as_migration_error():
        return _apply(_application(db_path), agreed=files)


def validate_migration_sql(sql: str) -> None:
    """Refuse SQL that the hand-made system refused, and warn by logging of what deserves a second thought.

    A file of its had to begin and commit a transaction, and to write its own version down. That is judged by
    statements: a comment or a string neither satisfies nor trips anything. Python migrations need none of it.

    Raises:
        ValidationError: BEGIN TRANSACTION, COMMIT, or the row in schema_version is missing.
    """
    from .model.findings import OWN_TABLE_WRITTEN, TRANSACTION_CONTROL
    from .model.statements import deed_of, first_word, statement_findings
    from .project import Project

    try:
        statements = Project(_NO_DATABASE).open_database().statements(sql)
    except ValueError as error:
        raise ValidationError(f"the SQL cannot be read: {error}") from error
    deeds = [deed_of(statement) for statement in statements]
    verbs = {first_word(statement) for statement in statements}
    missing = [
        words
        for words, found in (
            ("BEGIN TRANSACTION", "BEGIN" in verbs),
            ("COMMIT", not verbs.isdisjoint({"COMMIT", "END"})),
            (
                f"a row written to {_LEDGER}",
                any(deed.verb in ("INSERT", "UPDATE") and deed.table.lower() == _LEDGER for deed in deeds),
            ),
        )
        if not found
    ]
    if missing:
        raise ValidationError(f"the migration lacks {', '.join(missing)}")
    for statement, deed in zip(statements, deeds, strict=True):
        # What every file of the old system has to do is no finding here.
        findings = [
            finding
            for finding in statement_findings(statement)
            if finding.code not in (TRANSACTION_CONTROL.code, OWN_TABLE_WRITTEN.code)
        ]
        for finding in findings:
            _logger().warning("%s: %s", finding.code, finding.message)
        if deed.verb == "DELETE" and not findings:
            _logger().warning("rows of %s are deleted", deed.table)


def create_migration_backup(db_path: StrPath) -> str:
    """Take a snapshot of the database, also while others use it, and return its path.

    Raises:
        MigrationError: there is no database, or the snapshot could not be written.
    """
    from .actions.snapshot import create_snapshot

    with _as_migration_error():
        project = _application(db_path).project
        return os.path.join(project.snapshots_path, create_snapshot(project).file)


def check_and_apply_migrations(db_path: StrPath, interactive: bool = True) -> bool:
    """Return whether the database fits the application, after bringing it there where that was needed and agreed to.

    It prints what it finds, and with `interactive` asks before it changes anything. It raises nothing: whatever goes
    wrong is logged and printed, and the answer is False. Ctrl-C and SIGTERM end the program, as ever.
    """
    try:
        with _as_migration_error():
            return _check_and_apply(_application(db_path), interactive=interactive)
    except MigrationError as error:
        cause = error.__cause__
        _logger().error("Migration error: %s", error)
        what = cause.what if isinstance(cause, MigrateError) else error
        _say(f"\n[ERROR] Migration error: {_printable(what)}{_more_of(cause)}")
    except Exception as error:  # a bug, or a disk that went away: the application decides what follows
        _logger().exception("Migration error: %s", error)
        _say(f"\n[ERROR] Migration error: {type(error).__name__}: {_printable(error)}")
    return False


def get_schema_version_info(db_path: StrPath) -> dict[str, Any]:
    """Return the version of a database, and the rows of its ledger: {"current_version", "migration_history"}.

    A row has version, applied_date, applied_by and description, as the ledger holds them; they come by version.

    Raises:
        MigrationError: it cannot be read.
    """
    from .databases.ledger import read_history
    from .project import Project

    path = _path(db_path)
    with _as_migration_error():
        database = Project(path).open_database()
        if not os.path.lexists(path):
            return {"current_version": 0, "migration_history": []}
        with database.reader() as reader:
            found = read_history(reader)
        rows = [
            {
                "version": entry.version,
                "applied_date": entry.applied_at,
                "applied_by": entry.applied_by,
                "description": entry.description,
            }
            for entry in found.entries
        ]
        return {"current_version": found.version, "migration_history": rows}


def verify_database_integrity(db_path: StrPath) -> bool:
    """Return True where SQLite finds nothing wrong with the file, and every foreign key finds its row.

    Raises:
        MigrationError: something is wrong, or it cannot be read. `__cause__.cause` has the details.
    """
    from .project import Project

    with _as_migration_error():
        database = Project(_path(db_path)).open_database()
        with database.reader() as reader:
            damage = reader.damage()
            broken = None if damage else reader.broken_keys()
        if damage:
            raise _unsound(f"{database.label} is damaged", damage)
        if broken and (broken.violations or broken.mismatches):
            wrong = [*sorted(map(str, broken.violations)), *sorted(broken.mismatches)]
            raise _unsound(f"{database.label} has foreign keys that find no row", wrong)
    return True


def _check_and_apply(application: Application, *, interactive: bool) -> bool:
    from .model.standing import Verdict

    found = _wait_and_check(application)
    if found.verdict is Verdict.OK:
        return True
    if found.verdict is Verdict.TOO_NEW:
        _logger().error("%s", found.sentence)
        _say(
            f"ERROR: This database (version {found.version}) is newer than this application"
            f" (requires version {found.required}).\n\nPlease update the application to the latest version."
        )
        return False
    if found.verdict is not Verdict.PENDING:
        _refuse_unsound(application)
    try:
        backup = _apply(application, ask=found if interactive else None)
    except NotConfirmed:
        _say("\nMigration cancelled. Nothing was changed.")
        return False
    _say("\n[SUCCESS] Database updated successfully!")
    if backup:
        _say(f"  Backup location: {_printable(backup)}")
    return True


def _apply(application: Application, *, agreed: set[str] | None = None, ask: CheckReport | None = None) -> str:
    """Bring the database to what the application requires, and return the path of the snapshot, if there is one.

    `agreed` are the names that a caller has said; with `ask` somebody is asked, and told what was found.
    """
    from .actions.up import up

    project = application.project

    asked = False

    def confirm(proposal: Proposal) -> None:
        nonlocal asked
        asked = True
        if agreed is not None:
            _refuse_others(agreed, {step.name for step in proposal.plan.steps})
        if ask is not None:
            _show(ask, proposal, project.snapshot)
            if not _says_yes("\nApply migrations? (yes/no): "):
                raise NotConfirmed("answered no", unchanged="nothing was changed")

    if application.required is not None:
        _refuse_newer(_wait_and_check(application))
    report = up(project, to=application.required, confirm=confirm)
    if agreed is not None and not asked:
        _refuse_others(agreed, set())  # nothing was pending
    found = _wait_and_check(application)
    if not found.ok:
        _refuse_newer(found)
        _refuse_unsound(application)
        raise Refused(
            f"the database is at version {found.version}, and {found.required} is required",
            cause=f"still pending: {', '.join(found.pending)}",
            unchanged="",
            next_step="see where it stands: migrate status",
        )
    return os.path.join(project.snapshots_path, os.path.basename(report.snapshot_path)) if report.snapshot_id else ""


def _refuse_others(said: set[str], pending: set[str]) -> None:
    if said == pending:
        return
    differences = []
    if left_out := sorted(pending - said):
        differences.append(f"pending, and not among the files: {', '.join(left_out)}")
    if others := sorted(said - pending):
        differences.append(f"among the files, and not pending: {', '.join(others)}")
    raise Refused(
        "the files are not what is pending: " + "; ".join(differences),
        next_step="ask again what is pending, with get_pending_migrations",
    )


def _refuse_newer(found: CheckReport) -> None:
    """A run up to the version that is required would not notice what is applied beyond it."""
    if found.too_new:
        from .errors import NewerDatabase

        raise NewerDatabase(found.sentence, next_step="update the application to the latest version")


def _refuse_unsound(application: Application) -> None:
    """Raise what stands in the way of a run: drift, files that are missing, an interruption."""
    from .actions.standing import load_project_folder, read_standing

    project = application.project
    read_standing(load_project_folder(project), project.open_database()).refuse_unsound()


def _wait_and_check(application: Application) -> CheckReport:
    """Check; a writer that is committing is waited for, and an interrupted write is recovered, as by any program."""
    import time

    from .actions.check import check

    deadline = time.monotonic() + application.project.lock_timeout_s
    while True:
        try:
            return check(application.project, required=application.required)
        except HotJournal:
            _recover(application.project)
        except Busy:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.02)


def _recover(project: Project) -> None:
    from .actions.running import Call
    from .model.events import ignore

    call = Call.begin(project, "check", ignore)
    with call.listening(), call.lock():
        call.database.recover()


def _show(found: CheckReport, proposal: Proposal, policy: str | None) -> None:
    if not proposal.database.size_bytes():
        backup = "There is no database yet, and nothing to back up."
    elif proposal.calls_for_snapshot(policy):
        backup = "A backup will be created before updating."
    else:
        backup = f"No backup will be created: the setting is snapshot = {policy}."
    lines = [
        "\nDatabase update required:",
        f"  Current version: {found.version}",
        f"  Required version: {found.required}",
        "\nPending migrations:",
        *(
            f"  • Version {step.version}: {_printable(step.migration.description or step.name)}"
            for step in proposal.plan.steps
        ),
        f"\n{backup}\n",
    ]
    _say("\n".join(lines))


def _says_yes(question: str) -> bool:
    """Ask; whoever cannot answer, because the input has ended or there is none, has not said yes."""
    _say(question, end="")
    try:
        answer = sys.stdin.readline()
    except (AttributeError, OSError, ValueError):  # a program without a console has None there, or a closed file
        answer = ""
    if not answer.endswith("\n"):
        _say("")  # the cursor is still behind the question
    return answer.strip().lower() == "yes"


def _say(text: str, end: str = "\n") -> None:
    """Print. A console that cannot show a character gets an escape, and words that nobody hears end nothing."""
    try:
        stream = sys.stdout
        encoding = getattr(stream, "encoding", None) or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, flush=True)  # noqa: T201
    except (AttributeError, OSError, ValueError, LookupError):
        pass


def _printable(text: object) -> str:
    from .cli.text import printable

    return printable(text)


def _more_of(error: BaseException | None) -> str:
    """What else our error knows, in lines: where, why, what is unchanged, what to do next."""
    if not isinstance(error, MigrateError):
        return ""
    from .cli.errors import error_screen

    _first, newline, rest = error_screen(error).partition("\n")
    return newline + rest


def _unsound(what: str, details: list[str]) -> DatabaseRefused:
    more = [f"and {len(details) - _MOST_ROWS:,} more"] if len(details) > _MOST_ROWS else []
    return DatabaseRefused(
        f"{what}: {details[0]}",
        cause="\n".join([*details[:_MOST_ROWS], *more]),
        unchanged="nothing was changed",
        next_step="see all of it: migrate verify; or go back to a snapshot: migrate snapshot list",
    )


def _stem(file: StrPath) -> str:
    return os.path.basename(os.fspath(file)).removesuffix(".py")


def _graph(project: Project) -> MigrationGraph:
    from .actions.standing import load_project_folder

    return load_project_folder(project).graph


def _path(db_path: StrPath) -> str:
    """The database as it is named here: a path of the current folder's, as sqlite3 has it, or a URL."""
    path = os.fspath(db_path)
    return path if "://" in path or path in ("", ":memory:") else os.path.abspath(path)


def _application(db_path: StrPath) -> Application:
    """What the first says of them that there is: `configure`, Flask's current application, and what `migrate` reads."""
    path = _path(db_path)
    if _configured is not None:
        return _read(_configured, path)
    return _flask_application(path) or _application_of_settings(path)


def _read(said: _Configured, path: str) -> Application:
    from .application import read_application

    return read_application(said.config, base=said.base, database=path)


def _flask_application(path: str) -> Application | None:
    flask = sys.modules.get("flask")  # a program that has no Flask is not made to import it
    if flask is None or not flask.has_app_context():
        return None
    from .application import Application, read_application
    from .settings import Settings
    from .web.extension import EXTENSION, folders_of

    app = flask.current_app
    if EXTENSION in app.extensions:  # which may have been given a project, or resources
        project, required = app.extensions[EXTENSION].application()
        return Application(Settings({"database": path}, project.base, within=project).project(), required)
    base, data_base = folders_of(app)
    return read_application(app.config, base=base, data_base=data_base, database=path)


def _application_of_settings(path: str) -> Application:
    from .application import Application
    from .project import current_folder
    from .settings import SETTINGS, Settings, read_settings

    found = read_settings({}, os.environ, current_folder())
    if not any(setting.key in found.values for setting in SETTINGS):
        raise BadSetting(
            "nothing says where the migrations are",
            cause="configure() was not called, no Flask application is current, and there is no settings file",
            unchanged="nothing was opened",
            next_step="call nukeworks_migrate.compat.configure({'MIGRATIONS_VERSIONS': …}), or push the"
            "\napplication's context: with app.app_context(): …",
        )
    return Application(Settings({**found.values, "database": path}, found.base, found.source).project(), None)


@contextmanager
def _as_migration_error() -> Iterator[None]:
    """Raise our errors as the one that callers know; a signal from outside stays what it is without us."""
    try:
        yield
    except Stopped as error:
        _stop(error)
    except MigrateError as error:
        words = [error.what]
        for problem in getattr(error, "problems", ()):
            words.append(f"{problem.path}: {problem.what}")
        raise MigrationError("; ".join(words)) from error


def _stop(error: Stopped) -> NoReturn:
    import signal

    if error.signal_number == signal.SIGINT:
        raise KeyboardInterrupt from error
    raise SystemExit(128 + error.signal_number) from error


def _logger() -> logging.Logger:
    import logging

    return logging.getLogger(__name__)
