ALTER TABLE entry ADD COLUMN digest TEXT NOT NULL DEFAULT '';
DROP INDEX entry_grant;
CREATE INDEX entry_grant ON entry (grant_name, not_after, revoked, holder, barred);
CREATE INDEX entry_digest ON entry (digest) WHERE digest <> '';
PRAGMA user_version = 2;
