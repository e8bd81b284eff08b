package patterns

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/counter"
	"github.com/parley-chat/parley/kit/lock"
	"github.com/parley-chat/parley/kit/object"
	"github.com/parley-chat/parley/kit/ratelimit"
)

func usualAdd(ctx context.Context, c rueidis.Client, cart, item string, n int64, meanwhile func()) error {
	items := map[string]int64{}
	text, err := c.Do(ctx, c.B().Get().Key(cart).Build()).AsBytes()
	if err != nil && !rueidis.IsRedisNil(err) {
		return err
	}
	json.Unmarshal(text, &items)
	meanwhile() // another tab does the same
	items[item] += n
	text, err = json.Marshal(items)
	return errors.Join(err, c.Do(ctx, c.B().Set().Key(cart).Value(string(text)).Build()).Error())
}

func openStock(t *testing.T, c rueidis.Client) *counter.Stock {
	t.Helper()
	stock, err := counter.NewStock(c, counter.Options{})
	check(t, err)
	return stock
}

// TestDataTypes adds two items to a cart at the same time.
func TestDataTypes(t *testing.T) {
	_, c := start(t)
	check(t, usualAdd(t.Context(), c, "cart", "tea", 1, func() {
		check(t, usualAdd(t.Context(), c, "cart", "cup", 1, func() {}))
	}))
	if v := text(t, c, "cart"); v != `{"tea":1}` {
		t.Errorf("the cart has %s: the page is out of date", v)
	}

	carts := openStock(t, c)
	var all sync.WaitGroup
	for _, item := range []string{"tea", "cup"} {
		all.Go(func() {
			_, err := carts.Add(t.Context(), "ann", item, 1)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	items, err := carts.All(t.Context(), "ann")
	if !maps.Equal(items, map[string]int64{"tea": 1, "cup": 1}) || err != nil {
		t.Errorf("%v, %v", items, err)
	}
}

func usualTake(ctx context.Context, c rueidis.Client, key string, n int64, meanwhile func()) (bool, error) {
	have, err := c.Do(ctx, c.B().Get().Key(key).Build()).AsInt64()
	if err != nil || have < n {
		return false, err
	}
	meanwhile() // another customer looks too
	return true, c.Do(ctx, c.B().Decrby().Key(key).Decrement(n).Build()).Error()
}

// TestDecrementIfEnough sells the last piece twice.
func TestDecrementIfEnough(t *testing.T) {
	_, c := start(t)
	check(t, c.Do(t.Context(), c.B().Set().Key("tea").Value("1").Build()).Error())
	usualTake(t.Context(), c, "tea", 1, func() { usualTake(t.Context(), c, "tea", 1, func() {}) })
	if v := text(t, c, "tea"); v != "-1" {
		t.Errorf("%s are left: the page is out of date", v)
	}

	stock := openStock(t, c)
	_, err := stock.Add(t.Context(), "shop", "tea", 1)
	check(t, err)
	var sold atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			err := stock.Take(t.Context(), "shop", map[string]int64{"tea": 1})
			if err == nil {
				sold.Add(1)
			} else if !errors.Is(err, counter.ErrNotEnough) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sold.Load() != 1 {
		t.Errorf("%d were sold", sold.Load())
	}
}

func usualOrder(ctx context.Context, c rueidis.Client) {
	c.DoMulti(ctx,
		c.B().Decrby().Key("stock:tea").Decrement(1).Build(),
		c.B().Decrby().Key("stock:cup").Decrement(1).Build())
}

// TestPipeline orders two things of which one is sold out. A pipeline saves
// round trips and decides nothing.
func TestPipeline(t *testing.T) {
	_, c := start(t)
	check(t, c.Do(t.Context(), c.B().Set().Key("stock:tea").Value("5").Build()).Error())
	check(t, c.Do(t.Context(), c.B().Set().Key("stock:cup").Value("0").Build()).Error())
	usualOrder(t.Context(), c)
	if tea, cup := text(t, c, "stock:tea"), text(t, c, "stock:cup"); tea != "4" || cup != "-1" {
		t.Errorf("%s and %s are left: the page is out of date", tea, cup)
	}

	stock := openStock(t, c)
	_, err := stock.Add(t.Context(), "shop", "tea", 5)
	check(t, err)
	err = stock.Take(t.Context(), "shop", map[string]int64{"tea": 1, "cup": 1})
	if !errors.Is(err, counter.ErrNotEnough) {
		t.Error(err)
	}
	if left, err := stock.All(t.Context(), "shop"); left["tea"] != 5 || err != nil {
		t.Errorf("%v, %v", left, err)
	}
}

func usualAllow(ctx context.Context, c rueidis.Client, key string, limit int64, meanwhile func()) bool {
	now := time.Now().UnixMilli()
	old := strconv.FormatInt(now-time.Minute.Milliseconds(), 10)
	c.Do(ctx, c.B().Zremrangebyscore().Key(key).Min("-inf").Max(old).Build())
	n, err := c.Do(ctx, c.B().Zcard().Key(key).Build()).AsInt64()
	if err != nil || n >= limit {
		return false
	}
	meanwhile() // another request is counted
	c.Do(ctx, c.B().Zadd().Key(key).ScoreMember().ScoreMember(float64(now), rand.Text()).Build())
	c.Do(ctx, c.B().Expire().Key(key).Seconds(60).Build())
	return true
}

// TestSlidingWindow has requests come at the same time.
func TestSlidingWindow(t *testing.T) {
	_, c := start(t)
	second := false
	first := usualAllow(t.Context(), c, "ann", 1, func() {
		second = usualAllow(t.Context(), c, "ann", 1, func() {})
	})
	if !first || !second {
		t.Error("only one of two passed: the page is out of date")
	}

	limiter, err := ratelimit.New(c, ratelimit.Options{}, ratelimit.PerMinute(1))
	check(t, err)
	user := func(r *http.Request) string { return r.Header.Get("X-User") }
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	handler := limiter.Handler(ratelimit.HTTP{Key: user}, next)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			r.Header.Set("X-User", "ann")
			handler.ServeHTTP(w, r)
			if w.Code == http.StatusOK {
				passed.Add(1)
			} else if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d passed", passed.Load())
	}
}

var errHeld = errors.New("held by another")

func usualLocked(ctx context.Context, c rueidis.Client, name string, work func()) error {
	err := c.Do(ctx, c.B().Set().Key(name).Value("1").Nx().PxMilliseconds(200).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return errHeld
	}
	if err != nil {
		return err
	}
	work()
	return c.Do(ctx, c.B().Del().Key(name).Build()).Error()
}

// TestLock works for longer than the lock lasts.
func TestLock(t *testing.T) {
	_, c := start(t)
	check(t, usualLocked(t.Context(), c, "report", func() {
		eventually(t, "the lock has expired", func() bool { return text(t, c, "report") == "" })
		// Another takes it, and is at work when the first one ends.
		check(t, c.Do(t.Context(), c.B().Set().Key("report").Value("2").Nx().Build()).Error())
	}))
	if text(t, c, "report") != "" {
		t.Error("the second one still has its lock: the page is out of date")
	}

	locker, err := lock.New(c, lock.Options{Lease: 200 * time.Millisecond})
	check(t, err)
	defer locker.Close()
	err = locker.With(t.Context(), "report", func(ctx context.Context, token int64) error {
		// The work lasts three leases: it is the renewal that is shown.
		for begin := time.Now(); time.Since(begin) < 600*time.Millisecond; time.Sleep(10 * time.Millisecond) {
			if _, err := locker.TryLock(ctx, "report"); !errors.Is(err, lock.ErrHeld) {
				t.Errorf("another took it: %v", err)
			}
		}
		return ctx.Err()
	})
	check(t, err)
}

var errTaken = errors.New("the address is taken")

func usualRegister(ctx context.Context, c rueidis.Client, id, mail string, meanwhile func()) error {
	n, err := c.Do(ctx, c.B().Exists().Key("mail:"+mail).Build()).AsInt64()
	if err != nil || n > 0 {
		return errors.Join(err, errTaken)
	}
	meanwhile() // another registers with the same address
	c.Do(ctx, c.B().Hset().Key("user:"+id).FieldValue().FieldValue("mail", mail).Build())
	c.Do(ctx, c.B().Expire().Key("user:"+id).Seconds(3600).Build())
	return c.Do(ctx, c.B().Set().Key("mail:"+mail).Value(id).ExSeconds(3600).Build()).Error()
}

type user struct {
	ID   string `redis:",key"`
	Mail string `redis:"mail,unique"`
}

// TestObject registers two users with one address.
func TestObject(t *testing.T) {
	_, c := start(t)
	var second error
	first := usualRegister(t.Context(), c, "1", "ann@example.org", func() {
		second = usualRegister(t.Context(), c, "2", "ann@example.org", func() {})
	})
	if first != nil || second != nil {
		t.Errorf("%v, %v: the page is out of date", first, second)
	}

	users, err := object.NewRepository[user](c, "users", object.Options{})
	check(t, err)
	err = users.SaveFor(t.Context(), &user{ID: "1", Mail: "ann@example.org"}, time.Hour)
	check(t, err)
	err = users.SaveFor(t.Context(), &user{ID: "2", Mail: "ann@example.org"}, time.Hour)
	var taken *object.TakenError
	if !errors.As(err, &taken) {
		t.Errorf("registered twice: %v", err)
	}
	ann, err := users.FetchBy(t.Context(), "mail", "ann@example.org")
	if err != nil || ann.ID != "1" {
		t.Errorf("%+v, %v", ann, err)
	}
}
