package server

import (
	"net/url"

	"github.com/parley-chat/parley/internal/links"
)

// Links says whether the server looks at what the links in messages lead to.
type Links struct {
	LinkPreviews string   // "on" or "off"
	LinkAllow    []string // what may be looked at besides the public web, see [links.ParseAllow]
}

// Check returns a [SettingError] for a setting that cannot be.
func (l Links) Check() error {
	if _, err := links.ParseAllow(l.LinkAllow); err != nil {
		return &SettingError{"LinkAllow", err}
	}
	return nil
}

// LookAtLinks has the domain look at links, if it is to. Reached is the address
// of the server itself, at which there is nothing to look at. Closing the core
// ends it. Call it once, before people come.
func (c *Core) LookAtLinks(l Links, reached string) error {
	if l.LinkPreviews == "off" {
		return nil
	}
	allow, err := links.ParseAllow(l.LinkAllow)
	if err != nil {
		return &SettingError{"LinkAllow", err}
	}
	cfg := links.Config{Allow: allow, Version: Version(), Log: c.Log}
	if u, err := url.Parse(reached); err == nil {
		cfg.Own = []string{u.Host}
	}
	shared := func() {}
	if c.redis != nil {
		cache, err := links.NewShared(c.redis, c.place.RedisPrefix+":link")
		if err != nil {
			return err
		}
		cfg.Cache, shared = cache, cache.Close
	}
	looker := links.New(cfg)
	c.Service.Looker = looker
	c.looks = func() {
		looker.Close()
		shared()
	}
	return nil
}
