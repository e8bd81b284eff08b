// Package links looks at web pages on behalf of people: the domain's port
// [chat.LinkPreviewer], made of what fetches pages without getting inside
// (internal/preview) and of what makes pictures safe (internal/picture).
//
// What a page says is kept in a cache that all nodes may share; its picture,
// made small and encoded anew, in this process' memory, up to a number of
// bytes. Whoever asks for the same at the same time shares one fetch.
package links

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/netguard"
	"github.com/parley-chat/parley/internal/picture"
	"github.com/parley-chat/parley/internal/preview"
)

const (
	// timeout bounds what one page takes, and what one picture takes. It is
	// shorter than any handler lets a call take.
	timeout = 5 * time.Second
	// keepFor and keepNothing say how long it is remembered what a link leads
	// to, and that there is nothing to show.
	keepFor, keepNothing = 24 * time.Hour, 10 * time.Minute
	// size is the longer side of a picture, in pixels.
	size = 400
	// maxBytes bounds a picture as it is fetched, in bytes.
	maxBytes = 5 << 20
	// maxMaking bounds how many pictures are fetched and made small at a time.
	maxMaking = 4
	// picturesWeight bounds the pictures that are kept, in bytes.
	picturesWeight = 32 << 20
)

// Config is what a [LinkPreviewer] is made of.
type Config struct {
	Cache preview.Cache      // where it is kept what pages say; default 8 MiB of this process' memory
	Allow netguard.AllowList // what may be looked at besides the public web
	// hosts of this server, each with or without a port: its pages have nothing
	// to show
	Own      []string
	Resolver *net.Resolver // default the system's
	Version  string        // said to whoever is asked
	Log      *slog.Logger  // default slog.Default()
}

// LinkPreviewer implements [chat.LinkPreviewer]. Safe for concurrent use.
type LinkPreviewer struct {
	fetcher  *preview.Fetcher
	maker    *picture.Maker
	own      []string
	pictures *otter.Cache[string, small] // by their address
	slots    chan struct{}
	end      func() // of the cache, if it is ours

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	making map[string]*making // by the picture's address
}

// small is a picture as it is shown, or without data that there is none.
type small struct {
	kind string
	data []byte
}

// making is a picture that some wait for. The rest may be read when done is
// closed.
type making struct {
	done chan struct{}
	got  small
	err  error
}

var _ chat.LinkPreviewer = (*LinkPreviewer)(nil)

