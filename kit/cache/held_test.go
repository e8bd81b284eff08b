package cache_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/redistest"
)

// held is a client that shows a test each step of a cache before it is sent:
// its first command's verb, and the script's name if it has one. An error fails
// the step.
type held struct {
	rueidis.Client
	before  func(verb, script string) error
	scripts map[string]string // names by text and by hash
}

func hold(t *testing.T, c rueidis.Client, before func(verb, script string) error) *held {
	t.Helper()
	h := &held{Client: c, before: before, scripts: map[string]string{}}
	for _, name := range []string{"store", "lease", "release"} {
		text, err := os.ReadFile(name + ".lua")
		must(t, err)
		sum := sha1.Sum(text)
		h.scripts[string(text)], h.scripts[hex.EncodeToString(sum[:])] = name, name
	}
	return h
}

func (h *held) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	words := multi[0].Commands()
	if h.before(words[0], h.scripts[words[1]]) != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	return h.Client.DoMulti(ctx, multi...)
}

// until waits for ch, or for a test that ended to be cleaned up.
func until(t *testing.T, ch <-chan struct{}) {
	select {
	case <-ch:
	case <-t.Context().Done():
	}
}

// A load's result is on its way to Redis, the generations were read for it
// already, and then another process tells of a write. Who asks after that must
// not be given the result, whether Redis answers or not.
func TestResultOnItsWayIsNotForLatecomers(t *testing.T) {
	redistest.Since(t, "7.0") // the held command is SET NX GET
	for _, batch := range []bool{false, true} {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprintf("batch=%v/away=%v", batch, away), func(t *testing.T) {
				redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
					opt := cache.Options[string]{Name: unique(t)}
					storing, store := make(chan struct{}), make(chan struct{})
					var lost atomic.Bool
					client := hold(t, d.Client(t), func(verb, script string) error {
						switch {
						// in a second step, because the scripts were flushed
						case verb == "EVAL" && script == "store":
							close(storing)
							until(t, store)
						case verb == "SET" && lost.Load():
							return errors.New("lost")
						}
						return nil
					})
					here, there := open(t, client, opt), open(t, d.Client(t), opt)
					s := newSource("k", "old")
					first, second := make(chan string, 1), make(chan string, 1)
					load := func(ctx context.Context, key string) (string, error) {
						for _, n := range client.Nodes() {
							must(t, n.Do(ctx, n.B().ScriptFlush().Build()).Error())
						}
						return s.load(ctx, key)
					}
					go func() {
						if !batch {
							v, _ := here.Get(t.Context(), "k", load)
							first <- v
							return
						}
						m, _ := here.GetMany(t.Context(), []string{"k"},
							func(ctx context.Context, keys []string) (map[string]string, error) {
								v, err := load(ctx, keys[0])
								return map[string]string{"k": v}, err
							})
						first <- m["k"]
					}()
					until(t, storing)
					s.set("k", "new")
					must(t, there.InvalidateAll(t.Context()))

					lost.Store(away)
					waits := here.Stats().Waits
					go func() {
						v, _ := here.Get(t.Context(), "k", s.load)
						second <- v
					}()
					if !away { // it finds this process' token, and waits until the result is stored
						eventually(t, "the latecomer waits",
							func() bool { return here.Stats().Waits == waits+1 })
						close(store)
					}
					select {
					case v := <-second:
						if v != "new" {
							t.Errorf("who came after the write got %q", v)
						}
					case <-time.After(10 * time.Second):
						t.Error("who came after the write waits for what was loaded before it")
					}
					if away {
						close(store)
					}
					if v := <-first; v != "old" && v != "new" {
						t.Errorf("the reader got %q", v)
					}
				})
			})
		}
	}
}

// A refresh failed as its claim ended. Who saw the claim's end, but not yet the
// failure, must not ask the source again before its rest is over.
func TestFailedRefreshRests(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		opt := cache.Options[string]{Name: unique(t), TTL: time.Millisecond, Stale: time.Hour,
			LoadTimeout: 50 * time.Millisecond, RetryRefresh: time.Minute}
		pass := make(chan struct{})
		var failed, leasing atomic.Bool
		a := open(t, hold(t, d.Client(t), func(_, script string) error {
			if script == "release" {
				failed.Store(true)
				until(t, pass)
			}
			return nil
		}), opt)
		ready := make(chan struct{})
		b := open(t, hold(t, d.Client(t), func(_, script string) error {
			if script == "lease" {
				leasing.Store(true)
				until(t, ready)
			}
			return nil
		}), opt)
		s := newSource("k", "v")
		must(t, a.Set(t.Context(), "k", "v"))
		get := func(c *cache.Cache[string], load cache.Loader[string]) {
			if v, err := c.Get(t.Context(), "k", load); v != "v" || err != nil {
				t.Fatalf("Get = %q, %v", v, err)
			}
		}
		eventually(t, "a refresh fails", func() bool {
			get(a, func(context.Context, string) (string, error) {
				return "",
					errors.New("the source is away")
			})
			return failed.Load()
		})
		eventually(t, "its claim ends", func() bool { get(b, s.load); return leasing.Load() })
		close(pass)
		a.Close() // waits until the failure is told
		close(ready)
		b.Close() // waits for what came of its attempt
		if n := b.Stats().Refreshes; n != 0 {
			t.Errorf("%d refreshes in the rest", n)
		}
	})
}
