"""0006: one company per firm out of six old tables, nothing lost, and the way back."""

import sqlite3
from contextlib import closing

import pytest
from nukeworks.file_content import broken_references, execute, insert, query, rows_of, schema_of
from nukeworks.runner import down, up
from nukeworks.sample_data import SOURCES, insert_firms, make_firms, mix_companies

from nukeworks_migrate import MigrateError

FIRMS = 2_200  # with some 6,000 rows in the old tables
CRM_COLUMNS = (
    "relationship_strength",
    "client_priority",
    "client_status",
    "last_contact_date",
    "last_contact_type",
    "last_contact_by",
    "next_planned_contact_date",
    "next_planned_contact_type",
    "next_planned_contact_assigned_to",
)
NEW_TABLES = {"companies", "company_role_assignments", "client_profiles", "kept_0006_values"}


def add(path, table, name, created="2025-01-01 12:00:00", **values):
    """Insert a row into one of the six old tables and return its id."""
    return insert(path, table, **{SOURCES[table][1]: name, "created_date": created, **values})


def names_of(path):
    return [name for (name,) in query(path, "SELECT company_name FROM companies ORDER BY company_id")]


def company_of(path, table, row_id):
    """The id of the company that an old row has been assigned to."""
    _, _, role, context = SOURCES[table]
    [(company_id,)] = query(
        path,
        """
        SELECT company_id FROM company_role_assignments JOIN company_roles USING (role_id)
        WHERE role_code = ? AND context_type = ? AND context_id = ?
        """,
        (role, context, row_id),
    )
    return company_id


# Made-up companies, by the thousand.


@pytest.fixture(scope="module")
def firms():
    return make_firms(FIRMS, seed=6)


@pytest.fixture(scope="module")
def backfilled(firms, database_at_version, tmp_path_factory):
    """A database with the rows of `firms`, upgraded to 0006, and what it held before."""
    path = database_at_version(5, tmp_path_factory.mktemp("firms") / "projects.sqlite")
    insert_firms(path, firms)
    before = rows_of(path)
    up(path, to=6)
    return path, before


@pytest.fixture(scope="module")
def company_by_context(backfilled):
    """Each context, with the company that it was assigned to."""
    path, _ = backfilled
    rows = query(path, "SELECT context_type, context_id, company_id FROM company_role_assignments")
    return {(context_type, context_id): company_id for context_type, context_id, company_id in rows}


@pytest.fixture(scope="module")
def companies(backfilled):
    """The companies by id, each as a mapping."""
    return rows_by_key(backfilled[0], "companies")


def rows_by_key(path, table):
    names = [column for column, *_ in schema_of(path)[table].columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows_of(path)[table]}


def the_company(firm, company_by_context, companies):
    return companies[company_by_context[firm.rows[0].context]]


def test_there_are_thousands_of_spellings(firms):
    spellings = {row.name for firm in firms for row in firm.rows}

    assert len(spellings) > 5_000
    assert {row.table for firm in firms for row in firm.rows} == SOURCES.keys()


def test_each_old_row_has_one_assignment_in_the_role_of_its_table(backfilled, firms):
    path, _ = backfilled

    assigned = query(
        path,
        """
        SELECT role_code, context_type, context_id
        FROM company_role_assignments JOIN company_roles USING (role_id)
        """,
    )

    expected = [(SOURCES[row.table][2], *row.context) for firm in firms for row in firm.rows]
    assert sorted(assigned) == sorted(expected)


def test_each_firm_has_one_company_and_each_company_is_one_firm(firms, company_by_context, companies):
    companies_of_firms = [{company_by_context[row.context] for row in firm.rows} for firm in firms]

    assert [len(found) for found in companies_of_firms] == [1] * len(firms)
    assert sorted(company_id for [company_id] in companies_of_firms) == sorted(companies)


def test_a_company_is_spelled_and_dated_as_its_oldest_row(firms, company_by_context, companies):
    for firm in firms:
        company = the_company(firm, company_by_context, companies)

        oldest = firm.oldest_first[0]
        assert company["company_name"] == oldest.name
        assert company["created_date"] == oldest.values["created_date"]
        assert company["created_by"] == oldest.values["created_by"]


