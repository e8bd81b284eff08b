package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

const (
	idBytes     = 16
	secretBytes = 32
)

// A token is a public id and a secret. A token without a secret stands for a
// session that was reached by its id.
type token struct {
	id     string // base64url of 16 bytes
	secret string // base64url of 32 bytes
}

func newToken() token {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails
	return token{id: base64.RawURLEncoding.EncodeToString(b[:]), secret: newSecret()}
}

func newSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// parseToken reads the form id.secret and takes no other spelling of the same
// bytes.
func parseToken(s string) (token, bool) {
	const id, all = (idBytes*8 + 5) / 6, (idBytes*8+5)/6 + 1 + (secretBytes*8+5)/6
	if len(s) != all || s[id] != '.' {
		return token{}, false
	}
	t := token{id: s[:id], secret: s[id+1:]}
	strict := base64.RawURLEncoding.Strict()
	var b [secretBytes]byte
	// The lengths matter: the decoder skips line breaks.
	if n, err := strict.Decode(b[:], []byte(t.id)); err != nil || n != idBytes {
		return token{}, false
	}
	if n, err := strict.Decode(b[:], []byte(t.secret)); err != nil || n != secretBytes {
		return token{}, false
	}
	return t, true
}

func (t token) String() string {
	if t.secret == "" {
		return ""
	}
	return t.id + "." + t.secret
}

// hash is what Redis knows of the secret. It has the id in it, so that a record
// copied to another id opens nothing.
func (t token) hash() string {
	if t.secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(t.String()))
	return hex.EncodeToString(sum[:])
}
