package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/chat"
)

// Options configure a store. The zero value is valid.
type Options struct {
	// Prefix begins every key; default "parley". Two chats can share a Redis
	// under two prefixes.
	Prefix string
	// Replicas is how many replicas must have a change before it is
	// acknowledged. If fewer have it within ReplicaTimeout (default 1 s), the
	// error is chat.ErrUnavailable and the change may be lost.
	Replicas       int
	ReplicaTimeout time.Duration
	Log            *slog.Logger // default slog.Default()
}

// Store is a [chat.Store] in Redis. Its methods are safe for concurrent use,
// and any number of stores work on the same data.
type Store struct {
	client  rueidis.Client
	options Options
	keys    keys
	epoch   string
	log     *slog.Logger
	closed  atomic.Bool
	health  health

	queuesMu sync.Mutex
	queues   map[queueKey]*queue
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup // queues
}

var _ chat.Store = (*Store)(nil)

// layout is the version of the keys' layout. A store refuses one that it does
// not know. 2 has what messages become beside them, and records; 3 has direct
// rooms of more than two (see renamed), and of members when they have spoken
// and their mutes. Data of an older one have none of these, and are at the
// newest once a store has opened them.
const layout = 3

// Open opens the data under the prefix, and creates them if necessary. The
// caller closes the client.
func Open(ctx context.Context, client rueidis.Client, o Options) (*Store, error) {
	if o.Prefix == "" {
		o.Prefix = "parley"
	}
	if err := checkPrefix(o.Prefix); err != nil {
		return nil, err
	}
	if o.ReplicaTimeout == 0 {
		o.ReplicaTimeout = time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Store{client: client, options: o, keys: keys{o.Prefix}, log: o.Log, queues: map[queueKey]*queue{}}
	key := s.keys.server("about")
	b := client.B()
	for _, r := range client.DoMulti(ctx,
		b.Hsetnx().Key(key).Field("epoch").Value(strings.ToLower(rand.Text())).Build(),
		b.Hsetnx().Key(key).Field("layout").Value(strconv.Itoa(layout)).Build(),
	) {
		if err := r.Error(); err != nil {
			return nil, failed("open the store", err)
		}
	}
	about, err := client.Do(ctx, client.B().Hgetall().Key(key).Build()).AsStrMap()
	if err != nil {
		return nil, failed("open the store", err)
	}
	have, err := strconv.Atoi(about["layout"])
	if err != nil || have > layout {
		return nil, fmt.Errorf("the data under %q have layout %q, and this version knows %d: use a newer Parley", o.Prefix, about["layout"], layout)
	}
	if err := s.whole(about); err != nil {
		return nil, err
	}
	if have < layout {
		if err := client.Do(ctx, client.B().Hset().Key(key).FieldValue().FieldValue("layout",
			strconv.Itoa(layout)).Build()).Error(); err != nil {
			return nil, failed("open the store", err)
		}
	}
	s.epoch = about["epoch"]
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func checkPrefix(prefix string) error {
	if strings.ContainsAny(prefix, "{} \r\n") {
		return fmt.Errorf("the prefix %q must have neither braces nor spaces", prefix)
	}
	return nil
}

// Close makes every later call fail with chat.ErrUnavailable.
func (s *Store) Close() error {
	s.queuesMu.Lock()
	s.closed.Store(true) // from here on no queue begins
	s.queuesMu.Unlock()
	s.cancel()
	s.running.Wait()
	return nil
}

// Ping implements [chat.Store].
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	// A node that replies may still be in a failed cluster, so a key is read.
	_, err = s.client.Do(ctx, s.client.B().Hget().Key(s.keys.server("about")).Field(
		"epoch").Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return errors.New("redis has lost what says whose data these are")
	}
	return failed("ping", err)
}
