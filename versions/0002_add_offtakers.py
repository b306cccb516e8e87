"""Add energy off-takers and their link to projects."""

depends_on = ["0001_initial_schema"]


def upgrade(db):
    db.script("""
        CREATE TABLE offtakers (
            offtaker_id INTEGER PRIMARY KEY,
            organization_name TEXT NOT NULL,
            sector TEXT,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_offtaker_name ON offtakers (organization_name);
        CREATE INDEX ix_offtakers_created_date ON offtakers (created_date);

        CREATE TABLE project_offtaker_relationships (
            relationship_id INTEGER PRIMARY KEY,
            project_id INTEGER NOT NULL REFERENCES projects (project_id),
            offtaker_id INTEGER NOT NULL REFERENCES offtakers (offtaker_id),
            agreement_type TEXT,
            contracted_volume TEXT,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (project_id, offtaker_id)
        );
        CREATE INDEX idx_project_offtaker_conf ON project_offtaker_relationships (is_confidential);
        CREATE INDEX idx_project_offtaker_project ON project_offtaker_relationships (project_id);
        CREATE INDEX idx_project_offtaker_offtaker ON project_offtaker_relationships (offtaker_id);
        CREATE INDEX ix_project_offtaker_relationships_created_date
            ON project_offtaker_relationships (created_date);
    """)


def downgrade(db):
    db.script("""
        DROP TABLE project_offtaker_relationships;
        DROP TABLE offtakers;
    """)
