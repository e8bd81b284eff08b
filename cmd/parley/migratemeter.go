package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/parley-chat/parley/internal/migrate"
)

// meter shows how far a migration, a backup or a restore is: as a bar on a
// terminal, elsewhere as a line now and then.
type meter struct {
	out      io.Writer
	terminal bool
	every    time.Duration
	now      func() time.Time

	what    string // "copying", "comparing" …
	began   time.Time
	at      int64 // messages when it began
	shown   time.Time
	share   float64
	last    string
	printed string
	total   migrate.Counts
	resumed bool
}

func newMeter(out io.Writer) *meter {
	m := &meter{out: out, every: 3 * time.Second, now: time.Now}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		m.terminal, m.every = true, 100*time.Millisecond
	}
	return m
}

// copied is told what is written.
func (m *meter) copied(p migrate.Progress) {
	if m.what != "copying" {
		m.total, m.resumed = p.Total, p.Resumed
		if p.Resumed {
			fmt.Fprintf(m.out, "going on with what an earlier run has begun: %s of %s messages are there\n", grouped(p.Done.Messages), grouped(p.Total.Messages))
		}
	}
	m.show("copying", p.Done.Messages,
		fmt.Sprintf("%s rooms, %s sends, %s people", grouped(p.Done.Rooms), grouped(p.Done.Sends),
			grouped(p.Done.People)))
}

// compared is told how many messages were read again.
func (m *meter) compared(messages int64) { m.show("comparing", messages, "") }

// counted is told how much of something was done, where it is not known how
// much there is.
func (m *meter) counted(what string, done string) {
	m.begin(what, 0)
	m.share, m.last = 1, done
	m.due()
}

// begin notes when a step begins.
func (m *meter) begin(what string, messages int64) {
	if m.what != what {
		now := m.now()
		m.what, m.began, m.at, m.shown = what, now, messages, now
	}
}

// due prints what there is to say, if it is time.
func (m *meter) due() {
	if now := m.now(); now.Sub(m.shown) >= m.every {
		m.shown = now
		m.print("")
	}
}

func (m *meter) show(what string, messages int64, more string) {
	m.begin(what, messages)
	now := m.now()
	m.share = 1
	if m.total.Messages > 0 {
		m.share = min(float64(messages)/float64(m.total.Messages), 1)
	}
	rate := ""
	if d := now.Sub(m.began).Seconds(); d > 0.5 {
		rate = ", " + grouped(int64(float64(messages-m.at)/d)) + "/s"
	}
	m.last = fmt.Sprintf("%3.0f%%  %s of %s messages%s", 100*m.share, grouped(messages),
		grouped(m.total.Messages), rate)
	if more != "" && (!m.terminal || m.share == 1) {
		m.last += ", " + more
	}
	m.due()
}

func (m *meter) print(end string) {
	if !m.terminal {
		if m.last != m.printed {
			fmt.Fprintf(m.out, "%-9s %s\n", m.what, m.last)
		}
		m.printed = m.last
		return
	}
	const width = 20
	full := int(m.share * width)
	fmt.Fprintf(m.out, "\r%-9s %s%s %s\x1b[K%s", m.what, strings.Repeat("█", full),
		strings.Repeat("░", width-full), m.last, end)
}

// end shows the last state of what was done.
func (m *meter) end() {
	if m.last != "" {
		m.print("\n")
	}
	m.last, m.printed = "", ""
}

// grouped writes a number with commas between its thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
