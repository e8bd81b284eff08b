package sqlite

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as Parley's: "Prly".
const applicationID = 0x50726c79

// upgrade brings the database to the newest schema. Its version is the number
// of migrations that have run; each runs in a transaction with the step to its
// number.
func upgrade(c *conn, path string) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	have, err := pragma(c, "user_version")
	if err != nil {
		return fmt.Errorf("%s cannot be read as a database: it is damaged or something else; restore a backup or choose another directory (%w)", path, err)
	}
	id, err := pragma(c, "application_id")
	if err != nil {
		return err
	}
	if have > 0 && id != applicationID {
		return fmt.Errorf("%s belongs to another program: choose another data directory", path)
	}
	if have > int64(len(names)) {
		return fmt.Errorf("%s was written by a newer version of Parley (schema %d, this version knows %d): use that version, or restore a backup",
			path, have, len(names))
	}
	for i := have; i < int64(len(names)); i++ {
		sql, err := migrations.ReadFile(names[i])
		if err != nil {
			return err
		}
		step := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;\nCOMMIT;", sql, applicationID, i+1)
		if err := c.script(step); err != nil {
			return fmt.Errorf("migrate %s with %s: %w", path, names[i], err)
		}
	}
	return nil
}

func pragma(c *conn, name string) (int64, error) {
	r, err := c.one("PRAGMA " + name)
	if err != nil {
		return 0, err
	}
	return r.num(0), nil
}
