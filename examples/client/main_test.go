package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/client"
	"github.com/parley-chat/parley/internal/parleytest"
)

func TestMain(m *testing.M) { os.Exit(parleytest.Main(m)) }

// TestBotAnswersAcrossARestart asks before and after a kill of the server.
func TestBotAnswersAcrossARestart(t *testing.T) {
	s := parleytest.StartUnlimited(t)
	bot := s.LogIn("Alex")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, client.Config{URL: s.URL, Token: bot.Token(), Device: "dice"}) }()
	joe, err := s.LogIn("Joe").Follow(ctx, client.FollowConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer joe.Close()
	// The bot answers from when it is there: its presence says so.
	ask := func(question, want string) {
		t.Helper()
		in := client.SendInput{Room: client.GeneralID, Text: question}
		if _, err := joe.MessageSend(ctx, in); err != nil {
			t.Fatal(err)
		}
		for u := range joe.Updates() {
			if e := u.Event; e != nil && e.Kind == client.MessageCreated && e.Message.Text != question {
				if !strings.Contains(e.Message.Text, want) {
					t.Errorf("%q is answered with %q", question, e.Message.Text)
				}
				return
			}
		}
		t.Fatalf("%q is not answered: %v", question, joe.Err())
	}
	me, err := bot.AccountGet(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for online := false; !online; {
		out, err := bot.PresenceList(ctx, client.OnlinePageInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range out.Online {
			online = online || id == me.User.ID
		}
	}
	ask("!roll 3d6", "**")
	s.Kill()
	s.Restart()
	ask("!roll 100d6", "1 to 20 dice")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
