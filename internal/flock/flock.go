// Package flock locks files between processes. The system lets go of a lock
// when its file is closed, or its process dies. Whoever does not ask for locks
// can still read and write the file.
package flock

import "errors"

// ErrHeld is returned for a lock that another file holds.
var ErrHeld = errors.New("locked by another process")
