package redistest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Do runs a command on a connection of its own, and returns the answer as
// text, an array's elements one a line. What Redis refuses is an error.
func (s *Server) Do(args ...string) (string, error) { return s.do(startTimeout, args...) }

func (s *Server) do(limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	o := s.Option()
	o.Dialer.Timeout, o.ConnWriteTimeout = limit, limit
	// As little as possible besides the command that is asked for.
	o.AlwaysRESP2, o.DisableCache, o.ClientSetInfo = true, true, rueidis.DisableClientSetInfo
	o.DisableRetry = true
	c, err := rueidis.NewClient(o)
	if err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	defer c.Close()
	answer, err := c.Do(ctx, c.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", fmt.Errorf("redistest: %s: %w", args[0], err)
	}
	return strings.ReplaceAll(strings.TrimSpace(text(answer)), "\r\n", "\n"), nil
}

func text(m rueidis.RedisMessage) string {
	if all, err := m.ToArray(); err == nil {
		lines := make([]string, len(all))
		for i, one := range all {
			lines[i] = text(one)
		}
		return strings.Join(lines, "\n")
	}
	if n, err := m.ToInt64(); err == nil {
		return strconv.FormatInt(n, 10)
	}
	line, _ := m.ToString() // none is nil
	return line
}
