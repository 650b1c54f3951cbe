CREATE TABLE server (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, fqdn TEXT NOT NULL);

CREATE TABLE entry (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  grant_name TEXT NOT NULL,
  gift       TEXT NOT NULL,
  token      INTEGER NOT NULL,
  holder     TEXT NOT NULL,
  credential TEXT NOT NULL,
  audience   TEXT NOT NULL,
  target     TEXT NOT NULL,
  type       INTEGER NOT NULL,
  operation  INTEGER NOT NULL,
  vouched    INTEGER NOT NULL,
  roles      TEXT NOT NULL,
  key_id     TEXT NOT NULL,
  sealed     BLOB,
  issued     INTEGER NOT NULL,
  not_after  INTEGER NOT NULL,
  revoked    INTEGER NOT NULL DEFAULT 0,
  because    TEXT NOT NULL DEFAULT '',
  barred     INTEGER NOT NULL DEFAULT 0,
  digest     TEXT NOT NULL DEFAULT '',
  owed       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX entry_holder ON entry (holder, not_after);
CREATE INDEX entry_grant ON entry (grant_name, not_after, revoked, holder, barred);
CREATE INDEX entry_digest ON entry (digest) WHERE digest <> '';
CREATE INDEX entry_end ON entry (not_after);
CREATE INDEX entry_owed ON entry (audience) WHERE owed > 0;
CREATE INDEX entry_key ON entry (key_id, not_after);

CREATE TABLE key (
  seq       INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE,
  algorithm TEXT NOT NULL,
  made      INTEGER NOT NULL,
  used_from INTEGER NOT NULL,
  retired   INTEGER NOT NULL,
  public    TEXT NOT NULL,
  sealed    BLOB NOT NULL
);

CREATE TABLE relation (
  token_id  TEXT PRIMARY KEY REFERENCES entry (id) ON DELETE CASCADE,
  subject   TEXT NOT NULL,
  resource  TEXT NOT NULL,
  signature BLOB NOT NULL,
  sealed    INTEGER NOT NULL DEFAULT 0,
  verified  INTEGER NOT NULL,
  made      INTEGER NOT NULL
);

PRAGMA user_version = 4;
