-- Search has an index of its own, which follows the log.
DROP TABLE reindex;
