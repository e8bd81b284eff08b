package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Looker looks at web pages on behalf of people.
type Looker interface {
	// Known is Look without asking anybody but what is remembered. Known is
	// false if nothing is remembered of the link, also not that there is
	// nothing to show.
	Known(ctx context.Context, link string) (p Preview, known bool, err error)
	// Look returns what can be shown of the page that a link leads to. Image is
	// its picture's address there, "" for none. ErrNotFound if there is nothing
	// to show, or the link must not be followed; ErrRateLimited if too much is
	// being looked at.
	Look(ctx context.Context, link string) (Preview, error)
	// Picture returns the picture of that page, small and safe to show, which
	// the caller closes. ErrNotFound if there is none.
	Picture(ctx context.Context, link string) (Content, error)
}

const (
	// maxLinks is how many links of a message are looked at.
	maxLinks = 3
	// longestLink is the most bytes of a link that is looked at.
	longestLink = 2048
)

// Preview is what can be shown of a link. Its texts are a stranger's: one line
// each, to be shown as text.
type Preview struct {
	URL         string `json:"url" doc:"The link, as it stands in the message"`
	Title       string `json:"title" doc:"Title; may be empty if there is an image"`
	Description string `json:"description,omitempty" doc:"What it is about"`
	Site        string `json:"site,omitempty" doc:"The site's name for itself"`
	Image       string `json:"image,omitempty" doc:"Path on this server of a small picture, which may turn out not to be there"`
}

// PreviewList is what can be shown of a message's links.
type PreviewList struct {
	Previews []Preview `json:"previews" doc:"In the order of the text; links of which there is nothing to show are not there"`
}

// ListPreviews returns what can be shown of the links in a message's text, as
// the text is now.
func (s *Service) ListPreviews(ctx context.Context, who Caller, in MessageInput) (PreviewList, error) {
	m, _, err := s.message(ctx, who, in)
	if err != nil || s.Looker == nil {
		return PreviewList{Previews: []Preview{}}, err
	}
	all := links(m.Text)
	looked, errs := make([]Preview, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, link := range all {
		wg.Go(func() { looked[i], errs[i] = s.look(ctx, who, link) })
	}
	wg.Wait()
	out := PreviewList{Previews: []Preview{}}
	for i, p := range looked {
		if errors.Is(errs[i], ErrNotFound) {
			continue
		}
		if errs[i] != nil {
			return PreviewList{}, errs[i]
		}
		if p.URL = all[i]; p.Image != "" {
			p.Image = fmt.Sprintf("/api/v1/rooms/%s/messages/%d/previews/%s/image", in.Room, in.No,
				linkID(all[i]))
		}
		out.Previews = append(out.Previews, p)
	}
	return out, nil
}

// look returns a link's preview. Only what is not known yet counts against the
// caller's limit.
func (s *Service) look(ctx context.Context, who Caller, link string) (Preview, error) {
	p, known, err := s.Looker.Known(ctx, link)
	if known || err != nil {
		return p, err
	}
	if err := s.limit(ctx, "look:"+string(who.User.ID), s.Limits.Looks); err != nil {
		return Preview{}, err
	}
	return s.Looker.Look(ctx, link)
}

// PreviewInput names the picture of a link in a message.
type PreviewInput struct {
	Room    RoomID `json:"room" doc:"Id of the room"`
	No      int64  `json:"no" doc:"Number of the message"`
	Preview string `json:"preview" doc:"Id of the link, as in image of link.previews"`
}

// OpenPreview returns the picture of a link in a message that the caller may
// read.
func (s *Service) OpenPreview(ctx context.Context, who Caller, in PreviewInput) (Content, error) {
	if who.Anonymous() {
		return Content{}, ErrUnauthenticated
	}
	if err := who.May(ScopeRead); err != nil {
		return Content{}, err
	}
	if err := s.admit(ctx, who); err != nil {
		return Content{}, err
	}
	m, _, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No})
	if err != nil {
		return Content{}, err
	}
	for _, link := range links(m.Text) {
		if linkID(link) != in.Preview || s.Looker == nil {
			continue
		}
		p, err := s.look(ctx, who, link)
		if err == nil && p.Image == "" {
			err = ErrNotFound
		}
		if err != nil {
			return Content{}, err
		}
		return s.Looker.Picture(ctx, link)
	}
	return Content{}, ErrNotFound
}

// linkID names a link of a message, so that another text does not put another
// picture under the same address.
func linkID(link string) string {
	sum := sha256.Sum256([]byte(link))
	return hex.EncodeToString(sum[:8])
}

// links returns the first few web links of a markdown text, each once, as they
// stand there. Links in code are none, and neither are those between < and >,
// with which an author says that they want no preview.
func links(text string) []string {
	var all []string
	for _, part := range prose(text) {
		for from := 0; len(all) < maxLinks; {
			at, scheme := nextLink(part[from:])
			if at < 0 {
				break
			}
			at += from
			link, bracketed := linkAt(part, at, scheme)
			from = at + len(link)
			if len(link) > scheme && len(link) <= longestLink && !bracketed && !slices.Contains(all, link) {
				all = append(all, link)
			}
		}
	}
	return all
}

// nextLink returns where the text next says http:// or https:// at the
// beginning of a word, and how long that is; -1 for nowhere.
func nextLink(text string) (at, scheme int) {
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return -1, 0
		}
		end := from + i
		for _, name := range []string{"https", "http"} {
			at := end - len(name)
			if at < 0 || !strings.EqualFold(text[at:end], name) {
				continue
			}
			before, _ := utf8.DecodeLastRuneInString(text[:at])
			if !unicode.IsLetter(before) && !unicode.IsDigit(before) {
				return at, len(name) + len("://")
			}
		}
		from = end + len("://")
	}
}

// linkAt returns the link that begins there, as a reader would see it: without
// the full stop of the sentence around it. Bracketed is one between < and >.
func linkAt(text string, at, scheme int) (link string, bracketed bool) {
	link = text[at:]
	if end := strings.IndexFunc(link,
		func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("<>\"|\\^{}", r) }); end >= 0 {
		bracketed = at > 0 && text[at-1] == '<' && link[end] == '>'
		link = link[:end]
	}
	if bracketed {
		return link, true
	}
	// A bracket that the link does not open belongs to what stands around it,
	// as in [a text](the link).
	open := map[rune]int{}
	for i, r := range link {
		switch r {
		case '(', '[':
			open[r]++
		case ')', ']':
			opening := map[rune]rune{')': '(', ']': '['}[r]
			if open[opening]--; open[opening] < 0 {
				return trimLink(link[:i], scheme), false
			}
		}
	}
	return trimLink(link, scheme), false
}

func trimLink(link string, scheme int) string {
	return link[:scheme] + strings.TrimRight(link[scheme:], ".,;:!?'*_~([’”»…")
}