// New returns a LinkPreviewer. Close it after the last call.
func New(cfg Config) *LinkPreviewer {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	end := func() {}
	if cfg.Cache == nil {
		m := newMemory()
		cfg.Cache, end = m, func() { m.entries.StopAllGoroutines() }
	}
	agent := "Parley link preview"
	if cfg.Version != "" {
		agent = "Parley/" + cfg.Version + " (link preview)"
	}
	l := &LinkPreviewer{
		fetcher: preview.New(preview.Options{
			Guard: netguard.Guard{Allow: cfg.Allow}, Resolver: cfg.Resolver, Cache: cfg.Cache, TTL: keepFor,
			NegativeTTL: keepNothing, Timeout: timeout, Picture: maxBytes, Agent: agent,
			OnError: func(err error) {
				cfg.Log.Warn("a link preview is fetched anew",
					slog.Any("error", err))
			},
		}),
		// An ordinary page's picture has one or two million pixels.
		maker: picture.New(picture.Options{Pixels: 16 << 20, Memory: 96 << 20, Frames: 200,
			Sizes: []int{size}, Anew: true}),
		own: cfg.Own, end: end, slots: make(chan struct{}, maxMaking), making: map[string]*making{},
		pictures: otter.Must(&otter.Options[string, small]{
			MaximumWeight: picturesWeight,
			Weigher: func(address string,
				s small) uint32 {
				return uint32(len(address) + len(s.data) + 200)
			},
			ExpiryCalculator: otter.ExpiryCreatingFunc(func(e otter.Entry[string, small]) time.Duration {
				if e.Value.data == nil {
					return keepNothing
				}
				return keepFor
			}),
		}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Close ends what is being fetched and waits for it. No call may begin after
// it.
func (l *LinkPreviewer) Close() {
	l.cancel()
	l.wg.Wait()
	l.fetcher.Close()
	l.pictures.StopAllGoroutines()
	l.end()
}

// Known implements [chat.LinkPreviewer].
func (l *LinkPreviewer) Known(ctx context.Context, link string) (chat.Preview, bool, error) {
	if l.isOwn(link) {
		return chat.Preview{}, true, chat.ErrNotFound
	}
	p, known, err := l.fetcher.Known(ctx, link)
	return shown(p), known, told(err)
}

// Look implements [chat.LinkPreviewer].
func (l *LinkPreviewer) Look(ctx context.Context, link string) (chat.Preview, error) {
	if l.isOwn(link) {
		return chat.Preview{}, chat.ErrNotFound
	}
	p, err := l.fetcher.Preview(ctx, link)
	return shown(p), told(err)
}

func (l *LinkPreviewer) isOwn(link string) bool {
	u, err := url.Parse(link)
	return err == nil && slices.ContainsFunc(l.own,
		func(host string) bool { return strings.EqualFold(host, u.Host) })
}

func shown(p preview.Preview) chat.Preview {
	return chat.Preview{URL: p.URL, Title: p.Title, Description: p.Description, Site: p.Site, Image: p.Image}
}

var errBusy = &chat.Error{Code: chat.CodeRateLimited, RetryAfter: timeout,
	Message: "too many links are being looked at: try again in a few seconds"}

// told turns the errors of what fetches into those of the port.
func told(err error) error {
	switch {
	case errors.Is(err, preview.ErrBusy):
		return errBusy
	case errors.Is(err, preview.ErrNone), errors.Is(err, preview.ErrRefused):
		return chat.ErrNotFound
	}
	return err
}

// Picture implements [chat.LinkPreviewer].
func (l *LinkPreviewer) Picture(ctx context.Context, link string) (chat.Content, error) {
	p, err := l.Look(ctx, link)
	if err != nil {
		return chat.Content{}, err
	}
	if p.Image == "" {
		return chat.Content{}, chat.ErrNotFound
	}
	s, ok := l.pictures.GetIfPresent(p.Image)
	if !ok {
		if s, err = l.shared(ctx, p.Image); err != nil {
			return chat.Content{}, err
		}
	}
	if s.data == nil {
		return chat.Content{}, chat.ErrNotFound
	}
	return chat.Content{ReadSeekCloser: content{bytes.NewReader(s.data)}, Type: s.kind,
		Size: int64(len(s.data)), Inline: true}, nil
}

// content is a picture in memory.
type content struct{ io.ReadSeeker }

func (content) Close() error { return nil }

// shared makes a picture, once for all who wait for it; it goes on if some of
// them leave.
func (l *LinkPreviewer) shared(ctx context.Context, address string) (small, error) {
	l.mu.Lock()
	m := l.making[address]
	if m == nil {
		m = &making{done: make(chan struct{})}
		l.making[address] = m
		l.wg.Go(func() {
			ctx, cancel := context.WithTimeout(l.ctx, timeout)
			defer cancel()
			m.got, m.err = l.make(ctx, address)
			if m.err == nil {
				l.pictures.Set(address, m.got)
			}
			l.mu.Lock()
			delete(l.making, address)
			l.mu.Unlock()
			close(m.done)
		})
	}
	l.mu.Unlock()
	select {
	case <-m.done:
		return m.got, m.err
	case <-ctx.Done():
		return small{}, ctx.Err()
	}
}

// make fetches a picture and makes it small. Without an error there may be
// none.
func (l *LinkPreviewer) make(ctx context.Context, address string) (small, error) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return small{}, errBusy
	}
	data, err := l.fetcher.Image(ctx, address)
	if errors.Is(err, preview.ErrBusy) || l.ctx.Err() != nil {
		return small{}, errBusy
	}
	if err != nil {
		return small{}, nil
	}
	p, err := l.maker.Make(ctx, data)
	switch {
	case err == nil:
		return small{p.Thumbnails[0].Type, p.Thumbnails[0].Data}, nil
	case ctx.Err() != nil:
		return small{}, errBusy
	}
	return small{}, nil
}
