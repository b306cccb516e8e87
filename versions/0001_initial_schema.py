"""Create the initial schema: vendors, designs, companies, projects, people, contacts.

The ledger, schema_version, is not among these tables: it belongs to the framework.
"""


def upgrade(db):
    # Who uses the application, and who is known outside and inside.
    db.script("""
        CREATE TABLE users (
            user_id INTEGER PRIMARY KEY,
            username TEXT NOT NULL,
            email TEXT NOT NULL,
            password_hash TEXT NOT NULL,
            full_name TEXT,
            has_confidential_access BOOLEAN NOT NULL DEFAULT 0,
            is_ned_team BOOLEAN NOT NULL DEFAULT 0,
            is_admin BOOLEAN NOT NULL DEFAULT 0,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            last_login TIMESTAMP,
            is_active BOOLEAN NOT NULL DEFAULT 1
        );
        CREATE INDEX idx_users_active ON users (is_active);
        CREATE UNIQUE INDEX idx_users_username ON users (username);
        CREATE UNIQUE INDEX idx_users_email ON users (email);

        CREATE TABLE personnel (
            personnel_id INTEGER PRIMARY KEY,
            full_name TEXT NOT NULL,
            email TEXT,
            phone TEXT,
            role TEXT,
            personnel_type TEXT,
            organization_id INTEGER,
            organization_type TEXT,
            is_active BOOLEAN NOT NULL DEFAULT 1,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_personnel_active ON personnel (is_active);
        CREATE INDEX idx_personnel_type ON personnel (personnel_type);
        CREATE INDEX idx_personnel_email ON personnel (email);
        CREATE INDEX ix_personnel_created_date ON personnel (created_date);
        CREATE INDEX idx_personnel_name ON personnel (full_name);
    """)

    # The companies, a table for each kind, and what the vendors offer.
    db.script("""
        CREATE TABLE technology_vendors (
            vendor_id INTEGER PRIMARY KEY,
            vendor_name TEXT NOT NULL,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_vendors_name ON technology_vendors (vendor_name);
        CREATE INDEX ix_technology_vendors_created_date ON technology_vendors (created_date);
        CREATE INDEX idx_vendors_created ON technology_vendors (created_date);

        CREATE TABLE products (
            product_id INTEGER PRIMARY KEY,
            product_name TEXT NOT NULL,
            vendor_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            reactor_type TEXT,
            thermal_capacity REAL,
            thermal_efficiency REAL,
            burnup REAL,
            design_status TEXT,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_products_vendor ON products (vendor_id);
        CREATE INDEX ix_products_created_date ON products (created_date);
        CREATE INDEX idx_products_type ON products (reactor_type);

        CREATE TABLE owners_developers (
            owner_id INTEGER PRIMARY KEY,
            company_name TEXT NOT NULL,
            company_type TEXT,
            target_customers TEXT,
            engagement_level TEXT,
            notes TEXT,
            primary_poc INTEGER REFERENCES personnel (personnel_id),
            secondary_poc INTEGER REFERENCES personnel (personnel_id),
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
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_owners_name ON owners_developers (company_name);
        CREATE INDEX idx_owners_priority ON owners_developers (client_priority);
        CREATE INDEX ix_owners_developers_created_date ON owners_developers (created_date);
        CREATE INDEX idx_owners_poc ON owners_developers (primary_poc);

        CREATE TABLE constructors (
            constructor_id INTEGER PRIMARY KEY,
            company_name TEXT NOT NULL,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_constructors_name ON constructors (company_name);
        CREATE INDEX ix_constructors_created_date ON constructors (created_date);

        CREATE TABLE operators (
            operator_id INTEGER PRIMARY KEY,
            company_name TEXT NOT NULL,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX ix_operators_created_date ON operators (created_date);
        CREATE INDEX idx_operators_name ON operators (company_name);
    """)

    db.script("""
        CREATE TABLE projects (
            project_id INTEGER PRIMARY KEY,
            project_name TEXT NOT NULL,
            location TEXT,
            project_status TEXT,
            licensing_approach TEXT,
            configuration TEXT,
            project_schedule TEXT,
            capex REAL,
            opex REAL,
            fuel_cost REAL,
            lcoe REAL,
            cod DATE,
            mpr_project_id TEXT,
            notes TEXT,
            firm_involvement TEXT,
            primary_firm_contact INTEGER REFERENCES personnel (personnel_id),
            last_project_interaction_date DATE,
            last_project_interaction_by INTEGER REFERENCES personnel (personnel_id),
            project_health TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_projects_name ON projects (project_name);
        CREATE INDEX idx_projects_status ON projects (project_status);
        CREATE INDEX ix_projects_created_date ON projects (created_date);
        CREATE INDEX idx_projects_location ON projects (location);
        CREATE INDEX idx_projects_cod ON projects (cod);
    """)

    # Who takes part in what; a confidential link says so itself.
    db.script("""
        CREATE TABLE vendor_supplier_relationships (
            relationship_id INTEGER PRIMARY KEY,
            vendor_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            supplier_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            component_type TEXT,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (vendor_id, supplier_id)
        );
        CREATE INDEX idx_vendor_supplier_vendor ON vendor_supplier_relationships (vendor_id);
        CREATE INDEX idx_vendor_supplier_supplier ON vendor_supplier_relationships (supplier_id);
        CREATE INDEX ix_vendor_supplier_relationships_created_date
            ON vendor_supplier_relationships (created_date);
        CREATE INDEX idx_vendor_supplier_conf ON vendor_supplier_relationships (is_confidential);

        CREATE TABLE owner_vendor_relationships (
            relationship_id INTEGER PRIMARY KEY,
            owner_id INTEGER NOT NULL REFERENCES owners_developers (owner_id),
            vendor_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            relationship_type TEXT,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (owner_id, vendor_id, relationship_type)
        );
        CREATE INDEX idx_owner_vendor_vendor ON owner_vendor_relationships (vendor_id);
        CREATE INDEX idx_owner_vendor_type ON owner_vendor_relationships (relationship_type);
        CREATE INDEX idx_owner_vendor_owner ON owner_vendor_relationships (owner_id);
        CREATE INDEX idx_owner_vendor_conf ON owner_vendor_relationships (is_confidential);
        CREATE INDEX ix_owner_vendor_relationships_created_date ON owner_vendor_relationships (created_date);

        CREATE TABLE project_vendor_relationships (
            relationship_id INTEGER PRIMARY KEY,
            project_id INTEGER NOT NULL REFERENCES projects (project_id),
            vendor_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (project_id, vendor_id)
        );
        CREATE INDEX idx_project_vendor_project ON project_vendor_relationships (project_id);
        CREATE INDEX idx_project_vendor_vendor ON project_vendor_relationships (vendor_id);
        CREATE INDEX idx_project_vendor_conf ON project_vendor_relationships (is_confidential);
        CREATE INDEX ix_project_vendor_relationships_created_date
            ON project_vendor_relationships (created_date);

        CREATE TABLE project_constructor_relationships (
            relationship_id INTEGER PRIMARY KEY,
            project_id INTEGER NOT NULL REFERENCES projects (project_id),
            constructor_id INTEGER NOT NULL REFERENCES constructors (constructor_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (project_id, constructor_id)
        );
        CREATE INDEX ix_project_constructor_relationships_created_date
            ON project_constructor_relationships (created_date);
        CREATE INDEX idx_project_constructor_conf ON project_constructor_relationships (is_confidential);
        CREATE INDEX idx_project_constructor_project ON project_constructor_relationships (project_id);
        CREATE INDEX idx_project_constructor_constructor
            ON project_constructor_relationships (constructor_id);

        CREATE TABLE project_operator_relationships (
            relationship_id INTEGER PRIMARY KEY,
            project_id INTEGER NOT NULL REFERENCES projects (project_id),
            operator_id INTEGER NOT NULL REFERENCES operators (operator_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (project_id, operator_id)
        );
        CREATE INDEX ix_project_operator_relationships_created_date
            ON project_operator_relationships (created_date);
        CREATE INDEX idx_project_operator_conf ON project_operator_relationships (is_confidential);
        CREATE INDEX idx_project_operator_operator ON project_operator_relationships (operator_id);
        CREATE INDEX idx_project_operator_project ON project_operator_relationships (project_id);

        CREATE TABLE project_owner_relationships (
            relationship_id INTEGER PRIMARY KEY,
            project_id INTEGER NOT NULL REFERENCES projects (project_id),
            owner_id INTEGER NOT NULL REFERENCES owners_developers (owner_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (project_id, owner_id)
        );
        CREATE INDEX ix_project_owner_relationships_created_date
            ON project_owner_relationships (created_date);
        CREATE INDEX idx_project_owner_owner ON project_owner_relationships (owner_id);
        CREATE INDEX idx_project_owner_project ON project_owner_relationships (project_id);
        CREATE INDEX idx_project_owner_conf ON project_owner_relationships (is_confidential);

        CREATE TABLE vendor_preferred_constructor (
            relationship_id INTEGER PRIMARY KEY,
            vendor_id INTEGER NOT NULL REFERENCES technology_vendors (vendor_id),
            constructor_id INTEGER NOT NULL REFERENCES constructors (constructor_id),
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            preference_reason TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (vendor_id, constructor_id)
        );
        CREATE INDEX idx_vendor_constructor_constructor ON vendor_preferred_constructor (constructor_id);
        CREATE INDEX idx_vendor_constructor_vendor ON vendor_preferred_constructor (vendor_id);
        CREATE INDEX idx_vendor_constructor_conf ON vendor_preferred_constructor (is_confidential);
        CREATE INDEX ix_vendor_preferred_constructor_created_date
            ON vendor_preferred_constructor (created_date);

        CREATE TABLE personnel_entity_relationships (
            relationship_id INTEGER PRIMARY KEY,
            personnel_id INTEGER NOT NULL REFERENCES personnel (personnel_id),
            entity_type TEXT NOT NULL,
            entity_id INTEGER NOT NULL,
            role_at_entity TEXT,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id),
            UNIQUE (personnel_id, entity_type, entity_id)
        );
        CREATE INDEX idx_personnel_entity_personnel ON personnel_entity_relationships (personnel_id);
        CREATE INDEX idx_personnel_entity_type ON personnel_entity_relationships (entity_type, entity_id);
        CREATE INDEX ix_personnel_entity_relationships_created_date
            ON personnel_entity_relationships (created_date);
        CREATE INDEX idx_personnel_entity_conf ON personnel_entity_relationships (is_confidential);

        CREATE TABLE entity_team_members (
            assignment_id INTEGER PRIMARY KEY,
            entity_type TEXT NOT NULL,
            entity_id INTEGER NOT NULL,
            personnel_id INTEGER NOT NULL REFERENCES personnel (personnel_id),
            assignment_type TEXT,
            assigned_date DATE DEFAULT CURRENT_DATE,
            is_active BOOLEAN NOT NULL DEFAULT 1
        );
        CREATE INDEX idx_team_members_active ON entity_team_members (is_active);
        CREATE INDEX idx_team_members_entity ON entity_team_members (entity_type, entity_id);
        CREATE INDEX idx_team_members_personnel ON entity_team_members (personnel_id);
    """)

    # Contacts and meetings. entity_type says which table entity_id points into.
    db.script("""
        CREATE TABLE contact_log (
            contact_id INTEGER PRIMARY KEY,
            entity_type TEXT NOT NULL,
            entity_id INTEGER NOT NULL,
            contact_date DATE NOT NULL,
            contact_type TEXT,
            contacted_by INTEGER NOT NULL REFERENCES personnel (personnel_id),
            contact_person_id INTEGER REFERENCES personnel (personnel_id),
            contact_person_freetext TEXT,
            summary TEXT,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            follow_up_needed BOOLEAN NOT NULL DEFAULT 0,
            follow_up_date DATE,
            follow_up_assigned_to INTEGER REFERENCES personnel (personnel_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_date TIMESTAMP,
            created_by INTEGER REFERENCES users (user_id),
            modified_by INTEGER REFERENCES users (user_id)
        );
        CREATE INDEX idx_contact_log_date ON contact_log (contact_date);
        CREATE INDEX idx_contact_log_contacted_by ON contact_log (contacted_by);
        CREATE INDEX idx_contact_log_entity ON contact_log (entity_type, entity_id);
        CREATE INDEX idx_contact_log_followup_date ON contact_log (follow_up_date);
        CREATE INDEX idx_contact_log_followup ON contact_log (follow_up_needed);
        CREATE INDEX ix_contact_log_created_date ON contact_log (created_date);

        CREATE TABLE roundtable_history (
            history_id INTEGER PRIMARY KEY,
            entity_type TEXT NOT NULL,
            entity_id INTEGER NOT NULL,
            meeting_date DATE NOT NULL,
            discussion TEXT,
            action_items TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date DATE NOT NULL DEFAULT CURRENT_DATE
        );
        CREATE INDEX idx_roundtable_meeting_date ON roundtable_history (meeting_date);
        CREATE INDEX idx_roundtable_entity ON roundtable_history (entity_type, entity_id);
    """)

    # What the application keeps about itself.
    db.script("""
        CREATE TABLE confidential_field_flags (
            flag_id INTEGER PRIMARY KEY,
            table_name TEXT NOT NULL,
            record_id INTEGER NOT NULL,
            field_name TEXT NOT NULL,
            is_confidential BOOLEAN NOT NULL DEFAULT 1,
            marked_by INTEGER REFERENCES users (user_id),
            marked_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE INDEX idx_conf_flags_table_record ON confidential_field_flags (table_name, record_id);
        CREATE INDEX idx_conf_flags_field ON confidential_field_flags (field_name);

        CREATE TABLE audit_log (
            log_id INTEGER PRIMARY KEY,
            user_id INTEGER REFERENCES users (user_id),
            timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            action TEXT NOT NULL,
            table_name TEXT NOT NULL,
            record_id INTEGER,
            field_name TEXT,
            old_value TEXT,
            new_value TEXT,
            notes TEXT
        );
        CREATE INDEX idx_audit_log_timestamp ON audit_log (timestamp);
        CREATE INDEX idx_audit_log_action ON audit_log (action);
        CREATE INDEX idx_audit_log_table ON audit_log (table_name);
        CREATE INDEX idx_audit_log_record ON audit_log (table_name, record_id);
        CREATE INDEX idx_audit_log_user ON audit_log (user_id);

        CREATE TABLE database_snapshots (
            snapshot_id INTEGER PRIMARY KEY,
            snapshot_timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            created_by_user_id INTEGER REFERENCES users (user_id),
            snapshot_type TEXT,
            file_path TEXT NOT NULL,
            description TEXT,
            snapshot_size_bytes INTEGER,
            is_retained BOOLEAN NOT NULL DEFAULT 0
        );
        CREATE INDEX idx_snapshots_timestamp ON database_snapshots (snapshot_timestamp);
        CREATE INDEX idx_snapshots_type ON database_snapshots (snapshot_type);
        CREATE INDEX idx_snapshots_retained ON database_snapshots (is_retained);

        CREATE TABLE system_settings (
            setting_id INTEGER PRIMARY KEY,
            setting_name TEXT NOT NULL UNIQUE,
            setting_value TEXT,
            setting_type TEXT,
            description TEXT,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP
        );
        CREATE UNIQUE INDEX idx_system_settings_name ON system_settings (setting_name);
    """)


def downgrade(db):
    db.script("""
        DROP TABLE system_settings;
        DROP TABLE database_snapshots;
        DROP TABLE audit_log;
        DROP TABLE confidential_field_flags;
        DROP TABLE roundtable_history;
        DROP TABLE contact_log;
        DROP TABLE entity_team_members;
        DROP TABLE personnel_entity_relationships;
        DROP TABLE vendor_preferred_constructor;
        DROP TABLE project_owner_relationships;
        DROP TABLE project_operator_relationships;
        DROP TABLE project_constructor_relationships;
        DROP TABLE project_vendor_relationships;
        DROP TABLE owner_vendor_relationships;
        DROP TABLE vendor_supplier_relationships;
        DROP TABLE projects;
        DROP TABLE operators;
        DROP TABLE constructors;
        DROP TABLE owners_developers;
        DROP TABLE products;
        DROP TABLE technology_vendors;
        DROP TABLE personnel;
        DROP TABLE users;
    """)