def test_a_company_was_modified_when_and_by_whom_its_rows_were_last(firms, company_by_context, companies):
    for firm in firms:
        company = the_company(firm, company_by_context, companies)

        dates = [row.values["modified_date"] for row in firm.rows if row.values["modified_date"]]
        assert company["modified_date"] == max(dates, default=None)
        last = [row.values for row in firm.rows if row.values["modified_date"] == company["modified_date"]]
        assert company["modified_by"] in [values["modified_by"] for values in last]


def test_a_company_has_all_notes_of_its_rows_oldest_first_each_once(firms, company_by_context, companies):
    for firm in firms:
        company = the_company(firm, company_by_context, companies)

        notes = dict.fromkeys(row.values["notes"] for row in firm.oldest_first if row.values["notes"])
        assert company["notes"] == ("\n\n".join(notes) or None)


def test_a_company_has_the_type_and_sector_of_the_oldest_row_with_one(firms, company_by_context, companies):
    for firm in firms:
        company = the_company(firm, company_by_context, companies)

        types = [row.values.get("company_type") or row.values.get("client_type") for row in firm.oldest_first]
        sectors = [row.values.get("sector") for row in firm.oldest_first]
        assert company["company_type"] == next(filter(None, types), None)
        assert company["sector"] == next(filter(None, sectors), None)


def test_firms_with_client_rows_are_clients_and_have_a_profile(backfilled, firms, company_by_context, companies):
    profiles = rows_by_key(backfilled[0], "client_profiles")

    for firm in firms:
        company = the_company(firm, company_by_context, companies)
        assert company["is_mpr_client"] == bool(firm.client_rows)
        assert (company["company_id"] in profiles) == bool(firm.client_rows)


def test_what_a_profile_says_is_what_client_rows_said_together(backfilled, firms, company_by_context):
    profiles = rows_by_key(backfilled[0], "client_profiles")

    for firm in firms:
        if not firm.client_rows:
            continue
        profile = profiles[company_by_context[firm.rows[0].context]]
        said = [row.values for row in firm.client_rows]
        for columns in (
            CRM_COLUMNS[0:1],
            CRM_COLUMNS[1:2],
            CRM_COLUMNS[2:3],
            CRM_COLUMNS[3:6],
            CRM_COLUMNS[6:9],
        ):
            # From one row together, and not empty where any row had something.
            candidates = {tuple(values.get(column) for column in columns) for values in said}
            empty = (None,) * len(columns)
            assert tuple(profile[column] for column in columns) in (candidates - {empty} or {empty})
        contacts = [values["last_contact_date"] for values in said if "last_contact_date" in values]
        assert profile["last_contact_date"] == max(contacts, default=None)
        notes = dict.fromkeys(values["relationship_notes"] for values in said if values["relationship_notes"])
        assert profile["relationship_notes"] == ("\n\n".join(notes) or None)


def test_all_other_tables_stay_as_they_were(backfilled):
    path, before = backfilled

    after = rows_of(path)

    assert {name: after[name] for name in after.keys() - NEW_TABLES} == {
        name: before[name] for name in before.keys() - NEW_TABLES
    }


def test_no_reference_is_broken(backfilled):
    assert broken_references(backfilled[0]) == []


def test_going_down_gives_back_the_exact_old_state_and_up_the_new_one(firms, database_at):
    path = database_at(5)
    insert_firms(path, firms)
    schema, rows = schema_of(path), rows_of(path)
    up(path, to=6)
    above = rows_of(path)

    down(path, 5)
    below = schema_of(path), rows_of(path)
    up(path, to=6)

    assert below == (schema, rows)
    assert rows_of(path) == above


