package redisstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.MainNoLeaks(m)) }

var prefixes atomic.Int64

// node is a store with its bell, as a process has them.
type node struct {
	*redisstore.Store
	bell *redisstore.Bell
	all  *nodes
}

// nodes hear the same streams, all from the first change on that one of them
// makes: one that began later would hear an event before another has told the
// one before it.
type nodes struct {
	mu    sync.Mutex
	bells []*redisstore.Bell
	hear  map[chat.Stream]bool
}

func (n *nodes) subscribe(ctx context.Context, stream chat.Stream) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hear[stream] {
		return nil
	}
	for _, bell := range n.bells {
		if err := bell.Subscribe(ctx, stream); err != nil {
			return err
		}
	}
	n.hear[stream] = true
	return nil
}

func openNode(t testing.TB, commands, subscriber rueidis.Client, o redisstore.Options, all *nodes,
	ring func(*chat.Event)) *node {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s, err := redisstore.Open(t.Context(), commands, o)
	if err != nil {
		t.Fatal(err)
	}
	bell, err := redisstore.NewBell(s, subscriber)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Store: s, bell: bell, all: all}
	all.bells = append(all.bells, bell)
	bell.Listen(recordingHandler{ring: ring})
	t.Cleanup(func() { n.Close() })
	return n
}

// Commit makes sure first that the nodes hear the streams: the suite wants
// every ring.
func (n *node) Commit(ctx context.Context, changes ...chat.Change) ([]chat.Result, error) {
	if ctx.Err() == nil {
		for _, c := range changes {
			if c.Stream == "nowhere" {
				continue
			}
			if err := n.all.subscribe(ctx, c.Stream); err != nil {
				return nil, err
			}
		}
	}
	return n.Store.Commit(ctx, changes...)
}

func (n *node) Close() error {
	n.bell.Close()
	return n.Store.Close()
}

type recordingHandler struct {
	ring   func(*chat.Event)
	signal func(chat.Signal)
	gap    func(chat.Stream)
}

func (e recordingHandler) Event(event *chat.Event) { e.ring(event) }
func (e recordingHandler) Signal(s chat.Signal) {
	if e.signal != nil {
		e.signal(s)
	}
}
func (e recordingHandler) Gap(s chat.Stream) {
	if e.gap != nil {
		e.gap(s)
	}
}

// TestStore is the suite for all stores, through two nodes on one log.
func TestStore(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		commands, subscriber := d.Client(t), d.Client(t)
		chattest.Run(t, func(t *testing.T, ring func(*chat.Event)) chattest.Harness {
			o := redisstore.Options{Prefix: fmt.Sprint("p", prefixes.Add(1))}
			open := func(all *nodes) *node { return openNode(t, commands, subscriber, o, all, ring) }
			all := &nodes{hear: map[chat.Stream]bool{}}
			one, other := open(all), open(all)
			return chattest.Harness{
				Store: one, Other: other,
				Reopen: func() chat.Store {
					one.Close()
					other.Close()
					one = open(&nodes{hear: map[chat.Stream]bool{}})
					return one
				},
				Kept: chat.Window + 300,
			}
		})
	})
}

