// Package preview fetches what a link leads to, far enough to show its title, a
// few words and a picture.
//
// A server that fetches what strangers name is a way into its own network. So
// each connection's address is judged when it is dialled, after the name was
// looked up and for each redirect anew: what was judged is what is connected
// to, and a name that changes its mind in between gains nothing. Only web pages
// and pictures on the public Internet pass (see [netguard.Guard]). A fetch says
// nothing of who asked: no cookie, no referrer, no credentials. Time,
// redirects, headers and bytes after decompression are bounded, and so is how
// many fetches run at once.
//
// What comes back is a stranger's text: it is cut, put on one line and cleaned
// of control characters and of those that change the direction of what stands
// around them. It is still to be shown as text only. Answers are kept in a
// [Cache], also that there is nothing to show.
package preview

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/parley-chat/parley/internal/netguard"
)

var (
	// ErrRefused is returned for links that are not fetched: no web address, or
	// one that is not public.
	ErrRefused = errors.New("the link does not lead to a public web page")
	// ErrNone is returned where there is nothing to show: no answer, no page,
	// no title.
	ErrNone = errors.New("there is no preview of the link")
	// ErrBusy is returned when as many fetches run as may, for as long as one
	// may take.
	ErrBusy = errors.New("too many links are being fetched")
)

// Preview is what can be shown of a link. All texts are one line of clean UTF-8
// and may be "", except that of Title, Description and Image one is not.
type Preview struct {
	URL         string `json:"url"`         // http or https, where the last redirect led
	Title       string `json:"title"`       // at most 200 characters
	Description string `json:"description"` // at most 400
	Site        string `json:"site"`        // the site's name for itself, at most 80
	Image       string `json:"image"`       // http or https, to be fetched with Image
}

// Cache keeps answers. Values are small; a value may be kept longer than ttl,
// or be forgotten earlier.
type Cache interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// Options of a Fetcher. Zero values mean what is said in brackets.
type Options struct {
	Guard       netguard.Guard   // which addresses may be reached
	Resolver    *net.Resolver    // [the system's]
	Cache       Cache            // [none]
	TTL         time.Duration    // how long a preview is kept [24 hours]
	NegativeTTL time.Duration    // how long it is kept that there is none [10 minutes]
	Timeout     time.Duration    // for everything that a preview takes [8 seconds]
	Page        int64            // bytes of a page that are read, decompressed [1 MiB]
	Picture     int64            // most bytes of a picture [8 MiB]
	Parallel    int              // fetches at a time [16]
	Agent       string           // User-Agent ["Parley link preview"]
	Now         func() time.Time // [time.Now]
	OnError     func(error)      // is told of failures of the cache [nobody is]
}

// Fetcher makes previews. Safe for concurrent use.
type Fetcher struct {
	opt       Options
	transport *http.Transport
	slots     chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	flights map[string]*flight // by the key in the cache
}

// flight is a fetch that some wait for. The rest may be read when done is
// closed.
type flight struct {
	done    chan struct{}
	preview Preview
	err     error
}