# Which names are one firm's.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Acme", "ACME", id="letter case"),
        pytest.param("Straße", "STRASSE", id="a sharp s in capitals"),
        pytest.param("Straße", "STRAẞE", id="a capital sharp s"),
        pytest.param("ΟΔΟΣ", "οδος", id="a Greek sigma at the end"),
        pytest.param("Énergie", "E\u0301nergie", id="composed and decomposed"),
        pytest.param("\u1fb3", "\u03b1\u0345", id="an iota below, composed and not"),
        pytest.param("\u03b1\u0345\u0301", "\u1fb4", id="marks in another order"),
        pytest.param("\u01f0", "J\u030c", id="a letter that folding takes apart"),
        pytest.param("ﬁssion", "fission", id="a ligature"),
        pytest.param("Ａｃｍｅ", "Acme", id="wide letters"),
        pytest.param("Acme Power", "Acme \t Power", id="white space between words"),
        pytest.param("Acme Power", "\u3000Acme\u00a0Power\u2028", id="Unicode white space"),
        pytest.param("Acme", "Acme Inc", id="a legal form"),
        pytest.param("Acme", "Acme, Inc.", id="with a comma and a dot"),
        pytest.param("Acme", "Acme,Inc", id="with a comma and no blank"),
        pytest.param("Acme", "Acme , INC.", id="with a blank before the comma"),
        pytest.param("Acme", "Acme LLC", id="LLC"),
        pytest.param("Acme", "Acme L.L.C.", id="L.L.C."),
        pytest.param("Acme", "Acme Ltd.", id="Ltd."),
        pytest.param("Acme", "Acme GmbH", id="GmbH"),
        pytest.param("Acme", "Acme G.m.b.H.", id="G.m.b.H."),
        pytest.param("Acme", "Acme S.A.", id="S.A."),
        pytest.param("Acme", "Acme S.A", id="S.A without the last dot"),
        pytest.param("Acme", "Acme AG", id="AG"),
        pytest.param("Acme", "Acme plc", id="plc"),
        pytest.param("Acme", "Acme Corp.", id="Corp."),
        pytest.param("Acme", "Acme Co., Ltd.", id="two legal forms"),
        pytest.param("Acme", "Acme Co Ltd Inc", id="three legal forms"),
        pytest.param("Acme Inc", "Acme AG", id="different legal forms"),
        pytest.param("Acme", "Acme ㏇", id="a legal form in one character"),
        pytest.param("AG", "ag Inc.", id="a firm that is called like a legal form"),
        pytest.param("Co., Ltd.", "co.", id="nothing but legal forms keeps the first"),
        pytest.param("", " \t ", id="no name at all"),
    ],
)
def test_these_names_are_one_firm(one, other, database_at):
    path = database_at(5)
    add(path, "technology_vendors", one, "2025-01-01")
    add(path, "clients", other, "2025-01-02")

    up(path, to=6)

    assert names_of(path) == [one]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Acme", "Acme Power", id="another word"),
        pytest.param("AcmePower", "Acme Power", id="white space or none"),
        pytest.param("Acme", "Inc. Acme", id="a legal form in front"),
        pytest.param("Acme Holding", "Acme Inc Holding", id="a legal form inside"),
        pytest.param("Acme", "Acmeinc", id="a legal form that is part of the word"),
        pytest.param("Acme", "Acme-Inc", id="a legal form after a hyphen"),
        pytest.param("Acme", "Acme Incorporated", id="a word that is not in the list"),
        pytest.param("Acme", "Acme,", id="a comma without a legal form"),
        pytest.param("Acme", "Acme Inc,", id="a comma behind the legal form"),
        pytest.param("Energie", "Énergie", id="an accent"),
        pytest.param("AG", "SA", id="two legal forms alone"),
        pytest.param("Inc", "", id="a legal form alone and no name"),
        pytest.param("Inc", "Acme Inc", id="a legal form alone and a firm"),
        pytest.param("Acme", b"Acme", id="text and bytes"),
        pytest.param("Acme", "Acme\0", id="an embedded NUL"),
        pytest.param("Acme 1", "Acme 2", id="a number"),
    ],
)
def test_these_names_are_two_firms(one, other, database_at):
    path = database_at(5)
    add(path, "technology_vendors", one, "2025-01-01")
    add(path, "clients", other, "2025-01-02")

    up(path, to=6)

    assert names_of(path) == [one, other]


