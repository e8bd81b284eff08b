package redisstore_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/redistest"
)

// costly is a store whose commands are counted.
type costly struct {
	t      testing.TB
	server *redistest.Server
	store  *redisstore.Store
	n      int
}

func newCostly(t testing.TB, s *redistest.Server) *costly {
	store, err := redisstore.Open(t.Context(), s.Client(t), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &costly{t: t, server: s, store: store}
}

// id is a new one, as long as the real ones.
func (c *costly) id() string {
	c.n++
	return fmt.Sprintf("01K8%022d", c.n)
}

func (c *costly) must(err error) {
	if err != nil {
		c.t.Helper()
		c.t.Fatal(err)
	}
}

func (c *costly) commit(changes ...chat.Change) []chat.Result {
	c.t.Helper()
	r, err := c.store.Commit(c.t.Context(), changes...)
	c.must(err)
	return r
}

func (c *costly) join(room chat.RoomID, user chat.UserID) chat.Change {
	at := time.Now()
	return chat.Change{Stream: chat.RoomStream(room), ID: c.id(), At: at, By: user,
		Op: chat.AddMember{Member: chat.Member{User: user, Role: chat.RoomMember, JoinedAt: at}}}
}

func (c *costly) create(id chat.RoomID) chat.Change {
	at := time.Now()
	return chat.Change{Stream: chat.RoomStream(id), ID: c.id(), At: at,
		Op: chat.CreateRoom{Room: chat.Room{ID: id, Kind: chat.Public, Name: "A room's name",
			CreatedBy: "01K8000000000000USERCREATE", CreatedAt: at}}}
}

func (c *costly) list(room chat.RoomID, user chat.UserID) chat.Change {
	return chat.Change{Stream: chat.UserStream(user), ID: c.id(), At: time.Now(), By: user,
		Op: chat.ListRoom{Room: room}}
}

func (c *costly) message(room chat.RoomID, user chat.UserID,
	alter ...func(*chat.CreateMessage)) chat.Change {
	// At noon: towards midnight a send is looked for in one more day.
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	op := chat.CreateMessage{From: user, Text: text100, Device: "01K8DEVICE0000000000000000",
		ClientID: c.id()}
	for _, f := range alter {
		f(&op)
	}
	return chat.Change{Stream: chat.RoomStream(room), ID: c.id(), At: at, By: user, MustBeIn: user, Op: op}
}

func (c *costly) person() chat.Change {
	id := chat.UserID(c.id())
	u := chat.User{ID: id, Name: "Name " + string(id[20:]), Role: chat.RoleMember, CreatedAt: time.Now()}
	return chat.Change{Stream: chat.ServerStream, ID: c.id(), At: time.Now(), By: id,
		Op: chat.CreateUser{Account: chat.Account{User: u, NameKey: strings.ToLower(u.Name),
			Password: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + strings.Repeat("h", 43)}}}
}

func (c *costly) session(user chat.UserID) chat.Session {
	now := time.Now()
	return chat.Session{ID: chat.SessionID(c.id()), User: user,
		TokenHash: strings.Repeat("t", 17) + c.id(),
		Agent:     "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		Addr:      "192.0.2.123",
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
}

// room makes one with so many members, of whom the last is returned.
func (c *costly) room(members int) (chat.RoomID, chat.UserID) {
	c.t.Helper()
	id := chat.RoomID(c.id())
	changes := []chat.Change{c.create(id)}
	var user chat.UserID
	for range members {
		user = chat.UserID(c.id())
		changes = append(changes, c.join(id, user))
	}
	c.commit(changes...)
	return id, user
}

// count is the commands that do sends, by name.
func (c *costly) count(do func()) map[string]int {
	c.t.Helper()
	before := c.server.Commands()
	do()
	n := map[string]int{}
	for name, calls := range c.server.Commands() {
		// a client pings what is quiet
		if calls -= before[name]; calls > 0 && name != "info" && name != "ping" {
			n[name] = calls
		}
	}
	return n
}

// cell is a count as docs/redis.md has it: the scripts, and all commands, those
// inside scripts included.
func cell(n map[string]int) string {
	var scripts, commands []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		text := name
		if n[name] > 1 {
			text += fmt.Sprintf(" × %d", n[name])
		}
		if strings.HasPrefix(name, "evalsha") {
			scripts = append(scripts, text)
		} else {
			commands = append(commands, text)
		}
	}
	if len(scripts) == 0 {
		scripts = []string{"–"}
	}
	return strings.Join(scripts, ", ") + " | " + strings.Join(commands, ", ")
}

// TestCosts counts what each step costs Redis, and compares with the table in
// docs/redis.md.
func TestCosts(t *testing.T) {
	c := newCostly(t, redistest.Start(t))
	ctx := t.Context()
	small, one := c.room(2)
	large, other := c.room(2000)
	after := c.commit(c.message(small, one))[0].Event.Position()
	again := c.message(small, one)
	c.commit(again)
	person := c.person()
	c.commit(person)
	session := c.session(person.By)
	c.must(c.store.CreateSession(ctx, session))
	limiter := redisstore.NewLimiter(c.store)
	bell, err := redisstore.NewBell(c.store, c.server.Client(t))
	c.must(err)
	defer bell.Close()
	presence := redisstore.NewPresence(c.store, "node",
		redisstore.PresenceOptions{Lease: time.Hour, Grace: time.Millisecond})
	defer presence.Close()

	// told waits for one script of the presence, which tells in its own time.
	told := func(do func()) {
		scripts := func() int { n := c.server.Commands(); return n["evalsha"] + n["eval"] }
		before := scripts()
		do()
		for deadline := time.Now().Add(10 * time.Second); scripts() == before; {
			if time.Now().After(deadline) {
				t.Fatal("the presence tells nobody")
			}
		}
	}
	var guests []chat.UserID // who is online
	joined := func() chat.UserID {
		user := chat.UserID(c.id())
		c.commit(c.join(large, user))
		return user
	}
	var newcomers []chat.UserID
	for range 2 {
		newcomers = append(newcomers, joined())
	}
	no := int64(1) << 40
	marked, third := c.room(2) // where something has become of messages
	plain := int64(0)          // numbers of messages there
	for range 10 {
		c.commit(c.message(marked, third))
	}
	annotate := func(op func(no int64) chat.Operation) {
		plain++
		c.commit(chat.Change{Stream: chat.RoomStream(marked), ID: c.id(), At: time.Now(), By: third,
			MustBeIn: third, Op: op(plain)})
	}
	edit := func(text string) {
		annotate(func(no int64) chat.Operation { return chat.EditMessage{No: no, Text: text} })
	}
	records := int64(0)

	table := costs(t)
	for _, s := range []struct {
		name string
		do   func()
	}{
		{"a message, 2 members", func() { c.commit(c.message(small, one)) }},
		{"a message, 2,000 members", func() { c.commit(c.message(large, other)) }},
		{"a message that was sent already", func() { c.commit(again) }},
		{"a limit", func() {
			_, err := limiter.Take(ctx, "somebody", 1,
				chat.DefaultLimits.Sends)
			c.must(err)
		}},
		{"a sign of typing", func() {
			bell.Signal(ctx, chat.Signal{Stream: chat.RoomStream(small), Kind: chat.Typing, User: one})
		}},
		{"a page of 50 messages", func() {
			_,
				err := c.store.Messages(ctx, small, chat.Page{Limit: 50})
			c.must(err)
		}},
		{"what was missed in a room", func() {
			events, err := c.store.Events(ctx, chat.RoomStream(small), after, 500)
			c.must(err)
			if len(events) == 0 {
				t.Error("nothing was missed")
			}
		}},
		{"a read position", func() {
			no++
			c.commit(chat.Change{Stream: chat.UserStream(other), ID: c.id(), At: time.Now(),
				By: other, Op: chat.MoveRead{Read: chat.Read{Room: large, No: no}}})
		}},
		{"a room, made", func() { c.commit(c.create(chat.RoomID(c.id()))) }},
		{"a member, joined", func() { joined() }},
		{"a room, put on a person's list", func() {
			c.commit(c.list(large, newcomers[0]))
			newcomers = newcomers[1:]
		}},
		{"a room as a member sees it", func() { _, err := c.store.View(ctx, large, other); c.must(err) }},
		{"an edit", func() { edit("new text") }},
		{"a deletion", func() { annotate(func(no int64) chat.Operation { return deleted(no, third) }) }},
		{"a pin", func() { annotate(func(no int64) chat.Operation { return pinned(no, third) }) }},
		{"a reaction", func() {
			annotate(func(no int64) chat.Operation { return reacted(no, third) })
		}},
		{"a message that mentions 2 people", func() {
			c.commit(c.message(marked, third, func(op *chat.CreateMessage) {
				op.Mentions = []chat.UserID{one, other}
			}))
		}},
		{"a page of 50 messages, some marked",
			func() { _, err := c.store.Messages(ctx, marked, chat.Page{Limit: 50}); c.must(err) }},
		{"a room with marks as a member sees it",
			func() { _, err := c.store.View(ctx, marked, third); c.must(err) }},
		{"the pinned messages, 2 of them", func() {
			pinned, err := c.store.Pinned(ctx, marked)
			if c.must(err); len(pinned) != 2 {
				t.Errorf("%d are pinned", len(pinned))
			}
		}},
		{"the earlier texts of a message", func() {
			edits, err := c.store.Edits(ctx, marked, 1)
			if c.must(err); len(edits) != 1 {
				t.Errorf("there are %d", len(edits))
			}
		}},
		{"a record, put", func() {
			_, err := c.store.PutRecord(ctx, "kind", "id", records,
				nil)
			c.must(err)
			records++
		}},
		{"a record", func() { _, err := c.store.Record(ctx, "kind", "id"); c.must(err) }},
		{"an account", func() { c.commit(c.person()) }},
		{"a log-in", func() { c.must(c.store.CreateSession(ctx, c.session(person.By))) }},
		{"a token, looked up", func() { _, _, err := c.store.Session(ctx, session.TokenHash); c.must(err) }},
		{"somebody comes online", func() {
			user := chat.UserID(c.id())
			guests = append(guests, user)
			told(func() { presence.Enter(ctx, user) })
		}},
		{"who of 50 people is online", func() {
			_, err := presence.Online(ctx, slices.Repeat([]chat.UserID{guests[0]}, 50))
			c.must(err)
		}},
		{"somebody goes offline", func() {
			user := guests[0]
			guests = guests[1:]
			told(func() { presence.Leave(ctx, user) })
		}},
	} {
		s.do() // the script is there from now on
		got := cell(c.count(s.do))
		if want, ok := table[s.name]; !ok || want != got {
			t.Errorf("docs/redis.md should say: | %s | %s |\nit says %q", s.name, got, want)
		}
		delete(table, s.name)
	}
	for name := range table {
		t.Errorf("docs/redis.md has a row %q that nobody counts", name)
	}
}

var (
	tags = strings.NewReplacer("parley:", "", "limit:{somebody}:10000", "limit:{what}:…",
		"node:node", "node:N")
	ids  = regexp.MustCompile(`^(\{(?:room|user):|token:\{)[^}]+`)
	days = regexp.MustCompile(`sends:\d+$`)
)

// TestKeys makes some of everything, and looks for each key in the table of
// docs/redis.md.
func TestKeys(t *testing.T) {
	c := newCostly(t, redistest.Start(t))
	ctx := t.Context()
	room, user := c.room(2)
	said := c.message(room, user, func(op *chat.CreateMessage) { op.Mentions = []chat.UserID{user} })
	edit := chat.Change{Stream: said.Stream, ID: c.id(), At: time.Now(), By: user,
		Op: chat.EditMessage{No: 1, Text: "new text"}}
	c.commit(said, edit)
	_, err := c.store.PutRecord(ctx, "kind", "id", 0, nil)
	c.must(err)
	person := c.person()
	account := person.Op.(chat.CreateUser).Account
	account.LookKey = "look of " + account.Name
	person.Op = chat.CreateUser{Account: account}
	c.commit(person)
	id := person.By
	made := c.create(room + "2")
	op := made.Op.(chat.CreateRoom)
	op.Room.CreatedBy = id
	made.Op = op
	c.commit(made, c.join(room+"2", id))
	c.commit(c.list(room+"2", id))
	c.commit(chat.Change{Stream: chat.UserStream(id), ID: c.id(), At: time.Now(), By: id,
		Op: chat.MoveRead{Read: chat.Read{Room: room + "2", No: 1}}})
	c.must(c.store.CreateSession(ctx, c.session(id)))
	c.must(c.store.CreateInvite(ctx,
		chat.Invite{ID: c.id(), CodeHash: "h", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}))
	_, err = redisstore.NewLimiter(c.store).Take(ctx, "somebody", 1, chat.DefaultLimits.Sends)
	c.must(err)
	presence := redisstore.NewPresence(c.store, "node", redisstore.PresenceOptions{})
	defer presence.Close()
	presence.Enter(ctx, id)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if all, err := presence.Online(ctx, []chat.UserID{id}); err != nil || len(all) == 1 {
			c.must(err)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody is online")
		}
	}
	if parts := c.store.Health(ctx); len(parts) > 0 {
		t.Errorf("Redis takes no writes: %v", parts)
	}

	table := documented(t)
	out, err := c.server.Do("KEYS", "*")
	c.must(err)
	seen := map[string]bool{}
	for _, key := range strings.Fields(out) {
		kind, err := c.server.Do("TYPE", key)
		c.must(err)
		name := days.ReplaceAllString(tags.Replace(key), "sends:D")
		name = ids.ReplaceAllStringFunc(name, func(s string) string {
			return map[string]string{"{r": "{room:R", "{u": "{user:U", "to": "token:{H"}[s[:2]]
		})
		seen[name] = true
		if want, ok := table[name]; !ok ||
			!strings.Contains(want, map[string]string{"zset": "sorted set"}[kind]) ||
			kind != "zset" && !strings.Contains(want, kind) {
			t.Errorf("%s is a %s; docs/redis.md has %q for %s", key, kind, want, name)
		}
	}
	for name := range table {
		// Those of the lock and of links are tested there; nothing is arriving;
		// the doctor is gone; nothing was public.
		if !seen[name] && !strings.HasPrefix(name, "lock:") && !strings.HasPrefix(name, "link:") &&
			name != "{server}:arriving" && !strings.HasPrefix(name, "{doctor") {
			t.Errorf("docs/redis.md has a key %s that was not made", name)
		}
	}
}

// documented reads the table of keys: their types by name.
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "\n## Keys")
	part, _, _ = strings.Cut(part, "\n## ")
	types := map[string]string{}
	for line := range strings.Lines(part) {
		cells := strings.Split(line, " | ")
		if len(cells) < 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		names, kinds := strings.Split(strings.TrimPrefix(cells[0], "| "), ", "), strings.Split(cells[1], ", ")
		stem := ""
		for i, name := range names {
			name = strings.Trim(name, "`")
			if rest, ok := strings.CutPrefix(name, ":"); ok {
				name = stem + rest
			}
			stem = name[:strings.LastIndex(name, ":")+1]
			types[name] = kinds[min(i, len(kinds)-1)]
		}
	}
	return types
}

// costs reads the table: a row's name, and the rest.
func costs(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "\n## What it costs")
	part, _, _ = strings.Cut(part, "\n## ")
	table := map[string]string{}
	for line := range strings.Lines(part) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") || name == "step" {
			continue
		}
		table[name] = strings.TrimSuffix(strings.TrimSuffix(rest, "|"), " ")
	}
	return table
}
