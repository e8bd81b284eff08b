package oidc

import (
	"cmp"
	"strings"
)

// claims are what a provider says of a person.
type claims map[string]any

// get returns a claim. A name with dots, if there is no claim of that name,
// leads through objects: realm_access.roles.
func (c claims) get(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	first, rest, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	inner, _ := c[first].(map[string]any)
	return claims(inner).get(rest)
}

func (c claims) text(name string) string {
	text, _ := c.get(name).(string)
	return strings.TrimSpace(text)
}

// list returns a claim that is a list of texts, or a single one.
func (c claims) list(name string) []string {
	switch v := c.get(name).(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, x := range v {
			if text, ok := x.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// verified reports whether the provider has verified the address. Some say it
// as a text.
func (c claims) verified() bool {
	v := c["email_verified"]
	return v == true || v == "true"
}

// name returns the person's name.
func (c claims) name(claim string) string {
	if claim != "" {
		return c.text(claim)
	}
	return cmp.Or(c.text("name"), c.text("preferred_username"))
}

// fill adds the claims that are missing.
func (c claims) fill(more claims) {
	for name, value := range more {
		if _, ok := c[name]; !ok {
			c[name] = value
		}
	}
}
