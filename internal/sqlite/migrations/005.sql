-- What people say of themselves, and until when they are disabled.
ALTER TABLE accounts ADD COLUMN profile TEXT NOT NULL DEFAULT ''; -- JSON, see profile.go; empty for none
