import shutil
import sqlite3

import pytest
from nukeworks.runner import up


@pytest.fixture(scope="session")
def database_at_version(tmp_path_factory):
    """Copy to a path a database that was upgraded to a version and holds no rows but those of migrations."""
    templates = {}

    def copy(version, path):
        if version not in templates:
            templates[version] = tmp_path_factory.mktemp("templates") / f"version_{version}.sqlite"
            if version == "base":
                sqlite3.connect(templates[version]).close()
            else:
                up(templates[version], to=version)
        shutil.copyfile(templates[version], path)
        return path

    return copy


@pytest.fixture
def database_at(database_at_version, tmp_path):
    """Give a database at a version, as its path."""
    return lambda version: database_at_version(version, tmp_path / "projects.sqlite")
