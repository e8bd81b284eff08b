package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// urls of sets, as --store takes them.
func sentinelURL(set *redistest.Sentinel) string {
	var at []string
	for _, s := range set.Sentinels {
		at = append(at, s.Addr())
	}
	return "redis+sentinel://" + strings.Join(at, ",") + "/" + redistest.MasterSet
}

func clusterURL(c *redistest.Cluster) string {
	var at []string
	for _, s := range c.Masters {
		at = append(at, s.Addr())
	}
	return "redis+cluster://" + strings.Join(at, ",")
}

// outage is a Redis that goes away and comes back without losing what it has acknowledged.
type outage struct {
	name string
	// start starts one and returns its URL, and what makes it go; that returns what brings it back.
	start func(t *testing.T) (url string, leave func() (comeBack func()))
}

var outages = []outage{
	{"restart", func(t *testing.T) (string, func() func()) {
		s := redistest.StartTCP(t, "--appendonly", "yes", "--appendfsync", "always")
		return s.URL(), func() func() { s.Kill(); return s.Restart }
	}},
	{"pause", func(t *testing.T) (string, func() func()) {
		s := redistest.StartTCP(t)
		return s.URL(), func() func() {
			s.Pause()
			at := time.Now()
			return func() {
				time.Sleep(10*time.Second - time.Since(at)) // the length of the outage is what this is about
				s.Resume()
			}
		}
	}},
	{"sentinel failover", func(t *testing.T) (string, func() func()) {
		set := redistest.StartSentinel(t)
		return sentinelURL(set), func() func() {
			replace := set.Lose(t)
			return replace
		}
	}},
	{"cluster master restart", func(t *testing.T) (string, func() func()) {
		c := redistest.StartCluster(t)
		return clusterURL(c), func() func() {
			out, err := c.Masters[0].Do("CLUSTER", "KEYSLOT", "{room:general}")
			slot, err2 := strconv.Atoi(out)
			if err != nil || err2 != nil {
				t.Fatal(out, err, err2)
			}
			owner := c.Masters[slot*3/16384]
			if out, err := owner.Do("SAVE"); err != nil {
				t.Fatal(out, err)
			}
			owner.Kill()
			return owner.Restart
		}
	}},
}

// TestRedisGoesAndComes takes Redis away from two nodes full of people.
func TestRedisGoesAndComes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			url, leave := o.start(t)
			f := startFleet(t, 2, url)
			tokens := f.people()
			senders := f.senders(tokens)
			stop := chatterAll(senders)
			more(t, senders, 10)
			stop() // so that nothing is acknowledged that the next master does not have
			comeBack := leave()
			stop = chatterAll(senders)
			for _, c := range senders {
				soon(t, "a send to be refused", func() bool {
					c.mu.Lock()
					defer c.mu.Unlock()
					return c.away > 0
				})
			}
			comeBack()
			back := time.Now()
			more(t, senders, 10)
			t.Logf("everybody goes on %v after", time.Since(back))
			stop()
			f.check(senders...)
			for _, c := range senders {
				c.mu.Lock()
				if c.synced != 1 {
					t.Errorf("%s had to connect %d times: %v", c.device, c.synced, c.ends)
				}
				if c.slowest > 12*time.Second { // a door gives up after ten
					t.Errorf("%s waited %v to be answered", c.device, c.slowest)
				}
				if len(c.resyncs) > 0 {
					t.Errorf("%s had to fetch anew: %v", c.device, c.resyncs)
				}
				c.mu.Unlock()
			}
		})
	}
}
