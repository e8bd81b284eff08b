package follow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/server"
	"github.com/parley-chat/parley/kit/redistest"
)

func TestMain(m *testing.M) {
	if os.Getenv("PARLEY_TEST_FOLLOW") != "" {
		child()
		return
	}
	os.Exit(redistest.MainNoLeaks(m))
}

// data is a store that tests fill.
type data struct {
	t     testing.TB
	cfg   server.CoreConfig
	core  *server.Core
	owner chat.Caller
	rooms []chat.RoomID
	mu    sync.Mutex
	at    time.Time
}

// onBothStores runs a test on a directory and on a Redis.
func onBothStores(t *testing.T, rooms int, test func(t *testing.T, d *data)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, newData(t, server.StoreConfig{Data: t.TempDir()}, rooms))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, newData(t, server.StoreConfig{Store: redistest.Start(t).URL(), RedisPrefix: "parley"}, rooms))
	})
}

func newData(t testing.TB, store server.StoreConfig, rooms int) *data {
	t.Helper()
	limits := chat.DefaultLimits
	limits.Sends.Limit, limits.RoomsCreated, limits.RoomsJoined = -1, 1<<20, 1<<20
	d := &data{t: t, cfg: server.CoreConfig{Store: store, Limits: limits}, at: time.Now()}
	d.open()
	t.Cleanup(d.close)
	ctx := t.Context()
	if err := d.core.Service.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	user, err := d.core.Service.AddUser(ctx, "Pablo", "password123", chat.RoleOwner, "")
	if err != nil {
		t.Fatal(err)
	}
	d.owner = chat.Caller{User: user}
	for i := range rooms {
		d.rooms = append(d.rooms, d.room(fmt.Sprint("Room ", i)))
	}
	return d
}

func (d *data) open() {
	d.t.Helper()
	var err error
	if d.core, err = server.OpenCore(d.t.Context(), d.cfg); err != nil {
		d.t.Fatal(err)
	}
}

func (d *data) close() {
	if d.core == nil {
		return
	}
	if err := d.core.Close(); err != nil {
		d.t.Error(err)
	}
	d.core = nil
}

func (d *data) room(name string) chat.RoomID {
	d.t.Helper()
	view, err := d.core.Service.CreateRoom(d.t.Context(), d.owner,
		chat.CreateRoomInput{Name: name, Kind: chat.Private})
	if err != nil {
		d.t.Fatal(err)
	}
	return view.ID
}

func (d *data) send(room chat.RoomID, texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if _, err := d.core.Service.Send(d.t.Context(), d.owner,
			chat.SendInput{Room: room, Text: text}); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *data) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func (d *data) wait(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = d.at.Add(by)
}

// follower follows every room of a store, and is told of the messages in them.
func follower(store chat.Store, handle func(room chat.RoomID, text string) error) follow.Follower {
	return follow.Follower{
		Name: "test", Queues: follow.Rooms(store), Follows: follow.IsRoom,
		Cursors: follow.Records(store, "test"),
		Handle: func(_ context.Context, _ follow.Queue, events []chat.Event) (int, error) {
			for i, e := range events {
				if e.Message == nil {
					continue
				}
				if err := handle(e.Message.Room, e.Message.Text); err != nil {
					return i, err
				}
			}
			return len(events), nil
		},
	}
}

func (d *data) runner(f follow.Follower) *follow.Runner {
	return follow.New(follow.Config{Log: d.core.Store, Followers: []follow.Follower{f}, Now: d.now})
}

