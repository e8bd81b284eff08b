package object

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/redistest"
)

// contents answers all that a repository of one partition has in Redis.
func contents(t *testing.T, client rueidis.Client, sh shard, ids ...string) map[string]any {
	t.Helper()
	redistest.Since(t, "7.0") // PEXPIRETIME
	all := map[string]any{}
	for _, id := range ids {
		all[id] = must(client.Do(t.Context(), client.B().Hgetall().Key(sh.base+id).Build()).AsStrMap())
		all["life of "+id] = must(client.Do(t.Context(),
			client.B().Pexpiretime().Key(sh.base+id).Build()).AsInt64())
	}
	for i, key := range sh.indexes {
		if i == 0 || i == 3 {
			all[key] = must(client.Do(t.Context(),
				client.B().Zrange().Key(key).Min("0").Max("-1").Withscores().Build()).AsZScores())
		} else {
			all[key] = must(client.Do(t.Context(), client.B().Hgetall().Key(key).Build()).AsStrMap())
		}
	}
	return all
}

// A command that the user may not run fails the call before it has changed
// anything, whichever command it is.
func TestDeniedCommands(t *testing.T) {
	s := redistest.Start(t)
	admin := s.Client(t)
	eachForm(t, func(t *testing.T, form Encoding) {
		prefix := "denied:" + t.Name()
		mine := must(NewRepository[item](admin, prefix, Options{Encoding: form}))
		attempts := map[string]func(repo *Repository[item], rec *item) error{
			"save": func(repo *Repository[item], rec *item) error {
				rec.Color, rec.Email, rec.Note, rec.Score = "green", ptr("new"), nil, nil
				return repo.SaveFor(t.Context(), rec, time.Minute)
			},
			"create": func(repo *Repository[item], rec *item) error {
				return repo.Save(t.Context(), &item{ID: "b", Color: "blue", Email: ptr("b")})
			},
			"remove": func(repo *Repository[item],
				rec *item) error {
				return repo.Remove(t.Context(), rec.ID)
			},
			"expire": func(repo *Repository[item],
				rec *item) error {
				return repo.Expire(t.Context(), rec.ID, time.Minute)
			},
			"persist": func(repo *Repository[item],
				rec *item) error {
				return repo.Persist(t.Context(), rec.ID)
			},
		}
		denied := 0
		for _, rule := range []string{"-hset", "-hget", "-hdel", "-zadd", "-zrem", "-zrange",
			"-pexpireat", "-persist", "-del", "-exists", "-time", "-evalsha",
			"resetkeys ~{item}:*", "resetkeys"} {
			for name, attempt := range attempts {
				must(0, admin.Do(t.Context(), admin.B().Arbitrary("ACL", "SETUSER", "app", "reset",
					"on", ">pw", "~*", "&*", "+@all").Args(strings.Fields(rule)...).Build()).Error())
				client := as(t, s, "app")
				repo := must(NewRepository[item](client, prefix, Options{Encoding: form}))
				rec := &item{ID: "a", Color: "red", Email: ptr("old"), Note: ptr("n"),
					Score: ptr(1), Tags: []string{"x"}}
				if err := mine.SaveFor(t.Context(), rec, time.Hour); err != nil {
					t.Fatal(err)
				}
				before := contents(t, admin, mine.shards[0], "a", "b")
				err := attempt(repo, rec)
				if err != nil {
					denied++
					if !exec.Permanent(err) {
						t.Errorf("%s with %s: %v", name, rule, err)
					}
					if diff := gocmp.Diff(before, contents(t, admin, mine.shards[0], "a", "b")); diff != "" {
						t.Errorf("%s with %s failed half-way: %s", name, rule, diff)
					}
				}
				for _, id := range []string{"a", "b"} {
					if err := mine.Remove(t.Context(), id); err != nil && !errors.Is(err, ErrNotFound) {
						t.Fatal(err)
					}
				}
			}
		}
		if denied < 40 {
			t.Errorf("only %d attempts were denied", denied)
		}
	})
}

