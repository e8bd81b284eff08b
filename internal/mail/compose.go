package mail

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message/mail"
)

// message is a mail as it is composed.
type message struct {
	id          string // unique, without the domain
	to, name    string // address and name of the recipient
	subject     string
	thread      string // what mails of one thread share; empty for none
	unsubscribe string // address that ends such mails; empty for none
	text, html  string
	at          time.Time
}

// maxHeader is how many characters of a name or a subject a header has.
const maxHeader = 150

// compose writes a mail from an address whose name is that of the server.
func compose(m message, fromName, from string) ([]byte, error) {
	_, domain, _ := strings.Cut(from, "@")
	domain = helloName("@" + domain)
	from, _, err := envelopeAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender's address: %w", err)
	}
	to, _, err := envelopeAddress(m.to)
	if err != nil {
		return nil, fmt.Errorf("the recipient's address: %w", err)
	}
	var h mail.Header
	h.SetDate(m.at)
	h.SetAddressList("From", []*mail.Address{{Name: oneLine(fromName, maxHeader), Address: from}})
	h.SetAddressList("To", []*mail.Address{{Name: oneLine(m.name, maxHeader), Address: to}})
	h.SetSubject(oneLine(m.subject, maxHeader))
	h.SetMessageID(m.id + "@" + domain)
	if m.thread != "" {
		h.SetMsgIDList("References", []string{m.thread + "@" + domain})
		h.SetMsgIDList("In-Reply-To", []string{m.thread + "@" + domain})
	}
	h.Set("Auto-Submitted", "auto-generated") // so that no one's absence is answered
	if m.unsubscribe != "" {
		h.Set("List-Unsubscribe", "<"+m.unsubscribe+">")
		h.Set("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	h.Set("Mime-Version", "1.0")
	var out bytes.Buffer
	w, err := mail.CreateInlineWriter(&out, h)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct{ kind, body string }{{"text/plain", m.text}, {"text/html", m.html}} {
		var h mail.InlineHeader
		h.SetContentType(part.kind, map[string]string{"charset": "utf-8"})
		body, err := w.CreatePart(h)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(body, part.body); err != nil {
			return nil, err
		}
		if err := body.Close(); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// oneLine returns a text that others chose for a header: without what could
// begin another header or hide what it says, and not too long.
func oneLine(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
	text = strings.ReplaceAll(text, "=?", "= ?") // it would be decoded
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	return text
}
