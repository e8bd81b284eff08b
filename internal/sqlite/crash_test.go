package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/internal/chat"
)

// The tests below run this test binary again as the process that is to die.
const childDir = "PARLEY_SQLITE_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		var err error
		if os.Getenv("PARLEY_SQLITE_CHILD_FULL") != "" {
			err = childFull(dir)
		} else {
			err = childSend(dir, os.Getenv("PARLEY_SQLITE_CHILD_RUN"))
		}
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const crashSenders = 24

var crashRooms = []chat.RoomID{"a", "b", "c"}

func crashUser(i int) chat.UserID { return chat.UserID(fmt.Sprint("u", i)) }

// crashSetUp makes the rooms with everybody in them.
func crashSetUp(ctx context.Context, s *Store) error {
	for _, room := range crashRooms {
		stream := chat.RoomStream(room)
		changes := []chat.Change{{Stream: stream, ID: "room " + string(room),
			At: benchTime, Op: chat.CreateRoom{Room: chat.Room{ID: room, Kind: chat.Public}}}}
		for i := range crashSenders {
			changes = append(changes, chat.Change{
				Stream: stream, ID: fmt.Sprint("join ", room, i), At: benchTime,
				Op: chat.AddMember{Member: chat.Member{User: crashUser(i), Role: chat.RoomMember}},
			})
		}
		if _, err := s.Commit(ctx, changes...); err != nil && !errors.Is(err, chat.ErrConflict) {
			return err
		}
	}
	return nil
}

func crashSend(room chat.RoomID, sender int, clientID string) chat.Change {
	me := crashUser(sender)
	return chat.Change{
		Stream: chat.RoomStream(room), ID: "event of " + clientID, At: benchTime, By: me, MustBeIn: me,
		Op: chat.CreateMessage{From: me, Text: "text of " + clientID, Device: "d", ClientID: clientID},
	}
}

// childSend sends without end and prints what has been acknowledged.
func childSend(dir, run string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{})
	if err != nil {
		return err
	}
	if err := crashSetUp(ctx, s); err != nil {
		return err
	}
	acks := make(chan string, 1000)
	for i := range crashSenders {
		go func() {
			for k := 0; ; k++ {
				room, id := crashRooms[(i+k)%len(crashRooms)], fmt.Sprintf("%s-%d-%d", run, i, k)
				r, err := s.Commit(ctx, crashSend(room, i, id))
				if err != nil {
					acks <- "failed: " + err.Error()
					return
				}
				acks <- fmt.Sprintf("%s %d %s %d", room, r[0].Event.Message.No, id, i)
			}
		}()
	}
	for line := range acks {
		if _, err := fmt.Println(line); err != nil {
			return err
		}
	}
	return nil
}

type ack struct {
	room   chat.RoomID
	no     int64
	id     string
	sender int
}

// TestKill kills a process with SIGKILL in the middle of concurrent sends,
// three times on the same data: each acknowledged message is there once, where
// its acknowledgement said.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var acks []ack
	for run := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprint("PARLEY_SQLITE_CHILD_RUN=", run))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		watchdog := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() })
		lines := bufio.NewReader(out)
		enough, got := 2000+rand.IntN(20_000), 0
		for {
			line, err := lines.ReadString('\n')
			if err != nil { // a line that was cut short was no acknowledgement
				break
			}
			var a ack
			if _, err := fmt.Sscanf(line, "%s %d %s %d", &a.room, &a.no, &a.id, &a.sender); err != nil {
				t.Fatalf("the sender said %q", line)
			}
			acks = append(acks, a)
			if got++; got == enough {
				cmd.Process.Kill()
			}
		}
		watchdog.Stop()
		cmd.Wait()
		if got < enough {
			t.Fatalf("only %d sends in a minute", got)
		}
		checkAcks(t, dir, acks)
	}
}

