"""Each version has exactly the schema that facts.json and the history tell."""

import json
from pathlib import Path

import pytest
from nukeworks.file_content import Table, all_tables, query, schema_of

FACTS = json.loads((Path(__file__).parent / "facts.json").read_text(encoding="utf-8"))
SECTION_OF_VERSION = {
    1: "initial_schema",
    2: "add_offtakers",
    3: "clients_crm",
    5: "company_unification",
    7: "research_queue",
}


def table_of_facts(facts):
    return Table(
        columns=tuple(
            column_of(
                column["name"],
                column["type"],
                not_null=column.get("not_null", False),
                default=column.get("default"),
                key=column.get("primary_key", False),
            )
            for column in facts["columns"]
        ),
        unique=frozenset(tuple(columns) for columns in facts.get("unique", [])),
        foreign_keys=frozenset(
            (reference["column"], *reference["references"].rstrip(")").split("("))
            for reference in facts["foreign_keys"]
        ),
        indexes=frozenset(
            (index["name"], tuple(index["columns"]), index.get("unique", False)) for index in facts["indexes"]
        ),
    )


def column_of(name, kind, *, not_null=False, default=None, key=False):
    return (name, kind, not_null, default, int(key))


def expected_at(version):
    """The schema at `version`: the sections of the facts, and what the history tells besides."""
    schema = {
        facts["table"]: table_of_facts(facts)
        for since, section in SECTION_OF_VERSION.items()
        if since <= version
        for facts in FACTS[section]["tables"]
        if facts["table"] != "schema_version"
    }
    if version >= 3:
        topics = ("next_steps", "client_near_term_focus", "mpr_work_targets")
        extend(schema, "roundtable_history", *(column_of(topic, "TEXT") for topic in topics))
    if version >= 4:
        extend(schema, "projects", column_of("latitude", "REAL"), column_of("longitude", "REAL"))
        index = ("idx_projects_lat_lon", ("latitude", "longitude"), False)
        schema["projects"] = schema["projects"]._replace(indexes=schema["projects"].indexes | {index})
    if version >= 6:
        schema["kept_0006_values"] = Table(
            columns=(
                ("table_name", "TEXT", True, None, 1),
                ("row_id", "INTEGER", True, None, 2),
                ("column_name", "TEXT", True, None, 3),
                ("before_value", "BLOB", False, None, 0),
                ("after_value", "BLOB", False, None, 0),
            ),
            unique=frozenset(),
            foreign_keys=frozenset(),
            indexes=frozenset(),
        )
    if version >= 8:
        schema["roundtable_history"] = Table(
            columns=(
                column_of("history_id", "INTEGER", key=True),
                column_of("entity_type", "TEXT", not_null=True),
                column_of("entity_id", "INTEGER", not_null=True),
                column_of("discussion", "TEXT"),
                column_of("action_items", "TEXT"),
                column_of("created_by", "INTEGER"),
                column_of("created_timestamp", "TIMESTAMP", not_null=True, default="CURRENT_TIMESTAMP"),
                column_of("next_steps", "TEXT"),
                column_of("client_near_term_focus", "TEXT"),
                column_of("mpr_work_targets", "TEXT"),
            ),
            unique=frozenset(),
            foreign_keys=frozenset({("created_by", "users", "user_id")}),
            indexes=frozenset(
                {
                    ("idx_roundtable_created", ("created_timestamp",), False),
                    ("idx_roundtable_entity", ("entity_type", "entity_id"), False),
                }
            ),
        )
        kept = Table(
            columns=(
                column_of("history_id", "INTEGER", key=True),
                column_of("meeting_date", "DATE", not_null=True),
            ),
            unique=frozenset(),
            foreign_keys=frozenset(),
            indexes=frozenset(),
        )
        schema["kept_0008_meeting_date"] = kept
        schema["kept_0008_created_date"] = kept._replace(
            columns=(
                column_of("history_id", "INTEGER", key=True),
                column_of("created_date", "DATE", not_null=True),
                column_of("created_timestamp", "TIMESTAMP", not_null=True),
            )
        )
    if version >= 9:
        extend(schema, "projects", column_of("unit_count", "INTEGER"), column_of("unit_capacity_mwe", "REAL"))
    return schema


def extend(schema, table, *columns):
    schema[table] = schema[table]._replace(columns=(*schema[table].columns, *columns))


def counts(schema):
    return {
        "columns": sum(len(table.columns) for table in schema.values()),
        "indexes": sum(len(table.indexes) for table in schema.values()),
        "foreign_keys": sum(len(table.foreign_keys) for table in schema.values()),
    }


@pytest.mark.parametrize("version", range(1, 11))
def test_the_schema_is_exactly_that_of_the_facts(version, database_at):
    path = database_at(version)

    schema = schema_of(path)

    expected = expected_at(version)
    assert schema.keys() == expected.keys()
    for name in expected:
        assert schema[name] == expected[name], name


@pytest.mark.parametrize(("version", "section"), SECTION_OF_VERSION.items())
def test_the_tables_that_a_version_adds_are_as_many_as_the_facts_count(version, section, database_at):
    names = {facts["table"] for facts in FACTS[section]["tables"]}
    expected = dict(FACTS[section]["counts"])
    ledger_columns = 4 if "schema_version" in names else 0

    schema = {name: table for name, table in schema_of(database_at(version)).items() if name in names}

    found = counts(schema)
    # 0003 adds columns to a table of another section; no version adds columns to its own.
    assert len(names) == expected.pop("tables")
    assert {**found, "columns": found["columns"] + ledger_columns} == expected


def test_after_offtakers_there_are_26_tables_88_indexes_and_69_foreign_keys(database_at):
    path = database_at(2)

    schema = schema_of(path)

    assert "schema_version" in all_tables(path)
    assert len(schema) + 1 == 26
    assert counts(schema)["indexes"] == 88
    assert counts(schema)["foreign_keys"] == 69


def test_keys_count_by_themselves_without_autoincrement(database_at):
    path = database_at(10)

    autoincrement = query(path, "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")

    assert [name for (name,) in autoincrement if not name.startswith("schema_version")] == []


def test_the_role_catalogue_has_the_six_roles_of_the_old_tables(database_at):
    path = database_at(5)

    roles = query(path, "SELECT role_code, role_label <> '', is_active FROM company_roles ORDER BY role_id")

    codes = ["vendor", "constructor", "developer", "operator", "offtaker", "client"]
    assert roles == [(code, 1, 1) for code in codes]
