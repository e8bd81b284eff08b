package parley_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley"
)

// proxyHost is the name in the configurations of docs/operations.md.
const proxyHost = "chat.example.com"

// proxies are the reverse proxies of docs/operations.md: the language of their
// configuration there, what stands around it, how its site is changed to lie
// below a path, and how they are run with it.
var proxies = []struct {
	name, program, lang string
	base                string
	below               *strings.Replacer
	twoNodes            func(config, nodes string) string
	args                func(file string) []string
}{
	{"nginx", "nginx", "nginx", "user root;\npid DIR/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
		"client_body_temp_path DIR;\nproxy_temp_path DIR;\nfastcgi_temp_path DIR;\nuwsgi_temp_path DIR;\n" +
		"scgi_temp_path DIR;\nCONFIG}\n",
		strings.NewReplacer("location / {", "location /chat/ {"),
		func(config, nodes string) string {
			return nodes + strings.Replace(config, "http://127.0.0.1:8080", "http://parley", 1)
		},
		func(file string) []string { return []string{"-c", file, "-g", "daemon off;"} }},
	{"Caddy", "caddy", "caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n" +
		"\tstorage file_system DIR\n}\nCONFIG",
		strings.NewReplacer("reverse_proxy ", "reverse_proxy /chat/* "),
		func(_, nodes string) string { return nodes },
		func(file string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} }},
	{"HAProxy", "haproxy", "haproxy", "defaults\n\tmode http\n\ttimeout connect 5s\n\ttimeout client 50s\n" +
		"\ttimeout server 50s\n\nCONFIG",
		strings.NewReplacer(), // it passes every path on
		func(config, nodes string) string {
			frontend, _, _ := strings.Cut(config, "\nbackend parley\n")
			return frontend + "\n" + nodes
		},
		func(file string) []string { return []string{"-db", "-f", file} }},
	{"Apache", "apache2", "apache", "ServerRoot DIR\nPidFile DIR/pid\nErrorLog /dev/stderr\nMutex file:DIR\n" +
		"DefaultRuntimeDir DIR\n" +
		"ServerName localhost\nUser www-data\nGroup www-data\nListen PORT\n" +
		"LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n" +
		"LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n" +
		"LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n" +
		"LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so\n" +
		"LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n" +
		"LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n" +
		"LoadModule slotmem_shm_module /usr/lib/apache2/modules/mod_slotmem_shm.so\n" +
		"LoadModule proxy_balancer_module /usr/lib/apache2/modules/mod_proxy_balancer.so\n" +
		"LoadModule lbmethod_byrequests_module /usr/lib/apache2/modules/mod_lbmethod_byrequests.so\nCONFIG",
		strings.NewReplacer("ProxyPass / ", "ProxyPass /chat/ ", ":8080/ upgrade", ":8080/chat/ upgrade"),
		func(config, nodes string) string {
			return nodes + strings.Replace(config, "http://127.0.0.1:8080/ upgrade=websocket", "balancer://parley/", 1)
		},
		func(file string) []string { return []string{"-D", "FOREGROUND", "-f", file} }},
}

