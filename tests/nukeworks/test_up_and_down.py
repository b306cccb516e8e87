"""Going down gives back the schema and the rows of every version, and going up again what was above it."""

import pytest
from nukeworks.file_content import (
    all_tables,
    broken_references,
    insert,
    query,
    rows_of,
    schema_of,
    tables_of,
)
from nukeworks.runner import down, up
from nukeworks.sample_data import fill

HEAD = 10


CATALOGUE = {"vendor", "constructor", "developer", "operator", "offtaker", "client", "engineer"}


def content_of(path):
    """Schema and rows, but for created_date in the role catalogue: that is when a migration wrote it."""
    rows = rows_of(path)
    if "company_roles" in rows:
        rows["company_roles"] = [row[:6] + row[7:] if row[1] in CATALOGUE else row for row in rows["company_roles"]]
    return schema_of(path), rows


@pytest.mark.parametrize("version", range(HEAD))
def test_down_and_up_through_every_version_gives_back_schema_and_rows(version, database_at):
    path = database_at(version) if version else database_at("base")
    if version:
        fill(path)
    content = {version: content_of(path)}
    for above in range(version + 1, HEAD + 1):
        up(path, to=above)
        content[above] = content_of(path)

    for below in range(HEAD - 1, version - 1, -1):
        down(path, below or "base")
        assert content_of(path) == content[below], f"down to {below}"
    for above in range(version + 1, HEAD + 1):
        up(path, to=above)
        assert content_of(path) == content[above], f"up to {above} again"


@pytest.mark.parametrize("version", range(1, HEAD))
def test_one_jump_down_is_the_same_as_the_steps(version, database_at):
    path = database_at(version)
    fill(path)
    before = content_of(path)
    up(path)
    above = content_of(path)

    down(path, version)
    after = content_of(path)
    up(path)

    assert after == before
    assert content_of(path) == above


def test_a_database_that_was_used_at_every_version_goes_all_the_way_down(database_at, database_at_version, tmp_path):
    path = database_at("base")
    for version in range(1, HEAD + 1):
        up(path, to=version)
        fill(path)
    assert broken_references(path) == []

    for version in range(HEAD - 1, 0, -1):
        down(path, version)

        fresh = database_at_version(version, tmp_path / "fresh.sqlite")
        assert schema_of(path) == schema_of(fresh), f"down to {version}"
        assert broken_references(path) == [], f"down to {version}"


def test_down_to_base_leaves_only_the_frameworks_tables(database_at):
    path = database_at(HEAD)
    fill(path)

    down(path, "base")

    assert tables_of(path) == set()
    assert "schema_version" in all_tables(path)
    assert query(path, "SELECT * FROM schema_version") == []


def test_an_engineer_role_that_was_entered_by_hand_survives_both_ways(database_at):
    path = database_at(9)
    insert(path, "company_roles", role_code="engineer", role_label="Owner's engineer", is_active=0)
    before = content_of(path)

    up(path, to=10)
    down(path, 9)

    assert content_of(path) == before


def test_an_engineer_role_in_use_stays_and_is_taken_up_again(database_at):
    path = database_at(10)
    [(role_id,)] = query(path, "SELECT role_id FROM company_roles WHERE role_code = 'engineer'")
    company_id = insert(path, "companies", company_name="Sargent")
    insert(path, "company_role_assignments", company_id=company_id, role_id=role_id)
    above = content_of(path)

    down(path, 9)
    below = content_of(path)
    up(path, to=10)

    assert below == above
    assert content_of(path) == above


def test_an_engineer_role_that_nothing_uses_goes_away(database_at):
    path = database_at(10)

    down(path, 9)

    assert query(path, "SELECT role_id FROM company_roles WHERE role_code = 'engineer'") == []
