package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/follow"
	"github.com/parley-chat/parley/internal/outgoing"
)

// receiver takes deliveries, or fails.
type receiver struct {
	f    *fixture
	room chat.RoomID
	got  []chat.Delivery
	fail error
}

var retry = follow.RetryPolicy{Attempts: 3, First: time.Minute, Most: time.Hour}

// run delivers what is due.
func (r *receiver) run() {
	r.f.T.Helper()
	if err := r.deliver(r.f.T.Context(), r.take); err != nil {
		r.f.T.Fatal(err)
	}
}

func (r *receiver) deliver(ctx context.Context, post func(context.Context, chat.Delivery) error) error {
	s := outgoing.New(outgoing.Config{Service: r.f.Service, Retry: retry, Post: post})
	return follow.New(follow.Config{Log: r.f.Store, Followers: []follow.Follower{s.Follower()},
		Now: r.f.Now}).Once(ctx)
}

func (r *receiver) take(_ context.Context, p chat.Delivery) error {
	if r.fail == nil {
		r.got = append(r.got, p)
	}
	return r.fail
}

// took returns what was received since the last call: the texts of messages,
// the kinds of other events.
func (r *receiver) took() string {
	var all []string
	for _, p := range r.got {
		switch {
		case p.Event.Message == nil:
			all = append(all, string(p.Event.Kind))
		case p.Event.Message.Deleted():
			all = append(all, "(deleted)")
		default:
			all = append(all, p.Event.Message.Text)
		}
	}
	r.got = nil
	return strings.Join(all, " ")
}

func (r *receiver) state(who chat.Caller) chat.Outgoing {
	r.f.T.Helper()
	list, err := r.f.ListOutgoing(r.f.T.Context(), who, chat.RoomInput{Room: r.room})
	if err != nil || len(list.Webhooks) != 1 {
		r.f.T.Fatalf("%d webhooks, %v", len(list.Webhooks), err)
	}
	return list.Webhooks[0]
}

func (r *receiver) expect(what, want string) {
	r.f.T.Helper()
	r.run()
	if got := r.took(); got != want {
		r.f.T.Errorf("%s: received %q, want %q", what, got, want)
	}
}