@pytest.mark.parametrize(
    ("vendor", "client", "expected"),
    [
        pytest.param("2025-01-02 00:00:00", "2025-01-01 23:59:59", "client", id="the older second"),
        pytest.param("2025-01-01 12:00:00.000002", "2025-01-01 12:00:00.000001", "client", id="the microsecond"),
        pytest.param("2025-01-01 12:00:00", "2025-01-01T11:59:59", "client", id="an ISO T"),
        pytest.param("2025-01-01 12:00:00", "2025-01-01 13:00:00+02:00", "client", id="a zone"),
        pytest.param("2025-01-01 12:00:00", "2025-01-01", "client", id="a date is its midnight"),
        pytest.param("2025-01-01 12:00:00", "2025-01-01 12:00:00.000", "vendor", id="the same instant"),
        pytest.param("soon", "2025-01-01", "client", id="what is no date is the youngest"),
        pytest.param(1, "2025-01-01", "client", id="a number is no date"),
        pytest.param("soon", 0, "vendor", id="two that are no dates"),
        pytest.param("9999-12-31 23:59:59-14:00", "0001-01-01 00:00:00+14:00", "client", id="the ends of time"),
    ],
)
def test_the_kept_spelling_is_that_of_the_oldest_row(vendor, client, expected, database_at):
    path = database_at(5)
    add(path, "technology_vendors", "acme", vendor)
    add(path, "clients", "ACME", client)

    up(path, to=6)

    assert names_of(path) == [{"vendor": "acme", "client": "ACME"}[expected]]


def test_rows_of_one_age_count_in_the_order_of_their_tables_and_then_of_their_ids(database_at):
    path = database_at(5)
    spellings = ["Acme", "ACME", "acme", "AcMe", "aCmE", "acmE", "ACme"]
    for spelling, table in zip(spellings, ["technology_vendors", *SOURCES], strict=True):
        add(path, table, spelling, notes=f"{table} {spelling}")

    up(path, to=6)

    [(name, notes)] = query(path, "SELECT company_name, notes FROM companies")
    assert name == "Acme"
    assert [note.split()[0] for note in notes.split("\n\n")] == ["technology_vendors", *SOURCES]


def test_an_assignment_takes_over_who_made_the_row_and_when(database_at):
    path = database_at(5)
    user = insert(path, "users", username="ann", email="ann@example.com", password_hash="x")
    vendor = add(
        path,
        "technology_vendors",
        "Acme",
        "2025-01-01",
        created_by=user,
        modified_by=user,
        modified_date="2025-02-02",
    )

    up(path, to=6)

    assert query(
        path,
        """
        SELECT context_type, context_id, created_by, created_date, modified_by, modified_date, is_confidential
        FROM company_role_assignments
        """,
    ) == [("VendorRecord", vendor, user, "2025-01-01", user, "2025-02-02", 0)]


def test_notes_that_differ_only_at_their_ends_are_one(database_at):
    path = database_at(5)
    add(path, "technology_vendors", "Acme", "2025-01-01", notes="met in Vienna\n")
    add(path, "operators", "Acme", "2025-01-02", notes="  met in Vienna")
    add(path, "constructors", "Acme", "2025-01-03", notes="\n \n")

    up(path, to=6)

    assert query(path, "SELECT notes FROM companies") == [("met in Vienna\n",)]


def test_bytes_among_the_notes_are_joined_as_text(database_at):
    path = database_at(5)
    add(path, "technology_vendors", "Acme", "2025-01-01", notes="first")
    add(path, "operators", "Acme", "2025-01-02", notes="zweitens, für alle".encode())

    up(path, to=6)

    assert query(path, "SELECT notes FROM companies") == [("first\n\nzweitens, für alle",)]


# Several clients that are one firm.


