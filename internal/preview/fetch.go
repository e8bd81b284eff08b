package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/internal/netguard"
)

// redirects is how many are followed.
const redirects = 4

// answer is a page or a picture. Its body must be closed.
type answer struct {
	*http.Response
	from *url.URL
	kind string // media type, without parameters
}

func (f *Fetcher) fetchPage(ctx context.Context, u *url.URL) (Preview, error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return Preview{}, err
	}
	defer leave()
	a, err := f.get(ctx, u, "text/html,application/xhtml+xml;q=0.9,image/*;q=0.5")
	if err != nil {
		return Preview{}, err
	}
	defer a.Body.Close()
	p := Preview{URL: a.from.String()}
	switch {
	case isPicture(a.kind):
		p.Image = p.URL
		return p, nil
	case a.kind != "text/html" && a.kind != "application/xhtml+xml":
		return Preview{}, fmt.Errorf("%w: it is no page", ErrNone)
	}
	if err := p.read(io.LimitReader(a.Body, f.opt.Page), a.Header.Get("Content-Type"), f); err != nil {
		return Preview{}, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if p.Title == "" && p.Description == "" {
		return Preview{}, fmt.Errorf("%w: it has no title", ErrNone)
	}
	return p, nil
}

// Image fetches the picture that a Preview names, under the same rules: a JPEG,
// PNG, GIF or WebP by its server's word. Its bytes are as untrusted as an
// upload's. The errors are those of Preview.
func (f *Fetcher) Image(ctx context.Context, link string) ([]byte, error) {
	u, err := f.judge(link)
	if err != nil {
		return nil, err
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, f.opt.Timeout)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	data, err := f.fetchImage(ctx, u)
	if err != nil && caller.Err() != nil {
		return nil, caller.Err()
	}
	return data, err
}

func (f *Fetcher) fetchImage(ctx context.Context, u *url.URL) ([]byte, error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	a, err := f.get(ctx, u, "image/webp,image/png,image/jpeg,image/gif")
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	if !isPicture(a.kind) {
		return nil, fmt.Errorf("%w: it is no picture", ErrNone)
	}
	if a.ContentLength > f.opt.Picture {
		return nil, fmt.Errorf("%w: the picture is too large", ErrNone)
	}
	data, err := io.ReadAll(io.LimitReader(a.Body, f.opt.Picture+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if int64(len(data)) > f.opt.Picture {
		return nil, fmt.Errorf("%w: the picture is too large", ErrNone)
	}
	return data, nil
}

// enter waits for its turn.
func (f *Fetcher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

// get follows redirects, each judged like the first, to an answer of status
// 200. Requests carry nothing but what stands here; RoundTrip knows neither
// cookies nor referrers.
func (f *Fetcher) get(ctx context.Context, u *url.URL, accept string) (*answer, error) {
	for range 1 + redirects {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, ErrRefused
		}
		r.Header.Set("User-Agent", f.opt.Agent)
		r.Header.Set("Accept", accept)
		resp, err := f.transport.RoundTrip(r)
		if errors.Is(err, netguard.ErrRefused) {
			return nil, ErrRefused
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNone, err)
		}
		switch resp.StatusCode {
		case http.StatusOK:
			kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
			if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
				kind = ""
			}
			return &answer{resp, u, kind}, nil
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
			http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			resp.Body.Close()
			if u, err = f.resolve(u, resp.Header.Get("Location")); err != nil {
				return nil, err
			}
		default:
			resp.Body.Close()
			return nil, fmt.Errorf("%w: status %d", ErrNone, resp.StatusCode)
		}
	}
	return nil, fmt.Errorf("%w: too many redirects", ErrNone)
}

// resolve judges a link that stands on a page or in its headers.
func (f *Fetcher) resolve(from *url.URL, link string) (*url.URL, error) {
	if len(link) > longest {
		return nil, ErrRefused
	}
	to, err := from.Parse(strings.TrimSpace(link))
	if err != nil {
		return nil, ErrRefused
	}
	return f.judge(to.String())
}

func isPicture(kind string) bool {
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return true
	}
	return false
}
