// Package oidctest is an OpenID Connect provider for tests: a small one, whose
// answers can be made as wrong as a test needs them.
package oidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The client that a [Provider] knows.
const (
	ClientID = "parley"
	Secret   = "the secret of the client"
)

// Claims are what a token says.
type Claims map[string]any

// Provider is a running provider.
type Provider struct {
	URL string // also its issuer
	t   testing.TB
	now func() time.Time

	mu       sync.Mutex
	key      *rsa.PrivateKey
	keyID    int
	codes    map[string]grant
	person   Claims
	userInfo Claims
	token    func(Claims, func(Claims) string) string
	fail     func(http.ResponseWriter, *http.Request) bool
	meta     Claims
}

type grant struct{ nonce, challenge, redirect string }

var firstKey, nextKey, foreignKey = makeKey(), makeKey(), makeKey()

func makeKey() func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
}

// New starts a provider that says that everyone is the given person, with
// claims of an ID token.
func New(t testing.TB, now func() time.Time, person Claims) *Provider {
	p := &Provider{t: t, now: now, key: firstKey(), codes: map[string]grant{}, person: person}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Is changes who logs in next, and what the provider tells of them on request
// besides; nil for nothing.
func (p *Provider) Is(person, userInfo Claims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person, p.userInfo = person, userInfo
}

// Make has ID tokens made by the test, from what they would say and how they
// would be signed; nil for usual ones.
func (p *Provider) Make(token func(said Claims, sign func(Claims) string) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = token
}

// Fail has the test answer requests; those for which it returns false are
// answered as usual.
func (p *Provider) Fail(fail func(http.ResponseWriter, *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

// Describe changes what the provider says of itself.
func (p *Provider) Describe(meta Claims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meta = meta
}

// Rotate replaces the provider's key by another.
func (p *Provider) Rotate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.keyID = nextKey(), p.keyID+1
}

// Authorize is what a person's browser does at the provider: it takes the
// address that it was sent to, and returns the one that it is sent back to.
func (p *Provider) Authorize(address string) *url.URL {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != ClientID ||
		q.Get("code_challenge_method") != "S256" || !strings.Contains(q.Get("scope"), "openid") {
		p.t.Fatalf("the provider was asked for %s", address)
	}
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.codes[code] = grant{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}.Encode()
	return back
}

// Public is the provider's public key, as it is in a certificate.
func (p *Provider) Public() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return x509.MarshalPKCS1PublicKey(&p.key.PublicKey)
}

// Sign makes a token that the provider has signed.
func (p *Provider) Sign(c Claims) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sign(c)
}

func (p *Provider) sign(c Claims) string {
	return SignWith(p.t, jose.RS256, jose.JSONWebKey{Key: p.key, KeyID: fmt.Sprint(p.keyID)}, c)
}

// SignWith makes a token with any key.
func SignWith(t testing.TB, alg jose.SignatureAlgorithm, key any, c Claims) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ServeHTTP serves the provider.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil && p.fail(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		meta := Claims{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize",
			"token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/end?x=1",
			"id_token_signing_alg_values_supported":          []string{"RS256", "HS256", "none"},
			"authorization_response_iss_parameter_supported": true}
		maps.Copy(meta, p.meta)
		json.NewEncoder(w).Encode(meta)
	case "/keys":
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: &p.key.PublicKey, KeyID: fmt.Sprint(p.keyID), Algorithm: "RS256", Use: "sig"}}})
	case "/userinfo":
		said := Claims{"sub": p.person["sub"]}
		maps.Copy(said, p.userInfo)
		json.NewEncoder(w).Encode(said)
	case "/token":
		p.exchange(w, r)
	default:
		http.NotFound(w, r)
	}
}

// exchange takes each code once, from the client that it is for.
func (p *Provider) exchange(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(Claims{"error": code})
	}
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret)
	if id != ClientID || secret != Secret {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	code := r.PostFormValue("code")
	g, ok := p.codes[code]
	delete(p.codes, code)
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(challenge[:]) != g.challenge ||
		r.PostFormValue("redirect_uri") != g.redirect {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	said := Claims{"iss": p.URL, "aud": ClientID, "nonce": g.nonce, "iat": p.now().Unix(),
		"exp": p.now().Add(5 * time.Minute).Unix()}
	maps.Copy(said, p.person)
	token := p.sign(said)
	if p.token != nil {
		token = p.token(said, p.sign)
	}
	answer := Claims{"access_token": "access", "token_type": "Bearer", "expires_in": 300}
	if token != "" {
		answer["id_token"] = token
	}
	json.NewEncoder(w).Encode(answer)
}

// Foreign is a key that no provider has.
func Foreign() *rsa.PrivateKey { return foreignKey() }
