"""`migrate check`: one answer, for start-up and CI."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.standing import Verdict
from ..project import Project
from .standing import load_project_folder, read_standing


@dataclass(frozen=True, slots=True)
class CheckReport:
    verdict: Verdict
    sentence: str
    database: str
    version: int  # of the database
    required: int  # the highest version in the files
    pending: tuple[str, ...]


def check(project: Project) -> CheckReport:
    """Compare files and ledger, and give the one answer; nothing is written, and no lock is waited for.

    Raises:
        FilesRefused: the files cannot be read.
        HotJournal, DatabaseRefused, LedgerNotOurs, Busy: the ledger cannot be.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    standing = read_standing(folder, database)
    refusals = standing.refusals()
    pending = tuple(folder.graph[version].name for version in standing.pending)
    if refusals:
        sentence = refusals[0].what
    elif pending:
        sentence = f"{len(pending)} pending: {', '.join(pending[:3])}{' …' if len(pending) > 3 else ''}"
    else:
        sentence = f"up to date at version {standing.history.version}"
    version = standing.history.version
    return CheckReport(standing.verdict, sentence, database.label, version, folder.graph.highest, pending)
