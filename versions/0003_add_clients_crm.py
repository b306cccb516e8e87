"""Add clients and their relationships, and three client topics to roundtable notes."""

depends_on = ["0001_initial_schema"]


def upgrade(db):
    db.script("""
        CREATE TABLE clients (
            client_id INTEGER PRIMARY KEY,
            client_name TEXT NOT NULL,
            client_type TEXT,
            notes TEXT,
            mpr_primary_poc INTEGER REFERENCES personnel (personnel_id),
            mpr_secondary_poc INTEGER REFERENCES personnel (personnel_id),
            last_contact_date DATE,
            last_contact_type TEXT,
            last_contact_by INTEGER REFERENCES personnel (personnel_id),
            last_contact_notes TEXT,
            next_planned_contact_date DATE,
            next_planned_contact_type TEXT,
            next_planned_contact_assigned_to INTEGER REFERENCES personnel (personnel_id),
            relationship_strength TEXT,
            relationship_notes TEXT,
            client_priority TEXT,
            client_status TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP
        );
        CREATE INDEX idx_clients_name ON clients (client_name);
        CREATE INDEX idx_clients_priority ON clients (client_priority);
        CREATE INDEX idx_clients_status ON clients (client_status);
        CREATE INDEX idx_clients_mpr_poc ON clients (mpr_primary_poc);
        CREATE INDEX idx_clients_created ON clients (created_date);

        CREATE TABLE client_owner_relationships (
            relationship_id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES clients (client_id),
            owner_id INTEGER NOT NULL REFERENCES owners_developers (owner_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (client_id, owner_id)
        );
        CREATE INDEX idx_client_owner_client ON client_owner_relationships (client_id);
        CREATE INDEX idx_client_owner_owner ON client_owner_relationships (owner_id);
        CREATE INDEX idx_client_owner_conf ON client_owner_relationships (is_confidential);

        CREATE TABLE client_project_relationships (
            relationship_id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES clients (client_id),
            project_id INTEGER NOT NULL REFERENCES projects (project_id),
            relationship_type TEXT,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (client_id, project_id)
        );
        CREATE INDEX idx_client_project_client ON client_project_relationships (client_id);
        CREATE INDEX idx_client_project_project ON client_project_relationships (project_id);
        CREATE INDEX idx_client_project_conf ON client_project_relationships (is_confidential);

        CREATE TABLE client_vendor_relationships (
            relationship_id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES clients (client_id),
            vendor_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (client_id, vendor_id)
        );
        CREATE INDEX idx_client_vendor_client ON client_vendor_relationships (client_id);
        CREATE INDEX idx_client_vendor_vendor ON client_vendor_relationships (vendor_id);
        CREATE INDEX idx_client_vendor_conf ON client_vendor_relationships (is_confidential);

        CREATE TABLE client_operator_relationships (
            relationship_id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES clients (client_id),
            operator_id INTEGER NOT NULL REFERENCES operators (operator_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (client_id, operator_id)
        );
        CREATE INDEX idx_client_operator_client ON client_operator_relationships (client_id);
        CREATE INDEX idx_client_operator_operator ON client_operator_relationships (operator_id);
        CREATE INDEX idx_client_operator_conf ON client_operator_relationships (is_confidential);

        CREATE TABLE client_personnel_relationships (
            relationship_id INTEGER PRIMARY KEY,
            client_id INTEGER NOT NULL REFERENCES clients (client_id),
            personnel_id INTEGER NOT NULL REFERENCES personnel (personnel_id),
            role_at_client TEXT,
            is_primary_contact BOOLEAN NOT NULL DEFAULT 0,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (client_id, personnel_id)
        );
        CREATE INDEX idx_client_personnel_client ON client_personnel_relationships (client_id);
        CREATE INDEX idx_client_personnel_personnel ON client_personnel_relationships (personnel_id);
        CREATE INDEX idx_client_personnel_primary ON client_personnel_relationships (is_primary_contact);
        CREATE INDEX idx_client_personnel_conf ON client_personnel_relationships (is_confidential);
    """)
    db.execute("ALTER TABLE roundtable_history ADD COLUMN next_steps TEXT")
    db.execute("ALTER TABLE roundtable_history ADD COLUMN client_near_term_focus TEXT")
    db.execute("ALTER TABLE roundtable_history ADD COLUMN mpr_work_targets TEXT")


def downgrade(db):
    db.execute("ALTER TABLE roundtable_history DROP COLUMN mpr_work_targets")
    db.execute("ALTER TABLE roundtable_history DROP COLUMN client_near_term_focus")
    db.execute("ALTER TABLE roundtable_history DROP COLUMN next_steps")
    db.script("""
        DROP TABLE client_personnel_relationships;
        DROP TABLE client_operator_relationships;
        DROP TABLE client_vendor_relationships;
        DROP TABLE client_project_relationships;
        DROP TABLE client_owner_relationships;
        DROP TABLE clients;
    """)