// TestProxies runs each proxy with its configuration from docs/operations.md:
// at the root of a host, below a path, and behind another proxy. Without a
// proxy installed it is left out, unless PARLEY_TEST_PROXIES=require.
func TestProxies(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	certs := selfSigned(t)
	for _, p := range proxies {
		blocks := strings.Split(string(page), "```"+p.lang+"\n")
		if len(blocks) != 3 {
			t.Errorf("docs/operations.md has %d configurations of %s, want one for a node and one for two",
				len(blocks)-1, p.name)
			continue
		}
		config, _, _ := strings.Cut(blocks[1], "```")
		nodes, _, _ := strings.Cut(blocks[2], "```")
		path := findProgram(p.program)
		if path == "" {
			if os.Getenv("PARLEY_TEST_PROXIES") == "require" {
				t.Errorf("%s is not installed", p.name)
			} else {
				t.Logf("LEFT OUT: %s is not installed", p.name)
			}
			continue
		}
		run := func(t *testing.T, text string, chats ...string) (port string) {
			port, dir := freePort(t), t.TempDir()
			os.Chmod(dir, 0o755)
			text = strings.NewReplacer("/etc/ssl/chat", certs, "127.0.0.1:8080", chats[0],
				"127.0.0.1:8081", chats[len(chats)-1], ":443", ":"+port,
				"listen 443", "listen "+port, proxyHost+" {\n\treverse", "https://"+proxyHost+":"+port+
					" {\n\ttls "+certs+".crt "+certs+".key\n\treverse").Replace(text)
			text = strings.NewReplacer("DIR", dir, "PORT", port, "CONFIG", text).Replace(p.base)
			start(t, port, dir, text, path, p.args)
			return port
		}
		t.Run(p.name, func(t *testing.T) {
			for _, c := range []struct {
				name, path string
				two        bool
			}{{"root", "", false}, {"path", "/chat", false}, {"two", "", true}} {
				t.Run(c.name, func(t *testing.T) {
					served, open := reserve(t)
					text := config
					if c.path != "" {
						text = p.below.Replace(text)
					}
					port := run(t, text, served)
					if c.two {
						port = front(t, certs, port, nil)
					}
					open("https://" + proxyHost + ":" + port + c.path)
					useThrough(t, port, c.path)
				})
			}
			t.Run("nodes", func(t *testing.T) {
				one, openOne := reserve(t)
				two, openTwo := reserve(t)
				port := run(t, p.twoNodes(config, nodes), one, two)
				openOne("https://" + proxyHost + ":" + port)
				openTwo("https://" + proxyHost + ":" + port)
				pollThrough(t, port)
			})
		})
	}
}

// TestTraefik sends what Traefik's documentation says that it sends.
func TestTraefik(t *testing.T) {
	served, open := reserve(t)
	_, port, _ := net.SplitHostPort(served)
	outside := front(t, selfSigned(t), port, func(r *http.Request) {
		r.Header.Set("X-Real-Ip", "127.0.0.1")
		r.Header.Set("X-Forwarded-Server", "traefik")
		if r.Header.Get("Upgrade") != "" {
			r.Header.Set("X-Forwarded-Proto", "wss")
		}
	})
	open("https://" + proxyHost + ":" + outside)
	useThrough(t, outside, "")
}

// reserve listens for a chat, which open then opens with its public URL.
func reserve(t *testing.T) (addr string, open func(public string)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), func(public string) {
		chat, err := parley.Open(t.Context(), parley.Options{Data: t.TempDir(), SignUp: "open",
			PublicURL: public, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
			Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: chat}}
		server.Start()
		t.Cleanup(func() {
			if err := chat.Close(context.Background()); err != nil {
				t.Error(err)
			}
			server.Close()
		})
	}
}

// useThrough uses the chat as a browser does that also sends the password of
// HTTP basic authentication, which it repeats with every request.
func useThrough(t *testing.T, port, path string) {
	t.Helper()
	browser := newBrowser(t, port)
	transport := browser.Transport.(*http.Transport)
	origin := "https://" + proxyHost + ":" + port
	basic := http.Header{"Authorization": {"Basic eDp5"}}
	do := func(method, to, body string, want int, headers ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, origin+path+to, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = basic.Clone()
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := browser.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", method, to, err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		if res.StatusCode != want {
			t.Errorf("%s %s: %s %.200s, want %d", method, to, res.Status, text, want)
		}
		return res
	}
	do("GET", "/", "", 200)
	made := do("POST", "/api/v1/accounts", `{"name":"Ada","password":"password123"}`, 201,
		"Parley-Cookie", "set", "Origin", origin)
	if c := made.Cookies(); len(c) != 1 || !c[0].Secure || c[0].Path != path+"/" {
		t.Fatalf("cookies: %v", c)
	}
	do("GET", "/api/v1/account", "", 200)
	do("POST", "/api/v1/rooms/general/messages", `{"text":"hello"}`, 201, "Origin", origin)
	do("POST", "/api/v1/rooms/general/messages", `{"text":"hello"}`, 403, "Origin", "https://evil.example")
	do("POST", "/api/v1/files?name=a", strings.Repeat("x", 2<<20), 201, "Origin", origin)
	do("GET", "/socket.io/?EIO=4&transport=polling", "", 200, "Sec-Fetch-Site", "same-origin")
	if made.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("headers: %v", made.Header)
	}

	at, _ := url.Parse(origin + path + "/api/v1/ws")
	for from, want := range map[string]int{origin: 101, "https://evil.example": 403} {
		headers := basic.Clone()
		headers.Set("Origin", from)
		for _, c := range browser.Jar.Cookies(at) {
			headers.Add("Cookie", c.Name+"="+c.Value)
		}
		var status int
		dialer := ws.Dialer{NetDial: transport.DialContext,
			TLSConfig: transport.TLSClientConfig, Header: ws.HandshakeHeaderHTTP(headers),
			OnStatusError: func(code int, _ []byte, _ io.Reader) { status = code }}
		conn, _, _, err := dialer.Dial(t.Context(), "wss"+strings.TrimPrefix(at.String(), "https"))
		if err == nil {
			status = 101
			conn.Close()
		}
		if status != want {
			t.Errorf("a WebSocket from %s: %d, %v", from, status, err)
		}
	}
}

