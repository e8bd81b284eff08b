package identity

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// TestBcrypt verifies hashes of people who come from elsewhere. The first is of
// the public test vectors of crypt_blowfish.
func TestBcrypt(t *testing.T) {
	h := NewHasher(2, time.Second)
	const vector = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	for password, want := range map[string]bool{"U*U": true, "U*V": false, "": false,
		strings.Repeat("x", 100): false} {
		if ok, err := h.Verify(t.Context(), vector, password); err != nil || ok != want {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	if !h.Stale(vector) {
		t.Error("bcrypt counts as today's way")
	}
	made, err := h.Hash(t.Context(), "password")
	if err != nil || h.Stale(made) {
		t.Errorf("what was just made is stale: %q, %v", made, err)
	}
	for _, bad := range []string{"$2a$",
		"$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2a$05$short"} {
		if ok, err := h.Verify(t.Context(), bad, "U*U"); err == nil || ok {
			t.Errorf("%q: %v, %v", bad, ok, err)
		}
		if CheckBcrypt(bad) == nil {
			t.Errorf("%q passes for bcrypt", bad)
		}
	}
}

// A refusal does the same work for a name that nobody has, for an account of
// this server and for one that was imported: both kinds of hashing.
func TestARefusalCostsTheSame(t *testing.T) {
	h := NewHasher(1, time.Minute)
	own, err := h.Hash(t.Context(), "right")
	if err != nil {
		t.Fatal(err)
	}
	imported, err := bcrypt.GenerateFromPassword([]byte("right"), 10)
	if err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string]string{"nobody": "", "own": own, "imported": string(imported)} {
		for _, password := range []string{"wrong", strings.Repeat("long", 30)} {
			before := h.work.Load()
			ok, err := h.Verify(t.Context(), encoded, password)
			if ok || err != nil {
				t.Errorf("%s: %t, %v", name, ok, err)
			}
			if n := h.work.Load() - before; n != 2 {
				t.Errorf("%s, a password of %d bytes: %d pieces of work, want 2", name, len(password), n)
			}
		}
	}
	for name, encoded := range map[string]string{"own": own, "imported": string(imported)} {
		if ok, err := h.Verify(t.Context(), encoded, "right"); !ok || err != nil {
			t.Errorf("%s, the right password: %t, %v", name, ok, err)
		}
	}
}
