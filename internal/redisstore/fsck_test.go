package redisstore_test

import (
	"context"
	"errors"
	"fmt"
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

// dying is a client whose process is killed after some more calls.
type dying struct {
	rueidis.Client
	left atomic.Int64
}

func (d *dying) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if d.left.Add(-1) < 0 {
		ctx = over(ctx)
	}
	return d.Client.Do(ctx, cmd)
}

func (d *dying) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	if d.left.Add(-1) < 0 {
		ctx = over(ctx)
	}
	return d.Client.DoMulti(ctx, multi...)
}

// over is ctx, ended: nothing is sent any more.
func over(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// TestFsck kills a node after each call that a change makes, and has fsck heal
// what is left: then nothing is found any more, and what clients hold, brought
// up to date by events, is what a fetch shows.
func TestFsck(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		at := time.Now().UTC().Truncate(time.Millisecond)
		ids := 0
		change := func(s chat.Stream, op chat.Operation) chat.Change {
			ids++
			return chat.Change{Stream: s, ID: fmt.Sprintf("e%06d", ids), At: at, By: "u1", Op: op}
		}
		room, me := chat.RoomStream("a"), chat.UserStream("u2")
		join := func() []chat.Change {
			return []chat.Change{change(room, chat.AddMember{Member: chat.Member{User: "u2",
				Role: chat.RoomMember, JoinedAt: at}}), change(me, chat.ListRoom{Room: "a"})}
		}
		leave := func() []chat.Change {
			return []chat.Change{change(room, chat.RemoveMember{User: "u2"}),
				change(me, chat.UnlistRoom{Room: "a"})}
		}
		account := func(id chat.UserID, name string) chat.Account {
			return chat.Account{User: chat.User{ID: id, Name: name, Role: chat.RoleMember, CreatedAt: at},
				NameKey: name, Password: "hash of " + name}
		}
		signUp := func(id chat.UserID, name string) chat.Change {
			return change(chat.ServerStream, chat.CreateUser{Account: account(id, name)})
		}
		create := func(id chat.RoomID) []chat.Change {
			return []chat.Change{change(chat.RoomStream(id), chat.CreateRoom{Room: chat.Room{ID: id,
				Kind: chat.Public, Name: string(id), CreatedBy: "u1", CreatedAt: at}})}
		}
		thread := func() []chat.Change {
			return []chat.Change{change("room:a.2", chat.CreateRoom{Room: chat.Room{ID: "a.2",
				Kind: chat.ThreadRoom, Parent: "a", Root: 2, CreatedAt: at}})}
		}
		reply := func() []chat.Change {
			return []chat.Change{change("room:a.2", chat.CreateMessage{From: "u1", Text: "reply"}),
				change(room, chat.MoveThread{No: 2, Thread: chat.Thread{Room: "a.2", Replies: 1, LastAt: at}})}
		}
		session := func(s *redisstore.Store, id string) error {
			return s.CreateSession(t.Context(),
				chat.Session{ID: chat.SessionID(id), User: "u2", TokenHash: "hash of " + id,
					CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(time.Hour)})
		}
		commit := func(changes func() []chat.Change) func(*redisstore.Store) error {
			return func(s *redisstore.Store) error {
				_,
					err := s.Commit(t.Context(), changes()...)
				return err
			}
		}
		for name, step := range map[string]struct{ before, do func(*redisstore.Store) error }{
			"join":  {nil, commit(join)},
			"leave": {commit(join), commit(leave)},
			"sign up": {nil, commit(func() []chat.Change {
				return []chat.Change{signUp("u3", "Three")}
			})},
			"rename": {nil, commit(func() []chat.Change {
				return []chat.Change{change(chat.ServerStream, chat.UpdateUser{Account: account("u2", "Zwei")})}
			})},
			"create": {nil, commit(func() []chat.Change { return create("b") })},
			"read": {commit(join), commit(func() []chat.Change {
				return []chat.Change{change(me, chat.MoveRead{Read: chat.Read{Room: "a", No: 3}})}
			})},
			"reply":  {commit(func() []chat.Change { return append(join(), thread()...) }), commit(reply)},
			"log in": {nil, func(s *redisstore.Store) error { return session(s, "s1") }},
			"log out": {func(s *redisstore.Store) error { return session(s, "s1") },
				commit(func() []chat.Change {
					return []chat.Change{change(me, chat.RevokeSessions{})}
				})},
		} {
			t.Run(name, func(t *testing.T) {
				for calls := range int64(20) {
					o := redisstore.Options{Prefix: fmt.Sprint("f", prefixes.Add(1))}
					doomed := &dying{Client: client}
					doomed.left.Store(1 << 40)
					victim, err := redisstore.Open(t.Context(), doomed, o)
					if err != nil {
						t.Fatal(err)
					}
					s, err := redisstore.Open(t.Context(), client, o)
					if err != nil {
						t.Fatal(err)
					}
					must := func(do func(*redisstore.Store) error) {
						t.Helper()
						if do == nil {
							return
						}
						if err := do(s); err != nil {
							t.Fatal(err)
						}
					}
					must(commit(func() []chat.Change {
						return []chat.Change{signUp("u1", "One"), signUp("u2", "Two")}
					}))
					must(commit(func() []chat.Change { return create("a") }))
					must(step.before)
					for i := range 3 {
						must(commit(func() []chat.Change {
							return []chat.Change{change(room, chat.CreateMessage{From: "u1",
								Text: fmt.Sprint("text ", i)})}
						}))
					}
					held, err := chattest.Fetch(t.Context(), s, "u2")
					if err != nil {
						t.Fatal(err)
					}
					doomed.left.Store(calls)
					err = step.do(victim)
					finished := doomed.left.Load() >= 0
					if finished != (err == nil) && name != "log out" { // whose last call is no part of it
						t.Fatalf("after %d calls: %v", calls, err)
					}

					var found []string
					fsck := redisstore.Fsck{
						Store: s, Found: func(what string) { found = append(found, what) },
						Now: time.Now, Settle: time.Millisecond,
						NewID: func() string { ids++; return fmt.Sprintf("e%06d", ids) },
					}
					n, err := fsck.Run(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if n != len(found) || finished && n > 0 {
						t.Fatalf("after %d calls: %d findings %q", calls, n, found)
					}
					first := found
					fsck.Heal = true
					if again, err := fsck.Run(t.Context()); err != nil || again != n {
						t.Fatalf("after %d calls: healing found %d, before it were %d: %v", calls,
							again, n, err)
					}
					found = nil
					if left, err := fsck.Run(t.Context()); err != nil || left > 0 {
						t.Fatalf("after %d calls: still there: %q (%v); at first: %q", calls, found,
							err, first)
					}
					now, err := held.CatchUp(t.Context(), s)
					if err != nil {
						t.Fatalf("after %d calls: %v", calls, err)
					}
					views, err := s.Views(t.Context(), "u2")
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(views, now.Sorted()); d != "" &&
						!(len(views) == 0 && len(now.Views) == 0) {
						t.Fatalf("after %d calls, healed of %q: state and events differ from a fetch:\n%s", calls, first, d)
					}
					if replies, err := s.Messages(t.Context(), "a.2",
						chat.Page{Limit: 1}); err == nil && len(replies) == 1 {
						above, err := s.Messages(t.Context(), "a",
							chat.Page{From: chat.After, No: 1, Limit: 1})
						if err != nil || above[0].Thread == nil || above[0].Thread.Replies != 1 ||
							!above[0].Thread.LastAt.Equal(at) {
							t.Fatalf("after %d calls: %+v does not show the reply (%v)", calls, above, err)
						}
					}
					for _, user := range []chat.UserID{"u1", "u2", "u3"} {
						a, err := s.Account(t.Context(), user)
						if errors.Is(err, chat.ErrNotFound) {
							continue
						}
						if err != nil {
							t.Fatal(err)
						}
						if named, err := s.AccountByName(t.Context(), a.NameKey); err != nil || named != a {
							t.Fatalf("after %d calls: %q leads to %+v (%v), not to %+v", calls,
								a.NameKey, named, err, a)
						}
					}
					s.Close()
					victim.Close()
					if finished {
						t.Logf("%d calls", calls)
						return
					}
				}
				t.Fatal("it does not end")
			})
		}
	})
}
