package cache

import (
	"testing"
	"time"
)

// A push that overtakes the reply it is about, and a connection that was lost
// and found again meanwhile: what was read before may not be remembered.
func TestPushOvertakesReply(t *testing.T) {
	for name, c := range map[string]struct {
		between func(l *local[string])
		kept    bool
	}{
		"nothing":         {func(*local[string]) {}, true},
		"another key":     {func(l *local[string]) { l.forget(otherShard(l, "k")) }, true},
		"push":            {func(l *local[string]) { l.forget("k") }, false},
		"everything":      {func(l *local[string]) { l.pushed(nil) }, false},
		"lost and found":  {func(l *local[string]) { down(l); up(l) }, false},
		"lost":            {down, false},
		"another's proof": {up, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := newLocal[string](10, "p:")
			if err != nil {
				t.Fatal(err)
			}
			up(l)
			put := func() {
				l.putGeneration("g", "12345678", l.snapshot("g", l.now()))
				s := l.snapshot("k", l.now())
				c.between(l)
				l.put("k", &localEntry[string]{val: "old", until: l.now() + int64(time.Hour),
					genKeys: []string{"g"}, gens: "12345678"}, s)
			}
			put()
			// Everything also voids the generation; with it known again the
			// entry itself decides.
			l.putGeneration("g", "12345678", l.snapshot("g", l.now()))
			if _, ok := l.get("k", l.now()); ok != c.kept {
				t.Fatalf("remembered: %v, want %v", ok, c.kept)
			}
			if !c.kept {
				return
			}
			l.forgetGeneration("g")
			if _, ok := l.get("k", l.now()); ok {
				t.Fatal("served without its generation")
			}
			l.putGeneration("g", "abcdefgh", l.snapshot("g", l.now()))
			if _, ok := l.get("k", l.now()); ok {
				t.Fatal("served under another generation")
			}
		})
	}
}

func up(l *local[string])   { l.liveUntil.Store(l.now() + int64(time.Hour)) }
func down(l *local[string]) { l.liveUntil.Store(0); l.drop() }

func otherShard(l *local[string], key string) string {
	other := key
	for l.shard(other) == l.shard(key) {
		other += "x"
	}
	return other
}

// Whoever waits is woken by a push about the key, by a loss, or told that it
// came already.
func TestWait(t *testing.T) {
	l, err := newLocal[string](0, "p:")
	if err != nil {
		t.Fatal(err)
	}
	for name, wake := range map[string]func(){
		"push": func() { l.forget("k") },
		"loss": func() { down(l) },
	} {
		s := l.snapshot("k", l.now())
		a, leaveA := l.wait("k", s)
		b, leaveB := l.wait("k", s)
		leaveB()
		wake()
		for _, ch := range []<-chan struct{}{a, b} {
			select {
			case <-ch:
			default:
				t.Fatalf("%s: not woken", name)
			}
		}
		leaveA()
		if ch, _ := l.wait("k", s); ch != nil {
			t.Fatalf("%s: waits for a push that has come", name)
		}
		if n := len(l.shard("k").waiters); n != 0 {
			t.Fatalf("%d waiters left behind", n)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("")
	f.Add(pendingRecord("0123456789abcdef"))
	f.Add(string(header(kindAbsent, "0123456789abcdef", noHold, time.Second, "12345678", 0)))
	f.Add(string(append(header(kindValue, "0123456789abcdef", noHold, 0, "1234567812345678", 3), "abc"...)))
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRecord(s)
		if err != nil {
			return
		}
		if r.id != rawID(s) || r.hold < 0 || r.stale < 0 || len(r.gens)%genLen != 0 {
			t.Fatalf("%q parsed as %+v", s, r)
		}
		if r.kind != kindPending && string(append(header(r.kind, r.id, noHold, r.stale, r.gens, 0),
			r.payload...)) != s &&
			s[idEnd:holdEnd] == "\x00\x1f\xff\xff\xff\xff\xff\xff" {
			t.Fatalf("%q does not come back", s)
		}
	})
}
