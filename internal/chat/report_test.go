package chat_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

func (f *fixture) report(by chat.Caller, m chat.Message) (chat.Report, error) {
	return f.ReportMessage(f.T.Context(), by, chat.ReportInput{Room: m.Room, No: m.No, Reason: "it is mean"})
}

// open are the texts of the messages whose reports somebody may close.
func (f *fixture) open(who chat.Caller) (texts []string) {
	f.T.Helper()
	out, err := f.ListReports(f.T.Context(), who, chat.None{})
	must(f.T, "list", err)
	for _, r := range out.Open {
		texts = append(texts, r.Message.Text)
	}
	return texts
}

// TestReports: who moderates the room looks at a message as it was, once, and
// the reporter hears what came of it.
func TestReports(t *testing.T) {
	f := newFixture(t, nil)
	ann, bob, eve := f.Person("Ann", chat.RoleMember), f.Person("Bob", chat.RoleGuest), f.Person("Eve", chat.RoleMember)
	admin := f.Person("Admin", chat.RoleAdmin)
	room := f.Room(ann, chat.Private, bob, eve)
	m := f.Say(eve, room, "mean")
	first, err := f.report(bob, m)
	must(t, "report", err)
	again, err := f.report(bob, m)
	if err != nil || again.ID != first.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	refused(t, "one's own", errOf(f.report(eve, m)), chat.ErrForbidden)
	refused(t, "of a room that one is not in", errOf(f.report(admin, m)), chat.ErrNotFound)
	must(t, "edit", errOf(f.EditMessage(t.Context(), eve, chat.EditInput{Room: room, No: m.No, Text: "nice"})))
	for _, who := range []chat.Caller{bob, eve, admin} {
		if got := f.open(who); len(got) > 0 {
			t.Errorf("%s sees %q", who.User.Name, got)
		}
		refused(t, "close", errOf(f.CloseReport(t.Context(), who,
			chat.CloseReportInput{Report: first.ID, Outcome: chat.ReportActed})), chat.ErrNotFound)
	}
	if got := f.open(ann); len(got) != 1 || got[0] != "mean" {
		t.Errorf("the moderator sees %q", got)
	}
	must(t, "delete", errOf(f.DeleteMessage(t.Context(), ann, chat.MessageInput{Room: room, No: m.No})))
	refused(t, "what is deleted", errOf(f.report(bob, m)), chat.ErrNotFound)
	for _, bad := range []chat.CloseReportInput{{Report: first.ID}, {Report: first.ID, Outcome: "x"}} {
		refused(t, "no outcome", errOf(f.CloseReport(t.Context(), ann, bad)), chat.ErrInvalid)
	}
	in := chat.CloseReportInput{Report: first.ID, Outcome: chat.ReportActed, Note: "thank you"}
	must(t, "close", errOf(f.CloseReport(t.Context(), ann, in)))
	refused(t, "close it twice", errOf(f.CloseReport(t.Context(), ann, in)), chat.ErrNotFound)
	out, err := f.ListReports(t.Context(), bob, chat.None{})
	if err != nil || len(out.Closed) != 1 || out.Closed[0].Outcome != chat.ReportActed ||
		out.Closed[0].Note != "thank you" || out.Closed[0].Message.Text != "" {
		t.Errorf("the reporter hears %+v, %v", out, err)
	}
	f.Wait(91 * 24 * time.Hour)
	must(t, "maintain", f.Maintain(t.Context()))
	if out, err := f.ListReports(t.Context(), bob, chat.None{}); err != nil || len(out.Closed) > 0 {
		t.Errorf("after 91 days: %+v, %v", out, err)
	}
}

// TestReportsToAdmins: where nobody moderates, and where a moderator would
// judge themselves.
func TestReportsToAdmins(t *testing.T) {
	f := newFixture(t, nil)
	ann, bob := f.Person("Ann", chat.RoleMember), f.Person("Bob", chat.RoleMember)
	admin, owner := f.Person("Admin", chat.RoleAdmin), f.Person("Owner", chat.RoleOwner)
	direct, err := f.OpenDirect(t.Context(), ann, chat.OpenDirectInput{User: bob.User.ID})
	must(t, "direct", err)
	room, public := f.Room(ann, chat.Private, bob), f.Room(owner, chat.Public, admin, bob)
	must(t, "report", errOf(f.report(bob, f.Say(ann, direct.ID, "in private"))))
	must(t, "report", errOf(f.report(bob, f.Say(ann, room, "by the moderator"))))
	must(t, "report", errOf(f.report(bob, f.Say(admin, public, "by the admin"))))
	reply, err := f.Send(t.Context(), ann, chat.SendInput{Room: room, Thread: 1, Text: "in a thread"})
	must(t, "reply", err)
	must(t, "report", errOf(f.report(bob, reply)))
	for _, c := range []struct {
		who  chat.Caller
		sees int
	}{{ann, 0}, {bob, 0}, {admin, 3}, {owner, 4}} {
		if got := f.open(c.who); len(got) != c.sees {
			t.Errorf("%s sees %q, want %d", c.who.User.Name, got, c.sees)
		}
	}
	var last error
	for range 30 {
		_, last = f.report(bob, f.Say(ann, room, "more"))
	}
	refused(t, "too many", last, chat.ErrRateLimited)
}