func (d *data) once(r *follow.Runner) {
	d.t.Helper()
	if err := r.Once(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// TestPoisonStopsOneStreamOnly: an event that fails is tried again later and
// later, the events behind it wait, and other streams do not.
func TestPoisonStopsOneStreamOnly(t *testing.T) {
	onBothStores(t, 2, func(t *testing.T, d *data) {
		got := map[chat.RoomID][]string{}
		broken := true
		r := d.runner(follower(d.core.Store, func(room chat.RoomID, text string) error {
			if text == "poison" && broken {
				return errors.New("it does not agree with me")
			}
			got[room] = append(got[room], text)
			return nil
		}))
		bad, good := d.rooms[0], d.rooms[1]
		d.send(bad, "one", "poison", "two")
		d.send(good, "one", "two")
		d.once(r)
		if !slices.Equal(got[bad], []string{"one"}) || !slices.Equal(got[good], []string{"one", "two"}) {
			t.Errorf("handled %v", got)
		}
		d.send(good, "three")
		broken = false
		d.once(r)
		if len(got[bad]) != 1 || len(got[good]) != 3 {
			t.Errorf("before its time: %v", got)
		}
		d.wait(time.Minute)
		d.once(r)
		if !slices.Equal(got[bad], []string{"one", "poison", "two"}) {
			t.Errorf("afterwards: %v", got[bad])
		}
	})
}

// TestGivingUp: after so many attempts an event is given up, and the ones
// behind it are handled.
func TestGivingUp(t *testing.T) {
	onBothStores(t, 1, func(t *testing.T, d *data) {
		var got, dead []string
		f := follower(d.core.Store, func(_ chat.RoomID, text string) error {
			if text == "poison" {
				return errors.New("no")
			}
			got = append(got, text)
			return nil
		})
		f.Retry = follow.RetryPolicy{Attempts: 3, First: time.Second, Most: time.Minute}
		f.GiveUp = func(_ context.Context, _ follow.Queue, e chat.Event, attempts int, err error) error {
			dead = append(dead, fmt.Sprint(e.Message.Text, attempts, err))
			return nil
		}
		r := d.runner(f)
		d.send(d.rooms[0], "one", "poison", "two")
		for range 3 {
			d.once(r)
			d.wait(time.Minute)
		}
		if !slices.Equal(got, []string{"one", "two"}) || !slices.Equal(dead, []string{"poison3 no"}) {
			t.Errorf("handled %v, gave up %v", got, dead)
		}
	})
}

// TestStartNow: a new follower is told of nothing that was before, but of
// everything that came while it did not run, in new streams too.
func TestStartNow(t *testing.T) {
	onBothStores(t, 2, func(t *testing.T, d *data) {
		var got []string
		f := follower(d.core.Store, func(_ chat.RoomID, text string) error {
			got = append(got, text)
			return nil
		})
		d.send(d.rooms[0], "before")
		for range 2 {
			if err := follow.StartNow(t.Context(), d.core.Store, f); err != nil {
				t.Fatal(err)
			}
			d.send(d.rooms[1], "since")
		}
		d.send(d.room("new"), "in a new room")
		d.once(d.runner(f))
		slices.Sort(got)
		if !slices.Equal(got, []string{"in a new room", "since", "since"}) {
			t.Errorf("handled %v", got)
		}
	})
}

// TestWokenAndDrained: while it runs, a follower handles what it is woken for
// without a sweep, tells how it fares, and finishes what it handles when it is
// stopped.
func TestWokenAndDrained(t *testing.T) {
	onBothStores(t, 1, func(t *testing.T, d *data) {
		reached, release := make(chan string), make(chan struct{})
		f := follower(d.core.Store, func(_ chat.RoomID, text string) error {
			reached <- text
			<-release
			return nil
		})
		r := d.runner(f)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		d.send(d.rooms[0], "one")
		r.Wake(chat.RoomStream(d.rooms[0]))
		if got := <-reached; got != "one" {
			t.Errorf("handled %q", got)
		}
		d.wait(time.Minute)
		if s := r.Status()[0]; !s.Running || s.Behind == 0 || s.Lag != time.Minute {
			t.Errorf("status %+v", s)
		}
		stop()
		close(release)
		running.Wait()
		if s := r.Status()[0]; s.Running || s.Behind != 0 {
			t.Errorf("stopped: %+v", s)
		}
		again := false
		d.once(d.runner(follower(d.core.Store, func(chat.RoomID, string) error {
			again = true
			return nil
		})))
		if again {
			t.Error("what was finished while stopping is handled again")
		}
	})
}

// TestKilledBeforeSaving kills a process just after it handled an event and
// before it saved its position. Nothing is lost, each stream keeps its order,
// and some events come twice.
func TestKilledBeforeSaving(t *testing.T) {
	onBothStores(t, 3, func(t *testing.T, d *data) {
		const each = 10
		for i := range each {
			for _, room := range d.rooms {
				d.send(room, fmt.Sprint(i))
			}
		}
		rooms := d.rooms
		d.close() // one process at a time uses the directory
		journal := filepath.Join(t.TempDir(), "journal")
		kills := 0
		for run := 0; ; run++ {
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), "PARLEY_TEST_FOLLOW="+journal,
				"PARLEY_TEST_FOLLOW_DATA="+d.cfg.Store.Data, "PARLEY_TEST_FOLLOW_STORE="+d.cfg.Store.Store)
			out, err := c.CombinedOutput()
			if err == nil {
				break
			}
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok ||
				exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL || run > 100 {
				t.Fatalf("run %d: %v\n%s", run, err, out)
			}
			kills++
		}
		text, err := os.ReadFile(journal)
		if err != nil {
			t.Fatal(err)
		}
		next, repeated := map[string]int{}, 0
		for line := range strings.Lines(string(text)) {
			room, number, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch n := next[room]; {
			case number == fmt.Sprint(n):
				next[room]++
			case number == fmt.Sprint(n-1): // the one that was not saved
				repeated++
			default:
				t.Fatalf("%s comes after %d in %s", number, n-1, room)
			}
		}
		for _, room := range rooms {
			if next[string(room)] != each {
				t.Errorf("%s got %d of %d", room, next[string(room)], each)
			}
		}
		if kills < 3 || repeated < kills {
			t.Errorf("%d kills, %d events came again", kills, repeated)
		}
	})
}

