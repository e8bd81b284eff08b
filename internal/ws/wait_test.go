package ws_test

import (
	"fmt"
	"sync"
	"testing"
)

// TestWaiting: whoever says little is waited for by one goroutine after the
// other, whoever says much by one; frames that come whole, in two parts and two
// at once are answered either way.
func TestWaiting(t *testing.T) {
	f := newFixture(t, nil)
	token := f.person("Pablo")
	var wg sync.WaitGroup
	for i := range 20 {
		c := f.dial(token)
		wg.Go(func() {
			for n := 1; n <= 40; n += 2 {
				one := text(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping","params":{}}`, n))
				two := text(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping","params":{}}`, n+1))
				cut := (n + 7*i) % len(one)
				c.write(one[:cut])
				c.write(one[cut:], two)
				for _, want := range []int{n, n + 1} {
					r, err := c.get()
					if err != nil || string(r.ID) != fmt.Sprint(want) || r.Error != nil {
						t.Errorf("connection %d, ping %d: %+v, %v", i, want, r, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
