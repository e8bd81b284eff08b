// Command api is an HTTP API that knows who asks, and lets nobody ask too
// often: sessions from kit/session, limits from kit/ratelimit. Any number of
// processes share both through Redis.
//
//	USERS=ada:enchantress REDIS_URL=redis://localhost:6379 go run ./examples/api
//	curl -i localhost:8080/login -d '{"user":"ada","password":"enchantress"}'
//	curl -i localhost:8080/me -H 'Authorization: Bearer <token>'
//	curl -i -X POST localhost:8080/logout -H 'Authorization: Bearer <token>'
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/parley-chat/parley/kit/connect"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal("api: ", err)
	}
}

func run(ctx context.Context) error {
	users := map[string]string{}
	for pair := range strings.SplitSeq(os.Getenv("USERS"), ",") {
		if name, password, ok := strings.Cut(pair, ":"); ok {
			users[name] = password
		}
	}
	if len(users) == 0 {
		return errors.New("nobody can log in: set USERS to name:password,name:password")
	}
	cfg, err := connect.FromEnv(os.LookupEnv)
	if err != nil {
		return err
	}
	conn, err := connect.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	handler, err := newAPI(conn, users)
	if err != nil {
		return err
	}

	addr := os.Getenv("LISTEN")
	if addr == "" {
		addr = "localhost:8080"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	fmt.Printf("api: %d users, Redis is %s, listening at http://%s\n", len(users), cfg, listener.Addr())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	fmt.Println("api: interrupted, finishing what is under way")
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}
