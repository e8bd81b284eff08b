package mail

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
	"github.com/parley-chat/parley/internal/clientinfo"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/mail/mailtest"
)

// world is a server with Joe and Mary, and an SMTP server. Nothing is sent
// until once is called, as after a crash right behind the commit.
type world struct {
	*chattest.Fixture
	smtp      *mailtest.Server
	joe, mary chat.Caller
	direct    chat.RoomID
	sender    *Sender
	runner    *follow.Runner
}

const address = "mary@example.com"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{smtp: mailtest.Start(t, nil)}
	w.Fixture = chattest.New(t, nil)
	w.joe, w.mary = w.Person("Joe", chat.RoleMember), w.Person("Mary", chat.RoleMember)
	d, err := w.OpenDirect(t.Context(), w.joe, chat.OpenDirectInput{User: w.mary.User.ID})
	w.Must("direct", err)
	w.direct = d.ID
	w.start()
	w.once() // a server's first start
	return w
}

// start starts the follower anew, as a node does that takes over.
func (w *world) start() {
	w.sender = New(Config{Service: w.Service, Server: to(w.smtp, StartTLS), From: "chat@example.com",
		Name: "Parley", URL: "https://chat.example.com", Now: w.Clock.Now})
	w.Mail = w.sender.Send
	w.runner = follow.New(follow.Config{Log: w.Store, Followers: []follow.Follower{w.sender.Follower()},
		Now: w.Clock.Now})
}

// once serves all that is due.
func (w *world) once() {
	w.T.Helper()
	w.Must("follow", w.runner.Once(w.T.Context()))
}

// got returns the mails that have come, after serving what is due.
func (w *world) got() []mailtest.Mail {
	w.T.Helper()
	w.once()
	return w.smtp.Take()
}

var linkIn = regexp.MustCompile(`https://chat\.example\.com/mail/(\w+)/(\S+)`)

// code returns the code of the only mail that has come, which has a link to a
// page.
func (w *world) code(to, page string) string {
	w.T.Helper()
	all := w.got()
	if len(all) != 1 || all[0].To != to {
		w.T.Fatalf("got %+v", all)
	}
	m := linkIn.FindStringSubmatch(all[0].Text)
	if m == nil || m[1] != page || !strings.Contains(all[0].HTML, m[0]) {
		w.T.Fatalf("no link to %s in %s", page, all[0].Text)
	}
	return m[2]
}

func (w *world) set(who chat.Caller, to string) error {
	_, err := w.SetMail(w.T.Context(), who, chat.SetMailInput{Address: to, Password: chattest.Password})
	return err
}

// confirmed gives Mary an address.
func (w *world) confirmed(to string) {
	w.T.Helper()
	w.Must("set", w.set(w.mary, to))
	_, err := w.ConfirmMail(w.T.Context(), chat.Caller{}, chat.MailCodeInput{Code: w.code(to, "confirm")})
	w.Must("confirm", err)
}

func (w *world) mail() chat.MailOutput {
	w.T.Helper()
	out, err := w.GetMail(w.T.Context(), w.mary, chat.None{})
	w.Must("mail", err)
	return out
}

func TestWhatIsUnreadIsMailedOnce(t *testing.T) {
	w := newWorld(t)
	w.confirmed(address)
	w.Say(w.mary, w.direct, "my own")
	first := w.Say(w.joe, w.direct, "**hi** there")
	w.Say(w.joe, chat.GeneralID, "nobody in particular")
	w.Wait(5 * time.Minute)
	w.Say(w.joe, chat.GeneralID, "for @Mary")
	w.Wait(10*time.Minute - time.Second)
	if got := w.got(); len(got) != 0 {
		t.Fatalf("too early: %+v", got)
	}
	w.Wait(time.Second)
	got := w.got()
	if len(got) != 1 || got[0].To != address {
		t.Fatalf("got %+v", got)
	}
	text, html := got[0].Text, got[0].HTML
	for _, part := range []string{"Hi Mary", "Joe", "hi there", "for @Mary", "Mentions in General", "Direct messages"} {
		if !strings.Contains(text, part) || !strings.Contains(html, part) {
			t.Errorf("without %q:\n%s\n%s", part, text, html)
		}
	}
	if strings.Contains(text, "my own") || strings.Contains(text, "particular") ||
		!strings.Contains(text, "https://chat.example.com/#/r/"+string(w.direct)+"/2") || first.No != 2 {
		t.Errorf("text:\n%s", text)
	}
	h := got[0].Header
	if !strings.HasPrefix(h.Get("List-Unsubscribe"), "<https://chat.example.com/mail/unsubscribe/") ||
		h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || h.Get("References") == "" {
		t.Errorf("header %+v", h)
	}
	if m := w.mail(); m.SentAt != w.Now() || m.Error != "" {
		t.Errorf("state %+v", m)
	}
	// A crash behind the sending and before the rooms' positions were kept.
	w.Must("forget", w.Store.DeleteRecord(t.Context(), "cursor", Name+"/"+string(chat.RoomStream(w.direct))))
	w.start()
	w.Wait(time.Hour)
	if again := w.got(); len(again) != 0 {
		t.Errorf("again: %+v", again)
	}
}

