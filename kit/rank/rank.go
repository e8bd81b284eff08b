package rank

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/kit/internal/exec"
	"github.com/parley-chat/parley/kit/internal/period"
)

var (
	//go:embed common.lua
	commonSource string
	//go:embed change.lua
	changeSource string
	//go:embed read.lua
	readSource string

	changeScript = rueidis.NewLuaScript(period.Source + commonSource + changeSource)
	readScript   = rueidis.NewLuaScript(period.Source + commonSource + readSource)
)

// A Period is a span of the calendar. Weeks begin on Monday.
type Period = period.Period

// The periods.
const (
	Forever = period.Forever
	Hour    = period.Hour
	Day     = period.Day
	Week    = period.Week
	Month   = period.Month
	Year    = period.Year
)

var (
	// ErrNotFound says that the member is not on the board.
	ErrNotFound = errors.New("rank: no such member")

	// ErrKey refuses an empty board, or one with braces.
	ErrKey = errors.New("rank: a board needs a name without braces")

	// ErrScore refuses a score that is not a number.
	ErrScore = errors.New("rank: the score is not a finite number")
)

// Options are the settings of a Ranking; the zero value is ready to use.
type Options struct {
	// Period that a board is for. Default: Forever.
	Period Period

	// Location has the calendar. Default: UTC.
	Location *time.Location

	// Retention is how long a board is kept after the end of its period.
	// Default: 31 days.
	Retention time.Duration

	// LowestFirst makes the lowest score the best, as of times in a race.
	LowestFirst bool

	// Prefix begins every key in Redis. Default: "rank". Rankings with
	// different periods need different ones.
	Prefix string

	// Timeout bounds each call, in addition to the caller's deadline. Default:
	// 2 s.
	Timeout time.Duration
}

// A Ranking has leaderboards by name. It is safe for concurrent use.
type Ranking struct {
	client rueidis.Client
	opt    Options
	at     time.Time // of At; zero for the present period
}

// An Entry is a member with its score and rank, from 1 on.
type Entry struct {
	Member string
	Score  float64
	Rank   int64
}

// New returns a ranking. The client stays the caller's and must outlive it.
func New(client rueidis.Client, opt Options) (*Ranking, error) {
	if opt.Prefix == "" {
		opt.Prefix = "rank"
	}
	if opt.Location == nil {
		opt.Location = time.UTC
	}
	if opt.Retention == 0 {
		opt.Retention = 31 * 24 * time.Hour
	}
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
	}
	if strings.ContainsAny(opt.Prefix, "{}") || !opt.Period.Valid() || opt.Retention < 0 || opt.Timeout < 0 {
		return nil, fmt.Errorf("rank: options out of range: prefix %q, period %d, retention %s, timeout %s",
			opt.Prefix, opt.Period, opt.Retention, opt.Timeout)
	}
	return &Ranking{client: client, opt: opt}, nil
}

// At returns the same ranking as it is, or was, in the period that has a time.
func (r *Ranking) At(t time.Time) *Ranking { return &Ranking{r.client, r.opt, t} }

// Set gives a member a score.
func (r *Ranking) Set(ctx context.Context, board, member string, score float64) (Entry, error) {
	return r.change(ctx, board, "set", member, score)
}

// Add adds to a member's score.
func (r *Ranking) Add(ctx context.Context, board, member string, delta float64) (Entry, error) {
	return r.change(ctx, board, "add", member, delta)
}

// Best gives a member a score if it is better than the one that it has, and
// returns what it has then.
func (r *Ranking) Best(ctx context.Context, board, member string, score float64) (Entry, error) {
	return r.change(ctx, board, "best", member, score)
}

func (r *Ranking) change(ctx context.Context, board, how, member string,
	score float64) (Entry, error) {
	if math.IsNaN(score) || math.IsInf(score, 0) {
		return Entry{}, ErrScore
	}
	entries, err := r.run(ctx, changeScript, board, how, member,
		strconv.FormatFloat(r.sign(score), 'g', -1, 64),
		strconv.FormatInt(r.opt.Retention.Milliseconds(), 10))
	if err == nil && len(entries) != 1 {
		err = fmt.Errorf("rank: %w", exec.ErrReply)
	}
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// Top returns up to n entries from the best on, after offset of them.
func (r *Ranking) Top(ctx context.Context, board string, offset, n int) ([]Entry, error) {
	if n <= 0 || offset < 0 {
		return nil, nil
	}
	return r.run(ctx, readScript, board, "top", strconv.Itoa(offset), strconv.Itoa(n))
}

// Around returns a member and up to n entries before and after it, or
// ErrNotFound.
func (r *Ranking) Around(ctx context.Context, board, member string, n int) ([]Entry, error) {
	entries, err := r.run(ctx, readScript, board, "around", member, strconv.Itoa(max(n, 0)))
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("%w: %q", ErrNotFound, member)
	}
	return entries, err
}

