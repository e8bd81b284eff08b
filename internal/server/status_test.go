package server

import (
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/hub"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestStatus: of both stores it is told where the data are and what there is to
// say of the place, which is examined once a minute.
func TestStatus(t *testing.T) {
	for name, store := range map[string]StoreConfig{
		"embedded": {Data: t.TempDir()},
		"redis":    {Store: redistest.Start(t).URL(), RedisPrefix: "parley"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := OpenCore(t.Context(), CoreConfig{Store: store})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
			h := hub.New(hub.Config{Log: c.Store, Bell: c.Bell, Presence: c.Presence})
			t.Cleanup(h.Close)
			s := &status{core: c, hub: h, runner: follow.New(follow.Config{Log: c.Store,
				Followers: []follow.Follower{{Name: "search"}}})}
			c.Service.Node = s.node
			admin := chat.Caller{User: chat.User{ID: "a", Role: chat.RoleAdmin}}
			got, err := c.Service.Status(t.Context(), admin, chat.None{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Store != c.Where || got.Shared != (name == "redis") || len(got.Findings) == 0 ||
				len(got.Followers) != 1 || got.Followers[0].Name != "search" || got.Backup != nil {
				t.Errorf("got %+v", got)
			}
			at := s.at
			if _, err := c.Service.Status(t.Context(), admin, chat.None{}); err != nil || s.at != at {
				t.Errorf("examined twice, %v", err)
			}
		})
	}
}