func TestAThreadHoldsTogether(t *testing.T) {
	w := newWorld(t)
	w.confirmed(address)
	var ids, threads, subjects []string
	for range 2 {
		w.Say(w.joe, w.direct, "hello")
		w.Must("queue", w.runner.Once(t.Context()))
		w.Wait(15 * time.Minute)
		got := w.got()
		if len(got) != 1 {
			t.Fatalf("got %+v", got)
		}
		h := got[0].Header
		subject, _ := h.Subject()
		ids, threads, subjects = append(ids, h.Get("Message-Id")), append(threads, h.Get("References")),
			append(subjects, subject)
	}
	if ids[0] == ids[1] || threads[0] != threads[1] || threads[0] == "" || subjects[0] != subjects[1] ||
		subjects[0] != "New messages from Joe" {
		t.Errorf("ids %v, threads %v, subjects %v", ids, threads, subjects)
	}
}

// TestNothingIsMailedThatNeedNotBe: read meanwhile, deleted, left, levels,
// pauses and quiet hours, and people who want no mail.
func TestNothingIsMailedThatNeedNotBe(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.confirmed(address)
	quiet := func(until string) {
		_, err := w.UpdateAccount(ctx, w.mary, chat.UpdateAccountInput{QuietUntil: &until})
		w.Must("quiet", err)
	}
	notify := func(on bool) {
		_, err := w.UpdateMail(ctx, w.mary, chat.UpdateMailInput{Notify: on})
		w.Must("notify", err)
	}
	level := func(l chat.NotifyLevel) {
		_, err := w.SetNotify(ctx, w.mary, chat.Notify{Room: w.direct, Level: l})
		w.Must("level", err)
	}
	for what, c := range map[string]struct{ before, meanwhile, after func(chat.Message) }{
		"read": {meanwhile: func(m chat.Message) {
			_, err := w.MarkRead(ctx, w.mary, chat.ReadInput{Room: w.direct, No: m.No})
			w.Must("read", err)
		}},
		"deleted": {meanwhile: func(m chat.Message) {
			_, err := w.DeleteMessage(ctx, w.joe, chat.MessageInput{Room: w.direct, No: m.No})
			w.Must("delete", err)
		}},
		"level": {meanwhile: func(chat.Message) { level(chat.NotifyNone) },
			after: func(chat.Message) { level(chat.NotifyUsual) }},
		"paused": {before: func(chat.Message) { quiet(w.Now().Add(time.Hour).Format(time.RFC3339)) },
			after: func(chat.Message) { quiet("") }},
		"off": {meanwhile: func(chat.Message) { notify(false) }, after: func(chat.Message) { notify(true) }},
		"off before": {before: func(chat.Message) { notify(false) },
			after: func(chat.Message) { notify(true) }},
	} {
		do := func(f func(chat.Message), m chat.Message) {
			if f != nil {
				f(m)
			}
		}
		do(c.before, chat.Message{})
		m := w.Say(w.joe, w.direct, "about "+what)
		w.once()
		do(c.meanwhile, m)
		w.Wait(15 * time.Minute)
		if got := w.got(); len(got) != 0 {
			t.Errorf("%s: %s", what, got[0].Text)
		}
		do(c.after, m)
		_, err := w.MarkRead(ctx, w.mary, chat.ReadInput{Room: w.direct, No: m.No})
		w.Must("read", err)
		w.Wait(time.Hour)
	}
	w.Say(w.joe, w.direct, "now")
	w.once()
	w.Wait(15 * time.Minute)
	if got := w.got(); len(got) != 1 {
		t.Errorf("after all that: %+v", got)
	}
}

