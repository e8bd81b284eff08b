-- What became of messages. A message to which nothing happened has no row but its own.
ALTER TABLE messages ADD COLUMN marks TEXT; -- JSON, see marks.go; NULL for none
CREATE TABLE edits (
  id      INTEGER PRIMARY KEY, -- ascending
  message INTEGER NOT NULL,
  text    TEXT NOT NULL,       -- as it was until then
  at      INTEGER NOT NULL     -- since when it was that
);
CREATE INDEX edits_message ON edits (message);
CREATE TABLE mentions (
  user    TEXT NOT NULL, -- or * for everyone
  message INTEGER NOT NULL,
  PRIMARY KEY (user, message)
) WITHOUT ROWID;
CREATE TABLE pins (
  message INTEGER PRIMARY KEY
);
CREATE TABLE deleted (
  message INTEGER PRIMARY KEY
);

-- Messages whose text has changed since it was indexed for search, see search.go.
CREATE TABLE reindex (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  message INTEGER NOT NULL
);

-- Threads are rooms.
ALTER TABLE rooms ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN root INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rooms_parent ON rooms (parent) WHERE parent <> '';

-- Programs, and their tokens.
ALTER TABLE accounts ADD COLUMN bot INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN scopes TEXT NOT NULL DEFAULT ''; -- JSON; empty for none

CREATE TABLE records (
  kind    TEXT NOT NULL,
  id      TEXT NOT NULL,
  version INTEGER NOT NULL,
  value   BLOB NOT NULL,
  PRIMARY KEY (kind, id)
);
