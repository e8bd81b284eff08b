// Command embed is a small shop's office with people and log-ins of its own,
// and with the chat inside, at /chat/.
//
//	go run ./examples/embed
//
// Then open http://localhost:8080 and choose who you are. In the chat you are
// the same person; when you log out here you are out there too. An order that
// is shipped here is told of there, in the room Orders.
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
	"time"

	"github.com/parley-chat/parley"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal("embed: ", err)
	}
}

func run(ctx context.Context) (err error) {
	data := os.Getenv("DATA")
	if data == "" {
		data = "./embed-data"
	}
	office, err := open(ctx, parley.Options{Data: data, Store: os.Getenv("STORE")})
	if err != nil {
		return err
	}
	addr := os.Getenv("LISTEN")
	if addr == "" {
		addr = "localhost:8080"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, office.chat.Close(ctx))
	}
	server := &http.Server{Handler: office.pages(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Printf("listening on http://%s\n", listener.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// First the chat, which tells its clients to come back: the server knows
	// nothing of their connections.
	return errors.Join(err, office.chat.Close(ctx), server.Shutdown(ctx))
}
