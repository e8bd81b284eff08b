package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/netguard"
)

const (
	pictureTimeout   = 10 * time.Second
	parallelPictures = 4
)

// takePicture gives someone who has no picture the one at the address that the
// provider names, beside their log-in. A picture that they chose stays. What
// fails is tried again with their next log-in.
func (h *Handler) takePicture(c *client, address string, user chat.User) {
	if address == "" || user.Picture != "" || h.Service.Files == nil {
		return
	}
	select {
	case h.slots <- struct{}{}:
	default:
		return
	}
	h.pictures.Go(func() {
		defer func() { <-h.slots }()
		ctx, cancel := context.WithTimeout(h.closing, pictureTimeout)
		defer cancel()
		err := h.fetchPicture(ctx, c, address, user)
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the address may be a secret
		}
		if err != nil {
			h.Log.InfoContext(ctx, "no picture from a provider", "provider", c.ID, "user", user.ID, "error", err)
		}
	})
}

// fetchPicture connects to the provider's own host, and else to public
// addresses only: people may choose the address of their picture.
func (h *Handler) fetchPicture(ctx context.Context, c *client, address string, user chat.User) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	from := h.outside
	if issuer, err := url.Parse(c.Issuer); err == nil && issuer.Host == u.Host && issuer.Scheme == u.Scheme {
		from = c.http
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := from.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	_, err = h.Service.SetPicture(ctx, chat.Caller{User: user}, http.MaxBytesReader(nil, res.Body, maxAnswer))
	return err
}

func newOutside() *http.Client { return netguard.Guard{}.Client(pictureTimeout, parallelPictures) }
