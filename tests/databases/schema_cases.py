"""Pairs of SQL scripts: schemas that differ in one thing, and schemas that mean the same.

MUTATIONS and REWRITES are lists of an id, a script before and a script after. FOUND says, for the id of a mutation,
what its difference has to name: change, kind, table and name of each change.
"""

import sqlite3
from contextlib import closing

P = "CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE, k2 TEXT UNIQUE); CREATE TABLE q (id INTEGER PRIMARY KEY);"
T = "CREATE TABLE t (a INTEGER, b TEXT, c TEXT);"
TRIGGER = f"{T} CREATE TRIGGER g AFTER INSERT ON t WHEN new.a > 0 BEGIN UPDATE t SET b = 'x'; DELETE FROM t; END;"

_MUTATIONS = [
    ("table added", "added table t.t", "", T),
    ("table dropped", "removed table t.t", T, ""),
    ("table renamed", "added table s.s, removed table t.t", T, T.replace("TABLE t", "TABLE s")),
    (
        "table dropped with index and trigger",
        "removed table t.t, removed index t.i, removed trigger t.g",
        TRIGGER + "CREATE INDEX i ON t (a);",
        "",
    ),
    ("column added", "added column t.z", T, T.replace("c TEXT", "c TEXT, z INTEGER NOT NULL DEFAULT 0")),
    ("column added by ALTER TABLE", "added column t.z", T, T + "ALTER TABLE t ADD COLUMN z;"),
    ("column added in front", "added column t.z", T, T.replace("(a", "(z, a")),
    ("column dropped", "removed column t.b", T, T.replace("b TEXT, ", "")),
    ("column renamed", "removed column t.b, added column t.d", T, T + "ALTER TABLE t RENAME b TO d;"),
    ("column renamed beyond ASCII", "removed column t.é, added column t.É", "CREATE TABLE t (é)", "CREATE TABLE t (É)"),
    ("column type", "changed column t.a", T, T.replace("a INTEGER", "a INT")),
    ("column type length", "changed column t.a", "CREATE TABLE t (a CHAR(9))", "CREATE TABLE t (a CHAR(10))"),
    ("column type left out", "changed column t.a", T, T.replace("a INTEGER", "a")),
    ("column NOT NULL", "changed column t.b", T, T.replace("b TEXT", "b TEXT NOT NULL")),
    (
        "column NOT NULL conflict",
        "changed column t.b",
        T.replace("b TEXT", "b TEXT NOT NULL"),
        T.replace("b TEXT", "b TEXT NOT NULL ON CONFLICT REPLACE"),
    ),
    ("column default added", "changed column t.a", T, T.replace("a INTEGER", "a INTEGER DEFAULT 0")),
    ("column default changed", "changed column t.a", "CREATE TABLE t (a DEFAULT 0)", "CREATE TABLE t (a DEFAULT 1)"),
    ("column default sign", "changed column t.a", "CREATE TABLE t (a DEFAULT 1)", "CREATE TABLE t (a DEFAULT -1)"),
    ("column default kind", "changed column t.a", "CREATE TABLE t (a DEFAULT 1)", "CREATE TABLE t (a DEFAULT '1')"),
    ("column default case", "changed column t.a", "CREATE TABLE t (a DEFAULT 'x')", "CREATE TABLE t (a DEFAULT 'X')"),
    (
        "column default word",
        "changed column t.a",
        "CREATE TABLE t (a DEFAULT true)",
        "CREATE TABLE t (a DEFAULT 'true')",
    ),
    (
        "column default expression",
        "changed column t.a",
        "CREATE TABLE t (a DEFAULT (date('now')))",
        "CREATE TABLE t (a DEFAULT (time('now')))",
    ),
    (
        "column default time",
        "changed column t.a",
        "CREATE TABLE t (a DEFAULT current_date)",
        "CREATE TABLE t (a DEFAULT 'current_date')",
    ),
    ("column collation", "changed column t.b", T, T.replace("b TEXT", "b TEXT COLLATE NOCASE")),
    (
        "generated expression",
        "changed column t.b",
        "CREATE TABLE t (a, b AS (a + 1))",
        "CREATE TABLE t (a, b AS (a + 2))",
    ),
    ("generated stored", "changed column t.b", "CREATE TABLE t (a, b AS (a))", "CREATE TABLE t (a, b AS (a) STORED)"),
    ("generated no more", "changed column t.b", "CREATE TABLE t (a, b AS (a))", "CREATE TABLE t (a, b)"),
    ("column order", "changed column order t.", T, "CREATE TABLE t (a INTEGER, c TEXT, b TEXT)"),
    ("primary key added", "added primary key t.", T, T.replace("a INTEGER", "a INTEGER PRIMARY KEY")),
    (
        "primary key of another column",
        "changed primary key t.",
        "CREATE TABLE t (a PRIMARY KEY, b)",
        "CREATE TABLE t (a, b PRIMARY KEY)",
    ),
    (
        "primary key order",
        "changed primary key t.",
        "CREATE TABLE t (a, b, PRIMARY KEY (a, b))",
        "CREATE TABLE t (a, b, PRIMARY KEY (b, a))",
    ),
    (
        "primary key descending is no rowid",
        "changed primary key t.",
        "CREATE TABLE t (a INTEGER PRIMARY KEY)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY DESC)",
    ),
    (
        "primary key INT is no rowid",
        "changed column t.a",
        "CREATE TABLE t (a INTEGER PRIMARY KEY)",
        "CREATE TABLE t (a INT PRIMARY KEY)",
    ),
    (
        "primary key collation",
        "changed primary key t.",
        "CREATE TABLE t (a, PRIMARY KEY (a))",
        "CREATE TABLE t (a, PRIMARY KEY (a COLLATE NOCASE))",
    ),
    (
        "primary key conflict",
        "changed primary key t.",
        "CREATE TABLE t (a PRIMARY KEY)",
        "CREATE TABLE t (a PRIMARY KEY ON CONFLICT IGNORE)",
    ),
    ("unique added", "added unique t.b", T, T.replace("b TEXT", "b TEXT UNIQUE")),
    ("unique dropped", "removed unique t.b", T.replace("b TEXT", "b TEXT UNIQUE"), T),
    (
        "unique columns",
        "removed unique t.a, b, added unique t.a, c",
        T.replace("c TEXT", "c TEXT, UNIQUE (a, b)"),
        T.replace("c TEXT", "c TEXT, UNIQUE (a, c)"),
    ),
    (
        "unique conflict",
        "changed unique t.b",
        T.replace("b TEXT", "b TEXT UNIQUE"),
        T.replace("b TEXT", "b TEXT UNIQUE ON CONFLICT FAIL"),
    ),
    (
        "unique collation",
        "changed unique t.b",
        T.replace("c TEXT", "c TEXT, UNIQUE (b)"),
        T.replace("c TEXT", "c TEXT, UNIQUE (b COLLATE RTRIM)"),
    ),
    ("check added", "added check t.", T, T.replace("a INTEGER", "a INTEGER CHECK (a > 0)")),
    ("check changed", "changed check t.", "CREATE TABLE t (a CHECK (a > 0))", "CREATE TABLE t (a CHECK (a > 1))"),
    ("check operator", "changed check t.", "CREATE TABLE t (a CHECK (a > 0))", "CREATE TABLE t (a CHECK (a >= 0))"),
    (
        "check string case",
        "changed check t.",
        "CREATE TABLE t (a CHECK (a = 'x'))",
        "CREATE TABLE t (a CHECK (a = 'X'))",
    ),
    (
        "check string space",
        "changed check t.",
        "CREATE TABLE t (a CHECK (a = 'x y'))",
        "CREATE TABLE t (a CHECK (a = 'x  y'))",
    ),
    (
        "check string comment",
        "changed check t.",
        "CREATE TABLE t (a CHECK (a = 'x'))",
        "CREATE TABLE t (a CHECK (a = 'x--y'))",
    ),
    ("check number", "changed check t.", "CREATE TABLE t (a CHECK (a > 1))", "CREATE TABLE t (a CHECK (a > 1.0))"),
    (
        "check column or string",
        "changed check t.",
        'CREATE TABLE t (a, b CHECK (a > "b"))',
        "CREATE TABLE t (a, b CHECK (a > 'b'))",
    ),
    (
        "check quoted truth",
        "changed check t.",
        "CREATE TABLE t (a CHECK (a = true))",
        'CREATE TABLE t (a CHECK (a = "true"))',
    ),
    (
        "check one of two",
        "changed check t.",
        "CREATE TABLE t (a CHECK (a > 0), CHECK (a < 9))",
        "CREATE TABLE t (a CHECK (a > 0), CHECK (a < 8))",
    ),
    ("foreign key added", "added foreign key t.a", P + T, P + T.replace("a INTEGER", "a INTEGER REFERENCES p (id)")),
    (
        "foreign key parent",
        "changed foreign key t.a",
        P + "CREATE TABLE t (a REFERENCES p (id))",
        P + "CREATE TABLE t (a REFERENCES q (id))",
    ),
    (
        "foreign key parent column",
        "changed foreign key t.a",
        P + "CREATE TABLE t (a REFERENCES p (k))",
        P + "CREATE TABLE t (a REFERENCES p (k2))",
    ),
    (
        "foreign key column",
        "removed foreign key t.a, added foreign key t.b",
        P + "CREATE TABLE t (a REFERENCES p (id), b)",
        P + "CREATE TABLE t (a, b REFERENCES p (id))",
    ),
    (
        "foreign key ON DELETE",
        "changed foreign key t.a",
        P + "CREATE TABLE t (a REFERENCES p (id))",
        P + "CREATE TABLE t (a REFERENCES p (id) ON DELETE CASCADE)",
    ),
    (
        "foreign key other ON DELETE",
        "changed foreign key t.a",
        P + "CREATE TABLE t (a REFERENCES p (id) ON DELETE SET NULL)",
        P + "CREATE TABLE t (a REFERENCES p (id) ON DELETE SET DEFAULT)",
    ),
    (
        "foreign key ON UPDATE",
        "changed foreign key t.a",
        P + "CREATE TABLE t (a REFERENCES p (id))",
        P + "CREATE TABLE t (a REFERENCES p (id) ON UPDATE RESTRICT)",
    ),
    (
        "foreign key deferred",
        "changed foreign key t.a",
        P + "CREATE TABLE t (a REFERENCES p (id))",
        P + "CREATE TABLE t (a REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
    ),
    ("STRICT", "added option t.STRICT", T, T.replace(");", ") STRICT;")),
    (
        "WITHOUT ROWID",
        "added option t.WITHOUT ROWID",
        "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY)",
        "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    ),
    (
        "AUTOINCREMENT",
        "removed option t.AUTOINCREMENT",
        "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY)",
    ),
    ("index added", "added index t.i", T, T + "CREATE INDEX i ON t (a);"),
    ("index dropped", "removed index t.i", T + "CREATE INDEX i ON t (a);", T),
    ("index columns", "changed index t.i", T + "CREATE INDEX i ON t (a);", T + "CREATE INDEX i ON t (a, b);"),
    ("index column order", "changed index t.i", T + "CREATE INDEX i ON t (b, a);", T + "CREATE INDEX i ON t (a, b);"),
    ("index descending", "changed index t.i", T + "CREATE INDEX i ON t (a);", T + "CREATE INDEX i ON t (a DESC);"),
    ("index unique", "changed index t.i", T + "CREATE INDEX i ON t (a);", T + "CREATE UNIQUE INDEX i ON t (a);"),
    ("index partial", "changed index t.i", T + "CREATE INDEX i ON t (a);", T + "CREATE INDEX i ON t (a) WHERE a > 0;"),
    (
        "index condition",
        "changed index t.i",
        T + "CREATE INDEX i ON t (a) WHERE a > 0;",
        T + "CREATE INDEX i ON t (a) WHERE a > 1;",
    ),
    (
        "index expression",
        "changed index t.i",
        T + "CREATE INDEX i ON t (lower(b));",
        T + "CREATE INDEX i ON t (upper(b));",
    ),
    (
        "index collation",
        "changed index t.i",
        T + "CREATE INDEX i ON t (b);",
        T + "CREATE INDEX i ON t (b COLLATE NOCASE);",
    ),
    (
        "index collation against the column",
        "changed index t.i",
        "CREATE TABLE t (b COLLATE NOCASE); CREATE INDEX i ON t (b);",
        "CREATE TABLE t (b COLLATE NOCASE); CREATE INDEX i ON t (b COLLATE BINARY);",
    ),
    (
        "index on another table",
        "removed index p.i, added index q.i",
        P + "CREATE INDEX i ON p (id);",
        P + "CREATE INDEX i ON q (id);",
    ),
    (
        "index instead of a unique constraint",
        "removed unique t.b, added index t.i",
        T.replace("b TEXT", "b TEXT UNIQUE"),
        T + "CREATE UNIQUE INDEX i ON t (b);",
    ),
    ("view added", "added view .v", T, T + "CREATE VIEW v AS SELECT a FROM t;"),
    ("view dropped", "removed view .v", T + "CREATE VIEW v AS SELECT a FROM t;", T),
    ("view body", "changed view .v", T + "CREATE VIEW v AS SELECT a FROM t;", T + "CREATE VIEW v AS SELECT b FROM t;"),
    (
        "view columns",
        "changed view .v",
        T + "CREATE VIEW v (x) AS SELECT a FROM t;",
        T + "CREATE VIEW v (y) AS SELECT a FROM t;",
    ),
    (
        "view reserved word",
        "changed view .v",
        T + 'CREATE VIEW v AS SELECT a FROM t "left" JOIN t;',
        T + "CREATE VIEW v AS SELECT a FROM t LEFT JOIN t;",
    ),
    ("view instead of a table", "removed table t.t, added view .t", T, "CREATE VIEW t AS SELECT 1;"),
    ("trigger added", "added trigger t.g", T, TRIGGER),
    ("trigger dropped", "removed trigger t.g", TRIGGER, T),
    ("trigger body", "changed trigger t.g", TRIGGER, TRIGGER.replace("'x'", "'y'")),
    ("trigger statement left out", "changed trigger t.g", TRIGGER, TRIGGER.replace("DELETE FROM t;", "")),
    ("trigger timing", "changed trigger t.g", TRIGGER, TRIGGER.replace("AFTER", "BEFORE")),
    ("trigger event", "changed trigger t.g", TRIGGER, TRIGGER.replace("INSERT", "UPDATE")),
    (
        "trigger event columns",
        "changed trigger t.g",
        TRIGGER.replace("INSERT", "UPDATE"),
        TRIGGER.replace("INSERT", "UPDATE OF a"),
    ),
    ("trigger condition", "changed trigger t.g", TRIGGER, TRIGGER.replace("> 0", "> 1")),
    (
        "trigger condition after FOR EACH ROW",
        "changed trigger t.g",
        TRIGGER.replace("WHEN", "FOR EACH ROW WHEN"),
        TRIGGER.replace("WHEN", "FOR EACH ROW WHEN").replace("> 0", "> 1"),
    ),
    ("trigger condition left out", "changed trigger t.g", TRIGGER, TRIGGER.replace("WHEN new.a > 0", "")),
    (
        "trigger on another table",
        "removed trigger p.g, added trigger q.g",
        P + "CREATE TRIGGER g AFTER DELETE ON p BEGIN SELECT 1; END;",
        P + "CREATE TRIGGER g AFTER DELETE ON q BEGIN SELECT 1; END;",
    ),
    (
        "trigger of a view",
        "changed trigger v.g",
        "CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN SELECT 1; END;",
        "CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN SELECT 2; END;",
    ),
]


def _has_fts5() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        return bool(connection.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])