func newReceiver(t *testing.T, kinds ...chat.Kind) (*receiver, chat.Caller, chat.OutgoingOutput) {
	t.Helper()
	f := newFixture(t, nil)
	owner := f.Person("Pablo", chat.RoleOwner)
	r := &receiver{f: f, room: f.Room(owner, chat.Private)}
	f.Say(owner, r.room, "before")
	out, err := f.CreateOutgoing(t.Context(), owner,
		chat.OutgoingInput{Room: r.room, URL: "https://hooks.example/x", Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return r, owner, out
}

func TestOutgoingKeepsTheOrder(t *testing.T) {
	r, owner, out := newReceiver(t)
	r.expect("what was before", "")
	r.f.Say(owner, r.room, "one")
	second := r.f.Say(owner, r.room, "two")
	r.f.Say(owner, r.room, "three")
	r.fail = &chat.DeliveryError{Reason: "broken"}
	r.expect("while it fails", "")
	if s := r.state(owner); s.Attempts != 1 || s.Error != "broken" ||
		s.Position != out.Webhook.Position || s.NextAt.Before(r.f.Now().Add(30*time.Second)) ||
		s.NextAt.After(r.f.Now().Add(time.Minute)) {
		t.Errorf("after the first failure: %+v", s)
	}
	r.fail = nil
	r.expect("before its time", "")
	if _, err := r.f.DeleteMessage(t.Context(), owner,
		chat.MessageInput{Room: r.room, No: second.No}); err != nil {
		t.Fatal(err)
	}
	r.f.Wait(time.Minute)
	r.expect("when it works again", "one (deleted) three (deleted)")
	r.expect("twice", "")
	if s := r.state(owner); s.Attempts != 0 || s.Error != "" || !s.NextAt.IsZero() ||
		s.SentAt.IsZero() || s.Position.Seq != out.Webhook.Position.Seq+4 {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestOutgoingDeadLetters(t *testing.T) {
	r, owner, out := newReceiver(t, chat.MessageCreated)
	poison := r.f.Say(owner, r.room, "poison")
	r.f.Say(owner, r.room, "good")
	for range retry.Attempts {
		r.fail = &chat.DeliveryError{Reason: "the receiver answered 500"}
		err := r.deliver(t.Context(), func(ctx context.Context, p chat.Delivery) error {
			if p.Event.ID != poison.ID {
				r.fail = nil
			}
			return r.take(ctx, p)
		})
		if err != nil {
			t.Fatal(err)
		}
		r.f.Wait(2 * time.Hour)
	}
	if got := r.took(); got != "good" {
		t.Errorf("received %q", got)
	}
	id := chat.OutgoingIDInput{Room: r.room, Webhook: out.Webhook.ID}
	dead, err := r.f.ListDead(t.Context(), owner, id)
	if err != nil || len(dead.Dead) != 1 || dead.Dead[0].Event != poison.ID ||
		dead.Dead[0].Attempts != 3 || dead.Dead[0].Error == "" || r.state(owner).Dead != 1 {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}

	again := func(want *chat.Error, letter string) {
		t.Helper()
		_, err := r.f.RetryDead(t.Context(), owner,
			chat.RetryInput{Room: r.room, Webhook: out.Webhook.ID, Dead: letter})
		refused(t, "retry", err, want)
	}
	again(chat.ErrNotFound, "another")
	r.fail = &chat.DeliveryError{Reason: "still broken"}
	again(nil, "")
	r.expect("still broken", "")
	if dead, err := r.f.ListDead(t.Context(), owner, id); err != nil || len(dead.Dead) != 1 ||
		dead.Dead[0].Attempts != 4 || dead.Dead[0].Error != "still broken" {
		t.Errorf("after another failure: %+v, %v", dead, err)
	}
	r.fail = nil
	r.expect("without being asked", "")
	again(nil, dead.Dead[0].ID)
	if _, err := r.f.EditMessage(t.Context(), owner,
		chat.EditInput{Room: r.room, No: poison.No, Text: "harmless"}); err != nil {
		t.Fatal(err)
	}
	r.expect("again", "harmless")
	if dead, err := r.f.ListDead(t.Context(), owner, id); err != nil || len(dead.Dead) != 0 {
		t.Errorf("afterwards: %+v, %v", dead, err)
	}
}

func TestOutgoingDeadLettersAreBounded(t *testing.T) {
	r, owner, out := newReceiver(t, chat.MessageCreated)
	r.f.Limits.Sends = chat.Rate{Limit: -1}
	r.fail = &chat.DeliveryError{Reason: "no"}
	const sent = 130
	for i := range sent {
		r.f.Say(owner, r.room, fmt.Sprint(i))
	}
	for i := 0; r.state(owner).Dead < sent; i++ {
		if i > 10*sent {
			t.Fatalf("only %d dead", r.state(owner).Dead)
		}
		r.run()
		r.f.Wait(2 * time.Hour)
	}
	dead, err := r.f.ListDead(t.Context(), owner, chat.OutgoingIDInput{Room: r.room, Webhook: out.Webhook.ID})
	if err != nil || len(dead.Dead) != 100 {
		t.Fatalf("%d dead letters, %v", len(dead.Dead), err)
	}
	r.fail = nil
	if _, err := r.f.RetryDead(t.Context(), owner,
		chat.RetryInput{Room: r.room, Webhook: out.Webhook.ID}); err != nil {
		t.Fatal(err)
	}
	r.run()
	if got := strings.Fields(r.took()); len(got) != 100 || got[0] != "30" || got[99] != "129" {
		t.Errorf("received %v", got)
	}
	if _, err := r.f.DeleteOutgoing(t.Context(), owner,
		chat.OutgoingIDInput{Room: r.room, Webhook: out.Webhook.ID}); err != nil {
		t.Fatal(err)
	}
}

func TestOutgoingKinds(t *testing.T) {
	r, owner, _ := newReceiver(t, chat.MessageDeleted, chat.RoomUpdated)
	m := r.f.Say(owner, r.room, "unwanted")
	topic := "new"
	if _, err := r.f.UpdateRoom(t.Context(), owner,
		chat.UpdateRoomInput{Room: r.room, Topic: &topic}); err != nil {
		t.Fatal(err)
	}
	r.expect("a kind", "room.updated")
	before := r.state(owner).Position.Seq
	r.f.Say(owner, r.room, "unwanted")
	r.expect("no kind", "")
	if s := r.state(owner); s.Position.Seq != before+1 {
		t.Errorf("what is not wanted is not passed over: %+v", s)
	}
	if _, err := r.f.DeleteMessage(t.Context(), owner,
		chat.MessageInput{Room: r.room, No: m.No}); err != nil {
		t.Fatal(err)
	}
	r.expect("another", "(deleted)")
}

func TestOutgoingGone(t *testing.T) {
	r, owner, out := newReceiver(t)
	r.f.Say(owner, r.room, "one")
	r.fail = &chat.DeliveryError{Reason: "410", Gone: true}
	r.run()
	r.fail = nil
	r.f.Say(owner, r.room, "two")
	r.f.Wait(time.Hour)
	r.expect("after 410", "")
	if s := r.state(owner); s.EndedAt.IsZero() || s.Error != "410" {
		t.Errorf("state: %+v", s)
	}
	_, err := r.f.RetryDead(t.Context(), owner, chat.RetryInput{Room: r.room, Webhook: out.Webhook.ID})
	refused(t, "retry after the end", err, chat.ErrConflict)
}

func TestOutgoingIsStopped(t *testing.T) {
	r, owner, out := newReceiver(t)
	r.f.Say(owner, r.room, "one")
	ctx, cancel := context.WithCancel(t.Context())
	err := r.deliver(ctx, func(ctx context.Context, _ chat.Delivery) error {
		cancel()
		return &chat.DeliveryError{Reason: "cut off"}
	})
	if s := r.state(owner); !errors.Is(err, context.Canceled) || s.Attempts != 0 || s.Error != "" {
		t.Errorf("%v, then %+v", err, s)
	}
	r.expect("after a start", "one")

	// Deleted while an event is under way: nothing comes back.
	r.f.Say(owner, r.room, "two")
	err = r.deliver(t.Context(), func(ctx context.Context, _ chat.Delivery) error {
		_, err := r.f.DeleteOutgoing(ctx, owner, chat.OutgoingIDInput{Room: r.room, Webhook: out.Webhook.ID})
		return err
	})
	list, _ := r.f.ListOutgoing(t.Context(), owner, chat.RoomInput{Room: r.room})
	if err != nil || len(list.Webhooks) != 0 {
		t.Errorf("%v, then %+v", err, list)
	}
	r.expect("after its end", "")
}

func TestOutgoingBehindTheLog(t *testing.T) {
	r, owner, out := newReceiver(t)
	r.f.Limits.Sends = chat.Rate{Limit: -1}
	for i := range 20 {
		r.f.Say(owner, r.room, fmt.Sprint(i))
	}
	// Its messages up to the tenth are gone, and with them their events.
	_, err := r.f.Store.Commit(t.Context(),
		chat.Change{Stream: chat.RoomStream(r.room), ID: "trim",
			At: r.f.Now(), Op: chat.TrimMessages{To: 11}})
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	got := strings.Fields(r.took())
	if want := []string{"18", "19", "messages.trimmed"}; len(got) < 3 ||
		!slices.Equal(got[len(got)-3:], want) {
		t.Errorf("received %v", got)
	}
	s := r.state(owner)
	if s.SkippedAt.IsZero() || s.Skipped+int64(len(got)) != 21 || s.Skipped > 11+1 {
		t.Errorf("received %d, state %+v", len(got), s)
	}
	if s.Position.Seq != out.Webhook.Position.Seq+21 {
		t.Errorf("state %+v", s)
	}
}

// TestOutgoingActsWithItsOwnersRights: who may not moderate the room any more
// gets nothing more of it, in whatever way they lost the right. The room's
// moderators see what is left behind, and one of them can adopt it.
func TestOutgoingActsWithItsOwnersRights(t *testing.T) {
	for name, lose := range map[string]func(r *receiver, owner, eve chat.Caller) error{
		"removed": func(r *receiver, owner, eve chat.Caller) error {
			_, err := r.f.RemoveMember(t.Context(), owner,
				chat.RemoveMemberInput{Room: r.room, User: eve.User.ID})
			return err
		},
		"demoted": func(r *receiver, owner, eve chat.Caller) error {
			_, err := r.f.UpdateMember(t.Context(), owner,
				chat.UpdateMemberInput{Room: r.room, User: eve.User.ID, Role: chat.RoomMember})
			return err
		},
		"disabled": func(r *receiver, owner, eve chat.Caller) error {
			off := true
			_, err := r.f.UpdateUser(t.Context(), owner,
				chat.UpdateUserInput{User: eve.User.ID, Disabled: &off})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			owner, eve := f.Person("Pablo", chat.RoleOwner), f.Person("Eve", chat.RoleMember)
			r := &receiver{f: f, room: f.Room(owner, chat.Private, eve)}
			if _, err := f.UpdateMember(t.Context(), owner, chat.UpdateMemberInput{Room: r.room,
				User: eve.User.ID, Role: chat.RoomModerator}); err != nil {
				t.Fatal(err)
			}
			out, err := f.CreateOutgoing(t.Context(), eve, chat.OutgoingInput{Room: r.room,
				URL: "https://eve.example/x", Kinds: []chat.Kind{chat.MessageCreated}})
			if err != nil {
				t.Fatal(err)
			}
			f.Say(owner, r.room, "for Eve too")
			r.expect("while she moderates", "for Eve too")
			if err := lose(r, owner, eve); err != nil {
				t.Fatal(err)
			}
			f.Say(owner, r.room, "a secret")
			for range 3 {
				r.expect("afterwards", "")
				f.Wait(time.Hour)
			}
			if s := r.state(owner); !s.Paused || s.CreatedBy != eve.User.ID {
				t.Errorf("the list shows %+v", s)
			}
			log, err := f.ListAudit(t.Context(), owner, chat.AuditInput{Room: r.room})
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, e := range log.Entries {
				if e.Action == "outgoing.pause" && e.User == eve.User.ID &&
					strings.HasSuffix(e.Detail, "to eve.example") {
					told++
				}
			}
			if told != 1 {
				t.Errorf("the audit log tells it %d times: %+v", told, log.Entries)
			}
			if _, err := f.AdoptOutgoing(t.Context(), owner,
				chat.OutgoingIDInput{Room: r.room, Webhook: out.Webhook.ID}); err != nil {
				t.Fatal(err)
			}
			r.expect("adopted", "a secret")
			if s := r.state(owner); s.Paused || s.CreatedBy != owner.User.ID {
				t.Errorf("adopted: %+v", s)
			}
		})
	}
}

// TestOutgoingToOneHost: a message does not become any number of requests to
// one host.
func TestOutgoingToOneHost(t *testing.T) {
	r, owner, _ := newReceiver(t) // the first, to hooks.example
	for i, want := range []*chat.Error{nil, nil, chat.ErrConflict} {
		_, err := r.f.CreateOutgoing(t.Context(), owner, chat.OutgoingInput{Room: r.room,
			URL: fmt.Sprintf("http://Hooks.Example/%d", i)})
		refused(t, "to the same host", err, want)
	}
}

func TestOutgoingIsForModerators(t *testing.T) {
	r, owner, out := newReceiver(t)
	joe, eve := r.f.Person("Joe", chat.RoleMember), r.f.Person("Eve", chat.RoleAdmin)
	if _, err := r.f.AddMember(t.Context(), owner,
		chat.MemberInput{Room: r.room, User: joe.User.ID}); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[*chat.Caller]*chat.Error{&joe: chat.ErrForbidden, &eve: chat.ErrNotFound} {
		id := chat.OutgoingIDInput{Room: r.room, Webhook: out.Webhook.ID}
		_, err := r.f.CreateOutgoing(t.Context(), *who,
			chat.OutgoingInput{Room: r.room, URL: "https://a.example"})
		refused(t, "create", err, want)
		_, err = r.f.ListOutgoing(t.Context(), *who, chat.RoomInput{Room: r.room})
		refused(t, "list", err, want)
		_, err = r.f.ListDead(t.Context(), *who, id)
		refused(t, "dead", err, want)
		_, err = r.f.RetryDead(t.Context(), *who, chat.RetryInput{Room: r.room, Webhook: out.Webhook.ID})
		refused(t, "retry", err, want)
		_, err = r.f.DeleteOutgoing(t.Context(), *who, id)
		refused(t, "delete", err, want)
	}
	// Nor does a moderator reach another room's through their own.
	own := r.f.Room(eve, chat.Private)
	for _, id := range []string{out.Webhook.ID, "../" + out.Webhook.ID, "",
		string(r.room) + "/" + out.Webhook.ID} {
		_, err := r.f.DeleteOutgoing(t.Context(), eve, chat.OutgoingIDInput{Room: own, Webhook: id})
		refused(t, "delete "+id, err, chat.ErrNotFound)
	}

	for _, url := range []string{"", "x", "ftp://a.example", "javascript:x", "http://",
		"https://u:p@a.example", "https://a.example/" + strings.Repeat("x", 3000), "//a.example",
		"http:a.example", "https://a.example/#x", "https://a .example"} {
		_, err := r.f.CreateOutgoing(t.Context(), owner, chat.OutgoingInput{Room: r.room, URL: url})
		refused(t, "url "+url, err, chat.ErrInvalid)
	}
	_, err := r.f.CreateOutgoing(t.Context(), owner,
		chat.OutgoingInput{Room: r.room, URL: "https://a.example/hook#secret"})
	if err == nil || !strings.Contains(err.Error(), "must not contain #") {
		t.Errorf("an address with a fragment: %v", err)
	}
	_, err = r.f.CreateOutgoing(t.Context(), owner,
		chat.OutgoingInput{Room: r.room, URL: "https://a.example", Kinds: []chat.Kind{chat.ReadMoved}})
	refused(t, "a kind of another stream", err, chat.ErrInvalid)
	for i := range 19 {
		if _, err := r.f.CreateOutgoing(t.Context(), owner, chat.OutgoingInput{Room: r.room,
			URL: fmt.Sprintf("https://%d.example/%d", i/3, i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.f.CreateOutgoing(t.Context(), owner,
		chat.OutgoingInput{Room: r.room, URL: "https://a.example"})
	refused(t, "too many", err, chat.ErrConflict)
}