// One who may only run commands that read gets look-ups, and no expired records
// in them.
func TestReadOnlyUser(t *testing.T) {
	redistest.Since(t, "7.0") // older ones know no rules for reading
	s := redistest.Start(t)
	admin := s.Client(t)
	mine := must(NewRepository[item](admin, "read", Options{}))
	for i := range 3 {
		if err := mine.Save(t.Context(),
			&item{ID: fmt.Sprint(i), Color: "red", Email: ptr(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := mine.Expire(t.Context(), "1", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	waitGone(t, t.Context(), mine, "1")
	must(0, admin.Do(t.Context(), admin.B().Arbitrary("ACL", "SETUSER", "reader", "on", ">pw",
		"%R~{read}*", "+@read", "+@connection", "+evalsha", "+eval").Build()).Error())
	client := as(t, s, "reader")
	repo := must(NewRepository[item](client, "read", Options{}))
	// EVALSHA asks for write access to the keys it declares, whatever the
	// script does.
	if _, err := repo.Find(t.Context(), Eq("color", "red"), Page{}); err == nil ||
		!strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("look-up by a reader of keys: %v", err)
	}
	must(0, admin.Do(t.Context(), admin.B().Arbitrary("ACL", "SETUSER", "reader",
		"~{read}*").Build()).Error())
	found, err := repo.Find(t.Context(), Eq("color", "red"), Page{})
	if err != nil || len(found.Records) != 2 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := repo.FetchBy(t.Context(), "email", "1"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := repo.Save(t.Context(), &item{ID: "9"}); err == nil || errors.Is(err, ErrConflict) {
		t.Error(err)
	}
}

// A full Redis refuses a save as a whole, and lets go what is removed.
func TestFullRedis(t *testing.T) {
	client := single(t)
	repo := must(NewRepository[item](client, "full", Options{}))
	rec := &item{ID: "a", Color: "red", Email: ptr("x"), Note: ptr("n")}
	if err := repo.Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	must(0, client.Do(t.Context(),
		client.B().ConfigSet().ParameterValue().ParameterValue("maxmemory", "1").Build()).Error())
	before := contents(t, client, repo.shards[0], "a")
	changed := *rec
	changed.Color, changed.Email, changed.Note = "green", ptr("y"), nil
	err := repo.Save(t.Context(), &changed)
	if err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("save into a full Redis: %v", err)
	}
	if diff := gocmp.Diff(before, contents(t, client, repo.shards[0], "a")); diff != "" {
		t.Errorf("the save failed half-way: %s", diff)
	}
	if got, err := repo.Fetch(t.Context(), "a"); err != nil || got.Color != "red" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := repo.Remove(t.Context(), "a"); err != nil {
		t.Errorf("remove from a full Redis: %v", err)
	}
}

func TestScriptFlush(t *testing.T) {
	client := single(t)
	repo := must(NewRepository[item](client, "flush", Options{}))
	rec := &item{ID: "a", Color: "red"}
	for _, step := range []func() error{
		func() error { return repo.Save(t.Context(), rec) },
		func() error { return repo.Expire(t.Context(), "a", time.Hour) },
		func() error { _, err := repo.Find(t.Context(), Eq("color", "red"), Page{}); return err },
		func() error { _, err := repo.Sweep(t.Context(), 1); return err },
		func() error { return repo.Remove(t.Context(), "a") },
	} {
		must(0, client.Do(t.Context(), client.B().ScriptFlush().Build()).Error())
		if err := step(); err != nil {
			t.Error(err)
		}
	}
}

// While Redis is away calls fail within their deadline; when it is back they
// work again, and a record that it forgot is not made again by a save.
func TestRedisAway(t *testing.T) {
	s := redistest.Start(t)
	client := s.Client(t)
	repo := must(NewRepository[item](client, "away", Options{}))
	rec := &item{ID: "a", Color: "red"}
	if err := repo.Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	for name, call := range map[string]func(ctx context.Context) error{
		"save":       func(ctx context.Context) error { return repo.Save(ctx, rec) },
		"fetch":      func(ctx context.Context) error { _, err := repo.Fetch(ctx, "a"); return err },
		"fetch many": func(ctx context.Context) error { _, err := repo.FetchMany(ctx, "a", "b"); return err },
		"find": func(ctx context.Context) error {
			_,
				err := repo.Find(ctx, All("color"), Page{})
			return err
		},
		"remove": func(ctx context.Context) error { return repo.Remove(ctx, "a") },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		begin := time.Now()
		err := call(ctx)
		cancel()
		if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
			t.Errorf("%s without Redis: %v", name, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s took %s of a deadline of 300ms", name, took)
		}
	}
	s.Restart()
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := repo.Save(t.Context(), &item{ID: "b"})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := repo.Save(t.Context(), rec); !errors.Is(err, ErrNotFound) {
		t.Errorf("a record that Redis forgot: %v", err)
	}
}

// Records that were evicted or deleted by other hands leave no ghosts.
func TestDeletedByOthers(t *testing.T) {
	client := single(t)
	repo := must(NewRepository[item](client, "ghost", Options{}))
	if err := repo.Save(t.Context(), &item{ID: "a", Color: "red", Email: ptr("x")}); err != nil {
		t.Fatal(err)
	}
	must(0, client.Do(t.Context(), client.B().Del().Key(repo.Key("a")).Build()).Error())
	if found, err := repo.Find(t.Context(), Eq("color", "red"), Page{}); err != nil ||
		len(found.Records) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := repo.FetchBy(t.Context(), "email", "x"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if n := must(client.Do(t.Context(),
		client.B().Exists().Key(repo.shards[0].indexes...).Build()).AsInt64()); n != 0 {
		t.Errorf("%d index keys are left", n)
	}
}

func TestBadValues(t *testing.T) {
	client := single(t)
	repo := must(NewRepository[item](client, "bad", Options{}))
	for _, id := range []string{"\x00", "a\n", "\xff", strings.Repeat("x", 256)} {
		if err := repo.Save(t.Context(), &item{ID: id}); err == nil {
			t.Errorf("saved as %q", id)
		}
		if _, err := repo.Fetch(t.Context(), id); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("fetched %q: %v", id, err)
		}
		if _, err := repo.FetchMany(t.Context(), "a", id); err == nil {
			t.Errorf("fetched %q among others", id)
		}
	}
	tags := make([]string, maxEntries+1)
	for i := range tags {
		tags[i] = fmt.Sprint(i)
	}
	nan := 0.0
	nan /= nan
	for _, rec := range []*item{
		{Color: strings.Repeat("x", maxIndexed+1)}, {Tags: tags}, {Weight: nan}, {Version: -1},
	} {
		if err := repo.Save(t.Context(), rec); err == nil {
			t.Errorf("saved %.100v", rec)
		}
	}
	if err := repo.Save(t.Context(),
		&item{ID: "many", Tags: tags[:maxEntries-3], Color: strings.Repeat("\x00", maxIndexed)}); err != nil {
		t.Error(err)
	}
	for _, where := range []Condition{
		Eq("note", "x"), Eq("nope", "x"), Eq("color\x00", "x"), Eq("score", "1"), Eq("score", nil),
		Eq("score", 1.5), Eq("color", 65),
		Eq("seen", 1), Prefix("score", "1"), All("tags"), Less("tags", "x"), Eq("tags", 1),
		Eq("weight", nan), Eq("email", "x"),
	} {
		if found, err := repo.Find(t.Context(), where, Page{}); err == nil {
			t.Errorf("%+v: %+v", where, found)
		}
	}
	for _, limit := range []int{-1, 1001} {
		if _, err := repo.Find(t.Context(), All("color"), Page{Limit: limit}); err == nil {
			t.Errorf("limit %d", limit)
		}
	}
	// A cursor does not open another query's range.
	for i := range 3 {
		if err := repo.Save(t.Context(), &item{ID: fmt.Sprint(i), Color: "red"}); err != nil {
			t.Fatal(err)
		}
	}
	found := must(repo.Find(t.Context(), Eq("color", "red"), Page{Limit: 1}))
	if found.Next == "" {
		t.Fatal("no cursor")
	}
	for _, after := range []string{"?", "AAAA", found.Next[1:], found.Next + "*"} {
		if _, err := repo.Find(t.Context(), Eq("color", "red"), Page{After: after}); !errors.Is(err,
			ErrBadCursor) {
			t.Errorf("cursor %q: %v", after, err)
		}
	}
	for _, where := range []Condition{Eq("color", "green"), All("weight"), Eq("tags", "red")} {
		if _, err := repo.Find(t.Context(), where, Page{After: found.Next}); !errors.Is(err, ErrBadCursor) {
			t.Errorf("cursor in %+v: %v", where, err)
		}
	}
	if _, err := repo.FetchBy(t.Context(), "color", "red"); err == nil || errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := repo.Expire(t.Context(), "0", 0); err == nil {
		t.Error("a life of nothing")
	}
	if err := repo.SaveFor(t.Context(), &item{}, -1); err == nil {
		t.Error("a life below nothing")
	}
}

// A record that someone else has spoilt is an error that says where, not a zero
// value.
func TestSpoiltRecord(t *testing.T) {
	client := single(t)
	repo := must(NewRepository[item](client, "spoilt", Options{}))
	if err := repo.Save(t.Context(), &item{ID: "a", Score: ptr(1)}); err != nil {
		t.Fatal(err)
	}
	must(0, client.Do(t.Context(),
		client.B().Hset().Key(repo.Key("a")).FieldValue().FieldValue("score", "many").Build()).Error())
	if _, err := repo.Fetch(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "Score") {
		t.Error(err)
	}
	must(0, client.Do(t.Context(), client.B().Set().Key(repo.Key("b")).Value("x").Build()).Error())
	if _, err := repo.Fetch(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Error(err)
	}
	if err := repo.Save(t.Context(), &item{ID: "b", Color: "red"}); err == nil ||
		!strings.Contains(err.Error(), "WRONGTYPE") {
		t.Error(err)
	}
}

// The permissions that the documentation names are enough for everything.
func TestLeastPermissions(t *testing.T) {
	s := redistest.Start(t)
	admin := s.Client(t)
	must(0, admin.Do(t.Context(), admin.B().Arbitrary("ACL", "SETUSER", "app", "on", ">pw",
		"~app:{item}*", "+@connection").
		Args(strings.Fields("+evalsha +eval +hget +hmget +hset +hdel +del +exists +time +pttl +pexpire +pexpireat +persist +zadd +zrem +zrange")...).
		Build()).Error())
	client := as(t, s, "app")
	plain := must(NewRepository[all](client, "app:item", Options{}))
	if err := plain.SaveFor(t.Context(), &all{ID: "plain"}, time.Hour); err != nil {
		t.Error(err)
	}
	eachForm(t, func(t *testing.T, form Encoding) {
		repo := must(NewRepository[item](client, "app:item", Options{Encoding: form}))
		rec := &item{ID: "a", Color: "red", Email: ptr("x"), Note: ptr("n"), Tags: []string{"t"}}
		for i, step := range []func() error{
			func() error { return repo.SaveFor(t.Context(), rec, time.Hour) },
			func() error {
				rec.Color, rec.Email, rec.Note, rec.Tags = "blue", ptr("y"), nil, nil
				return repo.Save(t.Context(), rec)
			},
			func() error { _, err := repo.Fetch(t.Context(), "a"); return err },
			func() error { _, err := repo.FetchMany(t.Context(), "a", "b"); return err },
			func() error { _, err := repo.FetchBy(t.Context(), "email", "y"); return err },
			func() error { _, err := repo.TTL(t.Context(), "a"); return err },
			func() error { return repo.Persist(t.Context(), "a") },
			func() error { return repo.Expire(t.Context(), "a", time.Millisecond) },
			func() error { waitGone(t, t.Context(), repo, "a"); return nil },
			func() error { return repo.Save(t.Context(), &item{ID: "b", Email: ptr("y")}) },
			func() error { _, err := repo.Sweep(t.Context(), 10); return err },
			func() error { _, err := repo.Find(t.Context(), All("color"), Page{}); return err },
			func() error { return repo.Remove(t.Context(), "b") },
		} {
			if err := step(); err != nil {
				t.Errorf("step %d: %v", i, err)
			}
		}
		if left := contents(t, admin, repo.shards[0]); len(left) != 4 ||
			fmt.Sprint(left) != fmt.Sprint(map[string]any{
				repo.shards[0].indexes[0]: []rueidis.ZScore{}, repo.shards[0].indexes[1]: map[string]string{},
				repo.shards[0].indexes[2]: map[string]string{}, repo.shards[0].indexes[3]: []rueidis.ZScore{},
			}) {
			t.Errorf("left: %v", left)
		}
	})
}

// Each call is one command to Redis, so one round trip.
func TestRoundTrips(t *testing.T) {
	s := redistest.Start(t)
	client := s.Client(t)
	repo := must(NewRepository[item](client, "trips", Options{}))
	rec := &item{ID: "a", Color: "red", Email: ptr("x")}
	calls := func() int {
		commands := s.Commands()
		return commands["evalsha"] + commands["eval"] + commands["script|load"]
	}
	steps := []func() error{
		func() error { return repo.Save(t.Context(), rec) },
		func() error { _, err := repo.Find(t.Context(), All("color"), Page{}); return err },
		func() error { _, err := repo.FetchBy(t.Context(), "email", "x"); return err },
		func() error { return repo.Expire(t.Context(), "a", time.Hour) },
		func() error { err := repo.Remove(t.Context(), "a"); rec.Version = 0; return err },
	}
	for round := range 2 { // in the first the scripts are not known yet
		for i, step := range steps {
			before := calls()
			if err := step(); err != nil {
				t.Fatal(err)
			}
			if n := calls() - before; n != 2-round {
				t.Errorf("round %d, step %d: %d calls", round, i, n)
			}
		}
	}
}