// Get returns a member's entry, or ErrNotFound.
func (r *Ranking) Get(ctx context.Context, board, member string) (Entry, error) {
	entries, err := r.Around(ctx, board, member, 0)
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// Len returns how many members the board has.
func (r *Ranking) Len(ctx context.Context, board string) (int64, error) {
	return r.plain(ctx, board, func(key string) rueidis.Completed {
		return r.client.B().Zcard().Key(key).Build()
	})
}

// Remove takes members off the board, and returns how many were there.
func (r *Ranking) Remove(ctx context.Context, board string, members ...string) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	return r.plain(ctx, board, func(key string) rueidis.Completed {
		return r.client.B().Zrem().Key(key).Member(members...).Build()
	})
}

// plain runs a command on the board of the period by the caller's clock.
func (r *Ranking) plain(ctx context.Context, board string,
	command func(key string) rueidis.Completed) (int64, error) {
	keys, _, err := r.keys(board)
	if err != nil {
		return 0, err
	}
	ctx, cancel := exec.Bound(ctx, r.opt.Timeout)
	defer cancel()
	n, err := r.client.Do(ctx, command(keys[len(keys)/2])).AsInt64()
	if err != nil {
		return 0, fmt.Errorf("rank: %w", exec.Unavailable(ctx, err))
	}
	return n, nil
}

// keys returns the keys of the periods around now, or that of At, and what
// chooses among them.
func (r *Ranking) keys(board string) (keys []string, periods string, err error) {
	if board == "" || strings.ContainsAny(board, "{}") {
		return nil, "", fmt.Errorf("%w: %q", ErrKey, board)
	}
	stem := r.opt.Prefix + ":{" + board + "}"
	if r.opt.Period == Forever {
		return []string{stem}, "0 0", nil
	}
	if !r.at.IsZero() {
		at := r.at.In(r.opt.Location)
		// An end of its own, so that the board expires, and any clock will do.
		return []string{stem + ":" + r.opt.Period.Name(at)},
			fmt.Sprintf("fixed %d", r.opt.Period.Next(at).UnixMilli()), nil
	}
	names, periods := r.opt.Period.Around(time.Now().In(r.opt.Location))
	for _, name := range names {
		keys = append(keys, stem+":"+name)
	}
	return keys, periods, nil
}

func (r *Ranking) run(ctx context.Context, script *rueidis.Lua, board string,
	args ...string) ([]Entry, error) {
	keys, periods, err := r.keys(board)
	if err != nil {
		return nil, err
	}
	ctx, cancel := exec.Bound(ctx, r.opt.Timeout)
	defer cancel()
	rows, err := exec.Script(ctx, script, r.client, keys, append([]string{periods}, args...)).ToArray()
	if err != nil {
		return nil, fmt.Errorf("rank: %w", exec.Unavailable(ctx, err))
	}
	entries := make([]Entry, len(rows))
	for i, row := range rows {
		f, err := row.ToArray()
		if err != nil || len(f) != 3 {
			return nil, fmt.Errorf("rank: %w", exec.ErrReply)
		}
		e := &entries[i]
		e.Member, _ = f[0].ToString()
		score, err := f[1].AsFloat64()
		if err != nil {
			return nil, fmt.Errorf("rank: %w", err)
		}
		e.Score = r.sign(score)
		if e.Rank, err = f[2].AsInt64(); err != nil {
			return nil, fmt.Errorf("rank: %w", err)
		}
	}
	return entries, nil
}

// sign turns a score into what is kept, and back.
func (r *Ranking) sign(score float64) float64 {
	if r.opt.LowestFirst || score == 0 { // there is a -0
		return score
	}
	return -score
}
