package counter

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/internal/period"
)

var (
	//go:embed take.lua
	takeSource string
	//go:embed add.lua
	addSource string
	//go:embed spend.lua
	spendSource string
	//go:embed see.lua
	seeSource string

	takeScript  = rueidis.NewLuaScript(takeSource)
	addScript   = rueidis.NewLuaScript(addSource)
	spendScript = rueidis.NewLuaScript(period.Source + spendSource)
	seeScript   = rueidis.NewLuaScript(period.Source + seeSource)
)

// most is the largest amount: what Redis' scripts count exactly.
const most = 1 << 53

var (
	// ErrNotEnough says that there is less than was to be taken. Nothing was.
	ErrNotEnough = errors.New("counter: not enough")

	// ErrAmount refuses an amount below 0, or above 2^53.
	ErrAmount = errors.New("counter: an amount out of range")

	// ErrKey refuses an empty key or item.
	ErrKey = errors.New("counter: a key is needed")
)

// Options are the settings of a Stock; the zero value is ready to use.
type Options struct {
	// Prefix begins every key in Redis. Default: "counter".
	Prefix string

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s.
	Timeout time.Duration
}

// base is what all kinds have.
type base struct {
	client  rueidis.Client
	prefix  string
	timeout time.Duration
}

func newBase(client rueidis.Client, prefix, standard string, timeout time.Duration) (base, error) {
	if prefix == "" {
		prefix = standard
	}
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	if strings.ContainsAny(prefix, "{}") || timeout < 0 {
		return base{}, fmt.Errorf("counter: options out of range: prefix %q, timeout %s", prefix, timeout)
	}
	return base{client, prefix, timeout}, nil
}

func (b base) key(key string) (string, error) {
	if key == "" || strings.ContainsAny(key, "{}") {
		return "", fmt.Errorf("%w, without braces: %q", ErrKey, key)
	}
	return b.prefix + ":{" + key + "}", nil
}

func (b base) run(ctx context.Context, script *rueidis.Lua, keys []string,
	args ...string) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return exec.Script(ctx, script, b.client, keys, args)
}

// A Stock has amounts by key and item. It is safe for concurrent use.
type Stock struct{ base }

// NewStock returns a stock. The client stays the caller's and must outlive it.
func NewStock(client rueidis.Client, opt Options) (*Stock, error) {
	b, err := newBase(client, opt.Prefix, "counter", opt.Timeout)
	if err != nil {
		return nil, err
	}
	return &Stock{b}, nil
}

// Take takes amounts of the key's items: all of them, or none and ErrNotEnough.
func (s *Stock) Take(ctx context.Context, key string, amounts map[string]int64) error {
	name, err := s.key(key)
	if err != nil {
		return err
	}
	items := slices.Sorted(maps.Keys(amounts))
	var args []string
	for _, item := range items {
		if n := amounts[item]; n < 0 || n > most {
			return fmt.Errorf("%w: %d of %q", ErrAmount, n, item)
		} else if n > 0 {
			args = append(args, item, strconv.FormatInt(n, 10))
		}
	}
	if len(args) == 0 {
		return nil
	}
	reply, err := s.run(ctx, takeScript, []string{name}, args...).AsIntSlice()
	if err == nil && len(reply) != 1+len(args)/2 {
		err = exec.ErrReply
	}
	if err != nil {
		return fmt.Errorf("counter: take: %w", exec.Unavailable(ctx, err))
	}
	if reply[0] == 0 {
		var lacking []string
		for i := 0; i < len(args); i += 2 {
			if have := reply[1+i/2]; have < amounts[args[i]] {
				lacking = append(lacking, fmt.Sprintf("%d of %q, not %s", have, args[i], args[i+1]))
			}
		}
		return fmt.Errorf("%w: there is %s", ErrNotEnough, strings.Join(lacking, ", "))
	}
	return nil
}

// Add adds to an item, and returns what there is then.
func (s *Stock) Add(ctx context.Context, key, item string, n int64) (int64, error) {
	return s.add(ctx, key, item, n, -1)
}

// Refill adds to an item up to a limit, and returns what there is then. What is
// above the limit already stays.
func (s *Stock) Refill(ctx context.Context, key, item string, n, limit int64) (int64, error) {
	if limit < 0 || limit > most {
		return 0, fmt.Errorf("%w: a limit of %d", ErrAmount, limit)
	}
	return s.add(ctx, key, item, n, limit)
}

func (s *Stock) add(ctx context.Context, key, item string, n, limit int64) (int64, error) {
	name, err := s.key(key)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > most {
		return 0, fmt.Errorf("%w: %d of %q", ErrAmount, n, item)
	}
	have, err := s.run(ctx, addScript, []string{name}, item, strconv.FormatInt(n, 10),
		strconv.FormatInt(limit, 10)).AsInt64()
	if err != nil {
		return 0, fmt.Errorf("counter: add: %w", exec.Unavailable(ctx, err))
	}
	return have, nil
}

// All returns the key's amounts.
func (s *Stock) All(ctx context.Context, key string) (map[string]int64, error) {
	name, err := s.key(key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := exec.Bound(ctx, s.timeout)
	defer cancel()
	all, err := s.client.Do(ctx, s.client.B().Hgetall().Key(name).Build()).AsIntMap()
	if err != nil {
		return nil, fmt.Errorf("counter: read: %w", exec.Unavailable(ctx, err))
	}
	return all, nil
}
