package oidc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/parley-chat/parley/internal/chat"
)

// Settings are a file of providers.
type Settings struct {
	// Only leaves people no other way to log in.
	Only      bool       `toml:"only"`
	Providers []Provider `toml:"provider"`
}

// Provider is how to log in at one provider, as the operator says it.
type Provider struct {
	ID     string `toml:"id"`   // in addresses: lower-case letters, digits and hyphens
	Name   string `toml:"name"` // on the button
	Issuer string `toml:"issuer"`

	ClientID   string `toml:"client-id"`
	SecretFile string `toml:"client-secret-file"`
	SecretEnv  string `toml:"client-secret-env"` // name of an environment variable
	CAFile     string `toml:"ca-file"`           // PEM; trusted besides the system's
	// Scopes are asked for besides openid; default profile and email.
	Scopes []string `toml:"scopes"`
	Claims Claims   `toml:"claims"`

	SignUp     bool `toml:"sign-up"`
	LinkByMail bool `toml:"link-by-mail"`
	// KeepSession leaves people logged in at the provider when they log out
	// here.
	KeepSession bool `toml:"keep-session"`

	// AllowedGroups, if any, are those of which a person must be in one.
	AllowedGroups []string `toml:"allowed-groups"`
	// Roles are what groups make of their members, the highest of them.
	Roles map[string]chat.Role `toml:"roles"`
	// Rooms are those that groups bring their members into, by the room's id.
	// Who is in none of its groups any more leaves it.
	Rooms map[chat.RoomID][]string `toml:"rooms"`
	// DefaultRole is that of who is in none of these groups; member if there
	// are Roles. Without both, everyone keeps their role.
	DefaultRole chat.Role `toml:"default-role"`

	secret string
	roots  *x509.CertPool // nil for the system's
}

// Claims are the names of claims. Parts of a name after a dot are fields of the
// claim.
type Claims struct {
	Name   string `toml:"name"`   // default name, or else preferred_username
	Mail   string `toml:"mail"`   // default email
	Groups string `toml:"groups"` // default groups
	// Picture is the address of a picture; default picture.
	Picture string `toml:"picture"`
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Load reads a file of providers, and their secrets from where it says. Env
// returns a variable of the environment.
func Load(path string, env func(string) (string, bool)) (Settings, error) {
	var s Settings
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	meta, err := toml.Decode(string(text), &s)
	if err != nil {
		return s, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("there is no setting %q", unknown[0].String())
	}
	if len(s.Providers) == 0 {
		return s, errors.New("there is no [[provider]]")
	}
	for i := range s.Providers {
		p := &s.Providers[i]
		if err := p.check(); err != nil {
			return s, fmt.Errorf("provider %q: %w", p.ID, err)
		}
		if slices.ContainsFunc(s.Providers[:i], func(o Provider) bool { return o.ID == p.ID }) {
			return s, fmt.Errorf("there are two providers %q", p.ID)
		}
		if err := p.read(env); err != nil {
			return s, fmt.Errorf("provider %q: %w", p.ID, err)
		}
	}
	return s, nil
}

// Public returns what people see of the providers.
func (s Settings) Public() (all []chat.Provider) {
	for _, p := range s.Providers {
		all = append(all, chat.Provider{ID: p.ID, Name: p.Name})
	}
	return all
}

// check returns what cannot be, and sets defaults.
func (p *Provider) check() error {
	switch {
	case !idPattern.MatchString(p.ID):
		return errors.New("id must be 1 to 32 lower-case letters, digits and hyphens")
	case p.Name == "":
		return errors.New("name is missing: it is on the button")
	case p.ClientID == "":
		return errors.New("client-id is missing: the provider gives it when you register this server")
	case p.SecretFile != "" && p.SecretEnv != "":
		return errors.New("give client-secret-file or client-secret-env, not both")
	case p.DefaultRole != "" && !slices.Contains(ranks, p.DefaultRole):
		return fmt.Errorf("default-role must be owner, admin, member or guest, not %q", p.DefaultRole)
	}
	if err := checkIssuer(p.Issuer); err != nil {
		return err
	}
	for group, role := range p.Roles {
		if !slices.Contains(ranks, role) {
			return fmt.Errorf("roles: %q must be owner, admin, member or guest, not %q", group, role)
		}
	}
	if p.Scopes == nil {
		p.Scopes = []string{"profile", "email"}
	}
	for claim, usual := range map[*string]string{&p.Claims.Mail: "email", &p.Claims.Groups: "groups",
		&p.Claims.Picture: "picture"} {
		if *claim == "" {
			*claim = usual
		}
	}
	return nil
}

// checkIssuer wants an address that nobody on the way can change.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
		!safeScheme(u) {
		return fmt.Errorf("issuer must be like https://id.example.com, not %q", issuer)
	}
	return nil
}

// safeScheme reports whether an address is encrypted, or leads to this machine.
func safeScheme(u *url.URL) bool {
	if u.Scheme != "http" {
		return u.Scheme == "https"
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// read reads the provider's secret and certificates.
func (p *Provider) read(env func(string) (string, bool)) error {
	switch {
	case p.SecretFile != "":
		text, err := os.ReadFile(p.SecretFile)
		if err != nil {
			return fmt.Errorf("client-secret-file: %w", err)
		}
		p.secret = strings.TrimSpace(string(text))
	case p.SecretEnv != "":
		p.secret, _ = env(p.SecretEnv)
	}
	if p.secret == "" && (p.SecretFile != "" || p.SecretEnv != "") {
		return errors.New("its client secret is empty")
	}
	if p.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(p.CAFile)
	if err != nil {
		return fmt.Errorf("ca-file: %w", err)
	}
	if p.roots, err = x509.SystemCertPool(); err != nil {
		p.roots = x509.NewCertPool()
	}
	if !p.roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca-file: there is no certificate in %s", p.CAFile)
	}
	return nil
}

// ranks are the roles, lowest first.
var ranks = []chat.Role{chat.RoleGuest, chat.RoleMember, chat.RoleAdmin, chat.RoleOwner}

// role returns what a person's groups make of them, "" to leave it as it is.
func (p *Provider) role(groups []string) chat.Role {
	best := -1
	for _, group := range groups {
		best = max(best, slices.Index(ranks, p.Roles[group]))
	}
	switch {
	case best >= 0:
		return ranks[best]
	case len(p.Roles) > 0 && p.DefaultRole == "":
		return chat.RoleMember
	}
	return p.DefaultRole
}

// rooms says of each room whether a person with these groups belongs into it.
func (p *Provider) rooms(groups []string) map[chat.RoomID]bool {
	all := map[chat.RoomID]bool{}
	for room, of := range p.Rooms {
		all[room] = slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(of, g) })
	}
	return all
}

// admits reports whether a person with these groups may log in.
func (p *Provider) admits(groups []string) bool {
	return len(p.AllowedGroups) == 0 ||
		slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(p.AllowedGroups, g) })
}
