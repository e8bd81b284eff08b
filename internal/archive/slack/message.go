package slack

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/archive"
	"github.com/parley-chat/parley/internal/incoming"
)

type message struct {
	Type        string           `json:"type"`
	Subtype     string           `json:"subtype"`
	Hidden      bool             `json:"hidden"`
	User        string           `json:"user"`
	BotID       string           `json:"bot_id"`
	Username    string           `json:"username"`
	BotProfile  profile          `json:"bot_profile"`
	UserProfile profile          `json:"user_profile"`
	Text        string           `json:"text"`
	TS          string           `json:"ts"`
	ThreadTS    string           `json:"thread_ts"`
	Edited      *edited          `json:"edited"`
	Reactions   []reaction       `json:"reactions"`
	File        *file            `json:"file"`
	Files       []file           `json:"files"`
	Attachments []map[string]any `json:"attachments"`
	Blocks      []any            `json:"blocks"`
	PinnedTo    []string         `json:"pinned_to"`
	PinnedInfo  map[string]struct {
		By string `json:"pinned_by"`
		TS int64  `json:"pinned_ts"`
	} `json:"pinned_info"`
}

type edited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

type reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

type file struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Mode string `json:"mode"`
	URL  string `json:"url_private"`
	Alt  string `json:"alt_txt"`
	Link string `json:"permalink"`
}

// notices are the subtypes of what Slack itself says in a conversation.
var notices = []string{"channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name",
	"channel_archive", "channel_unarchive", "channel_convert_to_private", "channel_posting_permissions",
	"group_join", "group_leave", "group_topic", "group_purpose", "group_name", "group_archive", "group_unarchive",
	"pinned_item", "unpinned_item", "bot_add", "bot_remove", "bot_enable", "bot_disable", "reminder_add",
	"reminder_delete", "joiner_notification", "joiner_notification_for_inviter", "app_conversation_join",
	"app_conversation_leave", "sh_room_created", "sh_room_shared", "huddle_thread", "tombstone", "message_deleted",
	"message_changed", "message_replied", "thread_locked", "conversation_restricted", "added_channels_to_team"}

func (r *reading) message(room *channel, m *message, where string) error {
	where += " (" + m.TS + ")"
	kind := archive.Messages
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		kind = archive.Replies
	}
	switch {
	case m.Type != "message":
		return r.skip(kind, "it is no message", where, 1)
	case m.Subtype == "tombstone":
		return r.skip(kind, "it was deleted in Slack", where, 1)
	case m.Hidden || slices.Contains(notices, m.Subtype):
		return r.skip(kind, "a notice of Slack, not a message of someone", where, 1)
	}
	out := archive.Message{Room: room.ID, ID: m.TS, At: stamp(m.TS), Where: where}
	if kind == archive.Replies {
		out.Thread = m.ThreadTS
	}
	var err error
	if out.From, err = r.author(m); err != nil {
		return err
	}
	r.text(m, &out)
	if m.Edited != nil {
		out.EditedAt = stamp(m.Edited.TS)
	}
	if p, ok := r.pins[room.ID+"/"+m.TS]; ok {
		out.PinnedAt, out.PinnedBy = unix(p.Created), p.User
	} else if slices.Contains(m.PinnedTo, room.ID) {
		info := m.PinnedInfo[room.ID]
		out.PinnedAt, out.PinnedBy = unix(info.TS), info.By
		if info.TS == 0 {
			out.PinnedAt = out.At
		}
	}
	for _, g := range m.Reactions {
		out.Reactions = append(out.Reactions, archive.Reaction{Emoji: g.Name, People: g.Users})
		if missing := g.Count - len(g.Users); missing > 0 && missing < 1_000_000 {
			if err := r.skip(archive.Reactions, "the export does not say who reacted", where, missing); err != nil {
				return err
			}
		}
	}
	if m.File != nil && len(m.Files) == 0 {
		m.Files = []file{*m.File}
	}
	for _, f := range m.Files {
		switch f.Mode {
		case "tombstone":
			err = r.skip(archive.Files, "it was deleted in Slack", where, 1)
		case "hidden_by_limit":
			err = r.skip(archive.Files, "Slack's plan hides it", where, 1)
		default:
			out.Files = append(out.Files, archive.File{ID: f.ID, Name: cmp.Or(f.Name, f.ID), Alt: f.Alt,
				URL: cmp.Or(f.URL, f.Link), Path: r.find(room.folder, f)})
		}
		if err != nil {
			return err
		}
	}
	return r.give(archive.Record{Message: &out})
}