func checkAcks(t *testing.T, dir string, acks []ack) {
	t.Helper()
	ctx := t.Context()
	s, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if r, err := s.Heads(ctx, chat.RoomStream("a")); err != nil || r[0].No == 0 {
		t.Fatalf("head %+v, %v", r, err)
	}
	stored := map[string]chat.Message{}
	total := 0
	for _, room := range crashRooms {
		want, prev := int64(1), chat.Position{Epoch: s.epoch}
		for {
			events, err := s.Events(ctx, chat.RoomStream(room), prev, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if !e.Follows(prev) {
					t.Fatalf("%s: %+v does not follow %+v", room, e, prev)
				}
				prev = e.Position()
				if e.Kind != chat.MessageCreated {
					continue
				}
				if e.Message.No != want || e.Message.Text != "text of "+e.Message.ClientID {
					t.Fatalf("%s: message %+v where %d should be", room, *e.Message, want)
				}
				if _, twice := stored[e.Message.ClientID]; twice {
					t.Fatalf("%s is stored twice", e.Message.ClientID)
				}
				stored[e.Message.ClientID] = *e.Message
				want++
				total++
			}
			if len(events) < 1000 {
				break
			}
		}
	}
	for _, a := range acks {
		if m, ok := stored[a.id]; !ok || m.No != a.no || m.Room != a.room {
			t.Fatalf("acknowledged as %+v, stored as %+v (%v)", a, m, ok)
		}
	}
	// Whoever tries again gets the same answer.
	for _, a := range acks[len(acks)-min(len(acks), 500):] {
		r, err := s.Commit(ctx, crashSend(a.room, a.sender, a.id))
		if err != nil || !r[0].Duplicate || r[0].Event.Message.No != a.no {
			t.Fatalf("a repeated send of %+v: %+v, %v", a, r, err)
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acks), total)
}

// TestDiskFull fills the disk under a process: sends fail as unavailable and
// leave nothing, and go on when there is room again.
func TestDiskFull(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+t.TempDir(), "PARLEY_SQLITE_CHILD_FULL=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// childFull limits the size of files, so that writes fail as on a full disk.
// Only a process of its own can do that.
func childFull(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{})
	if err != nil {
		return err
	}
	if err := crashSetUp(ctx, s); err != nil {
		return err
	}
	limit := func(bytes uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: ^uint64(0)})
	}
	text := strings.Repeat("x", 2000)
	var mu sync.Mutex
	acked := map[string]int64{}
	// send sends from many at once until each has failed or sent n, each id
	// until it is acknowledged.
	var next [crashSenders]int
	send := func(n int) (failures int, err error) {
		var failed atomic.Int64
		var wg sync.WaitGroup
		var wrong error
		for i := range crashSenders {
			wg.Go(func() {
				for range n {
					id := fmt.Sprintf("%d-%d", i, next[i])
					c := crashSend("a", i, id)
					op := c.Op.(chat.CreateMessage)
					op.Text = text
					c.Op = op
					r, err := s.Commit(ctx, c)
					mu.Lock()
					if err == nil {
						acked[id] = r[0].Event.Message.No
						next[i]++
					} else if !errors.Is(err, chat.ErrUnavailable) {
						wrong = err
					}
					mu.Unlock()
					if err != nil {
						failed.Add(1)
						return
					}
				}
			})
		}
		wg.Wait()
		return int(failed.Load()), wrong
	}
	size := uint64(200 << 10)
	for round := range 4 {
		if err := limit(size); err != nil {
			return err
		}
		failures, err := send(2000)
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if failures == 0 {
			return fmt.Errorf("round %d: the disk did not fill", round)
		}
		if err := limit(1); err != nil {
			return err
		}
		if _, err := s.Commit(ctx, crashSend("a", 0, "refused")); !errors.Is(err, chat.ErrUnavailable) {
			return fmt.Errorf("round %d: a send without any room: %v", round, err)
		}
		if err := s.Ping(ctx); err != nil {
			return fmt.Errorf("round %d: ping of a store that can be read: %w", round, err)
		}
		if s.Health(ctx)["store"] == "" {
			return fmt.Errorf("round %d: a store that cannot write says nothing", round)
		}
		size += 300 << 10
		if err := limit(size); err != nil {
			return err
		}
		if parts := s.Health(ctx); parts != nil {
			return fmt.Errorf("round %d: with room again: %v", round, parts)
		}
		if failures, err := send(1); failures > 0 || err != nil {
			return fmt.Errorf("round %d: %d sends failed with room again: %v", round, failures, err)
		}
	}
	if err := limit(^uint64(0)); err != nil {
		return err
	}
	for again := range 2 {
		head, err := s.Heads(ctx, chat.RoomStream("a"))
		if err != nil {
			return err
		}
		messages, err := s.Messages(ctx, "a", chat.Page{From: chat.After, Limit: 1 << 30})
		if err != nil {
			return err
		}
		if len(messages) != len(acked) || head[0].No != int64(len(acked)) {
			return fmt.Errorf("%d messages and head %d, but %d were acknowledged", len(messages),
				head[0].No, len(acked))
		}
		for i, m := range messages {
			if m.No != int64(i)+1 || acked[m.ClientID] != m.No {
				return fmt.Errorf("message %d is %s, acknowledged as %d", m.No, m.ClientID, acked[m.ClientID])
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
		if again == 0 {
			if s, err = Open(ctx, dir, Options{}); err != nil {
				return err
			}
		}
	}
	_, err = io.WriteString(os.Stdout, fmt.Sprintf("%d messages\n", len(acked)))
	return err
}