func TestWhatIsImportedIsNotMailed(t *testing.T) {
	w := newWorld(t)
	w.confirmed(address)
	_, err := w.ImportMessages(t.Context(), []chat.ImportedMessage{{Message: chat.Message{Room: w.direct,
		ID: "imported", From: w.joe.User.ID, At: w.Clock.Now().Add(-2 * time.Hour), Text: "of today"}}})
	w.Must("import", err)
	w.once()
	w.Wait(time.Hour)
	if got := w.got(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestContentIsHidden(t *testing.T) {
	w := newWorld(t)
	w.confirmed(address)
	_, err := w.PutDocument(t.Context(), w.mary, chat.PutDocumentInput{Name: "settings",
		Value: map[string]any{"hideContent": true}})
	w.Must("settings", err)
	w.Say(w.joe, chat.GeneralID, "secret for @Mary")
	w.once()
	w.Wait(15 * time.Minute)
	got := w.got()
	if len(got) != 1 || strings.Contains(got[0].Raw, "secret") || strings.Contains(got[0].Text, "General") ||
		!strings.Contains(got[0].Text, "Joe") {
		t.Errorf("got %+v", got)
	}
}

// TestFailuresOfTheServer: what may pass is tried again, what is final is not,
// and nothing is lost while the settings are wrong.
func TestFailuresOfTheServer(t *testing.T) {
	for _, c := range []struct {
		name         string
		break_, mend func(*world)
		told         string
		comes        bool
	}{
		{"4xx", func(w *world) { w.smtp.Refuse("rcpt", 451, "greylisted") },
			func(w *world) { w.smtp.Refuse("rcpt", 0, "") }, "has not taken it yet", true},
		{"5xx", func(w *world) { w.smtp.Refuse("rcpt", 550, "no such user") },
			func(w *world) { w.smtp.Refuse("rcpt", 0, "") }, "550 no such user", false},
		{"log-in", func(w *world) { w.sender.Server.Password = "x" },
			func(w *world) { w.sender.Server.Password = mailtest.Password }, "does not work on this server", true},
		{"away", func(w *world) { w.sender.Server.Port = "1" },
			func(w *world) { w.sender.Server.Port = w.smtp.Port }, "has not taken it yet", true},
	} {
		w := newWorld(t)
		w.confirmed(address)
		w.Say(w.joe, w.direct, "hello")
		w.once()
		w.Wait(15 * time.Minute)
		c.break_(w)
		if got := w.got(); len(got) != 0 {
			t.Fatalf("%s: got %+v", c.name, got)
		}
		if m := w.mail(); !strings.Contains(m.Error, c.told) {
			t.Errorf("%s: told %q", c.name, m.Error)
		}
		c.mend(w)
		if got := w.got(); len(got) != 0 {
			t.Errorf("%s: without a pause: %+v", c.name, got)
		}
		w.Wait(time.Minute)
		if got := w.got(); (len(got) == 1) != c.comes {
			t.Errorf("%s: then %+v", c.name, got)
		}
	}
}

// TestARepeatedMailIsTheSame, so that the mail server can tell: a kill between
// its answer and the record that says so.
func TestARepeatedMailIsTheSame(t *testing.T) {
	w := newWorld(t)
	w.confirmed(address)
	w.Say(w.joe, w.direct, "hello")
	w.once()
	w.Wait(15 * time.Minute)
	before, err := w.Store.Record(t.Context(), "mail", string(w.mary.User.ID))
	w.Must("record", err)
	first := w.got()
	now, err := w.Store.Record(t.Context(), "mail", string(w.mary.User.ID))
	w.Must("record", err)
	_, err = w.Store.PutRecord(t.Context(), "mail", string(w.mary.User.ID), now.Version, before.Value)
	w.Must("put", err)
	w.start()
	second := w.got()
	if len(first) != 1 || len(second) != 1 ||
		first[0].Header.Get("Message-Id") != second[0].Header.Get("Message-Id") {
		t.Errorf("first %+v, then %+v", first, second)
	}
}

func TestAddressIsConfirmedAndPrivate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.SetMail(ctx, w.mary, chat.SetMailInput{Address: address, Password: "wrong"})
	chattest.Refused(t, "a wrong password", err, chat.ErrForbidden)
	for _, bad := range []string{"mary", "Mary <mary@example.com>", "a@b\r\nBcc: c@d", "a@b,c@d", " a@b"} {
		chattest.Refused(t, bad, w.set(w.mary, bad), chat.ErrInvalid)
	}
	w.Must("set", w.set(w.mary, address))
	if m := w.mail(); m.Address != "" || m.Pending != address {
		t.Errorf("before it is confirmed: %+v", m)
	}
	w.Say(w.joe, w.direct, "hello")
	old := w.code(address, "confirm")
	w.Wait(time.Hour)
	if got := w.got(); len(got) != 0 {
		t.Errorf("mail to an address that no one has confirmed: %+v", got)
	}
	w.Must("set again", w.set(w.mary, address))
	code := w.code(address, "confirm")
	for what, in := range map[string]string{"an older link": old, "nothing": "", "no code": string(w.mary.User.ID),
		"another person's": string(w.joe.User.ID) + code[strings.Index(code, "."):], "guessed": code + "x"} {
		_, err := w.ConfirmMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: in})
		chattest.Refused(t, what, err, chat.ErrNotFound)
	}
	out, err := w.ConfirmMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: code})
	if err != nil || out.Address != address || w.mail().Address != address {
		t.Errorf("confirmed %+v, %v", out, err)
	}
	_, err = w.ConfirmMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: code})
	chattest.Refused(t, "twice", err, chat.ErrNotFound)
	w.Must("another", w.set(w.mary, "late@example.com"))
	late := w.code("late@example.com", "confirm")
	w.Wait(25 * time.Hour)
	_, err = w.ConfirmMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: late})
	chattest.Refused(t, "too late", err, chat.ErrNotFound)
	if m, err := w.GetMail(ctx, w.joe, chat.None{}); err != nil || m.Address != "" {
		t.Errorf("Joe's is %+v, %v", m, err)
	}
}

