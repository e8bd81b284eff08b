package session

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestListPages reads the second page only when the loop gets there: a session
// that is revoked before is not in it.
func TestListPages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		m := newManager(t, client, Options[login]{})
		var want []string
		enter := []string{"ZADD", m.userKey("ada")} // at times that differ
		for i := range 130 {
			id := mustCreate(t, m, "ada", login{}).ID()
			want = append(want, id)
			enter = append(enter, fmt.Sprint(i), id)
		}
		do(t, client, enter...)
		oldest := want[0]
		want = want[1:]
		slices.Reverse(want)
		var got []string
		for s, err := range m.List(t.Context(), "ada") {
			wantNoError(t, err)
			if len(got) == 0 {
				wantNoError(t, m.Revoke(t.Context(), "ada", oldest))
			}
			got = append(got, s.ID())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestListAndRevoke(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{})
		var mine []*Session[login]
		for i := range 5 {
			mine = append(mine, mustCreate(t, m, "ada", login{Device: fmt.Sprint(i)}))
		}
		foreign := mustCreate(t, m, "bob", login{})
		mustCreate(t, m, "", login{})

		listed := list(t, m, "ada")
		if len(listed) != 5 {
			t.Fatalf("listed %d", len(listed))
		}
		for _, s := range listed {
			if s.Token() != "" {
				t.Error("a listed session has a token")
			}
			s.Data.Views++
			wantError(t, s.Save(t.Context()), ErrNotFound)
			wantError(t, s.Renew(t.Context()), ErrNotFound)
		}
		if anonymous := list(t, m, ""); anonymous != nil {
			t.Errorf("anonymous sessions are listed: %v", anonymous)
		}

		wantError(t, m.Revoke(t.Context(), "ada", foreign.ID()), ErrNotFound)
		wantError(t, m.Revoke(t.Context(), "ada", "nonsense"), ErrNotFound)
		mustLoad(t, m, foreign.Token())
		wantNoError(t, m.Revoke(t.Context(), "ada", mine[0].ID()))
		wantError(t, m.Revoke(t.Context(), "ada", mine[0].ID()), ErrNotFound)
		_, err := m.Load(t.Context(), mine[0].Token())
		wantError(t, err, ErrNotFound)

		ended, err := m.RevokeAll(t.Context(), "ada", mine[4].ID())
		wantNoError(t, err)
		want := []string{mine[1].ID(), mine[2].ID(), mine[3].ID()}
		slices.Sort(want)
		slices.Sort(ended)
		if diff := cmp.Diff(want, ended); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{mine[4].ID()}, ids(t, m, "ada")); diff != "" {
			t.Error(diff)
		}
		mustLoad(t, m, mine[4].Token())
		mustLoad(t, m, foreign.Token())
	})
}

// Listing costs the user's own sessions, and no others.
func TestOthersDoNotSlowTheList(t *testing.T) {
	srv := redistest.Start(t)
	client := srv.Client(t)
	m := newManager(t, client, Options[login]{})
	for range 3 {
		mustCreate(t, m, "ada", login{})
	}
	cost := func() map[string]int {
		before := srv.Commands()
		if n := len(ids(t, m, "ada")); n != 3 {
			t.Fatalf("listed %d", n)
		}
		delta := map[string]int{}
		for cmd, n := range srv.Commands() {
			if n -= before[cmd]; n > 0 && !administrative[cmd] {
				delta[cmd] = n
			}
		}
		return delta
	}
	alone := cost()

	const others, batch = 2000, 1000
	for done := 0; done < others; done += batch {
		var cmds rueidis.Commands
		for i := range batch {
			id := newToken().id
			cmds = append(cmds,
				client.B().Zadd().Key(m.userKey(fmt.Sprint("user",
					done+i))).ScoreMember().ScoreMember(1, id).Build(),
				client.B().Hset().Key(m.key(id)).FieldValue().FieldValue("user",
					"x").FieldValue("hash", "x").Build())
		}
		for _, resp := range client.DoMulti(t.Context(), cmds...) {
			wantNoError(t, resp.Error())
		}
	}
	if diff := cmp.Diff(alone, cost()); diff != "" {
		t.Errorf("with %d others (-alone +crowd):\n%s", others, diff)
	}
	if alone["scan"]+alone["keys"] > 0 || alone["zrange"] != 1 {
		t.Errorf("a list costs %v", alone)
	}
}

