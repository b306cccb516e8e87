"""Schemas with rows around one table, each another shape of what can stand in it or beside it."""

import sqlite3
from typing import NamedTuple

from databases.schema_cases import HAS_FTS5


class Shape(NamedTuple):
    """The table has a column `size`, which nothing else names, and a column `id`."""

    id: str
    script: str
    table: str = "t"


PLAIN = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT)"
ROWS = "INSERT INTO t (id, name, size) VALUES (1, 'ann', '10'), (4, 'bob', '20'), (9, 'cy', '30')"

# Titles are "-- = what", and the name of the table where it is not t; PLAIN and ROWS stand for the two above.
_TEXT = r'''
-- = plain
PLAIN;
ROWS;

-- = without rows
PLAIN;

-- = rowid gaps without a key
CREATE TABLE t (id INTEGER, name TEXT, size TEXT);
ROWS;
DELETE FROM t WHERE id = 4;

-- = rowids that are far apart
CREATE TABLE t (id INTEGER, name TEXT, size TEXT);
INSERT INTO t (rowid, id, name, size) VALUES (-7, 1, 'a', '1'), (99, 2, 'b', '2'), (9000000000, 3, 'c', '3');

-- = a column called rowid
CREATE TABLE t (id INTEGER, name TEXT, size TEXT, rowid TEXT);
ROWS;
DELETE FROM t WHERE id = 1;

-- = columns of all names of the rowid
CREATE TABLE t (id INTEGER, name TEXT, size TEXT, rowid, oid, _rowid_);
ROWS;

-- = a key that is no rowid
CREATE TABLE t (id INTEGER PRIMARY KEY DESC, name TEXT, size TEXT);
ROWS;
DELETE FROM t WHERE id = 4;

-- = a text key with NULL
CREATE TABLE t (id, name TEXT PRIMARY KEY, size TEXT);
ROWS;
INSERT INTO t VALUES (11, NULL, '5'), (12, NULL, '6');

-- = a parent with cascades
PLAIN;
CREATE TABLE c (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t  ON DELETE CASCADE ON UPDATE SET NULL);
ROWS;
INSERT INTO c VALUES (1, 1), (2, 4), (3, NULL);

-- = a parent by its column
PLAIN;
CREATE TABLE c (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) ON DELETE SET NULL DEFERRABLE
    INITIALLY DEFERRED);
ROWS;
INSERT INTO c VALUES (1, 1), (2, 4), (3, NULL);

-- = a child
CREATE TABLE p (id INTEGER PRIMARY KEY);
INSERT INTO p VALUES (1), (4), (9);
CREATE TABLE t (id INTEGER PRIMARY KEY REFERENCES p (id) ON DELETE RESTRICT, name TEXT, size TEXT);
ROWS;

-- = a reference to itself
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, up INTEGER REFERENCES t (id) ON DELETE CASCADE);
ROWS;
UPDATE t SET up = 1 WHERE id > 1;

-- = parents of each other
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, c_id INTEGER REFERENCES c (id));
CREATE TABLE c (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) );
ROWS;
INSERT INTO c VALUES (1, 1), (2, 4), (3, NULL);
UPDATE t SET c_id = 2;

-- = triggers on it
PLAIN;
CREATE TABLE log (what);
CREATE TRIGGER g1 AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.name); END;
CREATE TRIGGER g2 BEFORE UPDATE OF name ON t WHEN NEW.name <> 'x;y' BEGIN INSERT INTO log VALUES (OLD.id); END;
CREATE TRIGGER g3 AFTER DELETE ON t BEGIN SELECT RAISE(ABORT, 'no'); END;
ROWS;

-- = triggers elsewhere that write to it
PLAIN;
CREATE TABLE other (id INTEGER PRIMARY KEY, n);
CREATE TRIGGER g1 AFTER INSERT ON other BEGIN UPDATE t SET name = NEW.n WHERE id = NEW.id; END;
CREATE TRIGGER g2 AFTER INSERT ON other BEGIN SELECT 1; END;
CREATE TRIGGER g3 AFTER DELETE ON other BEGIN DELETE FROM t WHERE id = OLD.id; END;
ROWS;

-- = a partial index
PLAIN;
CREATE INDEX i ON t (name DESC, id) WHERE name IS NOT NULL AND id > 0;
ROWS;

-- = an index on an expression
PLAIN;
CREATE INDEX i ON t (lower(name), id + 1);
ROWS;

-- = a unique index
PLAIN;
CREATE UNIQUE INDEX i ON t (name);
ROWS;

-- = a collated index
PLAIN;
CREATE INDEX i ON t (name COLLATE NOCASE DESC);
ROWS;

-- = collated columns
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, size TEXT, more TEXT COLLATE RTRIM);
ROWS;

-- = a virtual generated column
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, twice AS (id * 2));
ROWS;

-- = a stored generated column with an index
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT,
    twice INTEGER GENERATED ALWAYS AS (id * 2) STORED);
CREATE INDEX i ON t (twice);
ROWS;

-- = a generated column in front
CREATE TABLE t (loud TEXT AS (upper(name)) STORED, id INTEGER PRIMARY KEY, name TEXT, size TEXT);
ROWS;

-- = views and views on views
PLAIN;
CREATE VIEW v AS SELECT id, name FROM t;
CREATE VIEW w (a) AS SELECT id FROM v;
CREATE VIEW x AS SELECT * FROM w JOIN other;
CREATE TABLE other (n);
ROWS;

-- = a view that can be written
PLAIN;
CREATE VIEW v AS SELECT id, name FROM t;
CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN INSERT INTO t (id, name) VALUES (NEW.id, NEW.name); END;
CREATE TRIGGER h INSTEAD OF UPDATE ON v BEGIN UPDATE t SET name = NEW.name WHERE id = OLD.id; END;
ROWS;

-- = a composite key
CREATE TABLE t (id INTEGER, name TEXT, size TEXT, PRIMARY KEY (name, id DESC), UNIQUE (id,
    name) ON CONFLICT IGNORE);
ROWS;

-- = WITHOUT ROWID
CREATE TABLE t (id INTEGER, name TEXT, size TEXT, more, PRIMARY KEY (name, id)) WITHOUT ROWID;
ROWS;

-- = AUTOINCREMENT with a counter above the rows
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, size TEXT);
ROWS;
INSERT INTO t (id) VALUES (500);
DELETE FROM t WHERE id = 500;

-- = AUTOINCREMENT without rows
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, size TEXT);
ROWS;
DELETE FROM t;

-- = AUTOINCREMENT of another table
PLAIN;
CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT);
INSERT INTO n VALUES (70);
ROWS;

-- = names with quotes and spaces = the "t"
CREATE TABLE "the ""t""" ("id" INTEGER PRIMARY KEY, [name] TEXT, `size` TEXT, "a 'b', (c" TEXT);
INSERT INTO "the ""t""" (id, name, size) VALUES (1, 'a', '2');
CREATE INDEX "the ""i""" ON "the ""t""" ("a 'b', (c");
CREATE VIEW "the v" AS SELECT id FROM "the ""t""";

-- = Unicode names = tåg
CREATE TABLE tåg (id INTEGER PRIMARY KEY, name TEXT, size TEXT, größe TEXT, Größe_ü TEXT);
INSERT INTO tåg (id, name, size, größe) VALUES (1, 'å', '2', 'ß');
CREATE VIEW v AS SELECT größe FROM tåg;

-- = a reserved word for a name = order
CREATE TABLE "order" (id INTEGER PRIMARY KEY, name TEXT, size TEXT, "group" TEXT);
INSERT INTO "order" (id, size) VALUES (1, '1');
CREATE TABLE c (o REFERENCES "order");

-- = columns called check, unique and key
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, "check" TEXT CHECK ("check" <> 'x'),"unique",
    key TEXT, "primary" INT, UNIQUE ("unique"));
ROWS;

-- = comments
CREATE TABLE t ( -- of things (and others
            -- the number, which is all
            id INTEGER PRIMARY KEY, -- never again
            name TEXT /* as it, is (said */ , -- who
            /* how much */ size TEXT -- in metres, or ' so
            -- the end
        );
ROWS;

-- = commas in front
CREATE TABLE t (
  id INTEGER PRIMARY KEY -- a
, name TEXT -- b
, size TEXT -- c
);
ROWS;

-- = all in one line
CREATE TABLE t(id INTEGER PRIMARY KEY,name TEXT,size TEXT,CHECK(id>0));
ROWS;

-- = defaults that are expressions
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, made TEXT DEFAULT (datetime('2026-03-01',
    '-1 day')), n INT DEFAULT -1, d DEFAULT CURRENT_DATE, s TEXT DEFAULT 'a, (b', w DEFAULT word,
    b DEFAULT x'00ff');
ROWS;

-- = CHECKs with parentheses in strings
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, note TEXT CHECK (note NOT IN ('(', ')',
    'a,b', 'it''s')), CONSTRAINT known CHECK ((id) > 0 AND name <> '--'), CHECK (t.id < 1000));
ROWS;

-- = constraints without commas
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT,
    CONSTRAINT a CHECK (id > 0) CONSTRAINT b UNIQUE (name) CHECK (id < 100));
ROWS;

-- = NULL and NOT NULL with conflict clauses
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, a TEXT NULL,
    b TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'z',
    c INT CONSTRAINT one NOT NULL ON CONFLICT IGNORE DEFAULT 1);
ROWS;

-- = keys with conflict clauses
CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, name TEXT UNIQUE ON CONFLICT IGNORE, size TEXT);
ROWS;

-- = two foreign keys of a column
CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE q (id INTEGER PRIMARY KEY);
INSERT INTO p VALUES (1);
INSERT INTO q VALUES (1);
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT,
    x INT REFERENCES p (id) ON DELETE SET DEFAULT MATCH FULL NOT DEFERRABLE REFERENCES q (id));
ROWS;
UPDATE t SET x = 1 WHERE id = 1;

-- = types of several words
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, a VARCHAR ( 10 ), b UNSIGNED BIG INT,
    c DECIMAL(10, 2), d "my type");
ROWS;

-- = another schema around it
PLAIN;
CREATE TABLE a (x CHECK (x <> 't'));
CREATE VIEW va AS SELECT 1 AS t;
CREATE INDEX ia ON a (x);
ROWS;

-- = values of every kind
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, v);
INSERT INTO t (id, size, v) VALUES (1, '1', NULL), (2, '2', 1), (3, '3', 1.5), (4, '4', 'x'), (5, '5',
    x'0001'), (6, '6', 9223372036854775807);

-- = made by CREATE TABLE AS
CREATE TABLE t AS SELECT 1 AS id, 'x' AS name, CAST('7' AS TEXT) AS size, 2 AS "odd name";

-- = statistics
PLAIN;
CREATE INDEX i ON t (name);
ROWS;
ANALYZE;
'''
_STRICT = """
-- = STRICT
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, v ANY) STRICT;
ROWS;

-- = STRICT, WITHOUT ROWID
CREATE TABLE t (id INT, name TEXT, size TEXT, PRIMARY KEY (id)) WITHOUT ROWID, STRICT;
ROWS;
"""
_FTS = """
-- = content of a full-text index
PLAIN;
CREATE VIRTUAL TABLE f USING fts5 (name, content = 't', content_rowid = 'id');
CREATE TRIGGER f_added AFTER INSERT ON t BEGIN INSERT INTO f (rowid, name) VALUES (NEW.id, NEW.name); END;
CREATE TRIGGER f_gone AFTER DELETE ON t
    BEGIN INSERT INTO f (f, rowid, name) VALUES ('delete', OLD.id, OLD.name); END;
ROWS;
"""


def _shapes(text: str) -> list[Shape]:
    found = []
    for part in text.split("-- = ")[1:]:
        title, _, script = part.partition("\n")
        what, _, table = title.partition(" = ")
        script = script.replace("PLAIN;", f"{PLAIN};").replace("ROWS;", f"{ROWS};")
        found.append(Shape(what, script, table or "t"))
    return found


SHAPES = _shapes(_TEXT)
if sqlite3.sqlite_version_info >= (3, 37, 0):
    SHAPES += _shapes(_STRICT)
if HAS_FTS5:
    SHAPES += _shapes(_FTS)