// TestATakenAccountIsTakenBack: who changes the address of an account that is
// not theirs cannot keep the one before from undoing that.
func TestATakenAccountIsTakenBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.confirmed(address)
	in, err := w.LogIn(ctx, chat.Caller{}, chat.LogInInput{Name: "Mary", Password: chattest.Password})
	w.Must("log in", err)
	undo := ""
	for _, to := range []string{"thief@example.com", "thief2@example.com"} {
		w.Wait(time.Hour)
		w.Must("set", w.set(w.mary, to))
		_, err := w.ConfirmMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: w.code(to, "confirm")})
		w.Must("confirm", err)
		if undo == "" {
			undo = w.code(address, "undo")
		} else {
			w.code("thief@example.com", "undo")
		}
	}
	out, err := w.UndoMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: undo})
	if err != nil || out.Address != address || w.mail().Address != address {
		t.Errorf("undone %+v, %v", out, err)
	}
	_, err = w.Authenticate(ctx, in.Token, chat.Caller{})
	chattest.Refused(t, "the thief's session", err, chat.ErrUnauthenticated)
	_, err = w.UndoMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: undo})
	chattest.Refused(t, "twice", err, chat.ErrNotFound)

	// Removing the address can be undone too, and after five changes there are
	// no more, or the first one's link would be pushed out.
	w.Wait(time.Hour)
	w.Must("remove", w.set(w.mary, ""))
	undo = w.code(address, "undo")
	for i := range 5 {
		w.Wait(time.Hour)
		to := string(rune('a'+i)) + "@example.com"
		if err := w.set(w.mary, to); i == 4 {
			w.Must("from no address", err)
		}
		w.once()
		for _, m := range w.smtp.Take() {
			if link := linkIn.FindStringSubmatch(m.Text); m.To == to {
				_, err := w.ConfirmMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: link[2]})
				w.Must("confirm", err)
			}
		}
		w.once()
		w.smtp.Take()
	}
	w.Wait(time.Hour)
	chattest.Refused(t, "a sixth change", w.set(w.mary, "z@example.com"), chat.ErrRateLimited)
	_, err = w.UndoMail(ctx, chat.Caller{}, chat.MailCodeInput{Code: undo})
	if err != nil || w.mail().Address != address {
		t.Errorf("after all: %+v, %v", w.mail(), err)
	}
}

