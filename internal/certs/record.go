package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/parley-chat/parley/internal/chat"
)

// kind is that of all records of this package. No action reads it. Their ids
// begin with what they are.
const kind = "certificate"

const (
	accountID = "account/" // hash of the directory's URL: key, PEM
	certID    = "domain/"  // domain: [kept], JSON
	failureID = "failed/"  // domain: [failure], JSON
	tokenID   = "token/"   // HTTP-01: token; the answer
	alpnID    = "alpn/"    // TLS-ALPN-01: domain; key and certificate, PEM
)

// kept is a certificate in the store.
type kept struct {
	Directory string `json:"directory"` // of the authority that it is from
	PEM       string `json:"pem"`       // the key, then the chain
}

// failure is that of the last attempts.
type failure struct {
	At    time.Time `json:"at"`
	Next  time.Time `json:"next"` // not before it
	Times int       `json:"times"`
	Error string    `json:"error"`
}

// put replaces a record, whatever it was.
func (m *Manager) put(ctx context.Context, id string, value []byte) (int64, error) {
	for {
		r, err := m.cfg.Store.Record(ctx, kind, id)
		if err != nil && !errors.Is(err, chat.ErrNotFound) {
			return 0, err
		}
		version, err := m.cfg.Store.PutRecord(ctx, kind, id, r.Version, value)
		if !errors.Is(err, chat.ErrConflict) {
			return version, err
		}
	}
}

// forget deletes a record if it is there. It does so also when ctx is done.
func (m *Manager) forget(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := m.cfg.Store.DeleteRecord(ctx, kind, id); err != nil && !errors.Is(err, chat.ErrNotFound) {
		m.cfg.Log.Warn("a challenge of a certificate stays in the store", "error", err)
	}
}

// load brings what the store has of a domain into memory.
func (m *Manager) load(ctx context.Context, domain string) error {
	r, err := m.cfg.Store.Record(ctx, kind, certID+domain)
	if errors.Is(err, chat.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	known := m.loaded[domain].version == r.Version
	m.mu.Unlock()
	if known {
		return nil
	}
	var k kept
	if err := json.Unmarshal(r.Value, &k); err != nil {
		return fmt.Errorf("the certificate in the store: %w", err)
	}
	if k.Directory != m.cfg.Directory {
		return nil // of a trial, for example
	}
	cert, err := tls.X509KeyPair([]byte(k.PEM), []byte(k.PEM))
	if err != nil {
		return fmt.Errorf("the certificate in the store: %w", err)
	}
	m.set(domain, r.Version, &cert)
	return nil
}

func (m *Manager) set(domain string, version int64, cert *tls.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded[domain].version, m.loaded[domain].cert = version, cert
}

// save keeps a new certificate, which all nodes then find.
func (m *Manager) save(ctx context.Context, domain string, key *ecdsa.PrivateKey, chain [][]byte) error {
	text, err := encode(key, chain)
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(text, text)
	if err != nil {
		return fmt.Errorf("the authority's certificate cannot be used: %w", err)
	}
	if err := cert.Leaf.VerifyHostname(domain); err != nil {
		return fmt.Errorf("the authority's certificate is for another name: %w", err)
	}
	value, err := json.Marshal(kept{m.cfg.Directory, string(text)})
	if err != nil {
		return err
	}
	version, err := m.put(ctx, certID+domain, value)
	if err != nil {
		return err
	}
	m.set(domain, version, &cert)
	m.forget(ctx, failureID+domain)
	return nil
}

func encode(key *ecdsa.PrivateKey, chain [][]byte) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for i, block := range append([][]byte{der}, chain...) {
		name := "CERTIFICATE"
		if i == 0 {
			name = "EC PRIVATE KEY"
		}
		if err := pem.Encode(&b, &pem.Block{Type: name, Bytes: block}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// accountKey returns the key of the account at the authority, which is made
// once.
func (m *Manager) accountKey(ctx context.Context) (*ecdsa.PrivateKey, error) {
	sum := sha256.Sum256([]byte(m.cfg.Directory))
	id := accountID + hex.EncodeToString(sum[:16])
	for {
		r, err := m.cfg.Store.Record(ctx, kind, id)
		if err == nil {
			block, _ := pem.Decode(r.Value)
			if block == nil {
				return nil, errors.New("the account's key in the store is damaged")
			}
			return x509.ParseECPrivateKey(block.Bytes)
		}
		if !errors.Is(err, chat.ErrNotFound) {
			return nil, err
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		text, err := encode(key, nil)
		if err != nil {
			return nil, err
		}
		if _, err := m.cfg.Store.PutRecord(ctx, kind, id, 0, text); err != nil &&
			!errors.Is(err, chat.ErrConflict) {
			return nil, err
		}
	}
}

// failure returns the last failure since the last success.
func (m *Manager) failure(ctx context.Context, domain string) (f failure, _ error) {
	r, err := m.cfg.Store.Record(ctx, kind, failureID+domain)
	if errors.Is(err, chat.ErrNotFound) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(r.Value, &f)
}

// putFailure keeps a failure and returns when the next attempt is due.
func (m *Manager) putFailure(ctx context.Context, domain string, failed error) (time.Time, error) {
	f, err := m.failure(ctx, domain)
	if err != nil {
		return m.cfg.Now().Add(m.cfg.Retry), err
	}
	pause := m.cfg.Retry
	for range min(f.Times, 10) {
		pause *= 2
	}
	pause = min(pause, maxRetry*m.cfg.Retry)
	if asked, ok := acme.RateLimit(cause(failed)); ok {
		pause = max(pause, asked)
	}
	f = failure{At: m.cfg.Now(), Times: f.Times + 1, Error: failed.Error()}
	f.Next = f.At.Add(pause)
	value, err := json.Marshal(f)
	if err == nil {
		_, err = m.put(ctx, failureID+domain, value)
	}
	return f.Next, err
}

// challengeAnswer returns what the authority wants to read over HTTP.
func (m *Manager) challengeAnswer(ctx context.Context, token string) ([]byte, error) {
	if token == "" || len(token) > 150 || strings.ContainsAny(token, "/\\ ") {
		return nil, chat.ErrNotFound
	}
	r, err := m.cfg.Store.Record(ctx, kind, tokenID+token)
	return r.Value, err
}

// challengeCert returns the certificate that the authority wants to see.
func (m *Manager) challengeCert(ctx context.Context, domain string) (*tls.Certificate, error) {
	if CheckDomain(domain) != nil {
		return nil, errors.New("the authority asks for no name")
	}
	r, err := m.cfg.Store.Record(ctx, kind, alpnID+domain)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(r.Value, r.Value)
	return &cert, err
}
