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
// cluster. Behind Sentinels the commands of the model are those of one server.
func TestEverywhere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		tests := map[string]func(*testing.T, rueidis.Client){
			"model": testModel, "concurrent saves": testConcurrentSaves,
			"unique race": testUniqueRace, "expiry": testExpiry,
		}
		if _, ok := d.(*redistest.Sentinel); ok {
			delete(tests, "model")
		}
		for name, test := range tests {
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
