package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/internal/sqlite"
)

// redis is a redis-server as one is run for a chat: appendonly, synced every
// second.
type redis struct {
	cmd    *exec.Cmd
	client rueidis.Client
	socket string
}

func (b *bench) startRedis() (*redis, error) {
	dir, err := os.MkdirTemp(b.dir, "redis")
	if err != nil {
		return nil, err
	}
	r := &redis{socket: filepath.Join(dir, "s")}
	r.cmd = exec.CommandContext(b.ctx, "redis-server", "--port", "0", "--unixsocket", r.socket, "--dir", dir,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--loglevel", "warning")
	r.cmd.Stderr = os.Stderr
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		r.client, err = rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{r.socket}, DisableCache: true,
			DialCtxFn: func(ctx context.Context, _ string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
				return d.DialContext(ctx, "unix", r.socket)
			},
		})
		if err == nil {
			return r, nil
		}
		if time.Since(begin) > 10*time.Second {
			return nil, errors.Join(err, r.stop())
		}
	}
}

func (r *redis) url() string { return "unix://" + r.socket }

func (r *redis) stop() error {
	if r.client != nil {
		r.client.Close()
	}
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return r.cmd.Wait()
}

var threadTime = regexp.MustCompile(`used_cpu_(?:sys|user)_main_thread:([0-9.]+)`)

// cpu is the processor time of the main thread.
func (r *redis) cpu(ctx context.Context) (time.Duration, error) {
	info, err := r.client.Do(ctx, r.client.B().Info().Section("cpu").Build()).ToString()
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, m := range threadTime.FindAllStringSubmatch(info, -1) {
		s, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		sum += s
	}
	return time.Duration(sum * float64(time.Second)), nil
}

var commandCalls = regexp.MustCompile(`cmdstat_([a-z|_]+):calls=([0-9]+)`)

// commands is how many the clients have sent so far; those that scripts run,
// and those that bench itself asks with, do not count.
func (r *redis) commands(ctx context.Context) (n int, err error) {
	stats, err := r.client.Do(ctx, r.client.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		return 0, err
	}
	for _, m := range commandCalls.FindAllStringSubmatch(stats, -1) {
		if !sent[m[1]] {
			continue
		}
		calls, err := strconv.Atoi(m[2])
		if err != nil {
			return 0, err
		}
		n += calls
	}
	return n, nil
}

// sent are commands that a client sends by itself while people talk; the rest
// are inside scripts.
var sent = map[string]bool{"evalsha": true, "evalsha_ro": true, "eval": true, "get": true,
	"ping": true, "wait": true}

var usedMemory = regexp.MustCompile(`used_memory_dataset:([0-9]+)`)

// memory is how many bytes the data take.
func (r *redis) memory(ctx context.Context) (float64, error) {
	info, err := r.client.Do(ctx, r.client.B().Info().Section("memory").Build()).ToString()
	if err != nil {
		return 0, err
	}
	m := usedMemory.FindStringSubmatch(info)
	if m == nil {
		return 0, errors.New("INFO memory says nothing of used_memory_dataset")
	}
	return strconv.ParseFloat(m[1], 64)
}

// open opens the data as the server has them. The store is to be closed.
func (d data) open(ctx context.Context) (chat.Store, error) {
	if d.redis == nil {
		return sqlite.Open(ctx, d.dir, sqlite.Options{})
	}
	return redisstore.Open(ctx, d.redis.client, redisstore.Options{})
}

// data is where a server keeps its data while it is measured.
type data struct {
	dir   string
	redis *redis // nil with the embedded store
}

// args are the server's flags.
func (d data) args() []string {
	if d.redis == nil {
		return []string{"--data", d.dir}
	}
	return []string{"--store", d.redis.url()}
}

// close ends what belongs to the data.
func (d data) close() error {
	if d.redis == nil {
		return nil
	}
	return d.redis.stop()
}

// data makes a place for data, in the store that is measured.
func (b *bench) data(name string) (data, error) {
	d := data{dir: filepath.Join(b.dir, name)}
	if b.store == "redis" {
		var err error
		if d.redis, err = b.startRedis(); err != nil {
			return d, fmt.Errorf("start redis-server: %w", err)
		}
	}
	return d, nil
}
