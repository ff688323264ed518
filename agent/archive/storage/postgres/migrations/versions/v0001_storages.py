"""The first tables: storages, their files, logs, versions and holders.

The database itself refuses a second truth: a content has one hash, which the server checks; a version has one folder;
a place in a log has one entry; a storage has one holder.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_TABLES = """
CREATE TABLE autotts.storages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('run', 'archive')),
    name text COLLATE "C" NOT NULL CHECK (name <> ''),
    made timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, name)
);
CREATE SEQUENCE autotts.changes;
CREATE TABLE autotts.blobs (
    sha256 bytea PRIMARY KEY,
    data bytea NOT NULL,
    CONSTRAINT content_has_its_hash CHECK (sha256 = sha256(data))
);
ALTER TABLE autotts.blobs ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE autotts.versions (
    storage bigint NOT NULL REFERENCES autotts.storages,
    id text COLLATE "C" NOT NULL CHECK (id <> ''),
    manifest bytea NOT NULL,
    added bigint NOT NULL DEFAULT nextval('autotts.changes'),
    generation integer, name text, explorer text, island text, parents text, verdict text, source_sha256 text,
    cost text, curve bytea, size bigint,
    PRIMARY KEY (storage, id)
);
CREATE INDEX versions_by_age ON autotts.versions (storage, generation, id);
CREATE INDEX versions_by_change ON autotts.versions (storage, added);
CREATE INDEX versions_by_source ON autotts.versions (storage, source_sha256);
CREATE TABLE autotts.version_files (
    storage bigint NOT NULL,
    version text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (name <> ''),
    sha256 bytea NOT NULL REFERENCES autotts.blobs,
    PRIMARY KEY (storage, version, name),
    FOREIGN KEY (storage, version) REFERENCES autotts.versions
);
CREATE TABLE autotts.files (
    storage bigint NOT NULL REFERENCES autotts.storages,
    name text COLLATE "C" NOT NULL CHECK (name <> ''),
    sha256 bytea NOT NULL,
    data bytea NOT NULL,
    changed bigint NOT NULL DEFAULT nextval('autotts.changes'),
    PRIMARY KEY (storage, name),
    CONSTRAINT file_has_its_hash CHECK (sha256 = sha256(data))
);
ALTER TABLE autotts.files ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE autotts.log_parts (
    storage bigint NOT NULL REFERENCES autotts.storages,
    name text COLLATE "C" NOT NULL CHECK (name <> ''),
    part bigint NOT NULL CHECK (part > 0),
    ends bigint NOT NULL,
    key uuid NOT NULL UNIQUE,
    data bytea NOT NULL,
    PRIMARY KEY (storage, name, part),
    UNIQUE (storage, name, ends)
);
CREATE TABLE autotts.holders (
    storage bigint PRIMARY KEY REFERENCES autotts.storages,
    token uuid NOT NULL,
    process bytea NOT NULL,
    expires timestamptz NOT NULL
);
CREATE FUNCTION autotts.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% never changes', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER immutable BEFORE UPDATE ON autotts.blobs
    FOR EACH ROW EXECUTE FUNCTION autotts.refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE ON autotts.version_files
    FOR EACH ROW EXECUTE FUNCTION autotts.refuse_change();
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in filter(str.strip, _TABLES.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    """Remove the tables."""
    op.execute("DROP SCHEMA autotts CASCADE")
