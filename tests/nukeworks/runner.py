"""The one door through which these tests run migrations, on the repository's own versions folder."""

from pathlib import Path

import nukeworks_migrate
from nukeworks_migrate import Project
from nukeworks_migrate.model.events import Logged

VERSIONS = Path(__file__).parents[2] / "versions"


def up(path, to=None):
    """Upgrade the SQLite file at `path` to version `to`, or the head; return what the migrations logged."""
    messages = []
    nukeworks_migrate.up(project_of(path), to=to, on_event=lambda event: note(event, messages))
    return messages


def down(path, to):
    """Downgrade the SQLite file at `path` to version `to`, or "base"; return what the migrations logged."""
    messages = []
    nukeworks_migrate.down(project_of(path), to=to, on_event=lambda event: note(event, messages))
    return messages


def project_of(path):
    # Without the index of headers: it would be written into the repository's own folder.
    return Project(f"sqlite:///{path}", versions=VERSIONS, snapshots=path.parent / "snapshots", header_index=False)


def note(event, messages):
    if isinstance(event, Logged):
        messages.append(event.message)
