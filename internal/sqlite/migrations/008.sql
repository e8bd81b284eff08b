-- Rooms in which only moderators post.
ALTER TABLE rooms ADD COLUMN announce INTEGER NOT NULL DEFAULT 0;