// TestLayout: data of an older layout are taken over, those of a newer one are
// refused.
func TestLayout(t *testing.T) {
	s := redistest.Start(t)
	client := s.Client(t)
	open := func() error {
		store, err := redisstore.Open(t.Context(), client, redisstore.Options{})
		if err == nil {
			store.Close()
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	const about = "parley:{server}:about"
	current, err := s.Do("HGET", about, "layout")
	if err != nil {
		t.Fatal(err)
	}
	for sentence, file := range map[string]string{"`layout`: version of this table, now ": "redis.md",
		"Their layout has a version, now ": "redis.md", "| Redis | ": "upgrading.md"} {
		doc, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(doc), sentence)
		if !strings.HasPrefix(rest, strings.TrimSpace(current)) {
			t.Errorf("docs/%s has another layout than %s after %q", file, current, sentence)
		}
	}
	newest, err := strconv.Atoi(strings.TrimSpace(current))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < newest; n++ {
		if _, err := os.Stat(fmt.Sprintf("../../testdata/layouts/redis-%d.tar.zst", n)); err != nil {
			t.Errorf("no data to rehearse upgrades from, see docs/upgrading.md: %v", err)
		}
	}
	for have, refused := range map[string]bool{"1": false, "99": true, "": true} {
		if _, err := s.Do("HSET", about, "layout", have); err != nil {
			t.Fatal(err)
		}
		if err := open(); (err != nil) != refused {
			t.Errorf("layout %q: %v", have, err)
		}
		if now, err := s.Do("HGET", about, "layout"); err != nil || !refused && now != current ||
			refused && now != have {
			t.Errorf("layout %q became %q, not %q: %v", have, now, current, err)
		}
	}
}

// TestOldNames: what a store of layout 2 has written of a direct room is read
// as it was meant, and so is a place of a member.
func TestOldNames(t *testing.T) {
	s := redistest.Start(t)
	store, err := redisstore.Open(t.Context(), s.Client(t), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pair := []chat.UserID{"u1", "u2"}
	room := chat.Room{ID: "d", Kind: chat.Direct, Name: `"people":[`, People: pair, CreatedBy: "u1",
		CreatedAt: at}
	join := func(user chat.UserID) chat.Change {
		return chat.Change{Stream: "room:d", ID: "joined " + string(user), At: at,
			Op: chat.AddMember{Member: chat.Member{User: user, Role: chat.RoomMember, JoinedAt: at}}}
	}
	made := chat.Change{Stream: "room:d", ID: "made", At: at, Op: chat.CreateRoom{Room: room}}
	listed := chat.Change{Stream: "user:u1", ID: "listed", At: at, Op: chat.ListRoom{Room: "d"}}
	if _, err := store.Commit(t.Context(), made, join("u1"), join("u2"), listed); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		out, err := s.Do(args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	older := func(text string) string { return strings.ReplaceAll(text, `"people":[`, `"pair":[`) }
	if place := do("HGET", "parley:{room:d}:members", "u1"); place != "member 2026-01-02T03:04:05Z" {
		t.Errorf("a place is %q", place)
	}
	do("HSET", "parley:{room:d}:head", "room", older(do("HGET", "parley:{room:d}:head", "room")))
	for _, stream := range []string{"room:d", "user:u1"} {
		events, err := store.Events(t.Context(), chat.Stream(stream),
			chat.Position{Epoch: epochOf(t, store, stream)}, 10)
		if err != nil {
			t.Fatal(err)
		}
		do("DEL", "parley:{"+stream+"}:log")
		for _, e := range events {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			do("XADD", "parley:{"+stream+"}:log", fmt.Sprint(e.Seq, "-0"), "e", older(string(text)))
		}
	}
	got, err := store.Room(t.Context(), "d")
	if d := cmp.Diff(room, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	for _, stream := range []string{"room:d", "user:u1"} {
		events, err := store.Events(t.Context(), chat.Stream(stream),
			chat.Position{Epoch: epochOf(t, store, stream)}, 10)
		if err != nil {
			t.Fatal(err)
		}
		if e := events[0]; e.Room != nil && !slices.Equal(e.Room.People, pair) || e.View != nil &&
			!slices.Equal(e.View.People, pair) {
			t.Errorf("%+v of %s", e, stream)
		}
	}
	views, err := store.Views(t.Context(), "u1")
	if err != nil || len(views) != 1 || !slices.Equal(views[0].People, pair) {
		t.Errorf("%+v, %v", views, err)
	}
}

func epochOf(t *testing.T, store *redisstore.Store, stream string) string {
	t.Helper()
	heads, err := store.Heads(t.Context(), chat.Stream(stream))
	if err != nil {
		t.Fatal(err)
	}
	return heads[0].Epoch
}
