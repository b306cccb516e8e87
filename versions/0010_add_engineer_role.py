"""Add the engineer role to the role catalogue.

A role engineer that somebody has entered before is taken as it is. The downgrade takes away the row that
stands here, known by its description, unless assignments use it: then it stays, and a later upgrade finds it.
"""

depends_on = ["0005_company_unification"]


def upgrade(db):
    db.execute("""
        INSERT INTO company_roles (role_code, role_label, description)
        VALUES ('engineer', 'Engineer', 'Designs and engineers plants, also for their owners')
        ON CONFLICT (role_code) DO NOTHING
    """)


def downgrade(db):
    db.execute("""
        DELETE FROM company_roles
        WHERE role_code = 'engineer'
          AND description = 'Designs and engineers plants, also for their owners'
          AND role_id NOT IN (SELECT role_id FROM company_role_assignments)
    """)
