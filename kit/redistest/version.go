package redistest

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// version is what the server's program says of itself: "6.0.16". Valkey's
// numbers begin at 7.2, and continue those of Redis.
var version = sync.OnceValues(func() (string, error) {
	out, err := exec.Command(program(), "--version").Output()
	if err != nil {
		return "", err
	}
	return regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out)), nil
})

// Since skips a test that needs a newer server than the one it is run with:
// Since(t, "6.2").
func Since(t testing.TB, oldest string) {
	t.Helper()
	Need(t)
	v, err := version()
	if err != nil {
		t.Fatal(err)
	}
	if before(v, oldest) {
		t.Skipf("needs Redis %s, and this is %s", oldest, v)
	}
}

// before reports whether one version is older than another.
func before(a, b string) bool {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		if m != n {
			return m < n
		}
	}
	return false
}
