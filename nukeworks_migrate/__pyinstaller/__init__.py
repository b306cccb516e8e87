"""What PyInstaller asks this package for: the files of the dialog, which no import leads to.

The entry point `hook-dirs` in pyproject.toml names this folder.
"""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    return [os.path.dirname(__file__)]
