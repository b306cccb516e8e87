"""Rows for tests: a few in every table at any version, and made-up companies with all their spellings."""

import random
import sqlite3
import unicodedata
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nukeworks.file_content import schema_of

ROWS_PER_TABLE = 4
# Texts that break what pastes values into SQL, splits scripts at semicolons or trims what it copies.
TEXTS = (
    "plain",
    'O\'Brien said "no"; DROP TABLE users; -- ? :name %s',
    "  Ünïcode 核能 \U0001f3ed,\n\tand a tab ",
)


def fill(path):
    """Put some rows into every table of the application, whatever version the database has.

    They keep all constraints, have NULL here and there where it is allowed, and are the same each time.
    Tables that migrations keep things in are left alone.
    """
    schema = {name: table for name, table in schema_of(path).items() if not name.startswith("kept_")}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for name in _parents_first(schema):
            _fill_table(connection, name, schema[name])


def _parents_first(schema):
    order = []
    left = sorted(schema)
    while left:
        free = [name for name in left if {parent for _, parent, _ in schema[name].foreign_keys} <= {*order, name}]
        order += free
        left = [name for name in left if name not in free]
    return order


def _fill_table(connection, name, table):
    parents = {
        column: [
            key for (key,) in connection.execute(f"SELECT {key} FROM {parent} ORDER BY 1 DESC LIMIT {ROWS_PER_TABLE}")
        ]
        for column, parent, key in table.foreign_keys
    }
    marks = ", ".join("?" * len(table.columns))
    (last,) = connection.execute(f"SELECT coalesce(max({table.columns[0][0]}), 0) FROM {name}").fetchone()
    for number in range(1, ROWS_PER_TABLE + 1):
        row = []
        for place, (column, kind, not_null, _, key) in enumerate(table.columns):
            if column in parents:
                value = parents[column][number % len(parents[column])]
            elif key:
                value = last + 2 * number  # with gaps, so that no row is found again by counting
            else:
                value = _value(column, kind, last + number, place)
            row.append(None if not (not_null or key) and (number + place) % 4 == 0 else value)
        connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)


def _value(column, kind, number, place):
    if kind == "TEXT":
        return f"{column} {number}: {TEXTS[(number + place) % len(TEXTS)]}"
    if kind == "DATE":
        return f"2025-03-{number % 28 + 1:02}"
    if kind == "TIMESTAMP":
        return f"2025-04-{number % 28 + 1:02} 10:{place:02}:30" + (".123456" if number % 2 else "")
    if kind == "REAL":
        return number + 0.1
    if kind == "BOOLEAN":
        return number % 2
    return number * 10


# The six old tables: key, name column, role and context of each, in the order that rows of one age count in.
SOURCES = {
    "technology_vendors": ("vendor_id", "vendor_name", "vendor", "VendorRecord"),
    "owners_developers": ("owner_id", "company_name", "developer", "OwnerRecord"),
    "constructors": ("constructor_id", "company_name", "constructor", "ConstructorRecord"),
    "operators": ("operator_id", "company_name", "operator", "OperatorRecord"),
    "offtakers": ("offtaker_id", "organization_name", "offtaker", "OfftakerRecord"),
    "clients": ("client_id", "client_name", "client", "ClientRecord"),
}


@dataclass
class OldRow:
    """One row of an old table, and when it was made, as the generator meant it."""

    table: str
    id: int
    values: dict
    created: datetime

    @property
    def name(self):
        return self.values[SOURCES[self.table][1]]

    @property
    def context(self):
        return SOURCES[self.table][3], self.id

    @property
    def age(self):
        return self.created, list(SOURCES).index(self.table), self.id


@dataclass
class Firm:
    """One firm and all the old rows that are it, whatever they call it."""

    name: str
    rows: list = field(default_factory=list)

    @property
    def oldest_first(self):
        return sorted(self.rows, key=lambda row: row.age)

    @property
    def client_rows(self):
        return [row for row in self.oldest_first if row.table == "clients"]


