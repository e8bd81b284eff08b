// Command repository serves a library: books are records of kit/object, read
// through kit/cache. A book that was read once is served from the process,
// without asking Redis, until any process changes it.
//
//	REDIS_URL=redis://localhost:6379 go run ./examples/repository
//	curl -X PUT localhost:8080/books/emma -d '{"title":"Emma","author":"Jane Austen","year":1815}'
//	curl localhost:8080/books/emma
//	curl -G localhost:8080/books --data-urlencode 'author=Jane Austen'
//	curl -X DELETE localhost:8080/books/emma
//
// To change a book, PUT it with the version that was read: of two who do that
// one gets 409.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/parley-chat/parley/kit/cache"
	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/object"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal("repository: ", err)
	}
}

func run(ctx context.Context) error {
	cfg, err := connect.FromEnv(os.LookupEnv)
	if err != nil {
		return err
	}
	conn, err := connect.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	books, err := NewBooks(conn, func(err error) { log.Print("repository: ", err) })
	if err != nil {
		return err
	}
	defer books.Close()

	addr := os.Getenv("LISTEN")
	if addr == "" {
		addr = "localhost:8080"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(books), ReadHeaderTimeout: 5 * time.Second}
	fmt.Printf("repository: Redis is %s, listening at http://%s\n", cfg, listener.Addr())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = server.Shutdown(ending)
	n := books.Stats()
	fmt.Printf("repository: interrupted; %d answers came from the process, %d from the cache in Redis, %d were loaded\n", n.LocalHits, n.Hits, n.Loads)
	return err
}

func routes(books *Books) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		book, err := books.Get(r.Context(), r.PathValue("id"))
		answer(w, book, err)
	})
	mux.HandleFunc("PUT /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		var book Book
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&book); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		book.ID = r.PathValue("id")
		book, err := books.Save(r.Context(), book)
		answer(w, book, err)
	})
	mux.HandleFunc("DELETE /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, books.Remove(r.Context(), r.PathValue("id")))
	})
	mux.HandleFunc("GET /books", func(w http.ResponseWriter, r *http.Request) {
		found, err := books.By(r.Context(), r.FormValue("author"), r.FormValue("after"))
		answer(w, map[string]any{"books": found.Records, "after": found.Next}, err)
	})
	return mux
}

func answer(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, cache.ErrNotFound):
		http.Error(w, "no such book", http.StatusNotFound)
	case errors.Is(err, object.ErrConflict):
		http.Error(w, "somebody changed it meanwhile: read it again", http.StatusConflict)
	case errors.Is(err, object.ErrBadCursor):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		log.Printf("repository: %v", err)
		http.Error(w, "try again soon", http.StatusServiceUnavailable)
	case v == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
	}
}