// child follows the rooms, notes what it handles in a file, and kills itself at
// every seventh event that is in the file, before it is saved.
func child() {
	ctx := context.Background()
	core, err := server.OpenCore(ctx, server.CoreConfig{Store: server.StoreConfig{
		Data: os.Getenv("PARLEY_TEST_FOLLOW_DATA"), Store: os.Getenv("PARLEY_TEST_FOLLOW_STORE"),
		RedisPrefix: "parley"}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	journal, err := os.OpenFile(os.Getenv("PARLEY_TEST_FOLLOW"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	before, _ := os.ReadFile(journal.Name())
	handled := strings.Count(string(before), "\n")
	f := follower(core.Store, func(room chat.RoomID, text string) error {
		fmt.Fprintln(journal, room, text)
		if handled++; handled%7 == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	f.Batch = 1
	r := follow.New(follow.Config{Log: core.Store, Followers: []follow.Follower{f}})
	if err := r.Once(ctx); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if err := core.Close(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// BenchmarkSweep measures a sweep over 10,000 rooms in which nothing is new,
// which is also what a start costs.
func BenchmarkSweep(b *testing.B) {
	const rooms = 10_000
	for _, store := range []string{"embedded", "redis"} {
		b.Run(store, func(b *testing.B) {
			cfg := server.StoreConfig{Data: b.TempDir()}
			if store == "redis" {
				cfg = server.StoreConfig{Store: redistest.Start(b).URL(), RedisPrefix: "parley"}
			}
			d := newData(b, cfg, 0)
			var changes []chat.Change
			for i := range rooms {
				id := chat.RoomID(fmt.Sprintf("r%05d", i))
				changes = append(changes, chat.Change{Stream: chat.RoomStream(id), ID: string(id), At: d.at,
					Op: chat.CreateRoom{Room: chat.Room{ID: id, Kind: chat.Public, Name: string(id)}}})
			}
			for some := range slices.Chunk(changes, 500) {
				if _, err := d.core.Store.Commit(b.Context(), some...); err != nil {
					b.Fatal(err)
				}
			}
			f := follower(d.core.Store, func(chat.RoomID, string) error { return nil })
			r := d.runner(f)
			d.once(r) // all have a cursor
			for b.Loop() {
				d.once(r)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rooms, "µs/room")
		})
	}
}
