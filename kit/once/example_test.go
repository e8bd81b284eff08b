package once_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/parley-chat/parley/kit/once"
	"github.com/parley-chat/parley/kit/redistest"
)

func Example() {
	client, stop := redistest.Example() // a rueidis.Client
	defer stop()
	payments, err := once.New(client, once.Options{})
	if err != nil {
		log.Fatal(err)
	}
	pay := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
	})
	http.Handle("POST /payments", payments.Handler(once.HTTP{
		Scope: func(r *http.Request) string { return r.Header.Get("X-User") },
	}, pay))
}

// A handler of a queue or a topic may get an event more than once.
func ExampleDo() {
	client, stop := redistest.Example()
	defer stop()
	mails, err := once.New(client, once.Options{Prefix: "mails"})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // the event comes twice
		receipt, err := once.Do(context.Background(), mails, "event 7", nil,
			func(context.Context) (string, error) {
				fmt.Println("sending")
				return "receipt 1", nil
			})
		fmt.Println(receipt, err)
	}
	// Output:
	// sending
	// receipt 1 <nil>
	// receipt 1 <nil>
}
