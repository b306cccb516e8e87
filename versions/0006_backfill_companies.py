"""Make one company per firm out of the six old tables of companies.

Each old row gets one role assignment, whose context_type and context_id name that row. Rows whose names are
one firm's (see _firm_names) share a company. The old tables stay as they are.

What the company takes over, "oldest" being by created_date, then in the order vendor, developer,
constructor, operator, off-taker, client, then by id; a date that cannot be read counts as the youngest:

- spelling, created_by and created_date from the oldest row; modified_by and modified_date from the row that
  was modified last; company_type (a client's client_type) and sector from the oldest row that has one;
- the notes of all rows, oldest first, each once, with an empty line between them.

A firm with client rows becomes a client and gets one client profile. Where several client rows meet, columns
that tell of one event stay together: the last contact is the latest one; the next planned contact, strength,
priority and status come from the row changed last that has any; relationship notes are joined as above.

What is there already is used, not doubled. A company of the same firm, or one to which somebody has assigned
an old row of it, keeps its spelling and all that was entered; only gaps are filled, notes added, and the
client mark set. Values changed that way, and the rows that were there, are kept in kept_0006_values.

The downgrade finds its way back through the contexts. It removes the assignments, the companies, and their
profiles; what was there before stays, and gets its old values back except where they were edited since.
A company made here that has been put to use since (by an affiliation, a link, another assignment, a profile
for a firm that was no client) stays whole, so that nothing points nowhere; a later upgrade takes it up again.
References without a foreign key, by entity_type and entity_id, are not looked at.
"""

from datetime import UTC, datetime

from ._firm_names import firm_key

depends_on = ["0005_company_unification"]

OLD_ROWS = """
    SELECT
        1 AS place, 'vendor' AS role_code, 'VendorRecord' AS context_type, vendor_id AS context_id,
        vendor_name AS name, NULL AS company_type, NULL AS sector, notes,
        created_by, created_date, modified_by, modified_date
    FROM technology_vendors
    UNION ALL
    SELECT
        2, 'developer', 'OwnerRecord', owner_id, company_name, company_type, NULL, notes,
        created_by, created_date, modified_by, modified_date
    FROM owners_developers
    UNION ALL
    SELECT
        3, 'constructor', 'ConstructorRecord', constructor_id, company_name, NULL, NULL, notes,
        created_by, created_date, modified_by, modified_date
    FROM constructors
    UNION ALL
    SELECT
        4, 'operator', 'OperatorRecord', operator_id, company_name, NULL, NULL, notes,
        created_by, created_date, modified_by, modified_date
    FROM operators
    UNION ALL
    SELECT
        5, 'offtaker', 'OfftakerRecord', offtaker_id, organization_name, NULL, sector, notes,
        created_by, created_date, modified_by, modified_date
    FROM offtakers
    UNION ALL
    SELECT
        6, 'client', 'ClientRecord', client_id, client_name, client_type, NULL, notes,
        created_by, created_date, modified_by, modified_date
    FROM clients
"""

# The assignments that stand for old rows, whoever made them.
ASSIGNMENTS_OF_OLD_ROWS = """
    SELECT assignment.assignment_id, assignment.company_id, assignment.context_type, assignment.context_id,
        assignment.created_date
    FROM company_role_assignments AS assignment
    JOIN company_roles AS role ON role.role_id = assignment.role_id
    WHERE (role.role_code, assignment.context_type) IN (
        VALUES
            ('vendor', 'VendorRecord'),
            ('developer', 'OwnerRecord'),
            ('constructor', 'ConstructorRecord'),
            ('operator', 'OperatorRecord'),
            ('offtaker', 'OfftakerRecord'),
            ('client', 'ClientRecord')
    )
    ORDER BY assignment.assignment_id
"""

TAKEN_BY_ASSIGNMENTS = (
    "context_type",
    "context_id",
    "created_by",
    "created_date",
    "modified_by",
    "modified_date",
)
# Also where no company has the id (any more): what points nowhere must not come to point at a new company.
HIGHEST_COMPANY_ID = """
    SELECT max(company_id)
    FROM (
        SELECT company_id FROM companies
        UNION ALL
        SELECT company_id FROM client_profiles
        UNION ALL
        SELECT company_id FROM company_role_assignments
        UNION ALL
        SELECT company_id FROM person_company_affiliations
        UNION ALL
        SELECT company_id FROM internal_external_links
    )
"""

# Columns of client_profiles that are only taken over together.
LAST_CONTACT = ("last_contact_date", "last_contact_type", "last_contact_by")
NEXT_CONTACT = ("next_planned_contact_date", "next_planned_contact_type", "next_planned_contact_assigned_to")
STANDING = (("relationship_strength",), ("client_priority",), ("client_status",))

