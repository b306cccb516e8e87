"""`migrate check`: one answer, for start-up and CI."""

from __future__ import annotations

from typing import NamedTuple

from ..databases.base import Deadline
from ..databases.ledger import read_checksums
from ..errors import BadSetting, DatabaseRefused
from ..files.folder import known_checksums
from ..files.index import KnownFile
from ..model.standing import Standing, Verdict
from ..project import Project
from .standing import load_project_folder, read_standing


class CheckReport(NamedTuple):
    """Whether a database fits an application. Several of the flags may hold; `verdict` is the first that does."""

    verdict: Verdict
    sentence: str
    database: str
    version: int  # of the database
    required: int  # what was asked for; else the highest version in the files
    pending: tuple[str, ...]  # in the order in which they would run
    too_new: bool = False  # applied versions above `required`
    drifted: bool = False  # files changed, renamed or missing
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        return self.verdict is Verdict.OK


def check(project: Project, *, required: int | None = None) -> CheckReport:
    """Compare files and ledger, and give the one answer; nothing is written, and no lock is waited for.

    `required` is the version that the application was written for, where that is not all that the files hold:
    what is pending is what is missing of the state at that version, and newer is what is applied beyond it.

    Raises:
        BadSetting: no file has the version `required`.
        FilesRefused: the files cannot be read.
        HotJournal, DatabaseRefused, LedgerNotOurs, Busy: the ledger cannot be.
    """
    return _nothing_to_tell(project, required) or _compared(project, required)


def _nothing_to_tell(project: Project, required: int | None) -> CheckReport | None:
    """The answer where the files are those that ran, to the byte, all of them and no others; None for any doubt.

    That is nearly every start of an application, and it takes no more than reading: no header, graph or history.
    """
    files = known_checksums(project.versions_path) if project.header_index else None
    if not files or required not in (None, files[-1].version):
        return None
    database = project.open_database()
    try:
        with database.reader(Deadline(0)) as reader:
            applied = read_checksums(reader)
    except DatabaseRefused:
        return None  # most likely it is not there yet
    if applied is None or len(applied) != len(files) or not all(map(_is_what_ran, files, applied)):
        return None
    version = files[-1].version
    return CheckReport(Verdict.OK, _up_to_date(version), database.label, version, version, ())


def _is_what_ran(file: KnownFile, entry: tuple[int, str | None, str | None]) -> bool:
    # A row of the old system has neither name nor checksum, and takes those of today's file.
    return file == entry or (file.version == entry[0] and (entry[1] is None or entry[2] is None))


def _compared(project: Project, required: int | None) -> CheckReport:
    folder = load_project_folder(project)
    database = project.open_database()
    if required is not None and required not in folder.graph:
        raise _no_such_version(required, folder.graph.highest, folder.shown)
    standing = read_standing(folder, database, Deadline(0))._replace(required=required)
    pending = tuple(folder.graph[version].name for version in standing.pending)
    return CheckReport(
        verdict=standing.verdict,
        sentence=_sentence(standing, pending),
        database=database.label,
        version=standing.history.version,
        required=standing.highest_known,
        pending=pending,
        too_new=bool(standing.newer),
        drifted=bool(standing.missing or standing.drifts),
        interrupted=bool(standing.history.unfinished),
    )


def _sentence(standing: Standing, pending: tuple[str, ...]) -> str:
    refusals = standing.refusals()
    if refusals:
        return refusals[0].what
    if pending:
        return f"{len(pending)} pending: {', '.join(pending[:3])}{' …' if len(pending) > 3 else ''}"
    return _up_to_date(standing.history.version)


def _up_to_date(version: int) -> str:
    return f"up to date at version {version}"


def _no_such_version(required: int, highest: int, folder: str) -> BadSetting:
    return BadSetting(
        f"version {required} is required, and {folder} has no such migration",
        cause=f"the highest version there is {highest}" if highest else "there is none at all",
        unchanged="no database was opened",
        next_step="correct the version that the application requires, or bring the file",
    )
