package chat

import (
	"context"
	"slices"
)

// OnlineUsers knows who is online, on all nodes: who has an open connection.
type OnlineUsers interface {
	// Online returns those of the people who are online, in any order.
	Online(ctx context.Context, users []UserID) ([]UserID, error)
	// OnlinePage returns the next people who are online with id > after: at
	// most limit, and fewer only at the end or where Next is set.
	OnlinePage(ctx context.Context, after UserID, limit int) (OnlineOutput, error)
}

// OnlinePageInput asks for a page of those who are online.
type OnlinePageInput struct {
	After UserID `json:"after,omitempty" doc:"Only people with a greater id: next of the page before"`
	Limit int    `json:"limit,omitempty" doc:"Most items to return; default 100"`
}

// OnlineOutput is who is online.
type OnlineOutput struct {
	Online []UserID `json:"online" doc:"People with at least one open connection, sorted"`
	Next   UserID   `json:"next,omitempty" doc:"Give it as after for the next page; empty at the end"`
}

// ListOnline returns a page of those who are online; guests are told nothing.
func (s *Service) ListOnline(ctx context.Context, who Caller, in OnlinePageInput) (OnlineOutput, error) {
	limit, err := s.pageLimit(in.Limit, 100)
	if err != nil || !mayBrowse(who.User) {
		return OnlineOutput{Online: []UserID{}}, err
	}
	return s.Presence.OnlinePage(ctx, in.After, limit)
}

// WatchMax bounds how many people one connection watches.
const WatchMax = 500

// WatchInput says whose comings and goings a connection is told.
type WatchInput struct {
	Users []UserID `json:"users"`
}

// WatchOutput says who of them is online, sorted.
type WatchOutput struct {
	Online []UserID `json:"online"`
}

// Watched returns whom the caller is told of who asks for it: guests of no one.
func (s *Service) Watched(who Caller, in WatchInput) ([]UserID, error) {
	users := slices.Compact(slices.Sorted(slices.Values(in.Users)))
	switch {
	case len(users) > WatchMax:
		return nil, invalid("users", "Watch at most %d people.", WatchMax)
	case len(users) > 0 && users[0] == "":
		return nil, invalid("users", "An id must not be empty.")
	case !mayBrowse(who.User):
		return nil, nil
	}
	return users, nil
}
