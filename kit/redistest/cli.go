package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Do runs a command on a connection of its own, and returns the answer as
// text, an array's elements one a line. What Redis refuses is an error if it
// begins with ERR, and text otherwise: "MOVED 1 127.0.0.1:7000".
func (s *Server) Do(args ...string) (string, error) {
	conn, err := s.dial(startTimeout)
	if err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	defer conn.Close()
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(conn, command.String()); err != nil {
		return "", fmt.Errorf("redistest: %s: %w", args[0], err)
	}
	text, err := answer(bufio.NewReader(conn))
	if err != nil {
		return "", fmt.Errorf("redistest: %s: %w", args[0], err)
	}
	text = strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n")
	if strings.HasPrefix(text, "ERR") {
		return text, errors.New(text)
	}
	return text, nil
}

// dial connects, for as long as a step may take.
func (s *Server) dial(limit time.Duration) (net.Conn, error) {
	network := "tcp"
	if s.port == 0 {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, s.Addr(), limit)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(limit))
	}
	return conn, err
}

// answer reads one answer of RESP 2.
func answer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, line := line[0], strings.TrimSpace(line[1:])
	if kind != '$' && kind != '*' {
		return line, nil
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 0 {
		return "", err
	}
	if kind == '$' {
		text := make([]byte, n+len("\r\n"))
		_, err := io.ReadFull(r, text)
		return string(text[:n]), err
	}
	lines := make([]string, n)
	for i := range lines {
		if lines[i], err = answer(r); err != nil {
			return "", err
		}
	}
	return strings.Join(lines, "\n"), nil
}
