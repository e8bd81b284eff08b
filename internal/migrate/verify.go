package migrate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Report is what [Verify] found.
type Report struct {
	Rows []Row
	// Differences names what is not the same on both sides, up to a hundred of
	// them; More counts the rest.
	Differences []string
	More        int
}

// OK reports whether both sides hold the same.
func (r *Report) OK() bool { return len(r.Differences) == 0 }

// Row compares one kind of records.
type Row struct {
	What     string
	From, To int64 // how many
	// Sums are the first 8 bytes of SHA-256 over all of them in order, in hex;
	// empty where they have no order.
	FromSum, ToSum string
	Same           bool
}

const maxDifferences = 100

// The kinds of records that are counted and summed, in the order of the report.
const (
	rooms = iota
	members
	reads
	messages
	edits
	people
	personal
	sessions
	lists
	invites
	records
	server
	kinds
)

var kindNames = [kinds]string{"rooms", "members", "read positions", "messages", "earlier texts",
	"accounts", "people's logs", "sessions", "rooms on people's lists", "invites", "records", "server's log"}

// item is a unit of comparison: one room, person, invite or record, or the
// server's log.
type item struct {
	part int // rooms, people, invites, records or server
	key  string
	sums [kinds][]byte // nil where it has none
	n    [kinds]int64
}

func (i *item) name() string {
	switch i.part {
	case rooms:
		return "room " + i.key
	case people:
		return "person " + i.key
	case invites:
		return "invite " + i.key
	case records:
		return "record " + i.key
	}
	return "server"
}

// Verify reads both sides to the end and compares them. An error means that it
// could not. Read is told how many messages of the source have been looked at.
func Verify(ctx context.Context, from, to Source, since time.Time,
	read func(messages int64)) (*Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	one, other := start(ctx, from), start(ctx, to)
	defer other.end()
	defer one.end()
	defer cancel() // before their ends are waited for

	r := &Report{}
	differ := func(format string, args ...any) {
		if len(r.Differences) < maxDifferences {
			r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
		} else {
			r.More++
		}
	}
	var sums [2][kinds]digest
	for s := range sums {
		for k := range sums[s] {
			sums[s][k] = newDigest()
		}
	}
	var n [2][kinds]int64
	count := func(side int, i *item) {
		for k := range kinds {
			n[side][k] += i.n[k]
			if i.sums[k] != nil {
				sums[side][k].text(i.key)
				sums[side][k].Write(i.sums[k])
			}
		}
	}
	a, b := one.next(), other.next()
	for a != nil || b != nil {
		switch order := compare(a, b); {
		case order < 0:
			differ("%s is missing", a.name())
			count(0, a)
			a = one.next()
		case order > 0:
			differ("%s is not in the source", b.name())
			count(1, b)
			b = other.next()
		default:
			for k := range kinds {
				if a.n[k] != b.n[k] {
					differ("%s: %d %s, and %d in the source", a.name(), b.n[k], kindNames[k], a.n[k])
				} else if !bytes.Equal(a.sums[k], b.sums[k]) {
					differ("%s: other %s than in the source", a.name(), kindNames[k])
				}
			}
			count(0, a)
			count(1, b)
			a, b = one.next(), other.next()
		}
		if read != nil {
			read(n[0][messages])
		}
	}
	if one.err != nil {
		return nil, fmt.Errorf("read the source: %w", one.err)
	}
	if other.err != nil {
		return nil, fmt.Errorf("read the destination: %w", other.err)
	}
	for k := range kinds {
		f, t := sums[0][k].Sum(nil), sums[1][k].Sum(nil)
		r.Rows = append(r.Rows, Row{
			What: kindNames[k], From: n[0][k], To: n[1][k], FromSum: hex.EncodeToString(f[:8]),
			ToSum: hex.EncodeToString(t[:8]),
			Same:  n[0][k] == n[1][k] && bytes.Equal(f, t),
		})
	}
	sent, lost, err := verifySends(ctx, from, to, since)
	if err != nil {
		return nil, err
	}
	r.Rows = append(r.Rows, Row{What: "sends remembered", From: sent, To: sent - lost, Same: lost == 0})
	if lost > 0 {
		differ("%d of %d sends are not remembered", lost, sent)
	}
	return r, nil
}

// verifySends asks the destination for each send that the source remembers:
// they have no order to compare in.
func verifySends(ctx context.Context, from, to Source, since time.Time) (sent, lost int64, err error) {
	err = from.Sends(ctx, since, func(some []Send) error {
		n, err := to.Forgotten(ctx, some)
		sent, lost = sent+int64(len(some)), lost+int64(n)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("compare the sends that are remembered: %w", err)
	}
	return sent, lost, nil
}

// Since is how far back [Verify] looks for sends after a migration that ended
// at now: some less than [Copy] did, since time passed.
func Since(now time.Time) time.Time { return now.Add(-chat.DedupeFor) }

// compare orders items as the walk does. None is after all others.
func compare(a, b *item) int {
	switch {
	case a == nil:
		return +1
	case b == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.key, b.key))
}

