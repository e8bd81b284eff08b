package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/chat/chattest"
)

var errElsewhere = errors.New("another node does it")

// clock is a time that a test sets.
type clock struct{ now time.Time }

func newManager(store chat.Store, c *clock) *Manager {
	return New(Config{
		Store: store, Domains: []string{"chat.test", "www.test"}, Directory: "https://127.0.0.1:1/dir",
		Exclusive: func(ctx context.Context, _ string, do func(context.Context) error) error {
			return do(ctx)
		},
		Elsewhere: errElsewhere, Now: func() time.Time { return c.now },
	})
}

// keep has a manager keep a certificate of 90 days.
func keep(t *testing.T, m *Manager, domain string, from time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(from.Unix()), NotBefore: from,
		NotAfter: from.Add(90 * 24 * time.Hour), DNSNames: []string{domain}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.save(t.Context(), domain, key, [][]byte{der}); err != nil {
		t.Fatal(err)
	}
}

// TestRenewal: a certificate is renewed when a third of its time is left, by
// one node, which all others see.
func TestRenewal(t *testing.T) {
	const day = 24 * time.Hour
	store, start := chattest.NewModel(func(*chat.Event) {}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &clock{start}
	one, other := newManager(store, c), newManager(store, c)
	keep(t, one, "chat.test", start)
	for _, at := range []struct {
		age time.Duration
		due bool
	}{{0, false}, {59 * day, false}, {60 * day, true}, {91 * day, true}} {
		c.now = start.Add(at.age)
		if due, err := one.due(t.Context(), "chat.test"); due != at.due || err != nil {
			t.Errorf("after %v: %v, %v", at.age, due, err)
		}
	}
	cert, err := other.certificateFor(t.Context(), "Chat.Test.", nil) // which has not looked yet
	if err != nil || cert.Leaf.SerialNumber.Int64() != start.Unix() {
		t.Fatalf("%v, %v", cert, err)
	}
	keep(t, one, "chat.test", c.now)
	if err := other.tend(t.Context(), "chat.test"); err != nil {
		t.Fatal(err)
	}
	cert, err = other.certificateFor(t.Context(), "Chat.Test.", nil)
	if err != nil || cert.Leaf.SerialNumber.Int64() != c.now.Unix() {
		t.Errorf("not the renewed one: %v, %v", cert, err)
	}
	if at := other.NotAfter("chat.test"); !at.Equal(c.now.Add(90 * day)) {
		t.Errorf("it ends at %v", at)
	}
	other = newManager(store, c) // of another authority
	other.cfg.Directory = "https://ca.test/dir"
	if _, err := other.certificateFor(t.Context(), "Chat.Test.", nil); err == nil {
		t.Error("the certificate of another authority is used")
	}
}

// TestFailures: what has failed is tried again later and later, by all nodes
// together; a node that has just started tries once.
func TestFailures(t *testing.T) {
	store, c := chattest.NewModel(func(*chat.Event) {}), &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	one := newManager(store, c)
	due := func(m *Manager) bool {
		t.Helper()
		due, err := m.due(t.Context(), "chat.test")
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	var pauses []time.Duration
	for range 9 {
		if !due(one) {
			t.Fatal("it is not due")
		}
		err := one.tend(t.Context(), "chat.test") // nothing listens there
		if err == nil || !strings.Contains(err.Error(), "cannot reach 127.0.0.1:1") ||
			!strings.Contains(err.Error(), "next attempt at 2026-01-0") {
			t.Fatal(err)
		}
		if due(one) || due(newManager(store, c)) {
			t.Fatal("it is due at once")
		}
		f, err := one.failure(t.Context(), "chat.test")
		if err != nil {
			t.Fatal(err)
		}
		pauses = append(pauses, f.Next.Sub(c.now))
		c.now = f.Next.Add(-time.Second)
		if due(one) || !due(newManager(store, c)) {
			t.Fatal("a second before")
		}
		c.now = f.Next
	}
	if want := "[5m0s 10m0s 20m0s 40m0s 1h20m0s 2h40m0s 5h20m0s 6h0m0s 6h0m0s]"; fmt.Sprint(pauses) != want {
		t.Errorf("the pauses are %v", pauses)
	}
	limited := explanation{"", &acme.Error{StatusCode: 429, ProblemType: "urn:ietf:params:acme:error:rateLimited",
		Header: http.Header{"Retry-After": {"90000"}}}}
	if next, err := one.putFailure(t.Context(), "chat.test", limited); err != nil ||
		next.Sub(c.now) < 24*time.Hour {
		t.Errorf("the authority asked for 25 hours: %v, %v", next.Sub(c.now), err)
	}
	keep(t, one, "chat.test", c.now)
	if f, err := one.failure(t.Context(), "chat.test"); err != nil || f.Times != 0 {
		t.Errorf("after a success: %+v, %v", f, err)
	}
}

// TestNames: who asks for what gets which certificate.
func TestNames(t *testing.T) {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	m := newManager(chattest.NewModel(func(*chat.Event) {}), c)
	keep(t, m, "chat.test", c.now)
	for name, want := range map[string]string{"chat.test": "chat.test", "": "chat.test", "CHAT.TEST": "chat.test",
		"127.0.0.1": "chat.test", "www.test": "", "evil.test": "", "x.chat.test": ""} {
		cert, err := m.certificateFor(t.Context(), name, nil)
		if (err == nil) != (want != "") || err == nil && cert.Leaf.VerifyHostname(want) != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"chat.test", "evil.test", "", "../account"} { // no challenge is open
		if cert, err := m.certificateFor(t.Context(), name, []string{acme.ALPNProto}); err == nil {
			t.Errorf("a challenge for %q: %v", name, cert)
		}
	}
	for name, good := range map[string]bool{"chat.example.com": true, "xn--bcher-kva.example": true, "intern": true,
		"*.example.com": false, "10.0.0.7": false, "::1": false, "Chat.example.com": false, "bücher.example": false,
		"https://chat.example.com": false, "chat.example.com:443": false, "": false, ".": false, "a..b": false,
		"chat.example.com.": false, strings.Repeat("a.", 130) + "b": false} {
		if err := CheckDomain(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestExplained: each failure says whose fault it is and what to open.
func TestExplained(t *testing.T) {
	m := newManager(chattest.NewModel(func(*chat.Event) {}), &clock{})
	m.cfg.Directory = "https://ca.test/dir"
	refused := func(kind string) error {
		return &acme.AuthorizationError{Errors: []error{&acme.Error{ProblemType: "urn:ietf:params:acme:error:" + kind,
			Detail: "what they say"}}}
	}
	for _, c := range []struct {
		err       error
		challenge string
		tells     string
	}{
		{refused("connection"), overTLS, "cannot reach port 443 (TLS-ALPN-01) of chat.test: open port 443 in every firewall"},
		{refused("connection"), overHTTP, "port 80 (HTTP-01) of chat.test: open port 80"},
		{refused("dns"), overTLS, "whoever runs its DNS"},
		{refused("unauthorized"), overHTTP, "another server or a proxy answers there"},
		{refused("caa"), overTLS, "CAA record of chat.test"},
		{refused("strange"), overTLS, "the authority refused. The authority says: strange: what they say"},
		{&acme.OrderError{Problem: &acme.Error{ProblemType: "urn:ietf:params:acme:error:rejectedIdentifier"}}, "",
			"gives no certificates for chat.test"},
		{&acme.Error{ProblemType: "urn:ietf:params:acme:error:rateLimited"}, "", "do not restart"},
		{&acme.Error{ProblemType: "urn:ietf:params:acme:error:externalAccountRequired"}, "", "made elsewhere"},
		{errNotOffered, overTLS, "port 443"},
		{fmt.Errorf("get: %w", x509.UnknownAuthorityError{}), "", "does not trust the certificate of ca.test: name its root with --acme-roots"},
		{&net.DNSError{}, "", "cannot find the address of ca.test"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "", "cannot reach ca.test"},
		{context.DeadlineExceeded, overTLS, "did not finish in time"},
	} {
		if got := m.explained(c.err, "chat.test", c.challenge); !strings.Contains(got.Error(), c.tells) ||
			!errors.Is(got, c.err) {
			t.Errorf("%v is explained as %q", c.err, got)
		}
	}
}
