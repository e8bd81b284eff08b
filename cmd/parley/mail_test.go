package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/mail/mailtest"
	"github.com/parley-chat/parley/kit/redistest"
)

// TestMailSurvivesAKill kills the real server between a message's commit and
// its mail, and again behind the mail. On either store each message is mailed
// once.
func TestMailSurvivesAKill(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"embedded", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, nil)
			data := t.TempDir()
			args := []string{"--demo", "--mail", s.URL(), "--mail-ca", s.CAFile(),
				"--mail-from", "chat@example.com", "--mail-after", "1s", "--max-calls=-1"}
			if store == "redis" {
				args = append(args, "--store", redistest.StartTCP(t).URL())
			}
			p := launch(t, data, args...)
			mary := p.logIn("Mary")
			do := func(method, path, token string, in, out any) {
				t.Helper()
				if _, err := call(t.Context(), p.URL, method, path, token, in, out); err != nil {
					t.Fatal(err)
				}
			}
			do("PUT", "/account/mail", mary, map[string]any{"address": "mary@example.com",
				"password": "password123"}, nil)
			link := regexp.MustCompile(`http://\S+(/mail/confirm/\S+)`).FindStringSubmatch(s.Wait(t)[0].Text)
			if a := ask(t, p, "POST", link[1], ""); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			known := time.Time{} // when the last mail was sent, as the record has it
			sent := func() {
				t.Helper()
				within(t, time.Minute, "the mail is known to be sent", func() bool {
					var mail chat.MailOutput
					do("GET", "/account/mail", mary, nil, &mail)
					later := mail.SentAt.After(known)
					known = mail.SentAt
					return later
				})
			}
			sent()
			var me chat.MeOutput
			do("GET", "/account", mary, nil, &me)
			var room chat.RoomView
			say := func(text string) {
				t.Helper()
				pablo := p.logIn("Pablo")
				do("POST", "/direct", pablo, map[string]any{"user": me.User.ID}, &room)
				do("POST", "/rooms/"+string(room.ID)+"/messages", pablo, map[string]any{"text": text}, nil)
			}
			say("before the kill")
			p.Kill()
			p = launch(t, data, args...)
			first := s.Wait(t)
			// Before this is known, a kill has it sent again.
			sent()
			p.Kill()
			p = launch(t, data, args...)
			say("behind it")
			second := s.Wait(t)
			if len(first) != 1 || len(second) != 1 || !strings.Contains(first[0].Text, "before the kill") ||
				!strings.Contains(second[0].Text, "behind it") || strings.Contains(second[0].Text, "before the kill") {
				t.Errorf("first %+v, then %+v", first, second)
			}
			if log := p.Output(); strings.Contains(log, mailtest.Password) || strings.Contains(log, "s3cret") {
				t.Errorf("the log has the password:\n%s", log)
			}
		})
	}
}
