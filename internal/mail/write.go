package mail

import (
	"cmp"
	"fmt"
	"html"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

// write writes subject and texts of a mail.
func (s *Sender) write(m chat.Mail) message {
	switch m.Kind {
	case chat.LetterConfirm:
		return s.letter("Confirm your mail address for "+s.Name, "Confirm address", s.address("confirm", m.Code),
			fmt.Sprintf("Someone, probably you, entered this mail address for the account “%s” at %s (%s). Confirm that it is yours:", m.Name, s.Name, s.URL),
			"The link works for a day. If it wasn’t you, ignore this mail.")
	case chat.LetterChanged:
		return s.letter("Your mail address at "+s.Name+" has changed", "Undo the change", s.address("undo", m.Code),
			fmt.Sprintf("The account “%s” at %s (%s) no longer uses this mail address. If you changed it, there is nothing to do. If you didn’t, undo the change, which also logs the account out everywhere:", m.Name, s.Name, s.URL),
			"The link works for a week. Afterwards set a new password, or ask your administrator for one.")
	case chat.LetterReset:
		return s.letter("Set a new password for "+s.Name, "Set a new password", s.URL+"/#reset="+url.QueryEscape(m.Code),
			fmt.Sprintf("Someone, probably you, has forgotten the password of the account “%s” at %s (%s). Set a new one:", m.Name, s.Name, s.URL),
			"The link works once, for an hour. If it wasn’t you, ignore this mail: the password stays as it is.")
	case chat.LetterPassword:
		return s.warning(m, "New password", "There is a new password")
	case chat.LetterFactor:
		return s.warning(m, "Second factor turned off", "The second factor was turned off")
	case chat.LetterApp:
		return s.warning(m, "Authenticator app removed", "The authenticator app was removed as a second factor")
	case chat.LetterPasskey:
		return s.warning(m, "New passkey", "There is a new passkey, which logs in without a password,")
	case chat.LetterPasskeyGone:
		return s.warning(m, "Passkey removed", "A passkey was removed")
	case chat.LetterDevice:
		return s.warning(m, "New log-in", fmt.Sprintf("There was a log-in from a new device (%s, from %s, at %s)",
			cmp.Or(m.Agent, "an unknown program"), cmp.Or(m.Addr, "an unknown address"), m.At.UTC().Format("2 Jan 2006, 15:04 MST")))
	}
	return s.missed(m)
}

// warning writes a mail about what somebody did with the account.
func (s *Sender) warning(m chat.Mail, subject, what string) message {
	return s.letter(subject+" at "+s.Name, "Open "+s.Name, s.URL+"/",
		fmt.Sprintf("%s for the account “%s” at %s (%s). If it was you, there is nothing to do.", what, m.Name, s.Name, s.URL),
		"If it wasn’t you, set a new password at once: “Forgot your password?” on the log-in page mails you a link. Then look in your settings where you are logged in.")
}

// address is where the link of a mail leads to: a page of [Sender.Handler].
func (s *Sender) address(action, code string) string {
	return s.URL + "/mail/" + action + "/" + url.PathEscape(code)
}

func (s *Sender) letter(subject, button, address, before, after string) message {
	return message{subject: subject, text: before + "\n\n" + address + "\n\n" + after + "\n",
		html: page(subject, paragraphs(before)+"<p>"+link(address, button)+"</p>"+paragraphs(after))}
}

// missed writes what a person missed.
func (s *Sender) missed(m chat.Mail) message {
	out := message{subject: s.subject(m), unsubscribe: s.address("unsubscribe", m.Code)}
	var text, body strings.Builder
	fmt.Fprintf(&text, "Hi %s,\n\nthis is what you missed at %s.\n", m.Name, s.Name)
	body.WriteString(paragraphs(fmt.Sprintf("Hi %s,\n\nthis is what you missed at %s.", m.Name, s.Name)))
	for _, r := range m.Missed {
		where := "Mentions"
		switch {
		case r.Direct:
			where = "Direct messages"
		case r.Name != "":
			where = "Mentions in " + r.Name
		}
		fmt.Fprintf(&text, "\n%s\n\n", where)
		body.WriteString("<h3>" + html.EscapeString(where) + "</h3>")
		for _, one := range r.Messages {
			at := one.At.Format("2 Jan, 15:04 MST")
			fmt.Fprintf(&text, "  %s (%s)\n", one.From, at)
			fmt.Fprintf(&body, "<p><b>%s</b> <small>%s</small>", html.EscapeString(one.From), at)
			if one.Text != "" {
				fmt.Fprintf(&text, "  %s\n\n", one.Text)
				body.WriteString("<br>" + html.EscapeString(one.Text))
			}
			body.WriteString("</p>")
		}
		address := fmt.Sprintf("%s/#/r/%s/%d", s.URL, url.PathEscape(string(r.Room)), r.Messages[0].No)
		fmt.Fprintf(&text, "  %s\n", address)
		body.WriteString("<p>" + link(address, "Open in "+s.Name) + "</p>")
	}
	why := "You get this mail because you had not read these messages for a while. Replies to it are not read."
	fmt.Fprintf(&text, "\n-- \n%s\nNo more such mails: %s\n", why, out.unsubscribe)
	body.WriteString("<hr><p><small>" + why + " " + link(out.unsubscribe, "No more such mails") + "</small></p>")
	out.text, out.html = text.String(), page(out.subject, body.String())
	return out
}

// subject is the same for all mails of a thread, so that they are shown as one.
func (s *Sender) subject(m chat.Mail) string {
	if len(m.Missed) == 1 {
		switch r := m.Missed[0]; {
		case r.Direct:
			return "New messages from " + r.Messages[0].From
		case r.Name != "":
			return "New mentions in " + r.Name
		}
	}
	return "New messages at " + s.Name
}
