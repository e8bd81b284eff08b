package chattest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// account is the making of an account, with an invite if it is not empty.
func (f *fixture) account(id chat.UserID, name, invite string) chat.Change {
	return f.change(chat.ServerStream, chat.CreateUser{Invite: invite, Account: chat.Account{
		User:    chat.User{ID: id, Name: name, Role: chat.RoleMember, CreatedAt: f.now()},
		NameKey: "key of " + name, Password: "hash"}})
}

// accountOf is the account that a CreateUser makes.
func accountOf(c chat.Change) chat.Account { return c.Op.(chat.CreateUser).Account }

// update replaces an account.
func (f *fixture) update(to chat.Account, was *chat.User) chat.Change {
	return f.change(chat.ServerStream, chat.UpdateUser{Account: to, Was: was})
}

func (f *fixture) session(id chat.SessionID, user chat.UserID) chat.Session {
	now := f.now()
	return chat.Session{
		ID: id, User: user, TokenHash: "hash of " + string(id), Agent: "Test/1 (\"quoted\")", Addr: "::1",
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

func (f *fixture) invite(id string, expires time.Time) chat.Invite {
	return chat.Invite{ID: id, CodeHash: "hash of " + id, Role: chat.RoleGuest, CreatedBy: "admin",
		CreatedAt: f.now(), ExpiresAt: expires}
}

func (f *fixture) prune(now time.Time) {
	f.Helper()
	for range 10_000 {
		if !need(f.Store.Prune(f.ctx, now)).of(f) {
			return
		}
	}
	f.Fatal("pruning has no end")
}

func testAccounts(f *fixture) {
	c := f.account("u2", "Two", "")
	f.same("user of the event", accountOf(c).User, *f.event(c).User)
	f.same("account", accountOf(c), need(f.Other.Account(f.ctx, "u2")).of(f))
	f.same("account by name", accountOf(c), need(f.Other.AccountByName(f.ctx, "key of Two")).of(f))
	f.refuse(chat.ErrConflict, f.account("u3", "Two", ""))
	f.refuse(chat.ErrConflict, f.account("u2", "Other", ""))
	_, err := f.Store.Account(f.ctx, "u3")
	f.refused("account of a refused call", chat.ErrNotFound, err)
	_, err = f.Store.AccountByName(f.ctx, "key of Other")
	f.refused("name of a refused call", chat.ErrNotFound, err)

	one := f.account("u1", "One", "")
	f.event(one)
	changed := accountOf(c)
	changed.Name, changed.NameKey, changed.Role, changed.Disabled, changed.Password = "Zwei",
		"key of Zwei", chat.RoleAdmin, true, "not the way to a new password"
	changed.Status = chat.Status{Emoji: "🌴", Text: "\"away\" </&> \u2028", Until: f.now()}
	changed.QuietUntil, changed.About, changed.Picture, changed.DisabledUntil = f.now(), "Zeile",
		"01PICTURE", f.now()
	changed.Title, changed.TimeZone, changed.Phone, changed.FormerName = "Pilot", "Europe/Berlin",
		"+49 30", "Two"
	changed.HidesReads, changed.HidesPresence = true, true
	f.same("user of the event", changed.User, *f.event(f.update(changed, nil)).User)
	changed.Password = "hash"
	f.same("account", changed, need(f.Other.Account(f.ctx, "u2")).of(f))
	f.same("account by its new name", changed, need(f.Other.AccountByName(f.ctx, "key of Zwei")).of(f))
	_, err = f.Store.AccountByName(f.ctx, "key of Two")
	f.refused("the old name", chat.ErrNotFound, err)
	f.event(f.account("u4", "Two", "")) // free again

	stolen := changed
	stolen.NameKey = "key of One"
	f.refuse(chat.ErrConflict, f.update(stolen, nil))
	f.same("account", changed, need(f.Other.Account(f.ctx, "u2")).of(f))
	f.same("whose name it is", accountOf(one), need(f.Store.AccountByName(f.ctx, "key of One")).of(f))
	looking := changed // has a second key, among the same
	looking.LookKey = "look of Zwei"
	f.event(f.update(looking, nil))
	f.same("account by its look", looking, need(f.Other.AccountByName(f.ctx, "look of Zwei")).of(f))
	twin := f.account("u5", "Five", "").Op.(chat.CreateUser).Account
	for _, keys := range [][2]string{{"look of Zwei", ""}, {"key of Five", "look of Zwei"},
		{"key of Five", "key of Zwei"}} {
		twin.NameKey, twin.LookKey = keys[0], keys[1]
		f.refuse(chat.ErrConflict, f.change(chat.ServerStream, chat.CreateUser{Account: twin}))
		twinned := accountOf(one)
		twinned.NameKey, twinned.LookKey = keys[0], keys[1]
		f.refuse(chat.ErrConflict, f.update(twinned, nil))
	}
	looking.LookKey = "another look"
	f.event(f.update(looking, nil))
	_, err = f.Store.AccountByName(f.ctx, "look of Zwei")
	f.refused("the old look", chat.ErrNotFound, err)
	f.event(f.update(changed, nil)) // without one
	f.same("account", changed, need(f.Other.Account(f.ctx, "u2")).of(f))
	_, err = f.Store.AccountByName(f.ctx, "another look")
	f.refused("the old look", chat.ErrNotFound, err)

	nobody := changed
	nobody.ID, nobody.NameKey = "u9", "key of nobody"
	f.refuse(chat.ErrNotFound, f.update(nobody, nil))
	same := changed // keeping one's name is no conflict
	same.Role = chat.RoleMember
	f.event(f.update(same, nil))

	f.same("profile", same.User, need(f.Other.Users(f.ctx, "u1", 1)).of(f)[0])
	same.Status, same.QuietUntil, same.About, same.Picture, same.DisabledUntil = chat.Status{},
		time.Time{}, "", "", time.Time{}
	same.Title, same.TimeZone, same.Phone, same.FormerName = "", "", "", ""
	same.HidesReads, same.HidesPresence = false, false
	f.event(f.update(same, nil))
	if kept := need(f.Other.Account(f.ctx, "u2")).of(f); kept.User != same.User {
		f.Fatalf("kept %+v, want %+v", kept.User, same.User) // also by ==
	}

	users := need(f.Other.Users(f.ctx, "", 100)).of(f)
	if len(users) != 3 || users[0].ID != "u1" || users[1].ID != "u2" || users[2].ID != "u4" {
		f.Fatalf("users: %+v", users)
	}
	f.same("a page", users[1:2], need(f.Store.Users(f.ctx, "u1", 1)).of(f))
	f.same("the end", nil, asAny(need(f.Store.Users(f.ctx, "u4", 1)).of(f)))
}

// testCompared: of those who change what they have read, nobody undoes what
// another did.
func testCompared(f *fixture) {
	c := f.account("u1", "One <&>", "")
	f.event(c)
	was := accountOf(c).User
	update := func(to chat.User, was *chat.User) chat.Change {
		return f.update(chat.Account{User: to, NameKey: "key of " + to.Name}, was)
	}
	first, second := was, was
	first.Disabled, first.DisabledUntil = true, f.now()
	second.Status = chat.Status{Text: "at work", Until: f.now()}
	f.event(update(first, &was))
	f.refuse(chat.ErrConflict, update(second, &was))
	f.same("account", first, need(f.Other.Account(f.ctx, "u1")).of(f).User)
	second.Disabled = true
	f.event(update(second, &first))
	f.same("account", second, need(f.Other.Account(f.ctx, "u1")).of(f).User)
	nobody := second
	nobody.ID = "u9"
	f.refuse(chat.ErrNotFound, update(nobody, &nobody))
	third := second
	third.About = "in one call"
	if r, err := f.Store.Commit(f.ctx, update(third, &second),
		update(second, &third)); err != nil || len(r) != 2 {
		f.Fatalf("two in a row: %v, %v", r, err)
	}
	_, err := f.Store.Commit(f.ctx, update(third, &second), update(first, &second))
	f.refused("the second of two", chat.ErrConflict, err)
	f.same("account", second, need(f.Other.Account(f.ctx, "u1")).of(f).User)

	const racers = 6
	f.parallel(racers, func(i int) error {
		for {
			a, err := f.handle(i).Account(f.ctx, "u1")
			if err != nil {
				return err
			}
			to := a.User
			to.About += "x"
			if _, err = f.handle(i).Commit(f.ctx, update(to, &a.User)); !errors.Is(err, chat.ErrConflict) {
				return err
			}
		}
	})
	if about := need(f.Other.Account(f.ctx, "u1")).of(f).About; about != "xxxxxx" {
		f.Fatalf("of %d who added a letter, some were lost: %q", racers, about)
	}
}

func testNameRace(f *fixture) {
	for round := range 10 {
		name := fmt.Sprint("name ", round)
		var won atomic.Int32
		f.parallel(6, func(i int) error {
			_, err := f.handle(i).Commit(f.ctx,
				f.account(chat.UserID(fmt.Sprintf("u%d-%d", round, i)), name, ""))
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, chat.ErrConflict) {
				return err
			}
			return nil
		})
		if won.Load() != 1 {
			f.Fatalf("%d accounts got the name %q", won.Load(), name)
		}
	}
	users := need(f.Store.Users(f.ctx, "", 100)).of(f)
	if len(users) != 10 {
		f.Fatalf("%d accounts, want 10", len(users))
	}
	for _, u := range users {
		if a := need(f.Other.AccountByName(f.ctx, "key of "+u.Name)).of(f); a.ID != u.ID {
			f.Fatalf("%q leads to %s and belongs to %s", u.Name, a.ID, u.ID)
		}
	}
	if h := need(f.Store.Heads(f.ctx, chat.ServerStream)).of(f)[0]; h.Seq != 10 {
		f.Fatalf("%d events, want 10", h.Seq)
	}
}

func testSessions(f *fixture) {
	f.commit(f.account("u1", "One", ""), f.account("u2", "Two", ""))
	var mine []chat.Session
	for i := range 3 {
		s := f.session(chat.SessionID(fmt.Sprint("s", i)), "u1")
		f.ok(f.Store.CreateSession(f.ctx, s))
		mine = append([]chat.Session{s}, mine...)
	}
	f.ok(f.Store.CreateSession(f.ctx, f.session("other", "u2")))
	f.same("sessions, newest first", mine, need(f.Other.Sessions(f.ctx, "u1")).of(f))
	s, a, err := f.Other.Session(f.ctx, mine[0].TokenHash)
	f.ok(err)
	f.same("session", mine[0], s)
	f.same("its account", need(f.Store.Account(f.ctx, "u1")).of(f), a)
	_, _, err = f.Store.Session(f.ctx, "unknown")
	f.refused("unknown token", chat.ErrNotFound, err)
	f.refused("the same session twice", chat.ErrConflict, f.Store.CreateSession(f.ctx, mine[0]))

	seen, expires := start.Add(time.Hour), start.Add(2*time.Hour)
	f.ok(f.Other.TouchSession(f.ctx, "s1", "u1", seen, expires))
	mine[1].SeenAt, mine[1].ExpiresAt = seen, expires
	f.same("sessions after a touch", mine, need(f.Store.Sessions(f.ctx, "u1")).of(f))
	f.refused("touching an unknown one", chat.ErrNotFound,
		f.Store.TouchSession(f.ctx, "none", "u1", seen, expires))
	f.refused("touching another's", chat.ErrNotFound, f.Store.TouchSession(f.ctx, "s1", "u2", seen, expires))
	f.same("sessions after refused touches", mine, need(f.Store.Sessions(f.ctx, "u1")).of(f))

	past := f.session("past", "u1")
	past.ExpiresAt = start.Add(-time.Hour)
	f.ok(f.Store.CreateSession(f.ctx, past))
	s, _, err = f.Store.Session(f.ctx, past.TokenHash)
	f.ok(err)
	f.same("an expired one is given too", past, s)
	f.same("nobody's sessions", nil, asAny(need(f.Store.Sessions(f.ctx, "nobody")).of(f)))
}

func testTouchRace(f *fixture) {
	f.commit(f.account("u1", "One", ""))
	for round := range 10 {
		id := chat.SessionID(fmt.Sprint("s", round))
		s := f.session(id, "u1")
		f.ok(f.Store.CreateSession(f.ctx, s))
		f.parallel(5, func(i int) error {
			if i == 4 {
				_, err := f.Store.Commit(f.ctx, f.change(chat.UserStream("u1"),
					chat.RevokeSessions{Sessions: []chat.SessionID{id}}))
				return err
			}
			for range 5 {
				if err := f.handle(i).TouchSession(f.ctx, id, "u1", f.now(),
					f.now().Add(time.Hour)); err != nil && !errors.Is(err, chat.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		_, _, err := f.Store.Session(f.ctx, s.TokenHash)
		f.refused("a revoked session", chat.ErrNotFound, err)
		f.same("sessions", nil, asAny(need(f.Other.Sessions(f.ctx, "u1")).of(f)))
	}
}

func testRevoke(f *fixture) {
	f.commit(f.account("u1", "One", ""), f.account("u2", "Two", ""))
	for i := range 5 {
		f.ok(f.Store.CreateSession(f.ctx, f.session(chat.SessionID(fmt.Sprint("s", i)), "u1")))
	}
	other := f.session("other", "u2")
	f.ok(f.Store.CreateSession(f.ctx, other))
	revoke := func(ids ...chat.SessionID) chat.Change {
		return f.change(chat.UserStream("u1"), chat.RevokeSessions{Sessions: ids})
	}
	gone := func(e chat.Event) []chat.SessionID { return slices.Sorted(slices.Values(e.Sessions)) }
	f.same("sessions of the event", []chat.SessionID{"s1", "s3"},
		gone(f.event(revoke("s3", "s1", "none", "other"))))
	f.noOp(revoke("s1", "other"))
	if n := len(need(f.Other.Sessions(f.ctx, "u1")).of(f)); n != 3 {
		f.Fatalf("%d sessions left, want 3", n)
	}
	f.same("another's session", []chat.Session{other}, need(f.Other.Sessions(f.ctx, "u2")).of(f))

	setPassword := func(was string) chat.Change {
		return f.change(chat.UserStream("u1"), chat.RevokeSessions{Password: "new", Was: was})
	}
	a := need(f.Store.Account(f.ctx, "u1")).of(f)
	a.Password = "new"
	f.same("sessions of the event", []chat.SessionID{"s0", "s2", "s4"}, gone(f.event(setPassword(""))))
	f.same("account", a, need(f.Other.Account(f.ctx, "u1")).of(f))
	f.noOp(revoke())
	f.refuse(chat.ErrConflict, setPassword("old"))
	// Together with others: what is refused first counts, and nothing is done.
	f.refuse(chat.ErrConflict, setPassword("old"),
		f.change(chat.UserStream("u1"), chat.ListRoom{Room: "none"}))
	f.refuse(chat.ErrConflict, f.change(chat.UserStream("u1"),
		chat.RevokeSessions{Password: "newer", Was: "new"}), setPassword("new"))
	// a new password is a change by itself
	f.same("sessions of the event", nil, asAny(gone(f.event(setPassword("new")))))
	_, _, err := f.Other.Session(f.ctx, "hash of s0")
	f.refused("a revoked session", chat.ErrNotFound, err)
}

func testInvites(f *fixture) {
	later := start.Add(time.Hour)
	var all []chat.Invite
	for i := range 3 {
		v := f.invite(fmt.Sprint("i", i), later)
		f.ok(f.Store.CreateInvite(f.ctx, v))
		all = append([]chat.Invite{v}, all...)
	}
	f.refused("the same invite twice", chat.ErrConflict, f.Store.CreateInvite(f.ctx, all[0]))
	f.same("invites, newest first", all, need(f.Other.Invites(f.ctx)).of(f))
	f.same("invite", all[1], need(f.Other.Invite(f.ctx, all[1].CodeHash)).of(f))
	_, err := f.Store.Invite(f.ctx, "unknown")
	f.refused("unknown code", chat.ErrNotFound, err)

	f.event(f.account("u1", "One", all[0].CodeHash))
	_, err = f.Store.Invite(f.ctx, all[0].CodeHash)
	f.refused("a used code", chat.ErrNotFound, err)
	f.refuse(chat.ErrNotFound, f.account("u2", "Two", all[0].CodeHash))
	f.refuse(chat.ErrNotFound, f.account("u2", "Two", "unknown"))
	// a bad code does not tell which names are taken
	f.refuse(chat.ErrNotFound, f.account("u2", "One", "unknown"))
	f.refuse(chat.ErrConflict, f.account("u2", "One", all[1].CodeHash))
	f.same("a refused sign-up uses no invite", all[1:], need(f.Other.Invites(f.ctx)).of(f))

	late := f.account("u2", "Two", all[1].CodeHash)
	late.At = later
	f.refuse(chat.ErrNotFound, late)
	late.At = later.Add(-time.Millisecond)
	f.event(late)

	f.ok(f.Other.DeleteInvite(f.ctx, all[2].ID))
	f.refused("a deleted invite", chat.ErrNotFound, f.Store.DeleteInvite(f.ctx, all[2].ID))
	f.refuse(chat.ErrNotFound, f.account("u3", "Three", all[2].CodeHash))
	f.same("invites", nil, asAny(need(f.Store.Invites(f.ctx)).of(f)))
}

func testInviteRace(f *fixture) {
	for round := range 10 {
		v := f.invite(fmt.Sprint("i", round), start.Add(time.Hour))
		f.ok(f.Store.CreateInvite(f.ctx, v))
		var won atomic.Int32
		f.parallel(6, func(i int) error {
			who := fmt.Sprintf("u%d-%d", round, i)
			_, err := f.handle(i).Commit(f.ctx, f.account(chat.UserID(who), who, v.CodeHash))
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, chat.ErrNotFound) {
				return err
			}
			return nil
		})
		if won.Load() != 1 {
			f.Fatalf("one invite let %d people in", won.Load())
		}
	}
	if n := len(need(f.Store.Users(f.ctx, "", 100)).of(f)); n != 10 {
		f.Fatalf("%d accounts, want 10", n)
	}
}

func testPrune(f *fixture) {
	f.commit(f.account("u1", "One", ""))
	f.room("a", "u1")
	now := start.Add(3 * time.Hour)
	for i, expires := range []time.Time{now.Add(-time.Hour), now, now.Add(time.Millisecond)} {
		s := f.session(chat.SessionID(fmt.Sprint("s", i)), "u1")
		s.ExpiresAt = expires
		f.ok(f.Store.CreateSession(f.ctx, s))
		f.ok(f.Store.CreateInvite(f.ctx, f.invite(fmt.Sprint("i", i), expires)))
	}
	first := f.sendAs("a", "u1", "d", "c1")
	first.At = now
	f.event(first)
	f.prune(now)
	if s := need(f.Other.Sessions(f.ctx, "u1")).of(f); len(s) != 1 || s[0].ID != "s2" {
		f.Fatalf("sessions left: %+v", s)
	}
	if i := need(f.Other.Invites(f.ctx)).of(f); len(i) != 1 || i[0].ID != "i2" {
		f.Fatalf("invites left: %+v", i)
	}
	_, err := f.Store.Invite(f.ctx, "hash of i1")
	f.refused("a pruned invite", chat.ErrNotFound, err)

	f.prune(now.Add(chat.DedupeFor - time.Minute))
	if r := f.commit(first)[0]; !r.Duplicate {
		f.Fatal("a send was forgotten before its time")
	}
	f.prune(now.Add(3 * chat.DedupeFor))
	again := f.sendAs("a", "u1", "d", "c1")
	again.At = now.Add(3 * chat.DedupeFor)
	if r := f.commit(again)[0]; r.Duplicate {
		f.Fatal("a send is remembered for ever")
	}
	if h := need(f.Store.Heads(f.ctx, chat.RoomStream("a"))).of(f)[0]; h.No != 2 {
		f.Fatalf("%d messages, want 2", h.No)
	}
}
