package object

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

func tempServer(t testing.TB, sock string) func() {
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", sock, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	stop := func() {
		if !done {
			done = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	return stop
}

func dial(t testing.TB, sock string) rueidis.Client {
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

func singleURL(t testing.TB) (rueidis.Client, string) {
	t.Helper()
	sock := t.TempDir() + "/r.sock"
	tempServer(t, sock)
	return dial(t, sock), "unix://" + sock
}

func single(t testing.TB) rueidis.Client {
	c, _ := singleURL(t)
	return c
}

func restartable(t testing.TB) (rueidis.Client, func(), func()) {
	sock := t.TempDir() + "/r.sock"
	stop := tempServer(t, sock)
	return dial(t, sock), stop, func() { tempServer(t, sock) }
}

func servers(t testing.TB) map[string]rueidis.Client {
	return map[string]rueidis.Client{"single": single(t)}
}