# Columns that are filled in rows that were there.
COMPANY_COLUMNS = ("company_type", "sector", "is_mpr_client", "notes")
PROFILE_COLUMNS = (
    "relationship_strength",
    "relationship_notes",
    "client_priority",
    "client_status",
    *LAST_CONTACT,
    *NEXT_CONTACT,
)

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def upgrade(db):
    db.execute("""
        CREATE TABLE kept_0006_values (
            table_name TEXT NOT NULL,
            row_id INTEGER NOT NULL,
            column_name TEXT NOT NULL,
            before_value BLOB,
            after_value BLOB,
            PRIMARY KEY (table_name, row_id, column_name)
        )
    """)
    role_ids = dict(map(tuple, db.query("SELECT role_code, role_id FROM company_roles")))
    companies = {row["company_id"]: row for row in db.query("SELECT * FROM companies")}
    profiles = {row["company_id"]: row for row in db.query("SELECT * FROM client_profiles")}
    clients = {row["client_id"]: row for row in db.query("SELECT * FROM clients")}
    old_rows = sorted(db.query(OLD_ROWS), key=age)
    if missing := {row["role_code"] for row in old_rows} - role_ids.keys():
        raise LookupError(f"company_roles lacks {', '.join(sorted(missing))}: enter it, then run again")

    assigned = {}
    kept = []
    for assignment in db.query(ASSIGNMENTS_OF_OLD_ROWS):
        assigned.setdefault((assignment["context_type"], assignment["context_id"]), assignment["company_id"])
        kept.append(as_found("company_role_assignments", "assignment_id", assignment["assignment_id"]))

    company_ids = {}  # by the key of the firm
    for row in old_rows:
        company_id = assigned.get((row["context_type"], row["context_id"]))
        if company_id in companies:
            company_ids.setdefault(firm_key(row["name"]), company_id)
    by_age = sorted(companies.values(), key=lambda row: (moment(row["created_date"]), row["company_id"]))
    for company in by_age:
        company_ids.setdefault(firm_key(company["company_name"]), company["company_id"])

    members = {}  # of each company, the rows that are to be assigned, oldest first
    next_id = 1 + (db.scalar(HIGHEST_COMPANY_ID) or 0)
    for row in old_rows:
        if (row["context_type"], row["context_id"]) not in assigned:
            company_id = company_ids.setdefault(firm_key(row["name"]), next_id)
            members.setdefault(company_id, []).append(row)
            next_id = max(next_id, company_id + 1)

    new_companies, new_profiles, new_assignments = [], [], []
    changed_companies, changed_profiles = [], []
    for company_id, rows in members.items():
        if company_id not in companies:
            new_companies.append({"company_id": company_id, **new_company(rows)})
        else:
            found = companies[company_id]
            after = company_values(rows, found)
            kept.append(as_found("companies", "company_id", company_id))
            kept.extend(as_changed("companies", company_id, found, after))
            changed_companies.append({"company_id": company_id, **after})

        client_rows = [clients[row["context_id"]] for row in rows if row["role_code"] == "client"]
        if client_rows and company_id in profiles:
            found = profiles[company_id]
            after = profile_values(client_rows, found)
            kept.append(as_found("client_profiles", "company_id", company_id))
            kept.extend(as_changed("client_profiles", company_id, found, after))
            changed_profiles.append({"company_id": company_id, **after})
        elif client_rows:
            new_profiles.append({"company_id": company_id, **new_profile(client_rows)})

        for row in rows:
            link = {"company_id": company_id, "role_id": role_ids[row["role_code"]]}
            new_assignments.append(link | {column: row[column] for column in TAKEN_BY_ASSIGNMENTS})

    db.executemany(
        """
        INSERT INTO companies (
            company_id, company_name, company_type, sector, is_mpr_client, notes,
            created_by, created_date, modified_by, modified_date
        )
        VALUES (
            :company_id, :company_name, :company_type, :sector, :is_mpr_client, :notes,
            :created_by, :created_date, :modified_by, :modified_date
        )
        """,
        new_companies,
    )
    db.executemany(
        """
        UPDATE companies
        SET company_type = :company_type, sector = :sector, is_mpr_client = :is_mpr_client, notes = :notes
        WHERE company_id = :company_id
        """,
        changed_companies,
    )
    db.executemany(
        """
        INSERT INTO company_role_assignments (
            company_id, role_id, context_type, context_id,
            created_by, created_date, modified_by, modified_date
        )
        VALUES (
            :company_id, :role_id, :context_type, :context_id,
            :created_by, :created_date, :modified_by, :modified_date
        )
        """,
        new_assignments,
    )
    db.executemany(
        """
        INSERT INTO client_profiles (
            company_id, relationship_strength, relationship_notes, client_priority, client_status,
            last_contact_date, last_contact_type, last_contact_by,
            next_planned_contact_date, next_planned_contact_type, next_planned_contact_assigned_to,
            created_by, created_date, modified_by, modified_date
        )
        VALUES (
            :company_id, :relationship_strength, :relationship_notes, :client_priority, :client_status,
            :last_contact_date, :last_contact_type, :last_contact_by,
            :next_planned_contact_date, :next_planned_contact_type, :next_planned_contact_assigned_to,
            :created_by, :created_date, :modified_by, :modified_date
        )
        """,
        new_profiles,
    )
    db.executemany(
        """
        UPDATE client_profiles
        SET relationship_strength = :relationship_strength,
            relationship_notes = :relationship_notes,
            client_priority = :client_priority,
            client_status = :client_status,
            last_contact_date = :last_contact_date,
            last_contact_type = :last_contact_type,
            last_contact_by = :last_contact_by,
            next_planned_contact_date = :next_planned_contact_date,
            next_planned_contact_type = :next_planned_contact_type,
            next_planned_contact_assigned_to = :next_planned_contact_assigned_to
        WHERE company_id = :company_id
        """,
        changed_profiles,
    )
    db.executemany("INSERT INTO kept_0006_values VALUES (?, ?, ?, ?, ?)", kept)
    db.log(
        f"{len(new_assignments)} rows of the old tables are {len(members)} firms: "
        f"{len(new_companies)} new companies, {len(changed_companies)} that were there"
    )