def test_of_several_client_rows_the_last_contact_is_the_latest_whole_contact(database_at):
    path = database_at(5)
    person = insert(path, "personnel", full_name="Ann")
    contact = {"last_contact_date": "2025-03-01", "last_contact_type": "call"}
    add(path, "clients", "Acme", "2025-01-01", modified_date="2025-06-01", last_contact_by=person)
    add(path, "clients", "ACME", "2025-01-02", **contact)
    add(path, "clients", "acme", "2025-01-03", last_contact_date="2025-02-01", last_contact_type="visit")

    up(path, to=6)

    profile = query(path, "SELECT last_contact_date, last_contact_type, last_contact_by FROM client_profiles")
    assert profile == [("2025-03-01", "call", None)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(
            {"created": "2025-01-01", "modified_date": "2025-06-01", "client_priority": "High"},
            {"created": "2025-01-02", "client_priority": "Low"},
            {"client_priority": "High"},
            id="modified later",
        ),
        pytest.param(
            {"created": "2025-01-01", "modified_date": "2025-06-01", "client_priority": "High"},
            {"created": "2025-07-01", "client_priority": "Low"},
            {"client_priority": "Low"},
            id="created after the other was modified",
        ),
        pytest.param(
            {"created": "2025-01-01", "client_status": "Active"},
            {"created": "2025-01-01", "client_status": "Dormant"},
            {"client_status": "Dormant"},
            id="at one time: the later row",
        ),
        pytest.param(
            {"created": "2025-01-01", "relationship_strength": "Strong"},
            {"created": "2025-01-02", "relationship_strength": ""},
            {"relationship_strength": "Strong"},
            id="empty text is nothing",
        ),
        pytest.param(
            {"created": "2025-01-01", "client_status": "Active", "client_priority": "High"},
            {"created": "2025-01-02", "client_priority": "Low"},
            {"client_status": "Active", "client_priority": "Low"},
            id="each column by itself",
        ),
        pytest.param(
            {"created": "2025-01-01", "next_planned_contact_date": "2025-09-01"},
            {"created": "2025-01-02", "next_planned_contact_type": "visit"},
            {"next_planned_contact_date": None, "next_planned_contact_type": "visit"},
            id="a plan as a whole",
        ),
        pytest.param(
            {"created": "2025-01-01", "modified_date": "2025-06-01"},
            {"created": "2025-01-02", "modified_date": "2025-07-01"},
            {"created_date": "2025-01-01", "modified_date": "2025-07-01"},
            id="made with the first, modified with the last",
        ),
    ],
)
def test_of_two_client_rows_the_one_changed_last_wins(one, other, expected, database_at):
    path = database_at(5)
    add(path, "clients", "Acme", **one)
    add(path, "clients", "ACME", **other)

    up(path, to=6)

    [profile] = rows_by_key(path, "client_profiles").values()
    assert {column: profile[column] for column in expected} == expected


# What is there already.


def test_a_company_that_is_there_is_used_and_its_gaps_are_filled(database_at):
    path = database_at(5)
    company_id = insert(path, "companies", company_name="acme inc", sector="Chemicals", notes="ours")
    add(path, "owners_developers", "Acme", notes="theirs", company_type="IOU")
    add(path, "offtakers", "Acme LLC", sector="Steel", notes="ours")
    add(path, "clients", "ACME", client_priority="High")

    up(path, to=6)

    companies = query(
        path, "SELECT company_id, company_name, company_type, sector, is_mpr_client, notes FROM companies"
    )
    assert companies == [(company_id, "acme inc", "IOU", "Chemicals", 1, "ours\n\ntheirs")]
    assert query(path, "SELECT company_id, client_priority FROM client_profiles") == [(company_id, "High")]
    assert query(path, "SELECT DISTINCT company_id FROM company_role_assignments") == [(company_id,)]


def test_a_company_and_profile_that_were_there_come_back_unchanged(database_at):
    path = database_at(5)
    company_id = insert(path, "companies", company_name="acme inc", sector="Chemicals", notes="ours")
    insert(path, "client_profiles", company_id=company_id, client_priority="Low", relationship_notes="tea")
    other = insert(path, "companies", company_name="Other")
    add(path, "owners_developers", "Acme", notes="theirs", company_type="IOU")
    add(path, "clients", "ACME", client_priority="High", client_status="Active", relationship_notes="coffee")
    add(path, "clients", "other")
    before = rows_of(path)

    up(path, to=6)
    profiles = query(path, "SELECT company_id, client_priority, client_status, relationship_notes FROM client_profiles")
    down(path, 5)

    assert profiles == [(company_id, "Low", "Active", "tea\n\ncoffee"), (other, None, None, None)]
    assert rows_of(path) == before


