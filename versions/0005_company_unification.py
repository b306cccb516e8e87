"""Add the unified company model and its role catalogue.

The old tables stay; 0006_backfill_companies fills the new ones from them.
"""

depends_on = ["0002_add_offtakers", "0003_add_clients_crm"]


def upgrade(db):
    db.script("""
        CREATE TABLE companies (
            company_id INTEGER PRIMARY KEY,
            company_name TEXT NOT NULL,
            company_type TEXT,
            sector TEXT,
            website TEXT,
            headquarters_country TEXT,
            headquarters_region TEXT,
            is_mpr_client BOOLEAN NOT NULL DEFAULT 0,
            is_internal BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP
        );
        CREATE UNIQUE INDEX uq_companies_name ON companies (company_name);
        CREATE INDEX idx_companies_name ON companies (company_name);
        CREATE INDEX idx_companies_type ON companies (company_type);
        CREATE INDEX idx_companies_mpr_client ON companies (is_mpr_client);
        CREATE INDEX idx_companies_created ON companies (created_date);

        CREATE TABLE company_roles (
            role_id INTEGER PRIMARY KEY,
            role_code TEXT NOT NULL UNIQUE,
            role_label TEXT NOT NULL,
            description TEXT,
            is_active BOOLEAN NOT NULL DEFAULT 1,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP
        );
        CREATE INDEX idx_company_roles_active ON company_roles (is_active);
        CREATE INDEX idx_company_roles_label ON company_roles (role_label);

        CREATE TABLE company_role_assignments (
            assignment_id INTEGER PRIMARY KEY,
            company_id INTEGER NOT NULL REFERENCES companies (company_id),
            role_id INTEGER NOT NULL REFERENCES company_roles (role_id),
            context_type TEXT,
            context_id INTEGER,
            is_primary BOOLEAN NOT NULL DEFAULT 0,
            start_date DATE,
            end_date DATE,
            is_confidential BOOLEAN NOT NULL DEFAULT 0,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (company_id, role_id, context_type, context_id)
        );
        CREATE INDEX idx_company_role_company ON company_role_assignments (company_id);
        CREATE INDEX idx_company_role_role ON company_role_assignments (role_id);
        CREATE INDEX idx_company_role_context ON company_role_assignments (context_type, context_id);
        CREATE INDEX idx_company_role_primary ON company_role_assignments (is_primary);
        CREATE INDEX idx_company_role_confidential ON company_role_assignments (is_confidential);

        CREATE TABLE client_profiles (
            company_id INTEGER PRIMARY KEY REFERENCES companies (company_id),
            relationship_strength TEXT,
            relationship_notes TEXT,
            client_priority TEXT,
            client_status TEXT,
            last_contact_date DATE,
            last_contact_type TEXT,
            last_contact_by INTEGER REFERENCES personnel (personnel_id),
            next_planned_contact_date DATE,
            next_planned_contact_type TEXT,
            next_planned_contact_assigned_to INTEGER REFERENCES personnel (personnel_id),
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP
        );
        CREATE INDEX idx_client_profiles_priority ON client_profiles (client_priority);
        CREATE INDEX idx_client_profiles_status ON client_profiles (client_status);
        CREATE INDEX idx_client_profiles_last_contact ON client_profiles (last_contact_date);

        CREATE TABLE person_company_affiliations (
            affiliation_id INTEGER PRIMARY KEY,
            person_id INTEGER NOT NULL REFERENCES personnel (personnel_id),
            company_id INTEGER NOT NULL REFERENCES companies (company_id),
            title TEXT,
            department TEXT,
            is_primary BOOLEAN NOT NULL DEFAULT 0,
            start_date DATE,
            end_date DATE,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (person_id, company_id, title, start_date)
        );
        CREATE INDEX idx_person_company_person ON person_company_affiliations (person_id);
        CREATE INDEX idx_person_company_company ON person_company_affiliations (company_id);
        CREATE INDEX idx_person_company_primary ON person_company_affiliations (is_primary);

        CREATE TABLE internal_external_links (
            link_id INTEGER PRIMARY KEY,
            internal_person_id INTEGER NOT NULL REFERENCES personnel (personnel_id),
            external_person_id INTEGER NOT NULL REFERENCES personnel (personnel_id),
            company_id INTEGER REFERENCES companies (company_id),
            relationship_type TEXT,
            relationship_strength TEXT,
            notes TEXT,
            created_by INTEGER REFERENCES users (user_id),
            created_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            modified_by INTEGER REFERENCES users (user_id),
            modified_date TIMESTAMP,
            UNIQUE (internal_person_id, external_person_id, company_id)
        );
        CREATE INDEX idx_internal_external_internal ON internal_external_links (internal_person_id);
        CREATE INDEX idx_internal_external_external ON internal_external_links (external_person_id);
        CREATE INDEX idx_internal_external_company ON internal_external_links (company_id);
    """)
    db.execute("""
        INSERT INTO company_roles (role_code, role_label, description)
        VALUES
            ('vendor', 'Technology Vendor', 'Offers reactor designs'),
            ('constructor', 'Constructor', 'Builds plants'),
            ('developer', 'Owner / Developer', 'Owns or develops projects'),
            ('operator', 'Operator', 'Operates plants'),
            ('offtaker', 'Energy Off-taker', 'Buys the energy of a project'),
            ('client', 'Client', 'Is or may become a client')
    """)


def downgrade(db):
    db.script("""
        DROP TABLE internal_external_links;
        DROP TABLE person_company_affiliations;
        DROP TABLE client_profiles;
        DROP TABLE company_role_assignments;
        DROP TABLE company_roles;
        DROP TABLE companies;
    """)
