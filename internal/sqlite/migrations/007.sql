-- Tables and columns say what they hold.
ALTER TABLE moves RENAME TO read_moves;
ALTER TABLE generations RENAME TO dedupe_segments;
ALTER TABLE sends RENAME TO dedupe_sends;
ALTER TABLE dedupe_sends RENAME COLUMN generation TO segment;
ALTER TABLE tails RENAME TO dedupe_tails;
ALTER TABLE messages RENAME COLUMN marks TO annotations;