def test_what_was_edited_since_in_a_company_that_was_there_stays_edited(database_at):
    path = database_at(5)
    insert(path, "companies", company_name="Acme", notes="ours")
    add(path, "owners_developers", "Acme", notes="theirs", company_type="IOU")
    add(path, "clients", "Acme")
    up(path, to=6)
    execute(path, "UPDATE companies SET notes = 'rewritten'")

    down(path, 5)

    assert query(path, "SELECT company_type, is_mpr_client, notes FROM companies") == [(None, 0, "rewritten")]


def test_of_two_companies_that_are_one_firm_the_older_one_is_used(database_at):
    path = database_at(5)
    insert(path, "companies", company_name="Acme", created_date="2025-02-02")
    older = insert(path, "companies", company_name="ACME", created_date="2025-01-01")
    vendor = add(path, "technology_vendors", "acme")
    before = rows_of(path)

    up(path, to=6)
    used = company_of(path, "technology_vendors", vendor)
    down(path, 5)

    assert used == older
    assert rows_of(path) == before


def test_a_row_that_somebody_has_assigned_already_is_left_alone_and_leads_its_firm(database_at):
    path = database_at(5)
    [(role_id,)] = query(path, "SELECT role_id FROM company_roles WHERE role_code = 'vendor'")
    vendor = add(path, "technology_vendors", "Acme", notes="said already")
    operator = add(path, "operators", "ACME Ltd")
    company_id = insert(path, "companies", company_name="Acme Worldwide")
    insert(
        path,
        "company_role_assignments",
        company_id=company_id,
        role_id=role_id,
        context_type="VendorRecord",
        context_id=vendor,
        notes="by hand",
    )
    before = rows_of(path)

    up(path, to=6)
    companies = query(path, "SELECT company_id, notes FROM companies")
    assigned = company_of(path, "technology_vendors", vendor), company_of(path, "operators", operator)
    down(path, 5)

    assert companies == [(company_id, None)]
    assert assigned == (company_id, company_id)
    assert rows_of(path) == before


def test_two_firms_whose_rows_somebody_has_put_into_one_company_share_it(database_at):
    path = database_at(5)
    [(role_id,)] = query(path, "SELECT role_id FROM company_roles WHERE role_code = 'vendor'")
    vendor = add(path, "technology_vendors", "Acme")
    add(path, "constructors", "ACME", "2025-01-02", notes="younger")
    add(path, "operators", "Globex", "2025-01-01", notes="older")
    company_id = insert(path, "companies", company_name="GLOBEX")
    link = {"role_id": role_id, "context_type": "VendorRecord", "context_id": vendor}
    insert(path, "company_role_assignments", company_id=company_id, **link)
    before = rows_of(path)

    up(path, to=6)
    companies = query(path, "SELECT company_id, company_name, notes FROM companies")
    down(path, 5)

    assert companies == [(company_id, "GLOBEX", "older\n\nyounger")]
    assert rows_of(path) == before


def test_a_reference_that_points_nowhere_does_not_come_to_point_at_a_new_company(database_at):
    path = database_at(5)
    insert(path, "personnel", full_name="Ann")
    gone = insert(path, "companies", company_name="Gone")
    insert(path, "person_company_affiliations", person_id=1, company_id=gone)
    with closing(sqlite3.connect(path)) as connection, connection:  # where foreign keys are not enforced
        connection.execute("DELETE FROM companies")
    add(path, "operators", "Acme")

    up(path, to=6)

    assert query(path, "SELECT company_id > ?, company_name FROM companies", (gone,)) == [(1, "Acme")]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_there_comes_back_and_goes_up_again_to_the_same(seed, database_at):
    path = database_at(5)
    mix_companies(path, seed=seed)
    before = schema_of(path), rows_of(path)
    up(path, to=6)
    above = rows_of(path)

    down(path, 5)
    below = schema_of(path), rows_of(path)
    up(path, to=6)

    assert below == before
    assert rows_of(path) == above


