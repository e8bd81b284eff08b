package server

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/backend"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/hub"
)

// status tells how this node is doing.
type status struct {
	core    *Core
	hub     *hub.Hub
	runner  *follow.Runner
	started time.Time

	mu       sync.Mutex
	findings []chat.Finding
	at       time.Time // of the findings
}

// examineEvery is how old findings may be: to examine Redis takes a connection
// of its own and some dozens of commands.
const examineEvery = time.Minute

func (s *status) node(ctx context.Context) chat.NodeStatus {
	out := chat.NodeStatus{Store: s.core.Where, Shared: s.core.Shared, StartedAt: s.started,
		Connections: int(s.hub.Stats().Conns), Followers: []chat.FollowerStatus{}, Findings: s.examine(ctx)}
	for _, f := range s.runner.Status() {
		out.Followers = append(out.Followers, chat.FollowerStatus{Name: f.Name, Running: f.Running,
			Behind: f.Behind, Failing: f.Failing, LagSeconds: f.Lag.Seconds()})
	}
	return out
}

func (s *status) examine(ctx context.Context) []chat.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < examineEvery {
		return s.findings
	}
	found, err := s.core.doctor(ctx)
	if ctx.Err() != nil {
		return s.findings // those who wait next do it
	}
	if err != nil {
		found = append(found, backend.Finding{Level: backend.Warning, About: "doctor", Is: err.Error()})
	}
	s.findings, s.at = []chat.Finding{}, time.Now()
	for _, f := range found {
		s.findings = append(s.findings, chat.Finding{Level: f.Level.String(), Where: f.Where, About: f.About,
			Is: f.Is, Risk: f.Risk, Mend: f.Mend})
	}
	return s.findings
}
