-- A second key of a name, for how it looks; no key of one account is a key of another.
ALTER TABLE accounts ADD COLUMN look_key TEXT; -- NULL for none
CREATE UNIQUE INDEX accounts_look ON accounts(look_key) WHERE look_key IS NOT NULL;
