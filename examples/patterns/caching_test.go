package patterns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/session"
)

func usualGet(ctx context.Context, c rueidis.Client, key string,
	load func() (string, error)) (string, error) {
	v, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
	if err == nil || !rueidis.IsRedisNil(err) {
		return v, err
	}
	if v, err = load(); err != nil {
		return "", err
	}
	return v, c.Do(ctx, c.B().Set().Key(key).Value(v).ExSeconds(3600).Build()).Error()
}

func openCache(t *testing.T, c rueidis.Client) *cache.Cache[string] {
	t.Helper()
	users, err := cache.New(c, cache.Options[string]{Name: "users", TTL: time.Hour,
		Tags: func(key string) []string { return []string{strings.SplitN(key, ":", 2)[0]} }})
	check(t, err)
	t.Cleanup(users.Close)
	return users
}

// TestCacheAside changes the source, and invalidates, while it is being read.
func TestCacheAside(t *testing.T) {
	_, c := start(t)
	source := "old"
	_, err := usualGet(t.Context(), c, "k", func() (string, error) {
		v := source
		source = "new" // another process writes and invalidates
		return v, c.Do(t.Context(), c.B().Del().Key("k").Build()).Error()
	})
	check(t, err)
	if v := text(t, c, "k"); v != "old" {
		t.Errorf("it has %q: the page is out of date", v)
	}

	source = "old"
	users := openCache(t, c)
	_, err = users.Get(t.Context(), "k", func(ctx context.Context, key string) (string, error) {
		v := source
		source = "new"
		return v, users.Delete(ctx, key)
	})
	check(t, err)
	load := func(context.Context, string) (string, error) { return source, nil }
	v, err := users.Get(t.Context(), "k", load)
	if v != "new" || err != nil {
		t.Errorf("the cache has %q, %v", v, err)
	}
}

func usualWrite(ctx context.Context, c rueidis.Client, key, v string, write func(string) error) error {
	if err := write(v); err != nil {
		return err
	}
	return c.Do(ctx, c.B().Set().Key(key).Value(v).ExSeconds(3600).Build()).Error()
}

// TestWriteThrough has two writers overtake each other between the source and
// the cache.
func TestWriteThrough(t *testing.T) {
	_, c := start(t)
	source := ""
	write := func(v string) error { source = v; return nil }
	check(t, usualWrite(t.Context(), c, "k", "first", func(v string) error {
		write(v)
		return usualWrite(t.Context(), c, "k", "second", write)
	}))
	if v := text(t, c, "k"); source != "second" || v != "first" {
		t.Errorf("the source has %q, the cache %q: the page is out of date", source, v)
	}

	users := openCache(t, c)
	_, err := users.Update(t.Context(), "k", func(ctx context.Context) (string, error) {
		write("first")
		_, err := users.Update(ctx, "k", func(context.Context) (string, error) { return "second", write("second") })
		return "first", err
	})
	check(t, err)
	v, err := users.Get(t.Context(), "k", func(context.Context, string) (string, error) { return source, nil })
	if v != "second" || err != nil {
		t.Errorf("the cache has %q, %v", v, err)
	}
}

func usualInvalidate(ctx context.Context, c rueidis.Client, pattern string) error {
	keys, err := c.Do(ctx, c.B().Keys().Pattern(pattern).Build()).AsStrSlice()
	if err != nil || len(keys) == 0 {
		return err
	}
	return c.Do(ctx, c.B().Del().Key(keys...).Build()).Error()
}

// TestInvalidation drops all that is cached of one user.
func TestInvalidation(t *testing.T) {
	s, c := start(t)
	for _, key := range []string{"1:name", "1:mail", "10:name"} {
		check(t, c.Do(t.Context(), c.B().Set().Key(key).Value("v").Build()).Error())
	}
	check(t, usualInvalidate(t.Context(), c, "1*"))
	if text(t, c, "10:name") != "" {
		t.Error("user 10 is still there: the page is out of date")
	}

	users := openCache(t, c)
	for _, key := range []string{"1:name", "1:mail", "10:name"} {
		check(t, users.Set(t.Context(), key, "v"))
	}
	before := s.Commands()["keys"]
	err := users.InvalidateTag(t.Context(), "1")
	check(t, err)
	for key, want := range map[string]bool{"1:name": false, "1:mail": false, "10:name": true} {
		if _, ok, err := users.Peek(t.Context(), key); ok != want || err != nil {
			t.Errorf("%s: %v, %v", key, ok, err)
		}
	}
	if s.Commands()["keys"] != before {
		t.Error("it asked for KEYS")
	}
}

func usualMany(ctx context.Context, c rueidis.Client, ids []string) (values []string, err error) {
	for _, id := range ids {
		v, err := c.Do(ctx, c.B().Get().Key(id).Build()).ToString()
		if err != nil && !rueidis.IsRedisNil(err) {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// TestBatch reads a hundred values.
func TestBatch(t *testing.T) {
	s, c := start(t)
	users := openCache(t, c)
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprint(i, ":name"))
		check(t, users.Set(t.Context(), ids[i], "v"))
	}
	reads := func() (n int) { // how often the server has read from a connection
		out, err := s.Do("INFO", "stats")
		check(t, err)
		_, rest, _ := strings.Cut(out, "total_reads_processed:")
		fmt.Sscan(rest, &n)
		return n
	}
	trips := func(run func()) int {
		before := reads()
		run()
		return reads() - before
	}
	n := trips(func() {
		_, err := usualMany(t.Context(), c, ids)
		check(t, err)
	})
	if n < 100 {
		t.Errorf("%d round trips: the page is out of date", n)
	}
	load := func(context.Context, []string) (map[string]string, error) { return nil, errors.New("not cached") }
	n = trips(func() {
		found, err := users.GetMany(t.Context(), ids, load)
		if len(found) != 100 || err != nil {
			t.Errorf("%d, %v", len(found), err)
		}
	})
	if n > 20 {
		t.Errorf("%d round trips", n)
	}
}

type login struct {
	User string
	Cart []string
}

func usualSave(ctx context.Context, c rueidis.Client, id string, change func(*login)) error {
	var data login
	text, err := c.Do(ctx, c.B().Get().Key("session:"+id).Build()).AsBytes()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	change(&data)
	if text, err = json.Marshal(data); err != nil {
		return err
	}
	return c.Do(ctx, c.B().Set().Key("session:"+id).Value(string(text)).ExSeconds(3600).Build()).Error()
}

// TestSession logs out while another request of the same user is under way.
func TestSession(t *testing.T) {
	_, c := start(t)
	check(t, c.Do(t.Context(), c.B().Set().Key("session:1").Value(`{"User":"ann"}`).Build()).Error())
	check(t, usualSave(t.Context(), c, "1", func(data *login) {
		data.Cart = append(data.Cart, "tea")
		check(t, c.Do(t.Context(), c.B().Del().Key("session:1").Build()).Error()) // she logs out
	}))
	if text(t, c, "session:1") == "" {
		t.Error("the session is gone: the page is out of date")
	}

	logins, err := session.New(c, session.Options[login]{})
	check(t, err)
	s, err := logins.Create(t.Context(), "ann", login{User: "ann"})
	check(t, err)
	other, err := logins.Load(t.Context(), s.Token())
	check(t, err)
	check(t, other.Destroy(t.Context()))
	s.Data.Cart = append(s.Data.Cart, "tea")
	err = s.Save(t.Context())
	if !errors.Is(err, session.ErrNotFound) {
		t.Errorf("saved after the log-out: %v", err)
	}
	if _, err := logins.Load(t.Context(), s.Token()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("it is back: %v", err)
	}
}
