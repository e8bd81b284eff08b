package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/parley-chat/parley/internal/chat"
)

// Parameters of argon2id, as OWASP's password storage cheat sheet gives them for 19 MiB.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltSize  = 16
	keySize   = 32
)

// Hasher hashes passwords with argon2id, a bounded number at a time, since each takes 19 MiB and
// tens of milliseconds of one core.
type Hasher struct {
	slots chan struct{}
	wait  time.Duration
}

// NewHasher returns a hasher with so many slots (at least 1). A call waits up to wait for one and is then
// refused with chat.ErrRateLimited.
func NewHasher(slots int, wait time.Duration) *Hasher {
	return &Hasher{slots: make(chan struct{}, max(1, slots)), wait: wait}
}

var encoding = base64.RawStdEncoding

// Hash returns the hash in the PHC string format: $argon2id$v=19$m=…,t=…,p=…$salt$key.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key, err := h.key(ctx, password, salt, passes, memoryKiB, lanes, keySize)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		encoding.EncodeToString(salt), encoding.EncodeToString(key)), nil
}

// Verify reports whether the password has that encoded hash, in constant time. An empty hash costs the same
// and is never matched, so that an unknown name cannot be told from a wrong password.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (bool, error) {
	if encoded == "" {
		_, err := h.key(ctx, password, make([]byte, saltSize), passes, memoryKiB, lanes, keySize)
		return false, err
	}
	var version, t, m int
	var p uint8
	part := strings.Split(encoded, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return false, fmt.Errorf("password hash is not argon2id")
	}
	if _, err := fmt.Sscanf(part[2]+" "+part[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil || version != argon2.Version {
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
	got, err := h.key(ctx, password, salt, uint32(t), uint32(m), p, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *Hasher) key(ctx context.Context, password string, salt []byte, t, m uint32, p uint8, n uint32) ([]byte, error) {
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
	case <-timer.C:
		return nil, &chat.Error{Code: chat.CodeRateLimited, Message: "many people are logging in: try again in a moment", RetryAfter: h.wait}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, t, m, p, n), nil
}
