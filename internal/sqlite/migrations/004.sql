-- Direct rooms are of two and more.
ALTER TABLE rooms RENAME COLUMN pair TO people;
UPDATE events SET body = CAST(replace(CAST(body AS TEXT), '"pair":[', '"people":[') AS BLOB)
  WHERE kind IN ('room.created', 'room.updated', 'room.joined') AND instr(CAST(body AS TEXT), '"pair":[') > 0; -- in a JSON text the quotes are escaped

-- Rooms that can only be read, and those in which one waits between messages.
ALTER TABLE rooms ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN slow INTEGER NOT NULL DEFAULT 0; -- seconds
ALTER TABLE members ADD COLUMN spoke INTEGER NOT NULL DEFAULT 0; -- when they sent their last message while the room was slow
ALTER TABLE members ADD COLUMN mute TEXT; -- JSON; NULL for none

-- Of which messages a person is told.
ALTER TABLE lists ADD COLUMN notify TEXT NOT NULL DEFAULT '';
