"""A new migration's file: its number, name and first text."""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from ..errors import UsageError
from .folder import Folder

_TIMESTAMP_DIGITS = 14  # YYYYMMDDHHMMSS: a folder numbered by time goes on that way

_SCHEMA = '''"""{title}."""

{depends_on}

def upgrade(db):
    db.execute("""
        …
    """)


def downgrade(db):
    db.execute("""
        …
    """)
'''

_DATA = '''"""{title}."""

{depends_on}

def upgrade(db):
    db.transform("table", new_value, reads=["column"], writes=["column"])


def downgrade(db):
    db.transform("table", old_value, reads=["column"], writes=["column"])


def new_value(column):
    return column


def old_value(column):
    return column
'''


def new_migration(folder: Folder, title: str, *, after: tuple[str, ...], data: bool) -> Path:
    """Write a new file that depends on `after`, and return its path; an existing file is never touched.

    Raises:
        UsageError: the title has no letter or digit to make a name of.
        FileExistsError: somebody made that very file in the meantime.
    """
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
    if not words:
        raise UsageError(
            f"no file name can be made of {title!r}",
            unchanged="no file was written",
            next_step='say it in words: migrate new "add client tier"',
        )
    highest = folder.graph.highest
    if len(str(highest)) == _TIMESTAMP_DIGITS:
        number = max(datetime.now(UTC).strftime("%Y%m%d%H%M%S"), str(highest + 1))
    else:
        width = max((len(m.name.split("_")[0]) for m in folder.migrations), default=4)
        number = str(highest + 1).zfill(width)
    path = Path(folder.path) / f"{number}_{words[:80].strip('_')}.py"
    sentence = " ".join(title.split()).rstrip(".").replace("\\", "/").replace('"', "'")
    names = ", ".join(f'"{name}"' for name in after)
    text = (_DATA if data else _SCHEMA).format(
        title=sentence[:1].upper() + sentence[1:], depends_on=f"depends_on = [{names}]\n" if after else ""
    )
    if not after:
        text = text.replace("\n\n\n\n", "\n\n\n", 1)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path