// author returns who wrote a message, and gives their record first if no list
// had them: bots, and people of other workspaces.
func (r *reading) author(m *message) (string, error) {
	id, name, bot := m.User, cmp.Or(m.UserProfile.DisplayName, m.UserProfile.RealName,
		m.UserProfile.Name, m.Username), false
	if _, known := r.people[id]; id == "" || !known && m.BotID != "" {
		id, name, bot = "bot:"+cmp.Or(m.BotID, m.Username), cmp.Or(m.BotProfile.Name, m.Username, "Bot"), true
		if m.BotID == "" && m.Username == "" {
			id, name = m.User, "Slackbot"
		}
	}
	if id == "" {
		return "", nil
	}
	if _, known := r.people[id]; known {
		return id, nil
	}
	if id == slackbot {
		name, bot = "Slackbot", true
	}
	r.people[id] = cmp.Or(name, id)
	return id, r.give(archive.Record{Person: &archive.Person{ID: id, Name: r.people[id], Bot: bot, Role: "guest"}})
}

// stamp is the time of a ts, such as 1355517523.000005; the zero time if it is
// none.
func stamp(ts string) time.Time {
	whole, part, _ := strings.Cut(ts, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	micro, err := strconv.ParseInt((part + "000000")[:6], 10, 64)
	if err != nil || micro < 0 {
		micro = 0
	}
	return time.Unix(seconds, micro*1000).UTC()
}

// reference is what stands between < and > for a person, a room, everyone, or a
// message.
var reference = regexp.MustCompile(`<(?:@([UW][A-Z0-9]+)(?:\|[^<>\n]*)?|#([CGD][A-Z0-9]+)(?:\|([^<>\n]*))?|` +
	`(!(?:here|channel|everyone))(?:\|[^<>\n]*)?|` +
	`(https://[A-Za-z0-9-]+\.slack\.com/archives/([CGD][A-Z0-9]+)/p(\d{10})(\d{6})(?:\?[^<>|\s]*)?)(?:\|[^<>\n]*)?)>`)

// noText is what Slack writes for a message that has only blocks.
const noText = "This content can't be displayed."

// text sets the text of a message, as markdown with holes, and what stands in
// those.
func (r *reading) text(m *message, out *archive.Message) {
	text := reference.ReplaceAllStringFunc(strings.ReplaceAll(m.Text, archive.Hole, ""), func(s string) string {
		g := reference.FindStringSubmatch(s)
		switch {
		case g[1] != "":
			out.Refs = append(out.Refs, archive.Ref{Person: g[1], Text: "@" + cmp.Or(r.people[g[1]], g[1])})
		case g[2] != "":
			out.Refs = append(out.Refs, archive.Ref{Room: g[2], Text: "#" + cmp.Or(r.names[g[2]], g[3], g[2])})
		case g[4] != "":
			if !slices.Contains(out.Mentions, "*") {
				out.Mentions = append(out.Mentions, "*")
			}
			return s
		default:
			out.Refs = append(out.Refs, archive.Ref{Room: g[6], Message: g[7] + "." + g[8], Text: g[5]})
		}
		return archive.Hole
	})
	payload := map[string]any{"text": text}
	var attached []any
	for _, a := range m.Attachments {
		if a["from_url"] == nil && a["original_url"] == nil { // or else a preview of a link in the text
			attached = append(attached, r.named(a))
		}
	}
	if len(attached) > 0 {
		payload["attachments"] = attached
	}
	if text == "" || text == noText {
		delete(payload, "text")
		payload["blocks"] = r.named(m.Blocks)
	}
	out.Text = incoming.Markdown(payload)
	if m.Subtype == "me_message" && out.Text != "" && !strings.Contains(out.Text, "\n") {
		out.Text = "_" + out.Text + "_"
	}
}

// named puts the names of people and rooms in place of their ids, in all texts
// of a value of JSON.
func (r *reading) named(v any) any {
	switch v := v.(type) {
	case string:
		return r.plainRefs(v)
	case []any:
		for i := range v {
			v[i] = r.named(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = r.named(v[k])
		}
	}
	return v
}

func (r *reading) plainRefs(text string) string {
	return reference.ReplaceAllStringFunc(strings.ReplaceAll(text, archive.Hole, ""), func(s string) string {
		g := reference.FindStringSubmatch(s)
		switch {
		case g[1] != "":
			return "<@" + g[1] + "|" + marks.Replace(cmp.Or(r.people[g[1]], g[1])) + ">"
		case g[2] != "":
			return "<#" + g[2] + "|" + marks.Replace(cmp.Or(r.names[g[2]], g[3], g[2])) + ">"
		}
		return s
	})
}

// marks keeps a name from ending a reference.
var marks = strings.NewReplacer("<", "", ">", "", "|", "", "&", "&amp;")

// plain is a text of Slack's without its marks, on one line.
func plain(text string) string {
	text = strings.ReplaceAll(text, archive.Hole, "")
	text = regexp.MustCompile(`<([^<>|]+)(?:\|([^<>]+))?>`).ReplaceAllStringFunc(text, func(s string) string {
		target, label, _ := strings.Cut(strings.Trim(s, "<>"), "|")
		return cmp.Or(label, target)
	})
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "\n", " ").Replace(text)
}
