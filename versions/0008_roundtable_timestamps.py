"""Give roundtable notes the time of their creation in place of a meeting date.

created_date becomes created_timestamp, at midnight. A created_date that is no plain date (some imports left
'2025-03-04 00:00:00' or worse) is carried over as it stands.

What the downgrade needs is kept in two tables, which it drops: the meeting dates, and for each row the
created_date that it had and the created_timestamp that it got. A row is taken for the old row of its
history_id only while that created_timestamp is unchanged, because SQLite gives the id of a deleted last row
to the next one. Every other row was added since: both its dates are the date of its created_timestamp.
"""

depends_on = ["0003_add_clients_crm"]

# For the downgrade: what was kept of a row, and the date of one that was added since.
KEPT = """
    FROM kept_0008_created_date AS kept
    LEFT JOIN kept_0008_meeting_date AS meeting USING (history_id)
    WHERE kept.history_id = roundtable_history.history_id
        AND kept.created_timestamp IS roundtable_history.created_timestamp
"""
DAY = """
    CASE
        WHEN created_timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        THEN substr(created_timestamp, 1, 10)
        ELSE created_timestamp
    END
"""


def upgrade(db):
    # A plain date is its own date(). Only with a modifier does every SQLite turn 30 February into 2 March,
    # and so show that it is none.
    db.script("""
        CREATE TABLE kept_0008_meeting_date (
            history_id INTEGER PRIMARY KEY,
            meeting_date DATE NOT NULL
        );
        INSERT INTO kept_0008_meeting_date (history_id, meeting_date)
        SELECT history_id, meeting_date
        FROM roundtable_history;

        CREATE TABLE kept_0008_created_date (
            history_id INTEGER PRIMARY KEY,
            created_date DATE NOT NULL,
            created_timestamp TIMESTAMP NOT NULL
        );
        INSERT INTO kept_0008_created_date (history_id, created_date, created_timestamp)
        SELECT
            history_id, created_date,
            CASE
                WHEN created_date = date(created_date, '+0 days') THEN created_date || ' 00:00:00'
                ELSE created_date
            END
        FROM roundtable_history;
    """)
    with db.alter_table("roundtable_history") as notes:
        notes.drop_column("meeting_date")
        notes.add_column("created_timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", before="created_date")
        notes.drop_column("created_date")
        notes.fill(
            "created_timestamp",
            "(SELECT kept.created_timestamp FROM kept_0008_created_date AS kept"
            " WHERE kept.history_id = roundtable_history.history_id)",
        )
    db.execute("CREATE INDEX idx_roundtable_created ON roundtable_history (created_timestamp)")


def downgrade(db):
    with db.alter_table("roundtable_history") as notes:
        notes.add_column("meeting_date DATE NOT NULL", before="discussion")
        notes.add_column("created_date DATE NOT NULL DEFAULT CURRENT_DATE", before="created_timestamp")
        notes.drop_column("created_timestamp")  # its index goes with it
        notes.fill("meeting_date", f"coalesce((SELECT meeting.meeting_date {KEPT}), {DAY})")
        notes.fill("created_date", f"coalesce((SELECT kept.created_date {KEPT}), {DAY})")
    db.script("""
        CREATE INDEX idx_roundtable_meeting_date ON roundtable_history (meeting_date);
        DROP TABLE kept_0008_created_date;
        DROP TABLE kept_0008_meeting_date;
    """)
