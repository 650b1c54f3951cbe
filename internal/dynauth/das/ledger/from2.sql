-- What the CSEs have to be told. They have been told nothing yet.
ALTER TABLE entry ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX entry_owed ON entry (audience) WHERE owed > 0;
UPDATE entry SET owed = 1 WHERE revoked > 0;

PRAGMA user_version = 3;
