package object

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

func tempServer(t testing.TB, args ...string) string {
	sock := t.TempDir() + "/r.sock"
	cmd := exec.Command("redis-server", append([]string{"--port", "0", "--unixsocket", sock, "--save", "", "--appendonly", "no"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return sock
}

func single(t testing.TB) rueidis.Client {
	t.Helper()
	sock := tempServer(t)
	opt := rueidis.MustParseURL("unix://" + sock)
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := rueidis.NewClient(opt)
		if err == nil {
			t.Cleanup(c.Close)
			c.Do(context.Background(), c.B().Ping().Build())
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func servers(t testing.TB) map[string]rueidis.Client {
	return map[string]rueidis.Client{"single": single(t)}
}
