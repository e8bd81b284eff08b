package connect_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/connect"
	"github.com/parley-chat/parley/kit/redistest"
)

func parse(t *testing.T, url string) connect.Config {
	t.Helper()
	c, err := connect.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, c connect.Config) *connect.Conn {
	t.Helper()
	conn, err := connect.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func set(ctx context.Context, c rueidis.Client, key string) error {
	return c.Do(ctx, c.B().Set().Key(key).Value("v").Build()).Error()
}

func TestOpen(t *testing.T) {
	redistest.Since(t, "6.2") // older ones know no rules for channels
	for name, url := range map[string]string{
		"port":   redistest.StartTCP(t).URL(),
		"socket": redistest.Start(t).URL(),
		"password": strings.Replace(redistest.StartTCP(t, "--user", "me", "on", ">p@ss", "~*", "&*",
			"+@all", "--user", "default", "off").URL(),
			"redis://", "redis://me:p%40ss@", 1),
	} {
		t.Run(name, func(t *testing.T) {
			conn := open(t, parse(t, url+"?db=0&client_name=test"))
			if err := set(t.Context(), conn.Client, "k"); err != nil {
				t.Error(err)
			}
			list, err := conn.Client.Do(t.Context(), conn.Client.B().ClientList().Build()).ToString()
			if n := strings.Count(list, "name=test"); err != nil || n < 2 {
				t.Errorf("%d connections have the name, want one for commands and one for subscriptions: %v", n, err)
			}
		})
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	var hosts []string
	for _, m := range c.Masters {
		hosts = append(hosts, m.Addr())
	}
	conn := open(t, parse(t, "redis+cluster://"+strings.Join(hosts, ",")))
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		if err := set(t.Context(), conn.Client, key); err != nil {
			t.Error(err)
		}
	}
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	var hosts []string
	for _, w := range s.Sentinels {
		hosts = append(hosts, w.Addr())
	}
	conn := open(t, parse(t, "redis+sentinel://"+strings.Join(hosts, ",")+"/"+redistest.MasterSet))
	if err := set(t.Context(), conn.Client, "before"); err != nil {
		t.Fatal(err)
	}
	s.Servers[0].Kill()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := set(ctx, conn.Client, "after")
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no write succeeds after the failover: %v", err)
		}
	}
}