def verify(db):
    """Each old row has one assignment, and the rows of a firm that were assigned here have one company."""
    found = found_rows(db, "company_role_assignments", "assignment_id")
    assigned = {}
    company_of = {}
    for assignment in db.query(ASSIGNMENTS_OF_OLD_ROWS):
        row = assignment["context_type"], assignment["context_id"]
        assigned.setdefault(row, []).append(assignment["assignment_id"])
        if assignment["assignment_id"] not in found:
            company_of[row] = assignment["company_id"]

    company_of_firm = {}
    for row in db.query(OLD_ROWS):
        context = row["context_type"], row["context_id"]
        made = [assignment_id for assignment_id in assigned.get(context, []) if assignment_id not in found]
        if context not in assigned:
            raise ValueError(f"{context[0]} {context[1]} has no assignment")
        if made and len(assigned[context]) > 1:
            raise ValueError(f"{context[0]} {context[1]} has {len(assigned[context])} assignments, not one")
        if made:
            company_id = company_of_firm.setdefault(firm_key(row["name"]), company_of[context])
            if company_id != company_of[context]:
                raise ValueError(f"{row['name']!r} has two companies, {company_id} and {company_of[context]}")


def downgrade(db):
    found_assignments = found_rows(db, "company_role_assignments", "assignment_id")
    found_companies = found_rows(db, "companies", "company_id")
    found_profiles = found_rows(db, "client_profiles", "company_id")
    born = dict(map(tuple, db.query("SELECT company_id, created_date FROM companies")))

    assignments, made, clients = [], set(), set()
    for assignment in db.query(ASSIGNMENTS_OF_OLD_ROWS):
        company_id = assignment["company_id"]
        if assignment["assignment_id"] in found_assignments:
            continue
        assignments.append((assignment["assignment_id"],))
        # A company made here is as old as its oldest row. Another, to which users have moved an assignment
        # since, is not, and stays.
        if company_id not in found_companies and born.get(company_id) == assignment["created_date"]:
            made.add(company_id)
        if assignment["context_type"] == "ClientRecord":
            clients.add(company_id)
    db.executemany("DELETE FROM company_role_assignments WHERE assignment_id = ?", assignments)

    in_use = {
        company_id
        for (company_id,) in db.query("""
            SELECT company_id FROM company_role_assignments
            UNION
            SELECT company_id FROM person_company_affiliations
            UNION
            SELECT company_id FROM internal_external_links
        """)
    }
    profiles = {company_id for (company_id,) in db.query("SELECT company_id FROM client_profiles")}
    in_use |= profiles - clients
    unused = made - in_use
    unfound_profiles = (found_companies & clients) - found_profiles
    db.executemany(
        "DELETE FROM client_profiles WHERE company_id = ?",
        [(company_id,) for company_id in sorted(unused | unfound_profiles)],
    )
    db.executemany(
        "DELETE FROM companies WHERE company_id = ?",
        [(company_id,) for company_id in sorted(unused)],
    )

    # What has another value than the migration left there has been edited since, and stays.
    for table, columns in (("companies", COMPANY_COLUMNS), ("client_profiles", PROFILE_COLUMNS)):
        for column in columns:
            db.executemany(
                f"UPDATE {table} SET {column} = :before WHERE company_id = :row_id AND {column} IS :after",
                changed_values(db, table, column),
            )
    db.execute("DROP TABLE kept_0006_values")
    if made - unused:
        db.log(f"companies that stay, because they have been put to use since: {len(made - unused)}")


