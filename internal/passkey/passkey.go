// Package passkey checks passkeys (WebAuthn) for the address under which people
// reach the server. What a passkey is good for is up to chat.
package passkey

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/parley-chat/parley/internal/chat"
)

// Site implements [chat.Passkeys] for one address.
type Site struct {
	origin string
	web    *webauthn.WebAuthn
}

// verified is what all passkeys here are: the authenticator knows whose they
// are, and has the person prove who they are, by a finger or a PIN.
var verified = protocol.AuthenticatorSelection{
	ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
	UserVerification: protocol.VerificationRequired,
}

// New returns the site of an address like https://chat.example.com. It is nil
// where browsers have no passkeys: without https, unless on localhost, and
// where the host is no name.
func New(address string) (*Site, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	host := strings.ToLower(u.Hostname())
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if host == "" || net.ParseIP(host) != nil || u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return nil, nil
	}
	s := &Site{origin: u.Scheme + "://" + strings.ToLower(u.Host)}
	s.web, err = webauthn.New(&webauthn.Config{RPID: host, RPDisplayName: host, RPOrigins: []string{s.origin},
		AttestationPreference: protocol.PreferNoAttestation, AuthenticatorSelection: verified})
	return s, err
}

// Address implements [chat.Passkeys].
func (s *Site) Address() string { return s.origin }

// algorithms are what all authenticators have one of.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// Creation implements [chat.Passkeys].
func (s *Site) Creation(server string, user chat.User, has []chat.StoredPasskey) (chat.Ceremony, error) {
	p := newPerson(user, has)
	options, session, err := s.web.BeginRegistration(p, webauthn.WithRegistrationRelyingPartyName(server),
		webauthn.WithCredentialParameters(algorithms),
		webauthn.WithExclusions(webauthn.Credentials(p.keys).CredentialDescriptors()))
	if err != nil {
		return chat.Ceremony{}, err
	}
	return ceremony(options.Response, session)
}

// Created implements [chat.Passkeys].
func (s *Site) Created(user chat.User, state []byte, answer map[string]any) (chat.StoredPasskey, error) {
	text, session, err := read(state, answer)
	if err != nil {
		return chat.StoredPasskey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(text)
	if err != nil {
		return chat.StoredPasskey{}, odd(err)
	}
	if err := s.isHere(parsed.Response.CollectedClientData); err != nil {
		return chat.StoredPasskey{}, err
	}
	made, err := s.web.CreateCredential(newPerson(user, nil), session, parsed)
	if err != nil {
		return chat.StoredPasskey{}, odd(err)
	}
	out := chat.StoredPasskey{Credential: made.ID, Key: made.PublicKey, Counter: made.Authenticator.SignCount}
	out.Synced = made.Flags.BackupEligible
	for _, t := range made.Transport {
		out.Transports = append(out.Transports, string(t))
	}
	return out, nil
}

// Request implements [chat.Passkeys].
func (s *Site) Request() (chat.Ceremony, error) {
	options, session, err := s.web.BeginDiscoverableLogin(webauthn.WithUserVerification(
		protocol.VerificationRequired))
	if err != nil {
		return chat.Ceremony{}, err
	}
	return ceremony(options.Response, session)
}

// Answered implements [chat.Passkeys].
func (s *Site) Answered(state []byte, answer map[string]any,
	find func(chat.UserID) ([]chat.StoredPasskey, error)) (chat.UserID, chat.StoredPasskey, error) {
	var used chat.StoredPasskey
	text, session, err := read(state, answer)
	if err != nil {
		return "", used, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(text)
	if err != nil {
		return "", used, odd(err)
	}
	if err := s.isHere(parsed.Response.CollectedClientData); err != nil {
		return "", used, err
	}
	var failure error
	owner := chat.UserID(parsed.Response.UserHandle)
	_, key, err := s.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		has, err := find(chat.UserID(handle))
		failure = err
		return newPerson(chat.User{ID: chat.UserID(handle)}, has), err
	}, session, parsed)
	if failure != nil {
		return "", used, failure
	}
	if err != nil {
		return "", used, odd(err)
	}
	used.Credential, used.Counter = key.ID, parsed.Response.AuthenticatorData.Counter
	return owner, used, nil
}

// isHere refuses what was made at another address, in words for people.
func (s *Site) isHere(data protocol.CollectedClientData) error {
	if data.Origin == s.origin {
		return nil
	}
	return &chat.Error{Code: chat.CodeForbidden, Field: "passkey",
		Message: "Passkeys of this server work only at " + s.origin + ". Open it there."}
}

// odd wraps what the library says, whose details are for the log.
func odd(err error) error {
	if e, ok := err.(*protocol.Error); ok {
		err = fmt.Errorf("%s: %s %s", e.Type, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", chat.ErrPasskey, err)
}

func ceremony(options any, session *webauthn.SessionData) (c chat.Ceremony, err error) {
	text, err := json.Marshal(options)
	if err == nil {
		err = json.Unmarshal(text, &c.Options)
	}
	if err == nil {
		c.State, err = json.Marshal(session)
	}
	return c, err
}

func read(state []byte, answer map[string]any) (text []byte, session webauthn.SessionData, err error) {
	if err = json.Unmarshal(state, &session); err == nil {
		text, err = json.Marshal(answer)
	}
	return text, session, err
}

// person is a user with passkeys, as the library wants them.
type person struct {
	user chat.User
	keys []webauthn.Credential
}

func newPerson(user chat.User, has []chat.StoredPasskey) person {
	p := person{user: user}
	for _, k := range has {
		c := webauthn.Credential{ID: k.Credential, PublicKey: k.Key,
			Flags:         webauthn.CredentialFlags{BackupEligible: k.Synced},
			Authenticator: webauthn.Authenticator{SignCount: k.Counter}}
		for _, t := range k.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		p.keys = append(p.keys, c)
	}
	return p
}

func (p person) WebAuthnID() []byte                         { return []byte(p.user.ID) }
func (p person) WebAuthnName() string                       { return p.user.Name }
func (p person) WebAuthnDisplayName() string                { return p.user.Name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.keys }
