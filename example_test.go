package parley_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/parley-chat/parley"
)

// user and session stand for what the program has already.
type user struct {
	ID, Name string
	Staff    bool
}

func session(*http.Request) (user, bool) { return user{}, false }

// A web application with logins of its own has the chat at /chat/.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chat, err := parley.Open(ctx, parley.Options{
		Data: "./chat",
		Authenticate: func(r *http.Request) (parley.User, error) {
			u, ok := session(r)
			if !ok {
				return parley.User{}, nil
			}
			role := parley.Member
			if u.Staff {
				role = parley.Admin
			}
			return parley.User{ID: u.ID, Name: u.Name, Role: role}, nil
		},
		LogIn: "/login", LogOut: "/logout",
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", chat))
	mux.HandleFunc("POST /logout", func(_ http.ResponseWriter, r *http.Request) {
		u, _ := session(r)
		// First end the session, then:
		if err := chat.Revoke(r.Context(), parley.UserIDFor(u.ID)); err != nil {
			log.Print(err)
		}
	})
	server := &http.Server{Addr: "localhost:8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.ListenAndServe()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	chat.Close(ctx) // tells clients to come back
	server.Shutdown(ctx)
}

// A room for each project, in which the program says what happens there.
func ExampleServer_Send() {
	ctx := context.Background()
	data, err := os.MkdirTemp("", "chat")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(data)
	chat, err := parley.Open(ctx, parley.Options{Data: data})
	if err != nil {
		log.Fatal(err)
	}
	defer chat.Close(ctx)

	room, err := chat.Room(ctx, parley.Room{Key: "project-7", Name: "Bridge", Private: true})
	if err != nil {
		log.Fatal(err)
	}
	bot, err := chat.Bot(ctx, "Deploys")
	if err != nil {
		log.Fatal(err)
	}
	if err := chat.AddMember(ctx, room, bot); err != nil {
		log.Fatal(err)
	}
	for range 2 { // trying again does no harm
		m, err := chat.Send(ctx, parley.Post{Room: room, From: bot, Text: "**v1.2** is out", Key: "v1.2"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.No, m.Text)
	}
	// Output:
	// 1 **v1.2** is out
	// 1 **v1.2** is out
}

// A bot that answers.
func ExampleServer_Listen() {
	ctx := context.Background()
	var chat *parley.Server // opened before
	bot, err := chat.Bot(ctx, "Echo")
	if err != nil {
		log.Fatal(err)
	}
	err = chat.Listen(ctx, bot, func(ctx context.Context, e parley.Event) error {
		if e.Kind != parley.MessageSent || e.By == bot {
			return nil
		}
		_, err := chat.Send(ctx, parley.Post{Room: e.Room, From: bot, Text: "> " + e.Message.Text,
			Key: fmt.Sprint("echo-", e.Message.No)})
		return err
	})
	log.Print(err)
}