func TestErrorsSayWhy(t *testing.T) {
	t.Parallel()
	locked := redistest.StartTCP(t, "--requirepass", "secret")
	hole, err := net.Listen("tcp", "127.0.0.1:0") // accepts, by its backlog, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().String()
	nobody.Close()
	for name, c := range map[string]struct {
		url  string
		want []string
	}{
		"nobody there": {"redis://" + closed + "?start_timeout=300ms",
			[]string{closed, "refused", "gave up after 300ms"}},
		"never answers": {"redis://" + hole.Addr().String() +
			"?start_timeout=300ms&dial_timeout=1h",
			[]string{hole.Addr().String(), "no answer", "gave up after 300ms"}},
		"never encrypts": {"rediss://" + hole.Addr().String() +
			"?start_timeout=300ms&dial_timeout=1h", []string{hole.Addr().String(), "gave up after 300ms"}},
		"dumb sentinel": {"redis+sentinel://" + hole.Addr().String() +
			"/main?start_timeout=300ms&dial_timeout=1h", []string{"main", "gave up after 300ms"}},
		"dumb cluster": {"redis+cluster://" + hole.Addr().String() +
			"?start_timeout=300ms&dial_timeout=1h", []string{hole.Addr().String(), "gave up after 300ms"}},
		"wrong password": {strings.Replace(locked.URL(), "redis://", "redis://:wrong@", 1) +
			"?start_timeout=1h", []string{"WRONGPASS"}},
		"no password": {locked.URL() + "?start_timeout=1h", []string{"NOAUTH"}},
		"no such socket": {"unix:///does/not/exist?start_timeout=300ms",
			[]string{"/does/not/exist", "no such file"}},
		"no sentinel": {"redis+sentinel://" + closed + "/main?start_timeout=300ms",
			[]string{"main", closed, "gave up"}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := connect.Open(t.Context(), parse(t, c.url))
			if err == nil {
				conn.Close()
				t.Fatal("it opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not speak of %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), ":wrong@") {
				t.Errorf("%q holds a password", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := connect.Open(ctx, parse(t, "redis://"+closed)); err == nil ||
		!strings.Contains(err.Error(), "canceled") {
		t.Errorf("with a context that is done: %v", err)
	}
}

// TestTrackingDenied has a user who may not ask for client-side caching.
func TestTrackingDenied(t *testing.T) {
	redistest.Since(t, "7.0") // older ones deny no subcommand
	s := redistest.StartTCP(t, "--user", "me", "on", ">pw", "~*", "&*", "+@all", "-client|tracking")
	conn := open(t, parse(t, strings.Replace(s.URL(), "redis://", "redis://me:pw@", 1)+"?start_timeout=1h"))
	if err := set(t.Context(), conn.Client, "k"); err != nil {
		t.Fatal(err)
	}
	c := conn.Client
	for _, want := range []string{"v", "w"} { // read from Redis each time, as nothing would tell of a change
		if err := c.Do(t.Context(), c.B().Set().Key("k").Value(want).Build()).Error(); err != nil {
			t.Fatal(err)
		}
		if got, err := c.DoCache(t.Context(), c.B().Get().Key("k").Cache(),
			time.Hour).ToString(); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

func TestWaitsForRedis(t *testing.T) {
	s := redistest.StartTCP(t)
	s.Stop()
	started := make(chan struct{})
	go func() {
		defer close(started)
		time.Sleep(300 * time.Millisecond) // comes up late
		s.Restart()
	}()
	var mu sync.Mutex
	var kinds []connect.Kind
	cfg := parse(t, s.URL())
	cfg.OnEvent = func(e connect.Event) {
		mu.Lock()
		defer mu.Unlock()
		kinds = append(kinds, e.Kind)
	}
	conn := open(t, cfg)
	<-started
	if err := set(t.Context(), conn.Client, "k"); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if kinds[0] != connect.Failed || !slices.Contains(kinds, connect.Connected) {
		t.Errorf("events: %v", kinds)
	}
}

func TestEvents(t *testing.T) {
	s := redistest.StartTCP(t)
	events := make(chan connect.Event, 1000)
	cfg := parse(t, s.URL())
	cfg.OnEvent = func(e connect.Event) { events <- e }
	conn := open(t, cfg)
	// until uses the connections, as rueidis notices the loss of one that it
	// uses, and has several.
	until := func(kind connect.Kind, subscriber bool) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for i := 0; time.Now().Before(deadline); i++ { // the key says which of them is used
			set(t.Context(), conn.Client, strconv.Itoa(i))
			set(t.Context(), conn.Subscriber, strconv.Itoa(i))
			select {
			case e := <-events:
				if e.Kind == kind && e.Subscriber == subscriber {
					if e.Addr != s.Addr() || (e.Err == nil) != (kind == connect.Connected) ||
						!strings.Contains(e.String(), s.Addr()) {
						t.Errorf("event %v", e)
					}
					return
				}
			default:
			}
		}
		t.Fatalf("no event %v for subscriber=%v", kind, subscriber)
	}
	until(connect.Connected, false)
	until(connect.Connected, true)
	s.Restart()
	until(connect.Lost, false)
	until(connect.Connected, false)
}

// TestSlowHandlerDoesNotHoldUpCommands is why there is a Subscriber.
func TestSlowHandlerDoesNotHoldUpCommands(t *testing.T) {
	conn := open(t, parse(t, redistest.Start(t).URL()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn.Subscriber.Receive(ctx, conn.Subscriber.B().Subscribe().Channel("c").Build(),
			func(rueidis.PubSubMessage) {
				once.Do(func() { close(entered) })
				<-leave
			})
	}()
	for heard := false; !heard; {
		if err := conn.Client.Do(ctx, conn.Client.B().Publish().Channel("c").Message(
			"m").Build()).Error(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-entered:
			heard = true
		default:
		}
	}
	for range 100 {
		if err := set(ctx, conn.Client, "k"); err != nil {
			t.Fatal(err)
		}
	}
	close(leave)
	cancel()
	<-done
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	conn := open(t, parse(t, "rediss://127.0.0.1:"+port+"?ca="+cert))
	if err := set(t.Context(), conn.Client, "k"); err != nil {
		t.Error(err)
	}
	_, err = connect.Open(t.Context(), parse(t, "rediss://127.0.0.1:"+port+"?start_timeout=1h"))
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with a certificate that nobody vouches for: %v", err)
	}
}

// certificate makes one for 127.0.0.1, which vouches for itself.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1),
		Subject: pkix.Name{CommonName: "redis"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}),
			0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", encoded)
}

// TestReadEnds reads without a deadline while Redis is silent, and while it is
// down.
func TestReadEnds(t *testing.T) {
	s := redistest.StartTCP(t)
	cfg := parse(t, s.URL())
	cfg.Timeout = 500 * time.Millisecond
	conn := open(t, cfg)
	get := func() error {
		return conn.Client.Do(context.Background(), conn.Client.B().Get().Key("k").Build()).Error()
	}
	if err := get(); !rueidis.IsRedisNil(err) {
		t.Fatal(err)
	}
	s.Pause()
	if err := get(); err == nil || rueidis.IsRedisNil(err) {
		t.Errorf("silent: %v", err)
	}
	s.Resume()
	s.Kill()
	if err := get(); err == nil || rueidis.IsRedisNil(err) {
		t.Errorf("down: %v", err)
	}
}

// TestTLSToPlain says what is wrong with rediss:// for a server without TLS.
func TestTLSToPlain(t *testing.T) {
	s := redistest.StartTCP(t)
	url := strings.Replace(s.URL(), "redis://", "rediss://", 1)
	_, err := connect.Open(t.Context(), parse(t, url+"?start_timeout=500ms"))
	if err == nil || !strings.Contains(err.Error(), "does the server speak TLS") {
		t.Error(err)
	}
}
