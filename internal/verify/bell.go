package verify

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// bellStats counts what a proxy did to published messages.
type bellStats struct{ dropped, doubled, late, through int }

func (t bellStats) bad() int { return t.dropped + t.doubled + t.late }

// latest is the maximum delay of a published message, so that later ones
// overtake it.
const latest = 300 * time.Millisecond

// corrupt makes the proxy drop, repeat or delay published messages, with the
// given probability each. Replies to commands pass.
func (p *proxy) corrupt(chance float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chance = chance
}

func (p *proxy) bellStats() bellStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// passAnswers copies replies from Redis, value by value, until an end closes,
// and then closes both.
func (p *proxy) passAnswers(to, from net.Conn) {
	var writing sync.Mutex // what was late comes between values
	var late sync.WaitGroup
	defer late.Wait()
	defer to.Close()
	defer from.Close()
	write := func(b []byte) error {
		writing.Lock()
		defer writing.Unlock()
		_, err := to.Write(b)
		return err
	}
	in := bufio.NewReaderSize(from, 32<<10)
	for {
		value, err := readValue(in)
		if err != nil {
			return
		}
		times, wait := 1, false
		if isPublished(value) {
			times, wait = p.decide()
		}
		if wait {
			late.Go(func() {
				time.Sleep(rand.N(latest))
				write(value)
			})
			continue
		}
		for range times {
			if write(value) != nil {
				return
			}
		}
	}
}

// decide decides what happens to one message.
func (p *proxy) decide() (times int, wait bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch die := rand.Float64(); {
	case die < p.chance:
		p.stats.dropped++
		return 0, false
	case die < 2*p.chance:
		p.stats.doubled++
		return 2, false
	case die < 3*p.chance:
		p.stats.late++
		return 1, true
	}
	p.stats.through++
	return 1, false
}

// isPublished reports whether a RESP value is a message that came to a
// subscriber.
func isPublished(value []byte) bool {
	if value[0] != '>' {
		return false
	}
	_, first, _ := bytes.Cut(value, []byte("\r\n"))
	return bytes.HasPrefix(first, []byte("$8\r\nsmessage\r\n")) ||
		bytes.HasPrefix(first, []byte("$7\r\nmessage\r\n"))
}

// readValue reads one RESP value, as it is on the wire.
func readValue(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 {
		return nil, errors.New("this is not RESP")
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(line[1:])))
	switch line[0] {
	case '$', '=', '!':
		if err != nil || n < 0 {
			return line, err
		}
		at := len(line)
		line = append(line, make([]byte, n+2)...)
		_, err := io.ReadFull(in, line[at:])
		return line, err
	case '%':
		n *= 2
	case '|': // says something about the value after it
		n = 2*n + 1
	case '*', '>', '~':
	default:
		return line, nil
	}
	if err != nil {
		return nil, err
	}
	for range n {
		part, err := readValue(in)
		if err != nil {
			return nil, err
		}
		line = append(line, part...)
	}
	return line, nil
}
