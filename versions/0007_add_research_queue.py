"""Add the research queue: import runs and the changes that they propose."""

depends_on = ["0001_initial_schema"]


def upgrade(db):
    db.script("""
        CREATE TABLE research_import_runs (
            run_id INTEGER PRIMARY KEY,
            run_name TEXT NOT NULL,
            created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            status TEXT NOT NULL DEFAULT 'in_progress',
            chunk_count INTEGER NOT NULL DEFAULT 1,
            total_items INTEGER NOT NULL DEFAULT 0,
            accepted_items INTEGER NOT NULL DEFAULT 0,
            skipped_items INTEGER NOT NULL DEFAULT 0
        );

        CREATE TABLE research_queue_items (
            item_id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL REFERENCES research_import_runs (run_id),
            entity_type TEXT NOT NULL,
            entity_db_id INTEGER,
            entity_name TEXT NOT NULL,
            change_type TEXT NOT NULL,
            proposed_data TEXT NOT NULL,
            current_data TEXT,
            changed_fields TEXT,
            source_urls TEXT,
            status TEXT NOT NULL DEFAULT 'pending',
            reviewed_at TIMESTAMP,
            reviewed_by INTEGER REFERENCES users (user_id),
            review_notes TEXT
        );
        CREATE INDEX idx_research_queue_run ON research_queue_items (run_id);
        CREATE INDEX idx_research_queue_status ON research_queue_items (run_id, status);
    """)


def downgrade(db):
    db.script("""
        DROP TABLE research_queue_items;
        DROP TABLE research_import_runs;
    """)
