package verify

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadValue(t *testing.T) {
	values := []string{
		"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$-1\r\n", "$0\r\n\r\n", "$4\r\na\r\nb\r\n", "_\r\n",
		"*0\r\n", "*-1\r\n", "*2\r\n$1\r\nx\r\n:3\r\n",
		"%1\r\n+a\r\n*1\r\n:1\r\n", "~1\r\n#t\r\n", "|1\r\n+a\r\n+b\r\n:5\r\n",
		">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", "=5\r\ntxt:a\r\n",
	}
	in := bufio.NewReader(strings.NewReader(strings.Join(values, "") + "$9\r\ncut"))
	for _, want := range values {
		if got, err := readValue(in); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", want, got, err)
		}
	}
	if got, err := readValue(in); err == nil {
		t.Errorf("half a value is %q", got)
	}
}

// TestGarble: published messages are dropped, doubled and late as often as is
// counted; answers stay as they are.
func TestGarble(t *testing.T) {
	const n = 3000
	redis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	p, err := newBellProxy(redis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	p.corrupt(0.2)
	go func() {
		c, err := redis.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		out := bufio.NewWriter(c)
		for i := range n {
			text := fmt.Sprint(i)
			fmt.Fprintf(out, ":%d\r\n>3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$%d\r\n%s\r\n", i, len(text), text)
		}
		out.Flush()
		io.Copy(io.Discard, c) // until the other end goes: what is late is to come through
	}()
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var answers, messages []int
	c.SetReadDeadline(time.Now().Add(time.Minute))
	for in := bufio.NewReader(c); ; {
		if x := p.bellStats(); x.bad()+x.through == n && len(answers) == n &&
			len(messages) == n-x.dropped+x.doubled {
			break
		}
		value, err := readValue(in)
		if err != nil {
			t.Fatal(err)
		}
		var i int
		if isPublished(value) {
			parts := strings.Split(string(value), "\r\n")
			if _, err := fmt.Sscan(parts[6], &i); err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			messages = append(messages, i)
		} else if _, err := fmt.Sscanf(string(value), ":%d\r\n", &i); err != nil {
			t.Fatalf("%q: %v", value, err)
		} else {
			answers = append(answers, i)
		}
	}
	if len(answers) != n || !slices.IsSorted(answers) {
		t.Errorf("%d answers of %d, in order: %v", len(answers), n, slices.IsSorted(answers))
	}
	x := p.bellStats()
	if x.dropped == 0 || x.doubled == 0 || x.late == 0 || x.through == 0 || x.bad()+x.through != n {
		t.Errorf("of %d messages: %+v", n, x)
	}
	if slices.IsSorted(messages) {
		t.Error("none came after a later one")
	}
}