# Words that capitals, NFD or NFKC write in another way, or that look like a legal form and are none.
WORDS = (
    *("Énergie", "Kraftwärme", "Straße", "Office", "Ångström", "Διεθνής", "Атом", "原子力", "Łódź", "İzmir"),
    *(
        "ﬁssion",
        "Holding",
        "Générale",
        "of",
        "&",
        "Sons",
        "d'Électricité",
        "San",
        "Co-op",
        "Sage",
        "Incorporated",
    ),
)
LEGAL_FORMS = ("Inc", "LLC", "Ltd", "GmbH", "SA", "AG", "PLC", "Co", "Corp")


def make_firms(count, *, seed):
    """Make up `count` firms with one to six rows each in the old tables; returns them, nothing is written.

    No two firms are one by the rule of 0006: each has a number in the middle of its name that is its own.
    """
    chance = random.Random(seed)
    next_id = dict.fromkeys(SOURCES, 1)
    firms = []
    for number in range(count):
        firm = Firm(f"{' '.join(chance.sample(WORDS, 2))} {number} {chance.choice(WORDS)}")
        for _ in range(chance.choice([1, 1, 2, 3, 4, 6])):
            firm.rows.append(_old_row(chance, firm, next_id))
        firms.append(firm)
    return firms


def _old_row(chance, firm, next_id):
    table = chance.choice(list(SOURCES))
    key, name, _, _ = SOURCES[table]
    # Few enough different seconds that several rows of one firm are of one age.
    created = datetime(2024, 1, 1) + timedelta(seconds=chance.randrange(20))
    values = {
        key: next_id[table],
        name: respelled(firm.name, chance),
        "notes": chance.choice([None, "", "met in Vienna", "met in Vienna", f"note {chance.random()}", "1\n\n2"]),
        "created_by": chance.choice([None, 1, 2]),
        "created_date": f"{created:%Y-%m-%d %H:%M:%S}" + chance.choice(["", ".000000"]),
        "modified_by": chance.choice([None, 1, 2]),
        "modified_date": chance.choice([None, f"2025-01-{chance.randrange(1, 29):02} 12:00:00"]),
    }
    if table == "owners_developers":
        values["company_type"] = chance.choice([None, "IOU", "COOP"])
    elif table == "offtakers":
        values["sector"] = chance.choice([None, "Steel", "Data centres"])
    elif table == "clients":
        values |= _crm_values(chance)
    row = OldRow(table, next_id[table], values, created)
    next_id[table] += chance.choice([1, 1, 2])
    return row


def _crm_values(chance):
    values = {
        "client_type": chance.choice([None, "Utility"]),
        "relationship_strength": chance.choice([None, "Strong", "Weak"]),
        "relationship_notes": chance.choice([None, "likes tea", "likes coffee"]),
        "client_priority": chance.choice([None, "High", "Low"]),
        "client_status": chance.choice([None, "Active", "Dormant"]),
    }
    if chance.random() < 0.5:
        day = f"2025-02-{chance.randrange(1, 29):02}"
        values |= {"last_contact_date": day, "last_contact_type": f"call of {day}", "last_contact_by": 1}
    if chance.random() < 0.5:
        day = f"2025-05-{chance.randrange(1, 29):02}"
        values |= {
            "next_planned_contact_date": day,
            "next_planned_contact_type": f"visit on {day}",
            "next_planned_contact_assigned_to": 2,
        }
    return values


def respelled(name, chance):
    """Return another spelling of `name` that the rule of 0006 takes for the same firm."""
    name = chance.choice([str, str.upper, str.lower, str.swapcase, str.casefold])(name)
    name = unicodedata.normalize(chance.choice(["NFC", "NFD", "NFKC", "NFKD"]), name)
    if chance.random() < 0.2:
        name = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)
    for _ in range(chance.choice([0, 0, 1, 1, 1, 2])):
        name += chance.choice([" ", ", ", ",", " , ", "\u00a0"]) + _legal_form(chance)
    blanks = [" ", "  ", "\t", "\u00a0", "\u2009", "\u3000", "\r\n"]
    name = "".join(chance.choice(blanks) if letter == " " and chance.random() < 0.3 else letter for letter in name)
    return chance.choice(["", "", " ", "\u2003"]) + name + chance.choice(["", "", " ", "\n"])


