package identity

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/oklog/ulid/v2"
)

// NewID returns a ULID: unique, and sorted by the time it was made, within a
// process also in the order of the calls. Safe for concurrent use.
func NewID() string { return ulid.Make().String() }

// NewToken returns a secret of 256 random bits, URL-safe.
func NewToken() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
