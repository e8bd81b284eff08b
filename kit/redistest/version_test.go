package redistest

import "testing"

func TestBefore(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"6.0.16", "6.2", true}, {"6.2.14", "6.2", false}, {"7.0.15", "7.0", false},
		{"8.0", "10.0", true}, {"10.0", "8.0", false},
	} {
		if got := before(c.a, c.b); got != c.want {
			t.Errorf("%s before %s: %v", c.a, c.b, got)
		}
	}
}
