package redisstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestComparedAfterACrash kills a node after each call of a change to a person.
// Another node may read the person as they were, until the account arrives;
// whoever compares with that is refused, and reads the newer one then.
func TestComparedAfterACrash(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		at := time.Now().UTC().Truncate(time.Millisecond)
		for calls := range int64(8) {
			o := redisstore.Options{Prefix: fmt.Sprint("c", prefixes.Add(1))}
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
			n := 0
			account := func(to chat.User) chat.Account {
				return chat.Account{User: to, NameKey: "one", Password: "hash"}
			}
			put := func(s *redisstore.Store, op chat.Operation) error {
				n++
				_, err := s.Commit(t.Context(), chat.Change{
					Stream: chat.ServerStream, ID: fmt.Sprint("e", n), At: at, Op: op,
				})
				return err
			}
			one := chat.User{ID: "u1", Name: "One", Role: chat.RoleMember, CreatedAt: at}
			if err := put(s, chat.CreateUser{Account: account(one)}); err != nil {
				t.Fatal(err)
			}
			disabled := one
			disabled.Disabled = true
			doomed.left.Store(calls)
			done := put(victim, chat.UpdateUser{Account: account(disabled), Was: &one})

			// In two tries at most it is known what became of it.
			for try := 0; ; try++ {
				a, err := s.Account(t.Context(), "u1")
				if err != nil {
					t.Fatal(err)
				}
				to := a.User
				to.About = "text"
				err = put(s, chat.UpdateUser{Account: account(to), Was: &a.User})
				if err == nil {
					break
				}
				if try == 1 || !errors.Is(err, chat.ErrConflict) {
					t.Fatalf("after %d calls, try %d: %v", calls, try, err)
				}
			}
			a, err := s.Account(t.Context(), "u1")
			users, usersErr := s.Users(t.Context(), "", 2)
			if err != nil || usersErr != nil || len(users) != 1 || users[0] != a.User ||
				a.About != "text" || a.Password != "hash" || done == nil && !a.Disabled {
				t.Errorf("after %d calls: %+v, in the list %+v; the other was told %v; %v %v",
					calls, a, users, done, err, usersErr)
			}
			s.Close()
			victim.Close()
		}
	})
}
