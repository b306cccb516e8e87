"""What runs, for all processes of an application: a server with several workers answers from any of them.

Each run is a small file in a folder of the temporary folder that only this user can open. The process that runs it
writes it anew as it goes on, and shows that it is alive; the others read it. Nothing depends on it but what is seen:
that only one migrates at a time is the migration lock's business.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_KEPT_S = 24 * 3600.0
ALIVE_S = 20.0  # after which a process that has not written is taken for gone


class RunBook:
    """The runs of one application, in files. Where there is no private folder to be had, it stays empty."""

    def __init__(self, application: str) -> None:
        self._mark = hashlib.sha256(application.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._path: Path | None = None
        self._checked: Path | None = None

    def write(self, record: dict[str, Any]) -> bool:
        """Write what a run looks like now; return whether that was possible."""
        folder = self._folder(make=True)
        if folder is None:
            return False
        path = folder / self._name(record["id"])
        partial = path.with_suffix(f".{os.getpid()}")
        try:
            with open(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump({**record, "alive_at": time.time()}, file)
            os.replace(partial, path)
        except OSError:  # on Windows also where somebody reads it just now; the next time it will do
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            return False
        return True

    def read(self, run_id: str) -> dict[str, Any] | None:
        """What a run looked like when it was written last; None where there is no such run."""
        folder = self._folder(make=False)
        if folder is None or not (run_id.isascii() and run_id.isalnum() and len(run_id) <= 32):
            return None
        return _read(folder / self._name(run_id))

    def all(self) -> list[dict[str, Any]]:
        """Every run of the last day, the newest last; what is older is removed."""
        folder = self._folder(make=False)
        if folder is None:
            return []
        found = []
        for path in folder.glob(f"{self._mark}-*.json"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT_S:
                    path.unlink()
                    continue
            if (record := _read(path)) is not None:
                found.append(record)
        return sorted(found, key=lambda record: record["begun_at"])

    def _name(self, run_id: str) -> str:
        return f"{self._mark}-{run_id}.json"

    def _folder(self, *, make: bool) -> Path | None:
        """The folder, if it is ours alone: somebody else may have made one of that name before."""
        if self._checked is not None:
            return self._checked
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"  # on Windows the temporary folder is the user's
        try:
            # Once: a run that goes on being written is not to turn up somewhere else. Where nothing at all can be
            # written, there is no temporary folder either.
            path = self._path = self._path or Path(tempfile.gettempdir()) / f"nukeworks-migrate-{user}"
            if make:
                path.mkdir(mode=0o700, exist_ok=True)
            found = path.lstat()
        except OSError:
            return None
        if not stat.S_ISDIR(found.st_mode):
            return None
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o077):
            return None
        self._checked = path
        return path


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
