package chattest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// Model is a [chat.Store] in memory. It keeps everything in plain maps, one
// mutex around them.
type Model struct {
	// Window is how many of a stream's newest events are kept; [chat.Window]
	// from NewModel on. Set it before the first Commit.
	Window int

	// Down, if set, is asked before every call; what it returns fails the call.
	// Set it before the first call.
	Down func() error

	ring func(*chat.Event)
	// commit is held from judging to the last ring, so that rings keep the
	// order of the log while a listener may already read.
	commit sync.Mutex

	mu sync.Mutex // guards everything below
	state
}

type state struct {
	closed   bool
	logs     map[chat.Stream]log
	rooms    map[chat.RoomID]chat.Room
	messages map[chat.RoomID][]chat.Message // each is replaced, not changed
	edits    map[messageKey][]chat.Edit
	trimmed  map[chat.RoomID]int64 // number of the newest message that is gone
	members  map[memberKey]member
	listed   map[memberKey]bool
	notify   map[memberKey]chat.NotifyLevel // of rooms that are listed
	sends    map[send]chat.Event            // as in the log
	accounts map[chat.UserID]chat.Account
	names    map[string]chat.UserID
	sessions map[chat.SessionID]chat.Session
	invites  map[string]chat.Invite // by hash of the code
	records  map[document]chat.Record
}

type log struct {
	seq    int64        // of the newest event
	events []chat.Event // the newest ones, ascending; messages are looked up when they are read
}

type memberKey struct {
	room chat.RoomID
	user chat.UserID
}

type member struct {
	chat.Member
	readNo int64
	spoke  time.Time // when they sent their last message while the room was slow
}

// send is what makes a send the same send.
type send struct {
	room     chat.RoomID
	by       chat.UserID
	device   string
	clientID string
}

// epoch of all streams: the model never rolls back.
const epoch = "model"

var _ chat.Store = (*Model)(nil)

// NewModel returns an empty model. Ring, which may be nil, is called with each
// appended event in the order of the log, before Commit returns; it may read
// from the model but not write.
func NewModel(ring func(*chat.Event)) *Model {
	return &Model{
		Window: chat.Window,
		ring:   ring,
		state: state{
			logs:     map[chat.Stream]log{},
			rooms:    map[chat.RoomID]chat.Room{},
			messages: map[chat.RoomID][]chat.Message{},
			edits:    map[messageKey][]chat.Edit{},
			trimmed:  map[chat.RoomID]int64{},
			members:  map[memberKey]member{},
			listed:   map[memberKey]bool{},
			notify:   map[memberKey]chat.NotifyLevel{},
			sends:    map[send]chat.Event{},
			accounts: map[chat.UserID]chat.Account{},
			names:    map[string]chat.UserID{},
			sessions: map[chat.SessionID]chat.Session{},
			invites:  map[string]chat.Invite{},
			records:  map[document]chat.Record{},
		},
	}
}

// enter takes the mutex if the model can serve.
func (m *Model) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
	}
	if m.Down != nil {
		if err := m.Down(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return fmt.Errorf("%w: the store is closed", chat.ErrUnavailable)
	}
	return nil
}

func (m *Model) Heads(ctx context.Context, streams ...chat.Stream) ([]chat.Head, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var heads []chat.Head
	for _, s := range streams {
		heads = append(heads, m.head(s))
	}
	return heads, nil
}

func (m *Model) head(s chat.Stream) chat.Head {
	id, isRoom := s.Room()
	if _, ok := m.rooms[id]; isRoom && !ok {
		return chat.Head{}
	}
	h := chat.Head{Position: chat.Position{Epoch: epoch}, No: int64(len(m.messages[id]))}
	if events := m.logs[s].events; len(events) > 0 {
		h.Position = events[len(events)-1].Position()
	}
	return h
}

func (m *Model) Events(ctx context.Context, s chat.Stream, after chat.Position,
	limit int) ([]chat.Event, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if id, isRoom := s.Room(); isRoom {
		if _, ok := m.rooms[id]; !ok {
			return nil, chat.ErrNotFound
		}
	}
	l := m.logs[s]
	first := l.seq - int64(len(l.events)) + 1 // seq of the oldest kept event, or of the next if none
	if after.Epoch != epoch || after.Seq < first-1 || after.Seq < 0 || after.Seq > l.seq {
		return nil, chat.ErrResync
	}
	if after.ID != "" && !l.holds(after) {
		return nil, chat.ErrResync
	}
	if i := after.Seq - first; i >= 0 && l.events[i].Kind == chat.MessageCreated && m.gone(l.events[i]) {
		return nil, chat.ErrResync
	}
	rest := l.events[after.Seq-first+1:]
	var events []chat.Event
	for _, e := range rest[:min(len(rest), max(limit, 0))] {
		if m.gone(e) {
			return nil, chat.ErrResync
		}
		events = append(events, m.show(e))
	}
	return events, nil
}

// holds reports whether p, which names an event, is that event's place. The
// oldest kept event still tells the id of the one before it.
func (l log) holds(p chat.Position) bool {
	i := p.Seq - (l.seq - int64(len(l.events)) + 1)
	if i >= 0 {
		return l.events[i].ID == p.ID
	}
	return len(l.events) > 0 && p.Seq > 0 && l.events[0].Prev == p.ID
}

