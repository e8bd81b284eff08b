package chat

import (
	"testing"
	"time"
)

// The values of RFC 6238, appendix B, of which apps show the last six digits.
func TestTOTPVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := totpCode(secret, totpAt(time.Unix(at, 0))); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

// A clock may be half a minute off, and a code is only taken if none as late
// was taken before.
func TestTOTPSteps(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1234567890, 0)
	step := totpAt(now)
	for _, x := range []struct {
		of, last int64
		want     bool
	}{{step - 2, 0, false}, {step - 1, 0, true}, {step, 0, true}, {step + 1, 0, true}, {step + 2, 0, false},
		{step, step, false}, {step - 1, step, false}, {step + 1, step, true}} {
		got, ok := totpStepOf(secret, totpCode(secret, x.of), now, x.last)
		if ok != x.want || ok && got != x.of {
			t.Errorf("step %+d after %+d: got %t, want %t", x.of-step, x.last-step, ok, x.want)
		}
	}
}

func TestTOTPAddress(t *testing.T) {
	got := totpURI("Rose & Son: chat", "Ann B", []byte("12345678901234567890"))
	want := "otpauth://totp/Rose%20&%20Son:%20chat:Ann%20B?issuer=Rose%20&%20Son:%20chat&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
