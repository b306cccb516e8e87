"""Add latitude and longitude to projects, for the map."""

depends_on = ["0001_initial_schema"]


def upgrade(db):
    db.execute("ALTER TABLE projects ADD COLUMN latitude REAL")
    db.execute("ALTER TABLE projects ADD COLUMN longitude REAL")
    db.execute("CREATE INDEX idx_projects_lat_lon ON projects (latitude, longitude)")


def downgrade(db):
    # The index first: SQLite does not drop a column that an index uses.
    db.execute("DROP INDEX idx_projects_lat_lon")
    db.execute("ALTER TABLE projects DROP COLUMN longitude")
    db.execute("ALTER TABLE projects DROP COLUMN latitude")
