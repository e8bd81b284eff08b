package object

import "errors"

// Errors that a caller tells apart with errors.Is. Everything else is a mistake
// of the program (a type, a query, a value) or Redis' own error, wrapped with
// what was being done.
var (
	// ErrNotFound: there is no such record; it never was, was removed, or has
	// expired. Save returns it for a record that was read before and is gone
	// since: it is not made again.
	ErrNotFound = errors.New("record not found")

	// ErrConflict: the record was saved by someone else since it was read, or,
	// for a record with version 0, exists already. Fetch it and decide again.
	ErrConflict = errors.New("record was changed meanwhile")

	// ErrTaken: another record holds this value of a unique field; errors.As
	// with *TakenError tells which field.
	ErrTaken = errors.New("value is taken")

	// ErrBadCursor: the cursor is not one that this query gave.
	ErrBadCursor = errors.New("cursor does not belong to this query")

	// ErrNoQueryEngine: this Redis has no query engine (FT.* commands).
	ErrNoQueryEngine = errors.New("no query engine in this Redis")
)

// TakenError names the unique field whose value another record holds. It is an
// ErrTaken.
type TakenError struct {
	Field string // as named in Redis
}

func (e *TakenError) Error() string { return "value of " + e.Field + " is taken" }

// Is makes errors.Is(err, ErrTaken) true.
func (e *TakenError) Is(target error) bool { return target == ErrTaken }
