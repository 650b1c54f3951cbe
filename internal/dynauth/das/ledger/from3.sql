-- Signatures are encrypted from now on; the server does that to those that it has.
ALTER TABLE relation ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 4;
