package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/parley-chat/parley/internal/chat"
)

// Parameters of argon2id, as OWASP's password storage cheat sheet gives them
// for 19 MiB.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltSize  = 16
	keySize   = 32
)

// Hasher hashes passwords with argon2id, a bounded number at a time, since each
// takes 19 MiB and tens of milliseconds of one core.
type Hasher struct {
	slots chan struct{}
	wait  time.Duration
	work  atomic.Int64 // how many hashes were computed
}

// NewHasher returns a hasher with so many slots (at least 1). A call waits up
// to wait for one and is then refused with chat.ErrRateLimited.
func NewHasher(slots int, wait time.Duration) *Hasher {
	return &Hasher{slots: make(chan struct{}, max(1, slots)), wait: wait}
}

var encoding = base64.RawStdEncoding

// Hash returns the hash in the PHC string format:
// $argon2id$v=19$m=…,t=…,p=…$salt$key.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	key := h.key(password, salt, passes, memoryKiB, lanes, keySize)
	return current + encoding.EncodeToString(salt) + "$" + encoding.EncodeToString(key), nil
}

// Verify reports whether the password has that encoded hash, in constant time.
// An empty hash is never matched. A refusal costs the same work whether the
// hash was empty, argon2id's or bcrypt's, so that the time it takes says
// neither whether a name exists nor where its account came from.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (bool, error) {
	own, imported := encoded, noBcrypt
	if isBcrypt(encoded) {
		own, imported = "", encoded
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	ok, err := h.argon2(own, password)
	if ok || err != nil {
		return ok, err
	}
	return h.bcrypt(imported, password)
}

// argon2 does its work for an empty hash too, which matches nothing. The caller
// has a slot.
func (h *Hasher) argon2(encoded, password string) (bool, error) {
	if encoded == "" {
		h.key(password, make([]byte, saltSize), passes, memoryKiB, lanes, keySize)
		return false, nil
	}
	var version, t, m int
	var p uint8
	part := strings.Split(encoded, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return false, fmt.Errorf("password hash is not argon2id")
	}
	if _, err := fmt.Sscanf(part[2]+" "+part[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t,
		&p); err != nil || version != argon2.Version {
		return false, fmt.Errorf("password hash has unknown parameters %q %q", part[2], part[3])
	}
	salt, err := encoding.DecodeString(part[4])
	if err != nil {
		return false, fmt.Errorf("password hash: salt: %w", err)
	}
	want, err := encoding.DecodeString(part[5])
	if err != nil {
		return false, fmt.Errorf("password hash: key: %w", err)
	}
	got := h.key(password, salt, uint32(t), uint32(m), p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *Hasher) key(password string, salt []byte, t, m uint32, p uint8, n uint32) []byte {
	h.work.Add(1)
	return argon2.IDKey([]byte(password), salt, t, m, p, n)
}

// enter waits for a slot.
func (h *Hasher) enter(ctx context.Context) error {
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return &chat.Error{Code: chat.CodeRateLimited,
			Message: "Many people are logging in. Try again in a moment.", RetryAfter: h.wait}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) leave() { <-h.slots }

// current is how hashes begin that are made today.
var current = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memoryKiB, passes, lanes)

// Stale reports whether a password should be hashed anew: its hash was made in
// another way than Hash does now.
func (h *Hasher) Stale(encoded string) bool { return !strings.HasPrefix(encoded, current) }

// Hashes of people who came from elsewhere are bcrypt's until their first
// log-in.
func isBcrypt(encoded string) bool {
	return strings.HasPrefix(encoded, "$2a$") || strings.HasPrefix(encoded, "$2b$") ||
		strings.HasPrefix(encoded, "$2y$")
}

// noBcrypt stands for the hash of an account that has none of bcrypt's: no
// password is known to have it. Its cost is the usual one.
const noBcrypt = "$2a$10$" + "nobodyhasthissaltuuuuu" + "nobodyhasthishashuuuuuuuuuuuuuu"

// maxBcryptCost is the highest cost that is verified: about a second of one
// core.
const maxBcryptCost = 14

// CheckBcrypt returns an error unless encoded is a bcrypt hash that Verify
// accepts.
func CheckBcrypt(encoded string) error {
	cost, err := bcrypt.Cost([]byte(encoded))
	if err != nil || !isBcrypt(encoded) {
		return errors.New("the password is not hashed with bcrypt")
	}
	if cost > maxBcryptCost {
		return fmt.Errorf("the password's bcrypt cost of %d is above %d", cost, maxBcryptCost)
	}
	return nil
}

// bcrypt compares with an imported hash. The caller has a slot.
func (h *Hasher) bcrypt(encoded, password string) (bool, error) {
	if err := CheckBcrypt(encoded); err != nil {
		return false, err
	}
	h.work.Add(1)
	// bcrypt refuses longer passwords without doing any work.
	const longest = 72
	fits := len(password) <= longest
	err := bcrypt.CompareHashAndPassword([]byte(encoded), []byte(password[:min(len(password), longest)]))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil && fits, err
}