func (m *Model) Messages(ctx context.Context, room chat.RoomID, page chat.Page) ([]chat.Message, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if _, ok := m.rooms[room]; !ok {
		return nil, chat.ErrNotFound
	}
	all := m.messages[room]
	head, limit, floor := int64(len(all)), int64(max(page.Limit, 0)), m.trimmed[room]
	var first, end int64 // messages with first <= No < end
	switch page.From {
	case chat.Newest:
		end = head + 1
		first = end - limit
	case chat.Before:
		end = min(page.No, head+1)
		first = end - limit
	case chat.After:
		first = min(max(page.No, floor), head) + 1
		end = first + limit
	case chat.Around:
		first = max(min(page.No, head+1)-limit/2, floor+1)
		end = first + limit
	}
	first, end = max(first, floor+1), min(end, head+1)
	if first >= end {
		return nil, nil
	}
	var messages []chat.Message
	for _, msg := range all[first-1 : end-1] {
		messages = append(messages, *msg.Clone())
	}
	return messages, nil
}

func (m *Model) Room(ctx context.Context, id chat.RoomID) (chat.Room, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Room{}, err
	}
	defer m.mu.Unlock()
	room, ok := m.rooms[id]
	if !ok {
		return chat.Room{}, chat.ErrNotFound
	}
	return room.Clone(), nil
}

func (m *Model) View(ctx context.Context, id chat.RoomID, user chat.UserID) (chat.RoomView, error) {
	if err := m.enter(ctx); err != nil {
		return chat.RoomView{}, err
	}
	defer m.mu.Unlock()
	return m.view(id, user)
}

func (m *Model) view(id chat.RoomID, user chat.UserID) (chat.RoomView, error) {
	me, ok := m.members[memberKey{id, user}]
	if !ok {
		return chat.RoomView{}, chat.ErrNotFound
	}
	head := m.head(chat.RoomStream(id))
	v := chat.RoomView{
		Room: m.rooms[id], Position: head.Position, HeadNo: head.No, ReadNo: me.readNo,
		Trimmed: m.trimmed[id], Role: me.Role, JoinedAt: me.JoinedAt, Last: m.at(id, head.No),
		Mute: me.Mute, Notify: m.notify[memberKey{id, user}],
	}
	v.Deleted, v.Mentions = m.unread(id, user, max(me.readNo, v.Trimmed))
	v.Count()
	v.Room = v.Room.Clone()
	for p := range m.members {
		if p.room == id {
			v.Members++
		}
	}
	return v, nil
}

func (m *Model) Views(ctx context.Context, user chat.UserID) ([]chat.RoomView, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var views []chat.RoomView
	for p := range m.listed {
		if p.user != user {
			continue
		}
		if v, err := m.view(p.room, user); err == nil {
			views = append(views, v)
		}
	}
	slices.SortFunc(views, func(a, b chat.RoomView) int { return cmp.Compare(a.ID, b.ID) })
	return views, nil
}

func (m *Model) ListedRooms(ctx context.Context, user chat.UserID) (ids []chat.RoomID, err error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for p := range m.listed {
		if p.user == user {
			ids = append(ids, p.room)
		}
	}
	return ids, nil
}

func (m *Model) PublicRooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return m.someRooms(ctx, after, limit, func(r chat.Room) bool { return r.Kind == chat.Public })
}

func (m *Model) Rooms(ctx context.Context, after chat.RoomID, limit int) ([]chat.Room, error) {
	return m.someRooms(ctx, after, limit, func(chat.Room) bool { return true })
}

func (m *Model) someRooms(ctx context.Context, after chat.RoomID, limit int,
	which func(chat.Room) bool) ([]chat.Room, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var rooms []chat.Room
	for _, id := range slices.Sorted(maps.Keys(m.rooms)) {
		if r := m.rooms[id]; which(r) && id > after && len(rooms) < limit {
			r = r.Clone()
			rooms = append(rooms, r)
		}
	}
	return rooms, nil
}

func (m *Model) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Member, error) {
	if err := m.enter(ctx); err != nil {
		return chat.Member{}, err
	}
	defer m.mu.Unlock()
	me, ok := m.members[memberKey{room, user}]
	if !ok {
		return chat.Member{}, chat.ErrNotFound
	}
	return me.Member, nil
}

func (m *Model) Members(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]chat.Member, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if _, ok := m.rooms[room]; !ok {
		return nil, chat.ErrNotFound
	}
	var members []chat.Member
	for p, me := range m.members {
		if p.room == room && p.user > after {
			members = append(members, me.Member)
		}
	}
	slices.SortFunc(members, func(a, b chat.Member) int { return cmp.Compare(a.User, b.User) })
	return members[:min(len(members), max(limit, 0))], nil
}

func (m *Model) ReadPositions(ctx context.Context, room chat.RoomID, after chat.UserID,
	limit int) ([]chat.ReadPosition, error) {
	members, err := m.Members(ctx, room, after, limit)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var reads []chat.ReadPosition
	for _, member := range members {
		reads = append(reads, chat.ReadPosition{User: member.User,
			No: m.members[memberKey{room, member.User}].readNo})
	}
	return reads, nil
}

func (m *Model) CountRooms(ctx context.Context, createdBy chat.UserID) (int, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	n := 0
	for _, r := range m.rooms {
		if r.CreatedBy == createdBy {
			n++
		}
	}
	return n, nil
}

func (m *Model) Ping(ctx context.Context) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	m.mu.Unlock()
	return nil
}

// Close makes every later call fail with ErrUnavailable.
func (m *Model) Close() error {
	m.commit.Lock()
	defer m.commit.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Model) Prune(ctx context.Context, now time.Time) (bool, error) {
	if err := m.enter(ctx); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sessions, func(_ chat.SessionID,
		s chat.Session) bool {
		return !now.Before(s.ExpiresAt)
	})
	maps.DeleteFunc(m.invites, func(_ string, i chat.Invite) bool { return !now.Before(i.ExpiresAt) })
	maps.DeleteFunc(m.sends, func(_ send, e chat.Event) bool { return now.Sub(e.At) > chat.DedupeFor })
	return false, nil
}
