package chat

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

// Codes of six digits that change with time, as authenticator apps show them:
// RFC 6238 with SHA-1 and steps of 30 seconds, which all of them know.

const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	totpSecret = 20 // bytes, as RFC 4226 wishes
)

// totpSlack is how many steps a person's clock may be off.
const totpSlack = 1

// totpAt is the step of a time.
func totpAt(t time.Time) int64 { return t.Unix() / int64(totpStep/time.Second) }

// totpCode is the code of a step.
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	binary.Write(mac, binary.BigEndian, step) // a hash never fails
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// totpStepOf returns the step around now whose code it is, later than last.
func totpStepOf(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	for i := totpAt(now) - totpSlack; i <= totpAt(now)+totpSlack; i++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, i)), []byte(code)) == 1 && i > last {
			step, ok = i, true
		}
	}
	return step, ok
}

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// totpURI is what a QR code says to authenticator apps.
func totpURI(server, name string, secret []byte) string {
	values := url.Values{"secret": {base32Plain.EncodeToString(secret)}, "issuer": {server}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + server + ":" + name}
	// Some apps show a plus as a plus.
	return u.String() + "?issuer=" + url.PathEscape(server) + "&secret=" + values.Get("secret")
}
