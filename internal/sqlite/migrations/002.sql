-- How long a room keeps its messages, and up to which they are gone.
ALTER TABLE rooms ADD COLUMN retain INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;
