package session

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

// everything is all keys and values of a single Redis, one after the other.
func everything(t testing.TB, c rueidis.Client) string {
	t.Helper()
	var b strings.Builder
	var cursor uint64
	for {
		scan, err := c.Do(t.Context(), c.B().Scan().Cursor(cursor).Count(1000).Build()).AsScanEntry()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range scan.Elements {
			b.WriteString(key + "\n")
			kind, err := c.Do(t.Context(), c.B().Type().Key(key).Build()).ToString()
			if err != nil {
				t.Fatal(err)
			}
			var values []string
			switch kind {
			case "hash":
				values, err = c.Do(t.Context(), c.B().Arbitrary("HGETALL").Keys(key).Build()).AsStrSlice()
				if err != nil {
					m, err2 := c.Do(t.Context(), c.B().Hgetall().Key(key).Build()).AsStrMap()
					err = err2
					for k, v := range m {
						values = append(values, k, v)
					}
				}
			case "zset":
				values, err = c.Do(t.Context(),
					c.B().Zrange().Key(key).Min("0").Max("-1").Build()).AsStrSlice()
			default:
				t.Fatalf("a %s at %s", kind, key)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				b.WriteString(v + "\n")
			}
		}
		if cursor = scan.Cursor; cursor == 0 {
			return b.String()
		}
	}
}

// secretForms are the spellings in which a token's secret could have been
// stored.
func secretForms(t testing.TB, tok token) []string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(tok.secret)
	if err != nil {
		t.Fatal(err)
	}
	return []string{tok.secret, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)}
}

// administrative commands are the tests' own.
var administrative = map[string]bool{"info": true, "hello": true, "client|setinfo": true,
	"client|tracking": true, "client|id": true, "command": true, "ping": true, "config|set": true}
