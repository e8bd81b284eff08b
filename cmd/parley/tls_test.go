package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// TestEncrypted uses both transports of a server that encrypts by itself:
// the cookie is a __Host- one, and the socket, which cannot be read and written
// directly then, works all the same.
func TestEncrypted(t *testing.T) {
	cert, key, roots := certificate(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	before := http.DefaultClient
	http.DefaultClient = client
	defer func() { http.DefaultClient = before }()
	p := launch(t, t.TempDir(), "--demo", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(p.URL, "https://") {
		t.Fatalf("it is at %s", p.URL)
	}
	req, err := http.NewRequest("POST", p.URL+"/api/v1/sessions",
		strings.NewReader(`{"name":"Pablo","password":"password123"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Origin": {p.URL},
		"Parley-Cookie": {"set"}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if c := res.Cookies(); len(c) != 1 || !strings.HasPrefix(c[0].Name, "__Host-parley-") || !c[0].Secure {
		t.Fatalf("cookies: %v", c)
	}
	cookie := res.Cookies()[0]

	dialer := gobwas.Dialer{TLSConfig: &tls.Config{RootCAs: roots},
		Header: gobwas.HandshakeHeaderHTTP{"Origin": {p.URL}, "Cookie": {cookie.Name + "=" + cookie.Value}}}
	conn, _, _, err := dialer.Dial(t.Context(), strings.Replace(p.URL, "https", "wss", 1)+"/api/v1/ws")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	long := strings.Repeat("x", 15_000) // more than one record and one buffer
	for _, frame := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"sync"}`,
		`{"jsonrpc":"2.0","id":2,"method":"message.send","params":{"room":"general","text":"` +
			long + `","client_id":"1"}}`,
	} {
		if err := wsutil.WriteClientText(conn, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{`"id":1`: true, `"id":2`: true, `"kind":"message.created"`: true}
	for len(want) > 0 {
		frame, err := wsutil.ReadServerText(conn)
		if err != nil {
			t.Fatalf("%v, still waiting for %v", err, want)
		}
		for part := range want {
			if strings.Contains(string(frame), part) && !strings.Contains(string(frame), `"error"`) {
				delete(want, part)
			}
		}
	}
}

// certificate makes one for 127.0.0.1 that vouches for itself.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}),
			0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", encoded), roots
}
