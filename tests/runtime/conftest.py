"""Fixtures for data work: a project whose migration is a function of the test, and which way a transform takes."""

import pytest
from runtime.data_steps import ROW_BY_ROW, Work

from nukeworks_migrate.databases.sqlite.session import SqliteSession


@pytest.fixture
def work(folder):
    return Work(folder)


@pytest.fixture
def answers(monkeypatch):
    """What the database answered to being asked for a way in place: True where there was one."""
    found = []
    ask = SqliteSession.in_place

    def asked(self, computed):
        way = ask(self, computed)
        found.append(way is not None)
        return way

    monkeypatch.setattr(SqliteSession, "in_place", asked)
    return found


@pytest.fixture(params=["in place", "row by row"])
def path(request):
    """Which way a transform of `t` takes; what to add to the script that makes the table."""
    return "" if request.param == "in place" else ROW_BY_ROW.format(table="t")