// Every point at which a process can die while creating or revoking leaves
// something that the next list or revocation puts right.
func TestCrashes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		client := d.Client(t)
		m := newManager(t, client, Options[login]{})
		entry := func(user, id string, score float64) {
			t.Helper()
			wantNoError(t, client.Do(t.Context(),
				client.B().Zadd().Key(m.userKey(user)).ScoreMember().ScoreMember(score, id).Build()).Error())
		}
		entries := func(user string) []string {
			t.Helper()
			found, err := client.Do(t.Context(),
				client.B().Zrange().Key(m.userKey(user)).Min("0").Max("-1").Build()).AsStrSlice()
			wantNoError(t, err)
			return found
		}

		// Created: index written, record not.
		left := newToken().id
		entry("create", left, 1)
		fresh := mustCreate(t, m, "create", login{})
		if err := client.Do(t.Context(),
			client.B().Del().Key(m.key(fresh.ID())).Build()).Error(); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, m, "create"); got != nil {
			t.Errorf("listed %v", got)
		}
		if diff := cmp.Diff([]string{fresh.ID()}, entries("create")); diff != "" {
			t.Errorf("a list keeps what may still be in the making, and nothing older:\n%s", diff)
		}

		// Revoked: marked, record still there.
		s := mustCreate(t, m, "mark", login{})
		wantNoError(t, m.mark.Exec(t.Context(), client, []string{m.userKey("mark")},
			[]string{"except"}).Error())
		if diff := cmp.Diff([]string{s.ID()}, ids(t, m, "mark")); diff != "" {
			t.Errorf("a session that works is not listed: %s", diff)
		}
		ended, err := m.RevokeAll(t.Context(), "mark")
		wantNoError(t, err)
		if diff := cmp.Diff([]string{s.ID()}, ended); diff != "" {
			t.Error(diff)
		}

		// Revoked: marked and deleted, entry still there.
		s = mustCreate(t, m, "entry", login{})
		wantNoError(t, m.mark.Exec(t.Context(), client, []string{m.userKey("entry")},
			[]string{"except"}).Error())
		wantNoError(t, client.Do(t.Context(), client.B().Del().Key(m.key(s.ID())).Build()).Error())
		_, err = m.RevokeAll(t.Context(), "entry")
		wantNoError(t, err)
		if got := entries("entry"); len(got) != 0 {
			t.Errorf("left %v", got)
		}
	})
}

// Logins that race with a revocation of everything either die or begin after
// it; none works unlisted.
func TestRevokeAllAgainstLogins(t *testing.T) {
	redistest.Each(t, func(t *testing.T, d redistest.Deployment) {
		m := newManager(t, d.Client(t), Options[login]{})
		var mu sync.Mutex
		var made []*Session[login]
		var refused int
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 50 {
					s, err := m.Create(t.Context(), "ada", login{})
					mu.Lock()
					switch {
					case err == nil:
						made = append(made, s)
					case errors.Is(err, ErrRevoked):
						refused++
					default:
						t.Error(err)
					}
					mu.Unlock()
				}
			})
		}
		for range 2 {
			all.Go(func() {
				for range 50 {
					if _, err := m.RevokeAll(t.Context(), "ada"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		listed := ids(t, m, "ada")
		alive := 0
		for _, s := range made {
			_, err := m.Load(t.Context(), s.Token())
			if err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			if err == nil {
				alive++
				if !slices.Contains(listed, s.ID()) {
					t.Errorf("%s works and is not listed", s.ID())
				}
			}
		}
		t.Logf("%d made, %d of them alive, %d refused", len(made), alive, refused)
		_, err := m.RevokeAll(t.Context(), "ada")
		wantNoError(t, err)
		for _, s := range made {
			_, err := m.Load(t.Context(), s.Token())
			wantError(t, err, ErrNotFound)
		}
	})
}
