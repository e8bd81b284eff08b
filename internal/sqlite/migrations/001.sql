-- A message's id is room << 36 + no, an event's id is stream << 36 + seq: one integer key that keeps
-- what belongs together next to each other, in order.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Rooms share the numbers of their streams.
CREATE TABLE streams (
  num  INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE rooms (
  num        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL,
  name       TEXT NOT NULL,
  topic      TEXT NOT NULL,
  pair       TEXT NOT NULL, -- two user ids with a space between them, or empty
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  members    INTEGER NOT NULL -- how many
);
CREATE INDEX rooms_public ON rooms (id) WHERE kind = 'public';
CREATE INDEX rooms_created_by ON rooms (created_by);

CREATE TABLE members (
  room      INTEGER NOT NULL,
  user      TEXT NOT NULL,
  role      TEXT NOT NULL,
  joined_at INTEGER NOT NULL,
  read_no   INTEGER NOT NULL,
  PRIMARY KEY (room, user)
) WITHOUT ROWID;

-- Read positions that have moved and do not stand in members yet, see reads.go.
CREATE TABLE moves (
  num   INTEGER PRIMARY KEY,
  moves BLOB NOT NULL
);

-- A person's list of rooms: outlives the membership until room.left is written.
CREATE TABLE lists (
  user TEXT NOT NULL,
  room INTEGER NOT NULL,
  PRIMARY KEY (user, room)
) WITHOUT ROWID;

-- A message is its own event: message.created events stand nowhere else.
CREATE TABLE messages (
  id        INTEGER PRIMARY KEY,
  seq       INTEGER NOT NULL,
  event     TEXT NOT NULL, -- id of the message and of its event
  prev      TEXT,          -- id of the event before; NULL if that is the message before
  author    TEXT NOT NULL,
  by        TEXT,          -- NULL if the author
  text      TEXT NOT NULL,
  client_id TEXT NOT NULL,
  send      BLOB,          -- hash of what makes a send the same send, see dedupe.go
  at        INTEGER NOT NULL
);

-- All other events.
CREATE TABLE events (
  id    INTEGER PRIMARY KEY,
  no    INTEGER NOT NULL, -- number of the room's newest message then
  event TEXT NOT NULL,
  prev  TEXT NOT NULL,
  kind  TEXT NOT NULL,
  at    INTEGER NOT NULL,
  by    TEXT NOT NULL,
  body  BLOB NOT NULL
);

CREATE TABLE accounts (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  role       TEXT NOT NULL,
  disabled   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  name_key   TEXT NOT NULL UNIQUE,
  password   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
  id         TEXT PRIMARY KEY,
  user       TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  agent      TEXT NOT NULL,
  addr       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE invites (
  id         TEXT PRIMARY KEY,
  code_hash  TEXT NOT NULL UNIQUE,
  role       TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX invites_created_at ON invites (created_at, id);

-- What sends were made lately, see dedupe.go.
CREATE TABLE sends (
  generation INTEGER NOT NULL,
  last       BLOB NOT NULL, -- hash of the last send of the row
  sends      BLOB NOT NULL, -- hash and message id of each, ascending
  PRIMARY KEY (generation, last)
) WITHOUT ROWID;
CREATE TABLE generations (
  num    INTEGER PRIMARY KEY,
  newest INTEGER NOT NULL, -- time of its newest send
  filter BLOB NOT NULL
);
CREATE TABLE tails (
  room INTEGER PRIMARY KEY,
  no   INTEGER NOT NULL -- the generations do not know its sends from here on
);
