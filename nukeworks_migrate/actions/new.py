"""`migrate new`: the file of a migration to be written."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..errors import UsageError
from ..files.folder import load_folder
from ..files.scaffold import new_migration
from ..model.targets import resolve_migration
from ..project import Project


@dataclass(frozen=True, slots=True)
class NewFile:
    path: str  # as the folder of versions was written
    name: str
    depends_on: tuple[str, ...]


def new(project: Project, title: str, *, after: str | None = None, data: bool = False) -> NewFile:
    """Write the next migration's file: numbered, named after `title`, depending on every head or on `after`.

    `data` gives it a transform instead of statements. The folder is made where there is none yet.

    Raises:
        FilesRefused: the folder as it is has problems.
        UnknownTarget: `after` names no migration.
        UsageError: no name can be made of `title`.
    """
    path = project.versions_path
    os.makedirs(path, exist_ok=True)
    folder = load_folder(path, shown=project.versions, use_index=project.header_index)
    versions = [resolve_migration(folder.graph, after)] if after is not None else list(folder.graph.heads)
    names = tuple(folder.graph[version].name for version in versions)
    try:
        written = new_migration(folder, title, after=names, data=data)
    except FileExistsError as error:
        raise UsageError(
            f"{folder.shown}/{os.path.basename(error.filename)} was made by somebody else just now",
            unchanged="no file was written",
            next_step="say it again: it gets the next number",
        ) from error
    return NewFile(f"{folder.shown}/{written.name}", written.stem, names)
