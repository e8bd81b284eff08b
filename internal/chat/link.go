package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

// LinkPreviewer fetches previews of web pages.
type LinkPreviewer interface {
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

// Preview is the preview of a link. Its texts come from the page: one line
// each, to be shown as plain text.
type Preview struct {
	URL         string `json:"url" doc:"The link, as it stands in the message"`
	Title       string `json:"title" doc:"Title; may be empty if there is an image"`
	Description string `json:"description,omitempty" doc:"What it is about"`
	Site        string `json:"site,omitempty" doc:"The site's name for itself"`
	Image       string `json:"image,omitempty" doc:"Path on this server of a small picture, which may turn out not to be there"`
}

// PreviewList lists the previews of a message's links.
type PreviewList struct {
	Previews []Preview `json:"previews" doc:"In the order of the text; links of which there is nothing to show are not there"`
}

// ListPreviews returns the previews of the links in a message's current text.
func (s *Service) ListPreviews(ctx context.Context, who Caller, in MessageInput) (PreviewList, error) {
	m, _, err := s.message(ctx, who, in)
	if err != nil || s.LinkPreviewer == nil {
		return PreviewList{Previews: []Preview{}}, err
	}
	all := links(m.Text)
	looked, errs := make([]Preview, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, link := range all {
		wg.Go(func() { looked[i], errs[i] = s.fetchPreview(ctx, who, link) })
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
		p.Title, p.Description, p.Site = cleanLine(p.Title), cleanLine(p.Description), cleanLine(p.Site)
		if p.URL = all[i]; p.Image != "" {
			p.Image = fmt.Sprintf("/api/v1/rooms/%s/messages/%d/previews/%s/image", in.Room, in.No,
				linkID(all[i]))
		}
		out.Previews = append(out.Previews, p)
	}
	return out, nil
}

// fetchPreview returns a link's preview. Only links that are not cached count
// against the caller's limit.
func (s *Service) fetchPreview(ctx context.Context, who Caller, link string) (Preview, error) {
	p, known, err := s.LinkPreviewer.Known(ctx, link)
	if known || err != nil {
		return p, err
	}
	if err := s.limit(ctx, "look:"+string(who.User.ID), s.Limits.Looks); err != nil {
		return Preview{}, err
	}
	return s.LinkPreviewer.Look(ctx, link)
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
	if err := s.Admit(ctx, who); err != nil {
		return Content{}, err
	}
	m, _, err := s.message(ctx, who, MessageInput{Room: in.Room, No: in.No})
	if err != nil {
		return Content{}, err
	}
	for _, link := range links(m.Text) {
		if linkID(link) != in.Preview || s.LinkPreviewer == nil {
			continue
		}
		p, err := s.fetchPreview(ctx, who, link)
		if err == nil && p.Image == "" {
			err = ErrNotFound
		}
		if err != nil {
			return Content{}, err
		}
		return s.LinkPreviewer.Picture(ctx, link)
	}
	return Content{}, ErrNotFound
}

// linkID names a link of a message, so that another text does not put another
// picture under the same address.
func linkID(link string) string {
	sum := sha256.Sum256([]byte(link))
	return hex.EncodeToString(sum[:8])
}
