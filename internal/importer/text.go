package importer

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/chat"
)

// text returns the text of a message with what its holes stand for, and sets
// its mentions. It is not linked if a message that it links to is not here.
func (r *run) text(in *archive.Message, m *chat.Message) (text string, linked bool, err error) {
	linked = true
	for _, id := range in.Mentions {
		if id == string(chat.MentionAll) {
			m.Mentions = append(m.Mentions, chat.MentionAll)
		} else if p := r.people[id]; p != nil {
			m.Mentions = append(m.Mentions, p.id)
		}
	}
	if len(in.Refs) == 0 {
		return in.Text, true, nil
	}
	var out strings.Builder
	pieces := strings.Split(in.Text, archive.Hole)
	for i, piece := range pieces {
		out.WriteString(piece)
		if i == len(pieces)-1 || i >= len(in.Refs) {
			continue
		}
		ref := in.Refs[i]
		at, isRoom := r.roomIDs[ref.Room]
		p := r.people[ref.Person]
		switch {
		case ref.Person != "" && p != nil:
			out.WriteString("@" + escape(p.name))
			m.Mentions = append(m.Mentions, p.id)
		case ref.Message != "" && isRoom:
			address, err := r.messageLink(at, ref.Message)
			if err != nil {
				return "", false, err
			}
			if address == "" {
				address, linked = ref.Text, false
			}
			out.WriteString(address)
		case ref.Message != "":
			linked = false
			out.WriteString(ref.Text)
		case ref.Room != "" && isRoom && r.PublicURL != "":
			fmt.Fprintf(&out, "[#%s](%s)", escape(r.rooms[at].Name), r.address(r.rooms[at].ID, 0, 0))
		case ref.Room != "" && isRoom:
			out.WriteString("#" + escape(r.rooms[at].Name))
		default:
			out.WriteString(escape(ref.Text))
		}
	}
	return out.String(), linked, nil
}

// messageLink returns the address of a message here, "" if it has none.
func (r *run) messageLink(room int, id string) (string, error) {
	key := r.key(r.messageID(r.rooms[room], id))
	to, ok := r.places[key]
	if !ok || r.PublicURL == "" {
		return "", nil
	}
	if to.no == 0 && !r.Importer.DryRun { // it is in the batch
		if err := r.flush(); err != nil {
			return "", err
		}
		to = r.places[key]
	}
	return r.link(to), nil
}

// link is the address of a place, "" without a public URL.
func (r *run) link(to place) string {
	room := r.rooms[to.room]
	if room.Kind == chat.ThreadRoom {
		return r.address(room.Parent, room.Root, int64(to.no))
	}
	return r.address(room.ID, int64(to.no), 0)
}

// address is that of a room, of a message in it, or of a reply to that.
func (r *run) address(room chat.RoomID, no, reply int64) string {
	if r.PublicURL == "" {
		return ""
	}
	out := strings.TrimRight(r.PublicURL, "/") + "/#/r/" + url.PathEscape(string(room))
	if no > 0 {
		out += fmt.Sprintf("/%d", no)
	}
	if reply > 0 {
		out += fmt.Sprintf("?reply=%d", reply)
	}
	return out
}

// escape keeps a name from being taken for markdown.
func escape(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '\n' {
			return ' '
		}
		return c
	}, marks.Replace(name))
}

var marks = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "~", "\\~", "[", "\\[",
	"]", "\\]", "<", "\\<", ">", "\\>")
