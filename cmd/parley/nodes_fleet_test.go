package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
)

// fleet is the nodes of one chat.
type fleet struct {
	t     *testing.T
	store string
	args  []string

	mu    sync.Mutex
	nodes []*process
}

func startFleet(t *testing.T, n int, store string, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, store: store,
		args: append([]string{"--demo", "--max-sends=-1", "--max-calls=-1", "--max-logins=-1",
			"--drain=20s"}, args...)}
	for range n {
		f.add()
	}
	return f
}

// add starts one more.
func (f *fleet) add() *process { return f.addOn(f.store) }

// addOn starts one that reaches the store in its own way.
func (f *fleet) addOn(store string) *process {
	f.t.Helper()
	p := launch(f.t, f.t.TempDir(), append([]string{"--store", store}, f.args...)...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = append(f.nodes, p)
	return p
}

// remove has nobody come to a node any more.
func (f *fleet) remove(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = slices.DeleteFunc(slices.Clone(f.nodes), func(o *process) bool { return o == p })
}

func (f *fleet) node(i int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[i%len(f.nodes)]
}

// history reads all messages of a room, and checks that their numbers are
// dense.
func (f *fleet) history(token string, room chat.RoomID) []chat.Message {
	f.t.Helper()
	var all []chat.Message
	for {
		var page struct {
			Messages []chat.Message `json:"messages"`
		}
		path := fmt.Sprintf("/rooms/%s/messages?limit=200&after=%d", room, len(all))
		if _, err := call(f.t.Context(), f.node(0).URL, "GET", path, token, nil, &page); err != nil {
			f.t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			return all
		}
		for _, m := range page.Messages {
			if all = append(all, m); m.No != int64(len(all)) {
				f.t.Fatalf("message %d stands at %d", m.No, len(all))
			}
		}
	}
}

// check compares what the clients sent and heard in General with its history:
// each acknowledged message is there once, where it was acknowledged to be, in
// its sender's order, and everyone heard all of them.
func (f *fleet) check(clients ...*participant) {
	f.t.Helper()
	all := f.history(clients[0].token, chat.GeneralID)
	ids := map[string]int{}
	for _, m := range all {
		ids[m.ClientID]++
	}
	for id, n := range ids {
		if n > 1 && strings.HasPrefix(id, "device") {
			f.t.Errorf("%s is there %d times", id, n)
		}
	}
	for _, c := range clients {
		soon(f.t, c.device+" to have heard everything", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			said := c.messages[chat.GeneralID]
			return len(said) == 0 && len(c.sent) == 0 || len(said) > 0 &&
				said[len(said)-1].No >= all[len(all)-1].No
		})
		c.mu.Lock()
		var last int64
		for _, m := range c.sent {
			if m.No <= last {
				f.t.Errorf("%s: %d comes after %d", c.device, m.No, last)
			}
			if last = m.No; m.No > int64(len(all)) || all[m.No-1].ID != m.ID {
				f.t.Errorf("%s: %s was acknowledged as %d, which is another or none", c.device,
					m.ClientID, m.No)
			}
		}
		for i, m := range c.messages[chat.GeneralID] {
			if first := c.messages[chat.GeneralID][0].No; m.No != first+int64(i) || all[m.No-1].ID != m.ID {
				f.t.Errorf("%s heard %d as the %dth after %d", c.device, m.No, i, first)
			}
		}
		for _, fault := range c.faults {
			f.t.Errorf("%s: %s", c.device, fault)
		}
		c.mu.Unlock()
	}
}
