package server

import (
	"net/url"

	"github.com/parley-chat/parley/internal/links"
	"github.com/parley-chat/parley/internal/netguard"
)

// PreviewConfig says whether the server shows what the links in messages lead
// to.
type PreviewConfig struct {
	LinkPreviews string   // "on" or "off"
	LinkAllow    []string // what may be fetched besides the public web, see [netguard.ParseAllow]
}

// Check returns a [SettingError] for a setting that is wrong.
func (p PreviewConfig) Check() error {
	if _, err := netguard.ParseAllow(p.LinkAllow); err != nil {
		return &SettingError{Setting: "LinkAllow", Err: err}
	}
	return nil
}

// OpenPreviews lets the domain fetch link previews, if the settings say so.
// Reached is the server's own address, which is never fetched. Closing the core
// ends the fetching. Call it once, before people come.
func (c *Core) OpenPreviews(p PreviewConfig, reached string) error {
	if p.LinkPreviews == "off" {
		return nil
	}
	allow, err := netguard.ParseAllow(p.LinkAllow)
	if err != nil {
		return &SettingError{Setting: "LinkAllow", Err: err}
	}
	cfg := links.Config{Allow: allow, Version: Version(), Cache: c.Previews, Log: c.Log}
	if u, err := url.Parse(reached); err == nil {
		cfg.Own = []string{u.Host}
	}
	previewer := links.New(cfg)
	c.Service.LinkPreviewer, c.previews = previewer, previewer.Close
	return nil
}