// side reads one side ahead.
type side struct {
	items chan *item
	err   error // once items is closed
}

func start(ctx context.Context, from Source) *side {
	s := &side{items: make(chan *item, 64)}
	go func() {
		defer close(s.items)
		s.err = eachItem(ctx, from, func(i *item) error {
			select {
			case s.items <- i:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return s
}

func (s *side) next() *item { return <-s.items }

// end waits until the reader has gone.
func (s *side) end() {
	for range s.items {
	}
}

// eachItem reads all but the sends, in the order of [compare].
func eachItem(ctx context.Context, from Source, give func(*item) error) error {
	for after := chat.RoomID(""); ; {
		page, err := from.Rooms(ctx, after, roomPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			it, err := roomItem(ctx, from, &page[i])
			if err != nil {
				return err
			}
			if err := give(it); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Room.ID
	}
	for after := chat.UserID(""); ; {
		page, err := from.People(ctx, after, peoplePage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			if err := give(personItem(&page[i])); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Account.ID
	}
	for after := (chat.Invite{}); ; {
		page, err := from.Invites(ctx, after, invitePage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, i := range page {
			d := newDigest()
			d.invite(&i)
			// The key is in the order of the walk: by time, then id.
			it := &item{part: invites, key: i.CreatedAt.UTC().Format("2006-01-02T15:04:05.000") + " " + i.ID}
			it.sums[invites], it.n[invites] = d.Sum(nil), 1
			if err := give(it); err != nil {
				return err
			}
		}
		after = page[len(page)-1]
	}
	for after := (Record{}); ; {
		page, err := from.Records(ctx, after, recordPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			d := newDigest()
			d.record(&page[i])
			it := &item{part: records, key: page[i].Kind + " " + page[i].ID}
			it.sums[records], it.n[records] = d.Sum(nil), 1
			if err := give(it); err != nil {
				return err
			}
		}
		after = page[len(page)-1]
	}
	head, err := from.Server(ctx)
	if err != nil {
		return err
	}
	d := newDigest()
	d.head(head)
	it := &item{part: server}
	it.sums[server], it.n[server] = d.Sum(nil), head.Seq
	return give(it)
}

// roomItem reads a room to its end.
func roomItem(ctx context.Context, from Source, r *Room) (*item, error) {
	it := &item{part: rooms, key: string(r.Room.ID)}
	d := newDigest()
	d.room(r)
	it.sums[rooms], it.n[rooms] = d.Sum(nil), 1
	who, read, said, earlier := newDigest(), newDigest(), newDigest(), newDigest()
	for after := chat.UserID(""); ; {
		page, err := from.Members(ctx, r.Room.ID, after, memberPage)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			m := &page[i]
			who.member(m)
			it.n[members]++
			if m.ReadNo > 0 {
				read.text(string(m.User))
				read.num(m.ReadNo)
				it.n[reads]++
			}
		}
		after = page[len(page)-1].User
	}
	for after := int64(0); ; {
		page, err := from.Messages(ctx, r.Room.ID, after, messagePage)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			said.message(&page[i])
			earlier.edits(&page[i])
			it.n[edits] += int64(len(page[i].Edits))
		}
		it.n[messages] += int64(len(page))
		after = page[len(page)-1].No
	}
	it.sums[members], it.sums[reads], it.sums[messages], it.sums[edits] = who.Sum(nil),
		read.Sum(nil), said.Sum(nil), earlier.Sum(nil)
	return it, nil
}

func personItem(p *Person) *item {
	it := &item{part: people, key: string(p.Account.ID)}
	account, log, session, list := newDigest(), newDigest(), newDigest(), newDigest()
	account.account(&p.Account)
	log.head(p.Head)
	for i := range p.Sessions {
		session.session(&p.Sessions[i])
	}
	for _, r := range p.Rooms {
		list.text(string(r.Room), string(r.Notify))
	}
	it.sums[people], it.n[people] = account.Sum(nil), 1
	it.sums[personal], it.n[personal] = log.Sum(nil), min(p.Head.Seq, 1)
	it.sums[sessions], it.n[sessions] = session.Sum(nil), int64(len(p.Sessions))
	it.sums[lists], it.n[lists] = list.Sum(nil), int64(len(p.Rooms))
	return it
}
