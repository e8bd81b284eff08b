package main

import (
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/internal/socketio/eiotest"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestNodesServeTheDemosClients has clients of the Redis chat demo on two nodes
// do what they do on one.
func TestNodesServeTheDemosClients(t *testing.T) {
	t.Parallel()
	eiotest.NeedOfficialClients(t, filepath.Join("..", "..", "internal", "socketio", "testdata"))
	redis := redistest.StartTCP(t)
	f := startFleet(t, 2, redis.URL(), "--compat=redis-chat-demo", "--sign-up=open")
	eiotest.RunScenarios(t, 6, filepath.Join("..", "..", "internal", "compat", "testdata", "demo.mjs"),
		f.node(0).URL+","+f.node(1).URL, "polling,websocket")
}