// TestAddressWithoutAPassword: as for those who log in at a provider, a log-in
// of just now, or a proof, is enough; an old session alone is not.
func TestAddressWithoutAPassword(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	in, err := w.LogIn(ctx, chat.Caller{}, chat.LogInInput{Name: "Mary", Password: chattest.Password})
	w.Must("log in", err)
	who, err := w.Authenticate(ctx, in.Token, chat.Caller{})
	w.Must("authenticate", err)
	set := func() error {
		_, err := w.SetMail(ctx, who, chat.SetMailInput{Address: address})
		return err
	}
	w.Must("just logged in", set())
	w.Wait(time.Hour)
	e, ok := errors.AsType[*chat.Error](set())
	if !ok || e.Details == nil || e.Details.Kind != chat.NeedsProof {
		t.Errorf("an hour later: %v", e)
	}
	_, err = w.Prove(ctx, who, chat.ProofInput{Password: chattest.Password})
	w.Must("prove", err)
	w.Must("after a proof", set())
}

// TestMailIsLimited, so that no one's mailbox is filled through this server.
func TestMailIsLimited(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.Must("set", w.set(w.mary, address))
	}
	chattest.Refused(t, "a sixth", w.set(w.mary, address), chat.ErrRateLimited)
	chattest.Refused(t, "by someone else", w.set(w.joe, strings.ToUpper(address)), chat.ErrRateLimited)
	if got := w.got(); len(got) != 1 {
		t.Errorf("%d mails at once", len(got))
	}
}

// TestPagesAreStyled under a policy that allows their style and nothing else.
func TestPagesAreStyled(t *testing.T) {
	sender := New(Config{Name: "R&D", URL: "https://chat.example.com"})
	w := httptest.NewRecorder()
	sender.Handler(&clientinfo.Policy{}).ServeHTTP(w, httptest.NewRequest("GET", "/mail/undo/x.y", nil))
	style := regexp.MustCompile(`<style>([^<]*)</style>`).FindStringSubmatch(w.Body.String())
	if style == nil || !strings.Contains(style[1], "color-scheme:light dark") {
		t.Fatalf("no style in %s", w.Body)
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; "+want) ||
		!strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q, want %s", policy, want)
	}
	for _, loads := range []string{"src=", "<link", "url(", "<script"} {
		if strings.Contains(w.Body.String(), loads) {
			t.Errorf("%q in %s", loads, w.Body)
		}
	}
}

// TestPagesOfLinks: opening one changes nothing, as programs do that; its
// button does, without a log-in.
func TestPagesOfLinks(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.sender.Handler(&clientinfo.Policy{}))
	t.Cleanup(server.Close)
	ask := func(method, path, body string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		w.Must("request", err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := server.Client().Do(req)
		w.Must("ask", err)
		res.Body.Close()
		return res.StatusCode
	}
	w.Must("set", w.set(w.mary, address))
	confirm := "/mail/confirm/" + w.code(address, "confirm")
	if got := ask("GET", confirm, ""); got != 200 || w.mail().Address != "" {
		t.Errorf("opened: %d, %+v", got, w.mail())
	}
	if got := ask("POST", confirm, ""); got != 200 || w.mail().Address != address {
		t.Errorf("confirmed: %d, %+v", got, w.mail())
	}
	if got := ask("POST", confirm, ""); got != 404 {
		t.Errorf("twice: %d", got)
	}
	w.Say(w.joe, w.direct, "hello")
	w.once()
	w.Wait(15 * time.Minute)
	header := w.got()[0].Header.Get("List-Unsubscribe")
	path := strings.TrimSuffix(strings.TrimPrefix(header, "<https://chat.example.com"), ">")
	forged := "/mail/unsubscribe/" + string(w.mary.User.ID) + "." + strings.Repeat("A", 43)
	if got := ask("POST", forged, "List-Unsubscribe=One-Click"); got != 404 || !w.mail().Notify {
		t.Errorf("forged: %d, %+v", got, w.mail())
	}
	if got := ask("GET", path, ""); got != 200 || !w.mail().Notify {
		t.Errorf("opened: %d, %+v", got, w.mail())
	}
	if got := ask("POST", path, "List-Unsubscribe=One-Click"); got != 200 || w.mail().Notify {
		t.Errorf("unsubscribed: %d, %+v", got, w.mail())
	}
	w.Say(w.joe, w.direct, "hello?")
	w.Wait(time.Hour)
	if got := w.got(); len(got) != 0 {
		t.Errorf("mailed all the same: %+v", got)
	}
}