def _legal_form(chance):
    form = chance.choice(LEGAL_FORMS)
    form = chance.choice([str, str.upper, str.lower])(form)
    return chance.choice([form, form + ".", ".".join(form) + ".", ".".join(form)])


def insert_firms(path, firms):
    """Write the rows of `firms` into the old tables, shuffled, with the users and persons that they name."""
    rows = [row for firm in firms for row in firm.rows]
    random.Random(0).shuffle(rows)
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in (1, 2):
            connection.execute(
                "INSERT INTO users (user_id, username, email, password_hash) VALUES (?, ?, ?, 'x')",
                (number, f"user{number}", f"user{number}@example.com"),
            )
            connection.execute(
                "INSERT INTO personnel (personnel_id, full_name) VALUES (?, ?)", (number, f"Person {number}")
            )
        for row in rows:
            _insert(connection, row.table, row.values)


# Few enough that chance makes them meet; Acme, Bolt and Straße in several spellings.
SPELLINGS = (
    "Acme",
    "ACME Inc",
    "acme, ltd.",
    "Bolt",
    "BOLT AG",
    "Crane",
    "",
    "AG",
    "Straße",
    "STRASSE Co., Ltd.",
)
DATES = ("2025-01-01", "2025-01-01 00:00:00", "2025-01-02 10:00:00", "2025-01-01T00:00:00+02:00", "soon", 5)
NOTES = (None, "", " ", "one", "two", "one\n\ntwo", b"three \xff")


def mix_companies(path, *, seed):
    """Put a random mixture of old companies and of what users may have made of them into a database at 0005.

    Companies, profiles and assignments, also assignments that look like those of 0006, of rows that are there
    and of rows that are not.
    """
    chance = random.Random(seed)
    with closing(sqlite3.connect(path)) as connection, connection:
        roles = dict(connection.execute("SELECT role_code, role_id FROM company_roles"))
        for table, (_, name, _, _) in SOURCES.items():
            for _ in range(chance.randint(0, 4)):
                crm = {
                    "client_priority": chance.choice([None, "", "High"]),
                    "relationship_notes": chance.choice(NOTES),
                }
                values = {
                    name: chance.choice(SPELLINGS),
                    "notes": chance.choice(NOTES),
                    "created_date": chance.choice(DATES),
                    "modified_date": chance.choice([None, *DATES]),
                    **(crm if table == "clients" else {}),
                }
                _insert(connection, table, values)
        company_ids = chance.sample([1, 2, 3, 7], chance.randint(0, 4))
        for company_id, name in zip(company_ids, chance.sample(SPELLINGS, len(company_ids)), strict=True):
            born = chance.choice(DATES)
            values = {
                "company_name": name,
                "notes": chance.choice(NOTES),
                "sector": chance.choice([None, "Steel"]),
            }
            _insert(connection, "companies", {"company_id": company_id, "created_date": born, **values})
            if chance.random() < 0.4:
                profile = {
                    "client_priority": chance.choice([None, "Low"]),
                    "relationship_notes": chance.choice(NOTES),
                }
                _insert(connection, "client_profiles", {"company_id": company_id, **profile})
            for context_id in chance.sample(range(1, 7), chance.choice([0, 0, 1, 2])):
                _, _, role, context = SOURCES[chance.choice(list(SOURCES))]
                link = {"role_id": roles[chance.choice([role, "vendor"])], "context_type": context}
                values = {"company_id": company_id, **link, "context_id": context_id, "created_date": born}
                _insert(connection, "company_role_assignments", values)


def _insert(connection, table, values):
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
