package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/compat"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/internal/siodoor"
	"github.com/parley-chat/parley/internal/visitor"
	"github.com/parley-chat/parley/internal/ws"
)

// comeBack is about when clients of a stopping server try again.
const comeBack = 2 * time.Second

// openDoors makes the hub and the doors for what happens live.
func (a *app) openDoors(s serve, metrics prometheus.Registerer, visitors *visitor.Policy) {
	a.hub = hub.New(hub.Config{
		Log: a.core.store, Bell: a.core.bell, Presence: a.core.roster,
		Check:    a.core.check,
		MaxConns: s.MaxSockets, MaxUserConns: s.MaxUserSockets, Logger: a.log,
	})
	a.core.bell.Listen(a.hub)
	a.socket = ws.New(ws.Config{
		Service: a.core.service, Hub: a.hub, Visitor: visitors,
		MaxConns: s.MaxSockets, MaxFrames: s.MaxSocketFrames, Metrics: metrics, Log: a.log,
	})
	io := siodoor.Config{
		Service: a.core.service, Hub: a.hub, Visitor: visitors,
		MaxConns: s.MaxSockets, MaxFrames: s.MaxSocketFrames, Metrics: metrics, Log: a.log,
	}
	if s.Compat == compat.Name {
		a.compat = compat.New(compat.Config{
			Service: a.core.service, Hub: a.hub, Visitor: visitors,
			MaxEvents: s.MaxSocketFrames, Log: a.log,
		})
		io.Guests = a.compat
	}
	a.io = siodoor.New(io)
}

// closeDoors lets nobody in any more, sends clients away, and finishes what is under way until ctx is done.
func (a *app) closeDoors(ctx context.Context) error {
	drained := a.hub.Drain(ctx, comeBack)
	a.socket.Close()
	a.io.Close()
	if a.compat != nil {
		a.compat.Close()
	}
	a.hub.Close()
	if a.control != nil {
		if err := a.control.Shutdown(ctx); err != nil {
			return err
		}
	}
	if err := a.http.Shutdown(ctx); err != nil {
		return err
	}
	return drained
}