// New returns a Fetcher. Close it after the last call.
func New(opt Options) *Fetcher {
	if opt.TTL == 0 {
		opt.TTL = 24 * time.Hour
	}
	if opt.NegativeTTL == 0 {
		opt.NegativeTTL = 10 * time.Minute
	}
	if opt.Timeout == 0 {
		opt.Timeout = 8 * time.Second
	}
	if opt.Page == 0 {
		opt.Page = 1 << 20
	}
	if opt.Picture == 0 {
		opt.Picture = 8 << 20
	}
	if opt.Parallel == 0 {
		opt.Parallel = 16
	}
	if opt.Agent == "" {
		opt.Agent = "Parley link preview"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.OnError == nil {
		opt.OnError = func(error) {}
	}
	f := &Fetcher{opt: opt, slots: make(chan struct{}, opt.Parallel), flights: map[string]*flight{}}
	f.transport = newTransport(opt)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Close ends what is being fetched and waits for it. No call may begin after
// it.
func (f *Fetcher) Close() {
	f.cancel()
	f.wg.Wait()
	f.transport.CloseIdleConnections()
}

// Known returns what the cache holds of the link, as Preview would; known is
// false if it holds nothing.
func (f *Fetcher) Known(ctx context.Context, link string) (p Preview, known bool, err error) {
	u, err := f.judge(link)
	if err != nil {
		return Preview{}, true, err
	}
	p, err, known = f.cached(ctx, keyOf(u))
	return p, known, err
}

func keyOf(u *url.URL) string {
	sum := sha256.Sum256([]byte(u.String()))
	return hex.EncodeToString(sum[:])
}

// Preview returns what can be shown of the link, from the cache or by fetching
// it. Those who ask for the same link at the same time share one fetch, which
// goes on if some of them leave. The errors are ErrRefused, ErrNone, ErrBusy
// (they may be wrapped) and that of ctx.
func (f *Fetcher) Preview(ctx context.Context, link string) (Preview, error) {
	u, err := f.judge(link)
	if err != nil {
		return Preview{}, err
	}
	key := keyOf(u)
	if p, err, ok := f.cached(ctx, key); ok {
		return p, err
	}
	f.mu.Lock()
	shared := f.flights[key]
	if shared == nil {
		shared = &flight{done: make(chan struct{})}
		f.flights[key] = shared
		f.wg.Go(func() { f.fly(shared, key, u) })
	}
	f.mu.Unlock()
	select {
	case <-shared.done:
		return shared.preview, shared.err
	case <-ctx.Done():
		return Preview{}, ctx.Err()
	}
}

func (f *Fetcher) fly(shared *flight, key string, u *url.URL) {
	ctx, cancel := context.WithTimeout(f.ctx, f.opt.Timeout)
	defer cancel()
	shared.preview, shared.err = f.fetchPage(ctx, u)
	if f.ctx.Err() == nil && !errors.Is(shared.err, ErrBusy) {
		f.keep(key, shared)
	}
	f.mu.Lock()
	delete(f.flights, key)
	f.mu.Unlock()
	close(shared.done)
}

// entry is what the cache holds.
type entry struct {
	Until   int64    `json:"until"` // Unix milliseconds
	Preview *Preview `json:"preview,omitempty"`
	Refused bool     `json:"refused,omitempty"`
}

func (f *Fetcher) cached(ctx context.Context, key string) (Preview, error, bool) {
	if f.opt.Cache == nil {
		return Preview{}, nil, false
	}
	value, ok, err := f.opt.Cache.Get(ctx, key)
	var e entry
	if err == nil && ok {
		err = json.Unmarshal(value, &e)
	}
	switch {
	case err != nil:
		f.opt.OnError(fmt.Errorf("read a preview from the cache: %w", err))
		return Preview{}, nil, false
	case !ok || e.Until <= f.opt.Now().UnixMilli():
		return Preview{}, nil, false
	case e.Preview != nil:
		return *e.Preview, nil, true
	case e.Refused:
		return Preview{}, ErrRefused, true
	}
	return Preview{}, ErrNone, true
}

func (f *Fetcher) keep(key string, done *flight) {
	if f.opt.Cache == nil {
		return
	}
	ttl := f.opt.NegativeTTL
	e := entry{Refused: errors.Is(done.err, ErrRefused)}
	if done.err == nil {
		ttl, e.Preview = f.opt.TTL, &done.preview
	}
	e.Until = f.opt.Now().Add(ttl).UnixMilli()
	value, err := json.Marshal(e)
	if err == nil {
		ctx, cancel := context.WithTimeout(f.ctx, f.opt.Timeout)
		defer cancel()
		err = f.opt.Cache.Set(ctx, key, value, ttl)
	}
	if err != nil {
		f.opt.OnError(fmt.Errorf("keep a preview: %w", err))
	}
}