HAS_FTS5 = _has_fts5()
F = "CREATE VIRTUAL TABLE f USING fts5 (a, tokenize = 'porter ascii')"
if HAS_FTS5:
    _MUTATIONS += [
        ("virtual table argument", "changed table f.f", F, F.replace("(a", "(a, b")),
        ("virtual table string", "changed table f.f", F, F.replace("porter ascii", "ascii")),
        ("virtual table instead of a table", "changed table f.f", "CREATE TABLE f (a)", F),
        ("virtual table added", "added table f.f", "", F),
    ]
MUTATIONS = [(name, before, after) for name, _, before, after in _MUTATIONS]
FOUND = {name: found for name, found, _, _ in _MUTATIONS}


def _table(name: str, *pairs: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Rewrites of what stands in the parentheses of CREATE TABLE t."""
    return [
        (f"{name} {number}", f"{P}CREATE TABLE t ({before})", f"{P}CREATE TABLE t ({after})")
        for number, (before, after) in enumerate(pairs, 1)
    ]


def _statements(name: str, *pairs: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Rewrites of statements that stand beside the tables p, q and t."""
    return [(f"{name} {number}", f"{P}{T}{b}", f"{P}{T}{a}") for number, (b, a) in enumerate(pairs, 1)]


REWRITES = [
    ("nothing", "", ""),
    ("statement on many lines", T, "CREATE\n\tTABLE\r\n t\f(a\nINTEGER ,b TEXT\n,\nc\nTEXT\n)\n;"),
    ("IF NOT EXISTS", T, T.replace("TABLE t", "TABLE IF NOT EXISTS t")),
    ("schema named", T, T.replace("TABLE t", "TABLE main.t")),
    ("table in double quotes", T, T.replace("TABLE t", 'TABLE "t"')),
    ("table in brackets", T, T.replace("TABLE t", "TABLE [t]")),
    ("table in backticks", T, T.replace("TABLE t", "TABLE `t`")),
    ("table in single quotes", T, T.replace("TABLE t", "TABLE 't'")),
    ("table in capitals", T, T.replace("TABLE t", "TABLE T")),
    ("table renamed", T, T.replace("TABLE t", "TABLE s") + "ALTER TABLE s RENAME TO t;"),
    (
        "table renamed to a name with a space",
        'CREATE TABLE "a b" (x)',
        "CREATE TABLE s (x); ALTER TABLE s RENAME TO [a b];",
    ),
    ("column added", T, "CREATE TABLE t (a INTEGER, b TEXT); ALTER TABLE t ADD COLUMN c TEXT;"),
    (
        "column added before constraints",
        "CREATE TABLE t (a, b, UNIQUE (a))",
        "CREATE TABLE t (a, UNIQUE (a)); ALTER TABLE t ADD b;",
    ),
    (
        "column added after a comment",
        "CREATE TABLE t (a, b)",
        "CREATE TABLE t (a -- the first )\n); ALTER TABLE t ADD b;",
    ),
    ("column renamed", T, T.replace("b TEXT", "d TEXT") + "ALTER TABLE t RENAME d TO b;"),
    (
        "column renamed in a check",
        "CREATE TABLE t (a, b CHECK (b > a))",
        "CREATE TABLE t (a, x CHECK (x > a)); ALTER TABLE t RENAME x TO b;",
    ),
    (
        "column renamed in an index",
        T + "CREATE INDEX i ON t (a, b)",
        T.replace("b TEXT", "d TEXT") + "CREATE INDEX i ON t (a, d); ALTER TABLE t RENAME d TO b;",
    ),
    (
        "parent renamed",
        P + "CREATE TABLE t (a REFERENCES p (id))",
        P.replace("p (", "o (") + "CREATE TABLE t (a REFERENCES o (id)); ALTER TABLE o RENAME TO p;",
    ),
    (
        "table rebuilt",
        T,
        T.replace("TABLE t", "TABLE new_t") + "DROP TABLE IF EXISTS t; ALTER TABLE new_t RENAME TO t;",
    ),
    (
        "CREATE TABLE AS",
        "CREATE TABLE o (a INT, b TEXT); CREATE TABLE t (a INT, b TEXT, c)",
        "CREATE TABLE o (a INT, b TEXT); CREATE TABLE t AS SELECT a, b, 1 AS c FROM o;",
    ),
    (
        "temporary objects",
        T,
        T
        + "CREATE TEMP TABLE x (a); CREATE TEMP VIEW y AS SELECT 1;"
        + "CREATE TEMP TRIGGER z AFTER DELETE ON t BEGIN SELECT 1; END;",
    ),
    (
        "statistics",
        T + "CREATE INDEX i ON t (a);",
        T + "CREATE INDEX i ON t (a); INSERT INTO t VALUES (1, 2, 3); ANALYZE;",
    ),
    ("order of statements", P + T, T + P),
    (
        "options",
        "CREATE TABLE t (a INT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE TABLE t (a INT PRIMARY KEY) without rowid , strict",
    ),
    (
        "WITHOUT ROWID implies NOT NULL",
        "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    ),
    (
        "STRICT implies NOT NULL",
        "CREATE TABLE t (a TEXT PRIMARY KEY) STRICT",
        "CREATE TABLE t (a TEXT PRIMARY KEY NOT NULL) STRICT",
    ),
    *_table(
        "white space and comments",
        ("a INTEGER, b", "\ta\n\nINTEGER\r\n,b\f"),
        ("a INTEGER, b", "a INTEGER, -- the first, (of two)\n b"),
        ("a INTEGER, b", "a /* ' \" [ ( , */ INTEGER, /**/ b /*/ , c */"),
        ("a INTEGER, b", "\ufeffa INTEGER, b"),
        ("a VARCHAR(10)", "a VARCHAR ( 10 )"),
        ("a DECIMAL(10,2)", "a DECIMAL (10 /* digits */, 2)"),
        ("a DOUBLE PRECISION", "a DOUBLE\n  PRECISION"),
        ("a CHECK (a>0 AND a<9)", "a CHECK ( a > 0\n  AND a < 9 -- two digits are too many (99)\n)"),
        ("a DEFAULT -1", "a DEFAULT - 1"),
    ),
    *_table(
        "case",
        ("a INTEGER PRIMARY KEY", "A integer primary key"),
        ("a TEXT COLLATE NOCASE", "a text collate nocase"),
        ("a, b, UNIQUE (a, b)", "a, b, unique (A, B)"),
        ("a CHECK (a IS NOT NULL OR a LIKE 'X%')", "a check (A is not null or A like 'X%')"),
        ("a DEFAULT CURRENT_TIMESTAMP", "a default current_timestamp"),
        ("a DEFAULT TRUE", "a default true"),
        ("a CHECK (a = TRUE)", "a CHECK (a = true)"),
        ("a REFERENCES p (id) ON DELETE SET NULL", "a references P (ID) on delete set null"),
        ("a, b AS (lower(a)) STORED", "a, b generated always as (LOWER(A)) stored"),
        ("é TEXT CHECK (é > 'É')", "é text check (é > 'É')"),
    ),
    *_table(
        "quotes",
        ("a", '"a"'),
        ("a", "[a]"),
        ("a", "`a`"),
        ("a", "'a'"),
        ("a", '"A"'),
        ('"a b"', "[a b]"),
        ('"a""b"', '`a"b`'),
        ('"a.b", "ü"', "[a.b], ü"),
        ('"order" INTEGER CHECK ("order" > 0)', "[order] INTEGER CHECK (`ORDER` > 0)"),
        ('"check" INTEGER, key TEXT CHECK (key > "check")', '[check] INTEGER, "key" TEXT CHECK ([key] > `check`)'),
        ("left CHECK (left > 0)", '"left" CHECK ("left" > 0)'),
        ("a, b CHECK (a > b)", 'a, b CHECK ("a" > [b])'),
        ("a, b CHECK (a > 'x')", 'a, b CHECK (a > "x")'),
        ("a CHECK (a != 'it''s')", 'a CHECK (a != "it\'s")'),
        ("a CHECK (replace(a, 'x', 'y') = a)", 'a CHECK ("replace"(a, "x", "y") = a)'),
        ("a CHECK (rowid > 0)", 'a CHECK ("rowid" > 0)'),
        ("a CHECK (a COLLATE nocase = 'x')", "a CHECK (a COLLATE \"NOCASE\" = 'x')"),
        ("a COLLATE nocase", 'a COLLATE "nocase"'),
        ("a INTEGER PRIMARY KEY", 'a "INTEGER" PRIMARY KEY'),
        ("a, b, PRIMARY KEY (a, b)", "a, b, PRIMARY KEY ('a', [b])"),
        ("a REFERENCES p (id)", 'a REFERENCES "p" ([id])'),
        ("a DEFAULT 'x'", 'a DEFAULT "x"'),
        ("a DEFAULT 'x'", "a DEFAULT x"),
        ("a DEFAULT 'x y'", "a DEFAULT [x y]"),
        ("a DEFAULT 'abort'", "a DEFAULT abort"),
        ("a DEFAULT 'true'", 'a DEFAULT "true"'),
        ("a, b AS (a || 'x')", 'a, b AS ("a" || "x")'),
    ),
    *_table(
        "placement",
        ("a TEXT PRIMARY KEY, b", "a TEXT, b, PRIMARY KEY (a)"),
        ("a INTEGER PRIMARY KEY, b", "a INTEGER, b, PRIMARY KEY (a)"),
        ("a INTEGER PRIMARY KEY AUTOINCREMENT", "a INTEGER, PRIMARY KEY (a AUTOINCREMENT)"),
        ("a INTEGER PRIMARY KEY ON CONFLICT IGNORE", "a INTEGER, PRIMARY KEY (a) ON CONFLICT IGNORE"),
        ("a UNIQUE, b", "a, b, UNIQUE (a)"),
        ("a CHECK (a > b), b", "a, b, CHECK (a > b)"),
        ("a REFERENCES p (id), b", "a, b, FOREIGN KEY (a) REFERENCES p (id)"),
        (
            "a REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED",
            "a, FOREIGN KEY (a) REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED",
        ),
        ("a UNIQUE CHECK (a > 0) NOT NULL DEFAULT 1", "a DEFAULT 1 NOT NULL CHECK (a > 0) UNIQUE"),
        ("a, b, UNIQUE (a), CHECK (a > 0), CHECK (b > 0)", "a, b, CHECK (b > 0), UNIQUE (a), CHECK (a > 0)"),
        (
            "a REFERENCES p (id), b REFERENCES q (id)",
            "a, b, FOREIGN KEY (b) REFERENCES q (id), FOREIGN KEY (a) REFERENCES p (id)",
        ),
        ("a, b, PRIMARY KEY (a), UNIQUE (b), CHECK (a > b)", "a, b, PRIMARY KEY (a) UNIQUE (b) CHECK (a > b)"),
        (
            "a REFERENCES p (id) ON DELETE CASCADE ON UPDATE SET NULL",
            "a REFERENCES p (id) ON UPDATE SET NULL ON DELETE CASCADE",
        ),
        ("a INTEGER COLLATE NOCASE NOT NULL", "a INTEGER NOT NULL COLLATE NOCASE"),
    ),
    *_table(
        "names of constraints",
        ("a PRIMARY KEY, b UNIQUE", 'a CONSTRAINT x PRIMARY KEY, b CONSTRAINT "y z" UNIQUE'),
        ("a, CHECK (a > 0)", "a, CONSTRAINT positive CHECK (a > 0)"),
        ("a, FOREIGN KEY (a) REFERENCES p (id)", "a, CONSTRAINT 'parent' FOREIGN KEY (a) REFERENCES p (id)"),
        ("a NOT NULL DEFAULT 1", "a CONSTRAINT here NOT NULL CONSTRAINT there DEFAULT 1 CONSTRAINT nowhere"),
    ),
    *_table(
        "defaults spelled out",
        ("a", "a NULL"),
        ("a", "a DEFAULT NULL"),
        ("a", "a DEFAULT (null)"),
        ("a", "a COLLATE BINARY"),
        ("a NOT NULL", "a NOT NULL ON CONFLICT ABORT"),
        ("a UNIQUE", "a UNIQUE ON CONFLICT ABORT"),
        ("a PRIMARY KEY", "a PRIMARY KEY ASC"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY ASC ON CONFLICT ABORT"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY NOT NULL"),
        ("a INTEGER PRIMARY KEY", "a INTEGER, PRIMARY KEY (a DESC)"),
        ("a, b, UNIQUE (a, b)", "a, b, UNIQUE (a COLLATE binary ASC, b ASC)"),
        ("a COLLATE NOCASE, UNIQUE (a)", "a COLLATE NOCASE, UNIQUE (a COLLATE nocase)"),
        ("a UNIQUE", "a UNIQUE, UNIQUE (a)"),
        ("a TEXT PRIMARY KEY", "a TEXT PRIMARY KEY UNIQUE"),
        ("a UNIQUE ON CONFLICT FAIL", "a UNIQUE, UNIQUE (a) ON CONFLICT FAIL"),
        ("a INTEGER PRIMARY KEY", "a INTEGER, PRIMARY KEY (a COLLATE NOCASE)"),
        ("a, CHECK (a > 0)", "a CHECK (a > 0), CHECK (a > 0)"),
        ("a, CHECK (a > 0)", "a, CHECK (a > 0) ON CONFLICT FAIL"),
        ("a REFERENCES p (id)", "a REFERENCES p (id) ON DELETE NO ACTION ON UPDATE NO ACTION"),
        ("a REFERENCES p (id)", "a REFERENCES p (id) DEFERRABLE INITIALLY IMMEDIATE"),
        ("a REFERENCES p (id)", "a REFERENCES p (id) DEFERRABLE"),
        ("a REFERENCES p (id)", "a REFERENCES p (id) NOT DEFERRABLE INITIALLY DEFERRED"),
        ("a REFERENCES p (id)", "a REFERENCES p (id) MATCH SIMPLE"),
        ("a REFERENCES p (id)", "a REFERENCES p"),
        ("a, b AS (a)", "a, b GENERATED ALWAYS AS (a) VIRTUAL"),
    ),
    *_table(
        "parentheses",
        ("a CHECK (a > 0)", "a CHECK (((a > 0)))"),
        ("a DEFAULT 1", "a DEFAULT (1)"),
        ("a DEFAULT 'x'", "a DEFAULT (('x'))"),
        ("a DEFAULT -1", "a DEFAULT (-1)"),
        ("a DEFAULT (1 + 2)", "a DEFAULT ((1 + 2))"),
        ("a DEFAULT CURRENT_DATE", "a DEFAULT (CURRENT_DATE)"),
        ("a, b AS (a + 1)", "a, b AS (( a + 1 ))"),
        ("a CHECK ((a > 0) OR (a < -9))", "a CHECK (((a > 0) OR (a < -9)))"),
    ),
    *_table(
        "operators",
        ("a CHECK (a != 0)", "a CHECK (a <> 0)"),
        ("a CHECK (a = 0)", "a CHECK (a == 0)"),
    ),
    *_statements(
        "index",
        ("CREATE INDEX i ON t (a, b)", "create  index\ni on T ( A , B ) -- both"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX IF NOT EXISTS main.I ON t (a)"),
        ("CREATE INDEX i ON t (a)", 'CREATE INDEX [i] ON `t` ("a")'),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t ('a')"),
        ("CREATE INDEX i ON t (a, b DESC)", "CREATE INDEX i ON t (a ASC, b COLLATE BINARY DESC)"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t ((a))"),
        ("CREATE INDEX i ON t (a) WHERE a > 0", "CREATE INDEX i ON t (a) WHERE ((a > 0))"),
        ("CREATE INDEX i ON t (a) WHERE b = 'x'", 'CREATE INDEX i ON t (a) WHERE "b" == "x" /* one */'),
        ("CREATE INDEX i ON t (lower(b), a)", 'CREATE INDEX i ON t (LOWER( "B" ), a)'),
        ("CREATE INDEX i ON t (lower(b))", "CREATE INDEX i ON t ((lower(b)))"),
        ("CREATE UNIQUE INDEX i ON t (b COLLATE NOCASE)", "CREATE UNIQUE INDEX i ON t ((b) collate 'nocase')"),
    ),
    (
        "index of a column with a collation",
        "CREATE TABLE t (a COLLATE NOCASE); CREATE INDEX i ON t (a)",
        "CREATE TABLE t (a COLLATE NOCASE); CREATE INDEX i ON t (a COLLATE NOCASE)",
    ),
    *_statements(
        "view",
        ("CREATE VIEW v AS SELECT a FROM t", "create view V as\n  select A\n  from T -- all of them\n"),
        ("CREATE VIEW v AS SELECT a FROM t", 'CREATE VIEW IF NOT EXISTS main.v AS SELECT "a" FROM [t]'),
        ("CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW 'v' AS SELECT `a` FROM t"),
        ("CREATE VIEW v (x, y) AS SELECT a, b FROM t", 'CREATE VIEW v("x",[Y]) AS SELECT a,b FROM t'),
        ("CREATE VIEW v AS SELECT a AS x FROM t WHERE a <> 1", 'CREATE VIEW v AS SELECT a AS "x" FROM t WHERE a!=1'),
        ("CREATE VIEW v AS SELECT t.a AS k FROM t", "CREATE VIEW v AS SELECT \"t\" . [a] AS 'k' FROM t"),
        (
            "CREATE VIEW v AS SELECT t.*, count(*) FROM t GROUP BY a",
            "CREATE VIEW v AS SELECT t . *, COUNT( * ) FROM t group by a",
        ),
        (
            "CREATE VIEW v AS SELECT key FROM (SELECT 1 AS key)",
            'CREATE VIEW v AS SELECT "key" FROM (SELECT 1 AS [key])',
        ),
        ("CREATE VIEW v AS WITH x AS (SELECT 1) SELECT * FROM x", "CREATE VIEW v AS with X as(select 1)select*from x"),
    ),
    *_statements(
        "trigger",
        (
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END",
            "create trigger G after insert on T begin\n select 1 ; -- one;\n select 2 ;\nend",
        ),
        (
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT old.a; END",
            'CREATE TRIGGER IF NOT EXISTS main.g AFTER DELETE ON [t] BEGIN SELECT "old".`a`; END',
        ),
        (
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END",
            "CREATE TRIGGER g AFTER DELETE ON t FOR EACH ROW BEGIN SELECT 1; END",
        ),
        ("CREATE TRIGGER g BEFORE DELETE ON t BEGIN SELECT 1; END", "CREATE TRIGGER g DELETE ON t BEGIN SELECT 1; END"),
        (
            "CREATE TRIGGER g AFTER UPDATE OF a, b ON t BEGIN SELECT 1; END",
            "CREATE TRIGGER 'g' AFTER UPDATE OF \"a\",[B] ON t BEGIN SELECT 1; END",
        ),
        (
            "CREATE TRIGGER g AFTER UPDATE ON t WHEN new.a > 0 BEGIN SELECT 1; END",
            "CREATE TRIGGER g AFTER UPDATE ON t WHEN (new . a > 0) BEGIN SELECT 1; END",
        ),
        (
            "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE t SET b = 'x;' WHERE a = new.a; END",
            "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE \"t\" SET [b]='x;' WHERE a==new.a; END",
        ),
        (
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT RAISE(ABORT, 'no'); END",
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT raise( abort,'no' ); END",
        ),
        (
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT CASE old.a WHEN 1 THEN 2 END; END",
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT case OLD.a when 1 then 2 end; end",
        ),
    ),
]
if HAS_FTS5:
    REWRITES += [
        ("virtual table", F, "create virtual table [f] using FTS5(a,tokenize='porter ascii')"),
        ("virtual table with rows", F, F + "; INSERT INTO f VALUES ('x');"),
    ]