def test_without_a_role_of_the_catalogue_nothing_is_done_and_the_role_is_named(database_at):
    path = database_at(5)
    add(path, "offtakers", "Acme")
    execute(path, "DELETE FROM company_roles WHERE role_code = 'offtaker'")
    before = schema_of(path), rows_of(path)

    with pytest.raises(MigrateError) as failure:
        up(path, to=6)

    assert "company_roles lacks offtaker" in str(failure.value.__cause__)
    assert (schema_of(path), rows_of(path)) == before


# Going down after the new model has been used.


@pytest.fixture
def used(database_at):
    """A database at 0006 with two companies made there, vendor Acme and client Bolt, and two persons."""
    path = database_at(5)
    add(path, "technology_vendors", "Acme", notes="first")
    add(path, "clients", "Bolt", client_priority="High")
    for name in ("Ann", "Bob"):
        insert(path, "personnel", full_name=name)
    up(path, to=6)
    assert names_of(path) == ["Acme", "Bolt"]
    return path


def test_companies_and_assignments_that_users_added_stay(used):
    [(role_id,)] = query(used, "SELECT role_id FROM company_roles WHERE role_code = 'operator'")
    company_id = insert(used, "companies", company_name="New", website="new.example")
    insert(used, "company_role_assignments", company_id=company_id, role_id=role_id)
    insert(used, "client_profiles", company_id=company_id)

    down(used, 5)

    assert names_of(used) == ["New"]
    assert query(used, "SELECT company_id, role_id, context_type FROM company_role_assignments") == [
        (company_id, role_id, None)
    ]
    assert query(used, "SELECT company_id FROM client_profiles") == [(company_id,)]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        pytest.param("person_company_affiliations", {"person_id": 1}, id="a person's affiliation"),
        pytest.param(
            "internal_external_links",
            {"internal_person_id": 1, "external_person_id": 2},
            id="a link of persons",
        ),
        pytest.param("company_role_assignments", {"role_id": 1, "context_type": "Project"}, id="another context"),
        pytest.param(
            "company_role_assignments",
            {"role_id": 2, "context_type": "VendorRecord", "context_id": 1},
            id="another role in the same context",
        ),
        pytest.param("client_profiles", {"client_priority": "Low"}, id="a profile of a firm that was no client"),
    ],
)
def test_a_company_in_use_stays_whole_and_is_taken_up_again(table, values, used):
    insert(used, table, company_id=1, **values)
    above = rows_of(used)

    messages = down(used, 5)
    below = rows_of(used)
    broken = broken_references(used)
    up(used, to=6)

    assert broken == []
    assert below["companies"] == above["companies"][:1]
    assert len(below[table]) == 1
    assert messages == ["companies that stay, because they have been put to use since: 1"]
    again = rows_of(used)
    assert again["companies"] == above["companies"]
    assert again["client_profiles"] == above["client_profiles"]
    assert len(again["company_role_assignments"]) == len(above["company_role_assignments"])


def test_a_client_in_use_keeps_its_profile(used):
    insert(used, "person_company_affiliations", person_id=1, company_id=2)
    profile = rows_of(used)["client_profiles"]

    down(used, 5)

    assert names_of(used) == ["Bolt"]
    assert rows_of(used)["client_profiles"] == profile


def test_a_company_that_took_over_an_assignment_stays(used):
    company_id = insert(used, "companies", company_name="Acme International")
    execute(used, "UPDATE company_role_assignments SET company_id = ? WHERE company_id = 1", (company_id,))
    execute(used, "DELETE FROM companies WHERE company_id = 1")

    down(used, 5)

    assert names_of(used) == ["Acme International"]
    assert query(used, "SELECT * FROM company_role_assignments") == []


def test_an_old_row_deleted_since_takes_its_company_along(used):
    execute(used, "DELETE FROM technology_vendors")

    down(used, 5)
    up(used, to=6)

    assert names_of(used) == ["Bolt"]


def test_old_rows_added_since_are_backfilled_when_it_goes_up_again(used):
    add(used, "constructors", "Crane", "2025-01-02")

    down(used, 5)
    up(used, to=6)

    assert names_of(used) == ["Acme", "Bolt", "Crane"]
