package redistest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// Deployment is a Redis that clients connect to: a *Server, a *Sentinel or a
// *Cluster.
type Deployment interface {
	// Option is what rueidis needs to connect.
	Option() rueidis.ClientOption
	// URL is the same for programs, as package connect reads it.
	URL() string
	// Client returns a client that is closed with the test.
	Client(t testing.TB) rueidis.Client

	all() []*Server // that hold data
}

func (s *Server) all() []*Server   { return []*Server{s} }
func (s *Sentinel) all() []*Server { return s.Servers }
func (c *Cluster) all() []*Server  { return c.Masters }

// Deployments take seconds to start, so a process has one of each. Main ends
// them.
var (
	process        lifetime
	sharedServer   = sync.OnceValue(func() Deployment { return Start(&process) })
	sharedSentinel = sync.OnceValue(func() Deployment {
		s := StartSentinel(&process)
		s.replaceAfter(&process, time.Hour) // no test of Each wants that, and a busy machine is slow
		return s
	})
	sharedCluster = sync.OnceValue(func() Deployment { return StartCluster(&process) })

	// A master takes no writes in its first two seconds. What needs no cluster
	// runs meanwhile.
	startEarly = sync.OnceFunc(func() { process.begin(func() { sharedCluster() }) })
)

// Each runs a test on one server ("single"), behind Sentinels ("sentinel") and
// on a cluster ("cluster"); with -short on the first only. All tests of a
// process share the three, each beginning with no data: they must not run in
// parallel, and must leave servers and settings as they are. TestMain must end
// with Main or MainNoLeaks.
func Each(t *testing.T, test func(t *testing.T, d Deployment)) {
	t.Helper()
	Need(t)
	if !testing.Short() {
		startEarly()
	}
	for _, kind := range []struct {
		name  string
		start func() Deployment
	}{{"single", sharedServer}, {"sentinel", sharedSentinel}, {"cluster", sharedCluster}} {
		t.Run(kind.name, func(t *testing.T) {
			if testing.Short() && kind.name != "single" {
				t.Skip("takes seconds to start")
			}
			d := kind.start()
			if err := flush(d); err != nil {
				t.Fatal(err)
			}
			test(t, d)
		})
	}
}

// Single returns the server that Each calls "single", without data, for a test
// that needs one server and leaves it as it is, settings
// included. Tests that share it must not run in parallel.
func Single(t *testing.T) *Server {
	t.Helper()
	Need(t)
	d := sharedServer()
	if err := flush(d); err != nil {
		t.Fatal(err)
	}
	return d.(*Server)
}

// Example returns a client of the server that Each calls "single", without
// data, for an example, which has no test to close it with: stop does. It
// panics if there is none.
func Example() (client rueidis.Client, stop func()) {
	client, err := rueidis.NewClient(sharedServer().Option())
	if err == nil {
		err = client.Do(context.Background(), client.B().Flushall().Build()).Error()
	}
	if err != nil {
		panic(err)
	}
	return client, client.Close
}

func flush(d Deployment) error {
	for _, s := range d.all() {
		// A replica refuses, and follows its master in this.
		if _, err := s.Do("FLUSHALL"); err != nil && !strings.Contains(err.Error(), "READONLY") {
			return err
		}
	}
	return nil
}

// lifetime stands in for a test that lasts as long as the process.
type lifetime struct {
	testing.TB
	mu       sync.Mutex
	cleanups []func()
	begun    sync.WaitGroup
}

func (l *lifetime) Helper()          {}
func (l *lifetime) Fatal(why ...any) { panic(fmt.Sprint(why...)) }
func (l *lifetime) Skip(why ...any)  { panic(fmt.Sprint(why...)) }
func (l *lifetime) Fatalf(why string, args ...any) {
	panic(fmt.Sprintf(why, args...))
}

func (l *lifetime) Cleanup(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cleanups = append(l.cleanups, f)
}

// begin runs f beside the tests. A panic is left to those who need what f
// makes.
func (l *lifetime) begin(f func()) {
	l.begun.Go(func() {
		defer func() { recover() }()
		f()
	})
}

func (l *lifetime) end() {
	l.begun.Wait()
	for _, f := range slices.Backward(l.cleanups) {
		f()
	}
	l.cleanups = nil
}
