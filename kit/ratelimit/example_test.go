package ratelimit_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/parley-chat/parley/kit/ratelimit"
	"github.com/parley-chat/parley/kit/redistest"
)

func Example() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()

	limiter, err := ratelimit.New(client, ratelimit.Options{},
		ratelimit.Limit{Name: "burst", Quota: 3, Window: 10 * time.Second},
		ratelimit.Limit{Name: "hour", Quota: 1000, Window: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	for range 4 {
		result, err := limiter.Allow(context.Background(), "user:42")
		if err != nil {
			log.Fatal(err) // Redis is away
		}
		fmt.Println(result.Allowed, result.Tightest().Limit.Name, result.Tightest().Remaining)
	}
	// Output:
	// true burst 2
	// true burst 1
	// true burst 0
	// false burst 0
}

// Uploads are limited by their size. A quota this large is kept in two
// counters.
func ExampleLimiter_AllowN() {
	client, stop := redistest.Example()
	defer stop()
	uploads, err := ratelimit.New(client, ratelimit.Options{Prefix: "uploads"},
		ratelimit.Limit{Name: "bytes", Quota: 1 << 30, Window: 24 * time.Hour, Approximate: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, size := range []int64{700 << 20, 400 << 20, 2 << 30} {
		result, err := uploads.AllowN(context.Background(), "user:42", size)
		fmt.Println(result.Allowed, err)
	}
	// Output:
	// true <nil>
	// false <nil>
	// false ratelimit: the count is larger than the quota and can never be allowed: 2147483648 of limit "bytes" with 1073741824
}

// Failed logins count, a successful one forgets them.
func ExampleLimiter_Reset() {
	client, stop := redistest.Example()
	defer stop()
	attempts, err := ratelimit.New(client, ratelimit.Options{Prefix: "login"}, ratelimit.PerMinute(3))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for _, password := range []string{"wrong", "wrong", "right", "wrong"} {
		result, err := attempts.Allow(ctx, "ada")
		if err != nil || !result.Allowed {
			log.Fatal("too many attempts: ", result.RetryAfter, err)
		}
		if password == "right" {
			if err := attempts.Reset(ctx, "ada"); err != nil {
				log.Fatal(err)
			}
		}
	}
	state, err := attempts.Peek(ctx, "ada")
	fmt.Println(state.Limits[0].Remaining, err)
	// Output: 2 <nil>
}

// Each client address gets 2 requests a minute. Behind a proxy at 10.0.0.0/8
// its X-Forwarded-For is believed.
func ExampleLimiter_Handler() {
	client, stop := redistest.Example()
	defer stop()
	limiter, err := ratelimit.New(client,
		ratelimit.Options{
			OnFailure: ratelimit.FailOpen,
			OnError:   func(err error) { log.Print("not limited: ", err) },
		}, ratelimit.PerMinute(2))
	if err != nil {
		log.Fatal(err)
	}
	clients := ratelimit.Clients{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	handler := limiter.Handler(ratelimit.HTTP{Key: clients.Key}, http.NotFoundHandler())

	for range 3 {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("RateLimit-Policy"), w.Header().Get("X-RateLimit-Remaining"))
	}
	// Output:
	// 404 "minute";q=2;w=60 1
	// 404 "minute";q=2;w=60 0
	// 429 "minute";q=2;w=60 0
}
