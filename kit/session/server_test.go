package session

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	code := redistest.Main(m)
	shared.end()
	err := goleak.Find(
		// A closed cluster client sleeps out the pause before its next look at the slots.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
	)
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Deployments take seconds to start, so the tests share them.
var (
	sentinel = sync.OnceValue(func() *redistest.Sentinel { return redistest.StartSentinel(&shared) })
	cluster  = sync.OnceValue(func() *redistest.Cluster { return redistest.StartCluster(&shared) })
)

// eachRedis runs a test on a single Redis, behind Sentinels and on a cluster, each empty.
func eachRedis(t *testing.T, test func(t *testing.T, client rueidis.Client)) {
	redistest.Need(t)
	t.Run("single", func(t *testing.T) {
		test(t, redistest.Start(t).Client(t))
	})
	for name, connect := range map[string]func(testing.TB) rueidis.Client{
		"sentinel": func(t testing.TB) rueidis.Client { return sentinel().Client(t) },
		"cluster":  func(t testing.TB) rueidis.Client { return cluster().Client(t) },
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("takes seconds to start")
			}
			client := connect(t)
			for _, node := range client.Nodes() {
				role, err := node.Do(t.Context(), node.B().Role().Build()).ToArray()
				if err != nil {
					t.Fatal(err)
				}
				if name, err := role[0].ToString(); err == nil && name == "master" {
					do(t, node, "FLUSHALL")
				}
			}
			test(t, client)
		})
	}
}

// do runs a command for its side effect.
func do(t testing.TB, c rueidis.Client, args ...string) {
	t.Helper()
	if err := c.Do(t.Context(), c.B().Arbitrary(args...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

// RedisForExample is a client of an empty Redis. All examples share the server.
func RedisForExample() (client rueidis.Client, stop func()) {
	client, err := rueidis.NewClient(exampleServer().Option())
	if err == nil {
		err = client.Do(context.Background(), client.B().Flushall().Build()).Error()
	}
	if err != nil {
		panic(err)
	}
	return client, client.Close
}

var exampleServer = sync.OnceValue(func() *redistest.Server { return redistest.Start(&shared) })

// packageTB stands in for a test that lasts as long as all of them.
type packageTB struct {
	testing.TB
	cleanups []func()
}

var shared packageTB

func (tb *packageTB) Helper()                        {}
func (tb *packageTB) Cleanup(f func())               { tb.cleanups = append(tb.cleanups, f) }
func (tb *packageTB) Fatal(why ...any)               { panic(fmt.Sprint(why...)) }
func (tb *packageTB) Fatalf(why string, args ...any) { panic(fmt.Sprintf(why, args...)) }
func (tb *packageTB) Errorf(why string, args ...any) { panic(fmt.Sprintf(why, args...)) }
func (tb *packageTB) Skip(why ...any)                { panic(fmt.Sprint(why...)) }

func (tb *packageTB) end() {
	for _, f := range slices.Backward(tb.cleanups) {
		f()
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
				values, err = c.Do(t.Context(), c.B().Zrange().Key(key).Min("0").Max("-1").Build()).AsStrSlice()
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

// secretForms are the spellings in which a token's secret could have been stored.
func secretForms(t testing.TB, tok token) []string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(tok.secret)
	if err != nil {
		t.Fatal(err)
	}
	return []string{tok.secret, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)}
}

// administrative commands are the tests' own.
var administrative = map[string]bool{"info": true, "hello": true, "client|setinfo": true, "client|tracking": true, "client|id": true, "command": true, "ping": true, "config|set": true}
