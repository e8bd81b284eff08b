package chat

import (
	"context"
	"time"
)

// NodeStatus is how the node that answers is doing.
type NodeStatus struct {
	Store       string           `json:"store" doc:"Where the data are, without secrets"`
	Shared      bool             `json:"shared" doc:"Other nodes may serve the same data; then the figures are those of the node that answers"`
	StartedAt   time.Time        `json:"started_at" doc:"Since when the node runs"`
	Connections int              `json:"connections" doc:"Open connections of clients"`
	Followers   []FollowerStatus `json:"followers" doc:"What is done after a message is stored: search, push, mail, webhooks"`
	Findings    []Finding        `json:"findings" doc:"What parley doctor finds about the place of the data, at most a minute ago"`
}

// FollowerStatus is how far a follower is.
type FollowerStatus struct {
	Name       string  `json:"name" doc:"What it does"`
	Running    bool    `json:"running" doc:"It runs on this node; some run on one node of several"`
	Behind     int     `json:"behind" doc:"How many queues have something to do"`
	Failing    int     `json:"failing" doc:"Of those, how many failed last"`
	LagSeconds float64 `json:"lag_seconds" doc:"For how long the longest of them has had something to do"`
}

// Finding is something about the place of the data.
type Finding struct {
	Level string `json:"level" enum:"ok,note,warning,refusal" doc:"note: worth knowing. warning: it can lose data, or stop the chat. refusal: a server does not start there"`
	Where string `json:"where,omitempty" doc:"Address, if it concerns one of several"`
	About string `json:"about" doc:"What it is about, such as disk"`
	Is    string `json:"is" doc:"What is so"`
	Risk  string `json:"risk,omitempty" doc:"What it can cost"`
	Mend  string `json:"mend,omitempty" doc:"What mends it"`
}

// ServerStatus is how the server is doing.
type ServerStatus struct {
	Version  string            `json:"version" doc:"Of the server"`
	Degraded map[string]string `json:"degraded,omitempty" doc:"What does not work although messages can be read, by the part of the server: why"`
	Backup   *LastBackup       `json:"backup,omitempty" doc:"What became of scheduled backups; left out if there were none"`
	NodeStatus
}

// Status returns how the server is doing.
func (s *Service) Status(ctx context.Context, who Caller, _ None) (ServerStatus, error) {
	if err := s.MayOperate(who); err != nil {
		return ServerStatus{}, err
	}
	if err := s.limit(ctx, "status:"+string(who.User.ID), statusRate); err != nil {
		return ServerStatus{}, err
	}
	out := ServerStatus{Version: s.Version}
	last, err := s.LastBackup(ctx)
	if err != nil {
		return ServerStatus{}, err
	}
	if last != (LastBackup{}) {
		out.Backup = &last
	}
	if s.Health != nil {
		out.Degraded = s.Health(ctx)
	}
	if s.Node != nil {
		out.NodeStatus = s.Node(ctx)
	}
	return out, nil
}

// statusRate is how often one looks; a page that is open does it every 10 s.
var statusRate = Rate{Limit: 30, Window: time.Minute}
