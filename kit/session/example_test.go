package session_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"

	"github.com/parley-chat/parley/kit/redistest"
	"github.com/parley-chat/parley/kit/session"
)

// Login is what this site remembers of a login.
type Login struct {
	Device string
	Visits int
}

// A site where one logs in, is counted, and logs out.
func Example() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	sessions, err := session.New(client, session.Options[Login]{
		Cookie: session.Cookie{Plain: true}, // this example has no TLS
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		// ... once the password is right
		if _, err := sessions.Login(r.Context(), "ada", Login{Device: r.UserAgent()}); err != nil {
			http.Error(w, "Try again shortly.", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "welcome")
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Logout(r.Context()); err != nil {
			http.Error(w, "Try again shortly.", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "bye")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		if s == nil {
			fmt.Fprintln(w, "who are you?")
			return
		}
		s.Data.Visits++ // saved before the answer goes out
		fmt.Fprintf(w, "hello %s, visit %d\n", s.User(), s.Data.Visits)
	})
	site := httptest.NewServer(sessions.Handler(mux))
	defer site.Close()

	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	for _, path := range []string{"/", "/login", "/", "/", "/logout", "/"} {
		resp, err := browser.Get(site.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Print(string(body))
	}
	// Output:
	// who are you?
	// welcome
	// hello ada, visit 1
	// hello ada, visit 2
	// bye
	// who are you?
}

// "Where am I logged in?", and "log me out everywhere else".
func ExampleManager_RevokeAll() {
	client, stop := redistest.Example()
	defer stop()
	sessions, err := session.New(client, session.Options[Login]{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	var here *session.Session[Login]
	for _, device := range []string{"phone", "tablet", "laptop"} {
		if here, err = sessions.Create(ctx, "ada", Login{Device: device}); err != nil {
			log.Fatal(err)
		}
	}
	ended, err := sessions.RevokeAll(ctx, "ada", here.ID())
	fmt.Println(len(ended), "ended", err)
	for s, err := range sessions.List(ctx, "ada") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Data.Device)
	}
	// Output:
	// 2 ended <nil>
	// laptop
}

// Programs use the token as a bearer.
func ExampleManager_Create() {
	client, stop := redistest.Example()
	defer stop()
	sessions, err := session.New(client, session.Options[map[string]any]{})
	if err != nil {
		log.Fatal(err)
	}
	s, err := sessions.Create(context.Background(), "bot", map[string]any{"scope": "read"})
	if err != nil {
		log.Fatal(err)
	}
	handler := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		fmt.Println(s.User(), s.Data["scope"], sessions.IsBearer(r.Context()))
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+s.Token())
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: bot read true
}

// Two requests change the same session; neither loses its change.
func ExampleOptions_merge() {
	client, stop := redistest.Example()
	defer stop()
	sessions, err := session.New(client, session.Options[Login]{
		Merge: func(base, mine, theirs Login) (Login, error) {
			theirs.Visits += mine.Visits - base.Visits
			return theirs, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	s, err := sessions.Create(ctx, "ada", Login{})
	if err != nil {
		log.Fatal(err)
	}
	one, _ := sessions.Load(ctx, s.Token())
	two, _ := sessions.Load(ctx, s.Token())
	one.Data.Visits += 10
	two.Data.Visits += 5
	fmt.Println(one.Save(ctx), two.Save(ctx), two.Data.Visits)
	// Output: <nil> <nil> 15
}

// A server that keeps sockets open closes those of sessions that are gone.
func ExampleManager_Watch() {
	client, stop := redistest.Example()
	defer stop()
	sessions, err := session.New(client, session.Options[Login]{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := sessions.Create(ctx, "ada", Login{})
	if err != nil {
		log.Fatal(err)
	}
	listening := make(chan bool, 1)
	var once sync.Once // the same id may be told more than once
	done := make(chan error)
	go func() {
		done <- sessions.Watch(ctx, session.WatchOptions{
			Open: func() []string { // asked at the start, after a lost connection, and now and then
				select {
				case listening <- true:
				default:
				}
				return []string{s.ID()}
			},
			Revoked: func(id string) {
				once.Do(func() {
					fmt.Println("close the sockets of this session:", id == s.ID())
					cancel()
				})
			},
		})
	}()
	<-listening
	if _, err := sessions.RevokeAll(context.Background(), "ada"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-done)
	// Output:
	// close the sockets of this session: true
	// context canceled
}
