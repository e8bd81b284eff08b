package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/parley-chat/parley/internal/parleytest"
	"github.com/parley-chat/parley/kit/redistest"
)

// authority is Let's Encrypt's server for tests.
type authority struct {
	directory, roots string // flags for servers
	tls, http        int    // ports on which it asks
}

// TestCertificates has servers get certificates from Pebble, over TLS and over
// HTTP, keep them over a restart, and share them.
func TestCertificates(t *testing.T) {
	a := startAuthority(t)
	serve := func(listen, http int, args ...string) *parleytest.Server {
		return parleytest.Start(t, append([]string{"--tls-domain", "chat.test,www.test", "--acme-directory",
			a.directory, "--acme-roots", a.roots, "--listen", local(listen), "--listen-http", local(http),
			"--metrics-token", "secret"}, args...)...)
	}
	data := t.TempDir()
	s := serve(a.tls, a.http, "--data", data)
	first := serial(t, "chat.test", a.tls)
	for _, c := range []struct{ host, path, want string }{
		{"chat.test", "/a?b=c", "/a?b=c"}, {"chat.test:80", "/", "/"}, {"evil.test", "//x.test/", "//x.test/"},
		{"www.test", "/.well-known/other", "/.well-known/other"},
	} {
		res := plain(t, a.http, "GET", c.host, c.path)
		want := fmt.Sprintf("https://%s:%d%s", map[bool]string{true: "www.test", false: "chat.test"}[c.host == "www.test"],
			a.tls, c.want)
		if res.StatusCode != 301 || res.Header.Get("Location") != want {
			t.Errorf("%s%s: %d %s", c.host, c.path, res.StatusCode, res.Header.Get("Location"))
		}
	}
	if res := plain(t, a.http, "POST", "chat.test", "/api/v1/sessions"); res.StatusCode != 400 {
		t.Errorf("a password without https: %d", res.StatusCode)
	}
	for _, token := range []string{"", "unknown", "..%2faccount", strings.Repeat("x", 1000)} {
		if res := plain(t, a.http, "GET", "chat.test", "/.well-known/acme-challenge/"+token); res.StatusCode != 404 {
			t.Errorf("the answer to %q: %d", token, res.StatusCode)
		}
	}
	req, _ := http.NewRequest("GET", s.URL+"/metrics", nil)
	req.Header.Set("Authorization", "Bearer secret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || !strings.Contains(string(metrics), `parley_certificate_not_after_seconds{domain="chat.test"} 1.`) {
		t.Errorf("the metrics: %v\n%.300s", err, metrics)
	}
	s.Kill()

	// The same data: the same certificate.
	s = serve(a.tls, a.http, "--data", data)
	if now := serial(t, "chat.test", a.tls); now != first {
		t.Error("a new certificate after a restart")
	}
	s.Kill()

	t.Run("http", func(t *testing.T) { // on another port than the authority asks for TLS
		s := serve(freePort(t), a.http, "--data", t.TempDir())
		serial(t, "chat.test", port(t, s))
		s.Kill()
	})
	t.Run("nodes", func(t *testing.T) {
		store := redistest.StartTCP(t).URL()
		one := serve(a.tls, a.http, "--store", store)
		other := serve(freePort(t), freePort(t), "--store", store) // which the authority cannot reach
		if serial(t, "chat.test", port(t, other)) != serial(t, "chat.test", port(t, one)) {
			t.Error("each node has a certificate of its own")
		}
		for _, s := range []*parleytest.Server{one, other} {
			http.DefaultClient.CloseIdleConnections()
			if err := s.Stop(); err != nil {
				t.Errorf("%v\n%s", err, s.Output())
			}
			if strings.Contains(s.Output(), "level=ERROR") {
				t.Errorf("%s", s.Output())
			}
		}
	})
}

// startAuthority starts Pebble, and has http.DefaultClient trust its
// certificates and know its names, until the test ends.
func startAuthority(t *testing.T) authority {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "pebble")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path,
		"github.com/letsencrypt/pebble/v2/cmd/pebble")
	build.Dir, build.Env = "../../internal/certs/pebble", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build Pebble: %v: %s", err, out)
	}
	cert, key, own := certificate(t)
	listen, management := freePort(t), freePort(t)
	a := authority{directory: fmt.Sprintf("https://%s/dir", local(listen)), roots: cert, tls: freePort(t), http: freePort(t)}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": local(listen), "managementListenAddress": local(management),
		"certificate": cert, "privateKey": key, "httpPort": a.http, "tlsPort": a.tls,
	}})
	file := filepath.Join(dir, "config.json")
	if err != nil || os.WriteFile(file, config, 0o600) != nil {
		t.Fatal(err)
	}
	pebble := exec.Command(path, "-config", file, "-strict", "-dnsserver", startDNS(t))
	pebble.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	if err := pebble.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pebble.Process.Kill()
		pebble.Wait()
	})

	roots := own.Clone()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	before := http.DefaultClient
	http.DefaultClient = &http.Client{Transport: transport}
	t.Cleanup(func() { http.DefaultClient = before })
	var text []byte
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) { // it says nothing that could be waited for
		res, err := http.Get(fmt.Sprintf("https://%s/roots/0", local(management)))
		if err == nil {
			text, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil && roots.AppendCertsFromPEM(text) {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal(err)
		}
	}
	transport.CloseIdleConnections()
	names := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	dial := names.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	names.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return dial(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	http.DefaultClient = &http.Client{Transport: names}
	return a
}

// startDNS starts a server that says of every name below .test that it is this
// machine, and returns its address.
func startDNS(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(conn net.Conn) error {
		defer conn.Close()
		var size [2]byte
		for {
			if _, err := io.ReadFull(conn, size[:]); err != nil {
				return err
			}
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(conn, b); err != nil {
				return err
			}
			var m dnsmessage.Message
			if err := m.Unpack(b); err != nil {
				return err
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA && strings.HasSuffix(q.Name.String(), ".test.") {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			packed, err := m.Pack()
			if err != nil {
				return err
			}
			packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
			if _, err := conn.Write(packed); err != nil {
				return err
			}
		}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { answer(conn) }) // ends when Pebble closes it, or is killed
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// serial is the number of the certificate that a server shows, once it has one.
func serial(t *testing.T, name string, port int) string {
	t.Helper()
	roots := http.DefaultClient.Transport.(*http.Transport).TLSClientConfig.RootCAs
	conn, err := tls.Dial("tcp", local(port), &tls.Config{RootCAs: roots, ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// plain asks without https, and follows nothing.
func plain(t *testing.T, port int, method, host, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+local(port)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

func port(t *testing.T, s *parleytest.Server) int {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
