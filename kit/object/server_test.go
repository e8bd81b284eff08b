package object

import (
	"os"
	"testing"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

// single answers a client of a server of the test's own.
func single(t testing.TB) rueidis.Client {
	t.Helper()
	return redistest.Start(t).Client(t)
}

// as dials the server as a user of its ACL, with the password "pw".
func as(t testing.TB, s *redistest.Server, user string) rueidis.Client {
	t.Helper()
	option := s.Option()
	option.Username, option.Password = user, "pw"
	client := must(rueidis.NewClient(option))
	t.Cleanup(client.Close)
	return client
}

// TestEverywhere runs what must hold on one server, behind Sentinels and on a
// cluster.
func TestEverywhere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		for name, test := range map[string]func(*testing.T, rueidis.Client){
			"model": testModel, "concurrent saves": testConcurrentSaves,
			"unique race": testUniqueRace, "expiry": testExpiry,
		} {
			t.Run(name, func(t *testing.T) { test(t, client) })
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ptr[T any](v T) *T { return &v }
