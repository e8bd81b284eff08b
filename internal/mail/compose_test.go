package mail

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/mail/mailtest"
)

// TestHeadersCannotBeInjected sends names and subjects that would begin
// headers of their own, or are not ASCII, or very long, through a server.
func TestHeadersCannotBeInjected(t *testing.T) {
	s := mailtest.Start(t, nil)
	for _, name := range []string{
		"Joe\r\nBcc: everyone@example.com", "Joe\nX-Injected: 1\n\n<b>body", "Jörg Straße", "陳大文 🎉",
		`Joe "the" <boss@example.com>, x`, "=?utf-8?q?Joe=0D=0ABcc:_x@y.z?=", "\u202eevil",
		strings.Repeat("long ", 200), strings.Repeat("界", 500), "\xff\xfe", "",
	} {
		f := send(t, to(s, StartTLS), func(m *message) {
			m.name, m.subject, m.text = name, "From "+name, "Hello "+name+"\n.\nend\n"
		})
		got := s.Take()
		if f != nil || len(got) != 1 {
			t.Fatalf("%q: %v, %v", name, f, got)
		}
		h := got[0].Header
		for _, key := range []string{"Bcc", "X-Injected", "Cc"} {
			if h.Has(key) {
				t.Errorf("%q: has %s", name, key)
			}
		}
		to, err := h.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "joe@example.com" {
			t.Errorf("%q: to %v, %v", name, to, err)
		} else if want := oneLine(name, maxHeader); to[0].Name != want {
			t.Errorf("%q: the name is %q", name, to[0].Name)
		}
		if subject, err := h.Subject(); err != nil || subject != oneLine("From "+name, maxHeader) {
			t.Errorf("%q: subject %q, %v", name, subject, err)
		}
		if !strings.Contains(got[0].Text, "end") {
			t.Errorf("%q: text %q", name, got[0].Text)
		}
		for _, line := range strings.Split(got[0].Raw, "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\n\r") {
				t.Errorf("%q: a line that SMTP does not allow: %q", name, line)
			}
		}
	}
}

func TestAddressesBeyondASCII(t *testing.T) {
	s := mailtest.Start(t, nil)
	for address, envelope := range map[string]string{
		"joe@bücher.example":  "joe@xn--bcher-kva.example",
		"jörg@bücher.example": "jörg@xn--bcher-kva.example",
	} {
		if f := send(t, to(s, StartTLS), func(m *message) { m.to = address }); f != nil {
			t.Fatalf("%s: %v", address, f)
		}
		got := s.Take()
		if len(got) != 1 || got[0].To != envelope {
			t.Errorf("%s: %+v", address, got)
		}
	}
}

func TestHeaders(t *testing.T) {
	s := mailtest.Start(t, nil)
	if f := send(t, to(s, StartTLS), func(m *message) { m.thread, m.unsubscribe = "room.x", "https://chat.example.com/mail/x" }); f != nil {
		t.Fatal(f)
	}
	h := s.Take()[0].Header
	for key, want := range map[string]string{
		"Message-Id": "<1.a@example.com>", "References": "<room.x@example.com>",
		"In-Reply-To": "<room.x@example.com>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
		"List-Unsubscribe":      "<https://chat.example.com/mail/x>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "From": `"Parley" <chat@example.com>`,
	} {
		if got := h.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}
