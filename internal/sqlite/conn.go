package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"modernc.org/sqlite"
)

// conn is one connection to a database with its prepared statements. It uses
// the driver without database/sql, whose pool, locks and conversions cost as
// much as a small statement itself. A conn is used by one goroutine at a time.
type conn struct {
	c     driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

// row is one row of a result. Its values are int64, string, []byte or nil.
type row []driver.Value

func (r row) num(i int) int64   { n, _ := r[i].(int64); return n }
func (r row) text(i int) string { s, _ := r[i].(string); return s }
func (r row) blob(i int) []byte { b, _ := r[i].([]byte); return b }

// open opens the database file at path and runs the pragmas on it.
func open(path string, pragmas ...string) (*conn, error) {
	dc, err := new(sqlite.Driver).Open((&url.URL{Scheme: "file", OmitHost: true, Path: path}).String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c := &conn{c: dc, stmts: map[string]driver.Stmt{}}
	for _, p := range pragmas {
		if err := c.script("PRAGMA " + p); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), c.close())
		}
	}
	return c, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}

// script runs statements that need no arguments and are not used again.
func (c *conn) script(sql string) error {
	_, err := c.c.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

// planned is what LIMIT ? becomes. SQLite looks at the number when it plans,
// and therefore plans a bare LIMIT ? anew in every run: a third of what a page
// of fifty messages costs.
const planned = "LIMIT ? + 0"

func (c *conn) prepare(sql string, args []any) (driver.Stmt, []driver.NamedValue, error) {
	s, ok := c.stmts[sql]
	if !ok {
		var err error
		if s, err = c.c.Prepare(strings.ReplaceAll(sql, "LIMIT ?", planned)); err != nil {
			return nil, nil, err
		}
		c.stmts[sql] = s
	}
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s, c.args, nil
}

// exec runs a statement and returns how many rows it changed. Args are int64,
// string, []byte or nil.
func (c *conn) exec(sql string, args ...any) (int64, error) {
	s, named, err := c.prepare(sql, args)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(context.Background(), named)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query calls each with every row of the result. The row is valid during the
// call only; each must not run the same statement.
func (c *conn) query(ctx context.Context, each func(row) error, sql string, args ...any) (err error) {
	s, named, err := c.prepare(sql, args)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, named)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// one runs a query for at most one row and returns it, nil if there is none.
func (c *conn) one(sql string, args ...any) (row, error) {
	var found row
	err := c.query(context.Background(),
		func(r row) error { found = append(row(nil), r...); return nil }, sql, args...)
	return found, err
}

// many returns what scan makes of every row.
func many[T any](c *conn, scan func(row) T, sql string, args ...any) ([]T, error) {
	var all []T
	err := c.query(context.Background(),
		func(r row) error { all = append(all, scan(r)); return nil }, sql, args...)
	return all, err
}

// first is the number in the first column, 0 if there is no row.
func (r row) first() int64 {
	if r == nil {
		return 0
	}
	return r.num(0)
}
