package main

import (
	"errors"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// most is how many people arrive at once, whatever the size of the server.
const most = 10_000

// watched is how many others each of them watches: as many as there may be in
// their direct rooms, and in the list that they have open.
const watched = 50

// growArrivals: people come all at once, as after a restart, to servers with
// ever more people.
func (g *growth) growArrivals() error {
	for _, n := range g.people {
		f, c, err := g.launch("arrivals", 1, n, nil)
		if err != nil {
			return err
		}
		tokens := c.tokens[:min(n, most)]
		var clients []*client
		var took time.Duration
		w, err := f.measure(g.ctx, nil, func() (_ int, err error) {
			begin := time.Now()
			clients, err = g.joinAs(f.servers, tokens, 1, func(cl *client, i int) error {
				others := make([]chat.UserID, watched)
				for k := range others {
					others[k] = c.who[(i+1+k*k)%len(tokens)].User.ID
				}
				return errors.Join(cl.sync(), cl.watch(others))
			})
			took = time.Since(begin)
			time.Sleep(g.idle) // the last are told of, too
			return len(tokens), err
		})
		hangUp(clients)
		if err != nil {
			return errors.Join(err, g.end(f))
		}
		p := g.point("arrivals", "people on the server, of whom at most 10,000 come at once", n)
		p.set("joined/s", float64(len(tokens))/took.Seconds())
		cpu, redis, _ := w.perMessage()
		p.set("server CPU per join, µs", cpu)
		if g.store == "redis" {
			p.set("Redis' thread per join, µs", redis)
		}
		g.keep(p)
		if err := g.end(f); err != nil {
			return err
		}
	}
	return nil
}
