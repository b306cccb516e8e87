"""Give roundtable notes the time of their creation in place of a meeting date.

created_date becomes created_timestamp, at midnight. A created_date that is no plain date (some imports left
'2025-03-04 00:00:00' or worse) is carried over as it stands.

What the downgrade needs is kept in two tables, which it drops: the meeting dates, and for each row the
created_date that it had and the created_timestamp that it got. A row is taken for the old row of its
history_id only while that created_timestamp is unchanged, because SQLite gives the id of a deleted last row
to the next one. Every other row was added since: both its dates are the date of its created_timestamp.
"""

depends_on = ["0003_add_clients_crm"]


def upgrade(db):
    # A plain date is its own date(). Only with a modifier does every SQLite turn 30 February into 2 March,
    # and so show that it is none.
    db.script("""
        CREATE TABLE roundtable_history_new (
            history_id INTEGER PRIMARY KEY,
            entity_type TEXT NOT NULL,
            entity_id INTEGER NOT NULL,
            discussion TEXT,
            action_items TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            next_steps TEXT,
            client_near_term_focus TEXT,
            mpr_work_targets TEXT
        );
        INSERT INTO roundtable_history_new (
            history_id, entity_type, entity_id, discussion, action_items, created_by, created_timestamp,
            next_steps, client_near_term_focus, mpr_work_targets
        )
        SELECT
            history_id, entity_type, entity_id, discussion, action_items, created_by,
            CASE
                WHEN created_date = date(created_date, '+0 days') THEN created_date || ' 00:00:00'
                ELSE created_date
            END,
            next_steps, client_near_term_focus, mpr_work_targets
        FROM roundtable_history;

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
        SELECT history_id, old.created_date, new.created_timestamp
        FROM roundtable_history AS old
        JOIN roundtable_history_new AS new USING (history_id);

        DROP TABLE roundtable_history;
        ALTER TABLE roundtable_history_new RENAME TO roundtable_history;
        CREATE INDEX idx_roundtable_created ON roundtable_history (created_timestamp);
        CREATE INDEX idx_roundtable_entity ON roundtable_history (entity_type, entity_id);
    """)


def downgrade(db):
    db.script("""
        CREATE TABLE roundtable_history_old (
            history_id INTEGER PRIMARY KEY,
            entity_type TEXT NOT NULL,
            entity_id INTEGER NOT NULL,
            meeting_date DATE NOT NULL,
            discussion TEXT,
            action_items TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date DATE NOT NULL DEFAULT CURRENT_DATE,
            next_steps TEXT,
            client_near_term_focus TEXT,
            mpr_work_targets TEXT
        );
        INSERT INTO roundtable_history_old (
            history_id, entity_type, entity_id, meeting_date, discussion, action_items,
            created_by, created_date, next_steps, client_near_term_focus, mpr_work_targets
        )
        SELECT
            history_id, entity_type, entity_id, coalesce(kept_meeting_date, day), discussion, action_items,
            created_by, coalesce(kept_created_date, day),
            next_steps, client_near_term_focus, mpr_work_targets
        FROM (
            SELECT
                now.*,
                kept.created_date AS kept_created_date,
                meeting.meeting_date AS kept_meeting_date,
                CASE
                    WHEN now.created_timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
                    THEN substr(now.created_timestamp, 1, 10)
                    ELSE now.created_timestamp
                END AS day
            FROM roundtable_history AS now
            LEFT JOIN kept_0008_created_date AS kept
                ON kept.history_id = now.history_id AND kept.created_timestamp IS now.created_timestamp
            LEFT JOIN kept_0008_meeting_date AS meeting
                ON meeting.history_id = kept.history_id
        );

        DROP TABLE roundtable_history;
        ALTER TABLE roundtable_history_old RENAME TO roundtable_history;
        CREATE INDEX idx_roundtable_meeting_date ON roundtable_history (meeting_date);
        CREATE INDEX idx_roundtable_entity ON roundtable_history (entity_type, entity_id);

        DROP TABLE kept_0008_created_date;
        DROP TABLE kept_0008_meeting_date;
    """)