// pollThrough polls as browsers do. A session is known to one of the nodes, so
// each of its requests must reach that one.
func pollThrough(t *testing.T, port string) {
	t.Helper()
	const polling = "/socket.io/?EIO=4&transport=polling"
	for range 4 {
		browser := newBrowser(t, port)
		ask := func(method, query, body string) string {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method,
				"https://"+proxyHost+":"+port+polling+query, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			res, err := browser.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode != 200 {
				t.Fatalf("%s %s: %s %s", method, query, res.Status, text)
			}
			return string(text)
		}
		_, id, _ := strings.Cut(ask("GET", "", ""), `"sid":"`)
		id, _, _ = strings.Cut(id, `"`)
		ask("POST", "&sid="+id, "40")
		if got := ask("GET", "&sid="+id, ""); !strings.HasPrefix(got, "40") {
			t.Errorf("connecting was answered with %s", got)
		}
		for range 6 {
			ask("POST", "&sid="+id, `420["ping",{}]`)
		}
	}
}

// newBrowser keeps cookies, and finds the proxy's host at the port.
func newBrowser(t *testing.T, port string) *http.Client {
	jar, _ := cookiejar.New(nil) // which never fails
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: proxyHost},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}
}

// front is a proxy in front of another that listens with TLS, or of the chat
// itself if it has rules of its own. It returns its port.
func front(t *testing.T, certs, port string, rules func(*http.Request)) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certs+".crt", certs+".key")
	if err != nil {
		t.Fatal(err)
	}
	to := &url.URL{Scheme: "https", Host: "127.0.0.1:" + port}
	if rules != nil {
		to.Scheme = "http"
	}
	trust := &tls.Config{InsecureSkipVerify: true, ServerName: proxyHost}
	transport := &http.Transport{TLSClientConfig: trust}
	proxy := &httputil.ReverseProxy{Transport: transport,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			if rules != nil {
				rules(r.Out)
			}
		}}
	server := httptest.NewUnstartedServer(proxy)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	_, outside, _ := net.SplitHostPort(server.Listener.Addr().String())
	return outside
}

// start runs a proxy until the test ends, and waits until it takes
// connections.
func start(t *testing.T, port, dir, config, path string, args func(string) []string) {
	t.Helper()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args(file)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: %v\n%s\n%s", path, err, &out, config)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", path)
		}
	}
}

// findProgram finds a server that may lie where only root looks.
func findProgram(name string) string {
	for _, name := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// selfSigned writes a certificate, its key, and both in one file: the path
// returned with .crt, .key and .pem.
func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxyHost},
		DNSNames: []string{proxyHost}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	path := filepath.Join(t.TempDir(), "chat")
	for ending, content := range map[string][]byte{".crt": crt, ".key": secret,
		".pem": append(bytes.Clone(crt), secret...)} {
		if err := os.WriteFile(path+ending, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}
