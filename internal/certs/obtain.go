package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	overTLS  = "tls-alpn-01"
	overHTTP = "http-01"
)

// obtain gets a new certificate and keeps it. It tries one challenge after the
// other, each with an order of its own, as a failure ends an order.
func (m *Manager) obtain(ctx context.Context, domain string) error {
	client, err := m.client(ctx)
	if err != nil {
		return m.explained(err, domain, "")
	}
	challenges := []string{overTLS}
	if m.cfg.HTTP {
		challenges = append(challenges, overHTTP)
	}
	var failed []error
	for _, challenge := range challenges {
		err := m.order(ctx, client, domain, challenge)
		if err == nil {
			return nil
		}
		failed = append(failed, m.explained(err, domain, challenge))
		if !aboutChallenge(err) {
			break // another challenge would fail alike
		}
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return explanation{failed[0].Error() + ". And: " + failed[1].Error(), errors.Join(failed...)}
}

// client returns one with the account, which it registers if necessary.
func (m *Manager) client(ctx context.Context) (*acme.Client, error) {
	key, err := m.accountKey(ctx)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: m.cfg.Roots}
	transport.DisableKeepAlives = true
	client := &acme.Client{
		Key: key, DirectoryURL: m.cfg.Directory, UserAgent: "parley",
		HTTPClient: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		RetryBackoff: func(n int, _ *http.Request, res *http.Response) time.Duration {
			if n > 4 || res != nil && res.StatusCode == http.StatusTooManyRequests {
				return -1
			}
			return time.Duration(n) * 300 * time.Millisecond
		},
	}
	account := &acme.Account{}
	if m.cfg.Mail != "" {
		account.Contact = []string{"mailto:" + m.cfg.Mail}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil &&
		!errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, err
	}
	return client, nil
}

// order gets a certificate with challenges of one kind.
func (m *Manager) order(ctx context.Context, client *acme.Client, domain, challenge string) error {
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(domain))
	if err != nil {
		return err
	}
	for _, url := range order.AuthzURLs {
		if err := m.authorize(ctx, client, url, domain, challenge); err != nil {
			return err
		}
	}
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	request := &x509.CertificateRequest{DNSNames: []string{domain}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, request, key)
	if err != nil {
		return err
	}
	chain, _, err := client.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return err
	}
	return m.save(ctx, domain, key, chain)
}

// authorize answers one challenge, and waits for what the authority says of it.
func (m *Manager) authorize(ctx context.Context, client *acme.Client, url, domain, challenge string) error {
	authorization, err := client.GetAuthorization(ctx, url)
	if err != nil || authorization.Status == acme.StatusValid {
		return err
	}
	i := slices.IndexFunc(authorization.Challenges,
		func(c *acme.Challenge) bool { return c.Type == challenge })
	if i < 0 {
		return errNotOffered
	}
	offered := authorization.Challenges[i]
	id, value := "", []byte(nil)
	if challenge == overTLS {
		id = alpnID + domain
		value, err = challengePEM(client, offered.Token, domain)
	} else {
		var answer string
		id = tokenID + offered.Token
		answer, err = client.HTTP01ChallengeResponse(offered.Token)
		value = []byte(answer)
	}
	if err != nil {
		return err
	}
	if _, err := m.put(ctx, id, value); err != nil {
		return err
	}
	defer m.forget(ctx, id)
	if _, err := client.Accept(ctx, offered); err != nil {
		return err
	}
	_, err = client.WaitAuthorization(ctx, url)
	return err
}

// challengePEM makes the certificate that answers a challenge over TLS.
func challengePEM(client *acme.Client, token, domain string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := client.TLSALPN01ChallengeCert(token, domain, acme.WithKey(key))
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the challenge: %w", err)
	}
	return encode(key, cert.Certificate)
}