def moment(date):
    """Return when `date` was, as a key: dates by time, taken as UTC if they do not say, then all else."""
    try:
        when = datetime.fromisoformat(date)
    except (TypeError, ValueError):
        return (1, LONG_AGO)
    return (0, when if when.tzinfo else when.replace(tzinfo=UTC))


def age(row):
    """A key that puts the oldest row first."""
    return (moment(row["created_date"]), row["place"], row["context_id"])


def latest(*dates):
    """Return the latest of `dates`, as a key; no date is before every date."""
    return max((when for unreadable, when in map(moment, dates) if not unreadable), default=LONG_AGO)


def new_company(rows):
    """Return the company of `rows`, which are one firm's, oldest first."""
    modified = max(rows, key=lambda row: latest(row["modified_date"]))
    return {
        "company_name": rows[0]["name"],
        **company_values(rows),
        "created_by": rows[0]["created_by"],
        "created_date": rows[0]["created_date"],
        "modified_by": modified["modified_by"],
        "modified_date": modified["modified_date"],
    }


def company_values(rows, found=None):
    """Return what `rows` say of their company, after what `found`, the row that is there, says itself."""
    sources = [found, *rows] if found else rows
    is_client = any(row["role_code"] == "client" for row in rows)
    return {
        **first_with_any(sources, ("company_type",)),
        **first_with_any(sources, ("sector",)),
        "is_mpr_client": 1 if is_client else found["is_mpr_client"] if found else 0,
        "notes": joined([row["notes"] for row in rows], found["notes"] if found else None),
    }


def new_profile(clients):
    """Return the profile of one firm's `clients`, oldest first."""
    modified = max(clients, key=lambda row: latest(row["modified_date"]))
    return {
        **profile_values(clients),
        "created_by": clients[0]["created_by"],
        "created_date": clients[0]["created_date"],
        "modified_by": modified["modified_by"],
        "modified_date": modified["modified_date"],
    }


def profile_values(clients, found=None):
    """Return what `clients`, oldest first, say of one client, after what `found` says itself."""
    first = [found] if found else []
    youngest_first = clients[::-1]
    changed_last = sorted(
        youngest_first, key=lambda row: latest(row["created_date"], row["modified_date"]), reverse=True
    )
    contacted_last = sorted(changed_last, key=lambda row: latest(row["last_contact_date"]), reverse=True)
    values = first_with_any([*first, *contacted_last], LAST_CONTACT)
    for columns in (NEXT_CONTACT, *STANDING):
        values |= first_with_any([*first, *changed_last], columns)
    notes = [row["relationship_notes"] for row in clients]
    return {**values, "relationship_notes": joined(notes, found["relationship_notes"] if found else None)}


def first_with_any(rows, columns):
    """Return `columns` of the first of `rows` that has something in any of them, else of the first."""
    chosen = next((row for row in rows if any(row[column] not in (None, "") for column in columns)), rows[0])
    return {column: chosen[column] for column in columns}


def joined(notes, found=None):
    """Return `found`, the notes that are there, with each of `notes` once behind it; None for none at all."""
    there = f"\n\n{as_text(found)}\n\n"
    added = {}
    for note in map(as_text, notes):
        if note.strip() and f"\n\n{note}\n\n" not in there:
            added.setdefault(note.strip(), note)
    if not added:
        return found
    return "\n\n".join([*([as_text(found)] if found else []), *added.values()])


def as_text(note):
    """Return `note` as text; SQLite lets bytes stand in a TEXT column."""
    return note.decode("utf-8", "replace") if isinstance(note, bytes) else note or ""


def as_found(table, key, row_id):
    """Say for the downgrade that this row was there: a line about its key, which does not change."""
    return (table, row_id, key, row_id, row_id)


def as_changed(table, row_id, before, after):
    """Say for the downgrade which values of a row that was there have been changed."""
    return [
        (table, row_id, column, before[column], value) for column, value in after.items() if before[column] != value
    ]


def found_rows(db, table, key):
    rows = db.query(
        """
        SELECT row_id
        FROM kept_0006_values
        WHERE table_name = ? AND column_name = ?
        """,
        (table, key),
    )
    return {row_id for (row_id,) in rows}


def changed_values(db, table, column):
    rows = db.query(
        """
        SELECT row_id, before_value, after_value
        FROM kept_0006_values
        WHERE table_name = ? AND column_name = ?
        """,
        (table, column),
    )
    return [{"row_id": row_id, "before": before, "after": after} for row_id, before, after in rows]
