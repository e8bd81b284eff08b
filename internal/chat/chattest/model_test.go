package chattest_test

import (
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

// The model passes the suite that others are measured with.
func TestModel(t *testing.T) {
	chattest.Run(t, func(t *testing.T, ring func(*chat.Event)) chattest.Harness {
		m := chattest.NewModel(ring)
		return chattest.Harness{Store: m, Spans: true, Kept: chat.Window + 1}
	})
}
