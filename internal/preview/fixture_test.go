package preview

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/netguard"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a web server on the loopback that counts its visits.
type site struct {
	*httptest.Server
	hits atomic.Int64
	addr netip.AddrPort
}

func serve(t *testing.T, h http.HandlerFunc) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	s.addr = netip.MustParseAddrPort(s.Listener.Addr().String())
	return s
}

func page(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, body)
	}
}

// loopback permits any port of this machine.
var loopback = allow("127.0.0.0/8", "::1")

// allow permits any port of some addresses, besides public ones.
func allow(texts ...string) netguard.Guard {
	list, err := netguard.ParseAllow(texts)
	if err != nil {
		panic(err)
	}
	return netguard.Guard{AnyPort: true, Allow: list}
}

// fetcher may reach what listens on the loopback, unless opt has a guard.
func fetcher(t *testing.T, opt Options) *Fetcher {
	if !opt.Guard.AnyPort {
		opt.Guard = loopback
	}
	if opt.Timeout == 0 {
		opt.Timeout = time.Minute
	}
	f := New(opt)
	t.Cleanup(f.Close)
	return f
}

// names is a resolver whose server gives for each name its addresses, one more
// with each look-up.
type names struct {
	mu    sync.Mutex
	addrs map[string][]string
	asked map[string]int
}

// resolver starts the server. A name that is not in the table is 127.0.0.1, as
// C libraries say of odd numbers.
func resolver(t *testing.T, addrs map[string][]string) *net.Resolver {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{addrs: addrs, asked: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := n.answer(buf[:size]); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *names) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	name := strings.TrimSuffix(q.Name.String(), ".")
	n.mu.Lock()
	defer n.mu.Unlock()
	list, ok := n.addrs[name]
	if !ok {
		list = []string{"127.0.0.1"}
	}
	addr := netip.MustParseAddr(list[min(n.asked[name], len(list)-1)])
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 0}
	switch {
	case q.Type == dnsmessage.TypeA && addr.Is4():
		m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}}}
		n.asked[name]++
	case q.Type == dnsmessage.TypeAAAA && addr.Is6():
		m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
		n.asked[name]++
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

func (s *site) parse(t *testing.T) *url.URL {
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
