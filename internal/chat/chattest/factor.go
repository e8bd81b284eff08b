package chattest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// AppCode is what an authenticator app shows at a time.
func AppCode(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff)%1_000_000)
}

// Enrol gives somebody a second factor and returns its secret and what the
// first code brought.
func (f *Fixture) Enrol(who chat.Caller) (secret string, out chat.RecoveryOutput) {
	f.T.Helper()
	begun, err := f.BeginFactor(f.T.Context(), who, chat.None{})
	f.Must("begin", err)
	out, err = f.ConfirmFactor(f.T.Context(), who,
		chat.CodeInput{Code: AppCode(f.T, begun.Secret, f.Clock.Now())})
	f.Must("confirm", err)
	return begun.Secret, out
}
