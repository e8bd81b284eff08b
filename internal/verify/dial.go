package verify

import (
	"context"

	"github.com/parley-chat/parley/client"
)

// dial opens a connection to a node.
func dial(ctx context.Context, url, token string, receive func(client.Update)) (*client.Conn, error) {
	node, err := client.New(client.Config{URL: url, Token: token})
	if err != nil {
		return nil, err
	}
	return node.Dial(ctx, receive)
}

// isPassing reports whether the same request may be answered later.
func isPassing(e *client.Error) bool {
	return e.Code == client.CodeUnavailable || e.Code == client.CodeRateLimited ||
		e.Code == client.CodeInternal
}
