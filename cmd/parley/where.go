package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/redisstore"
	"github.com/parley-chat/parley/kit/connect"
)

// where says where the data is: in a directory, or in Redis.
type where struct {
	Data  string `help:"Directory of the data; made if it is not there." default:"./data" placeholder:"DIR"`
	Store string `help:"Keep everything in Redis instead: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://, or just \"redis\" for what REDIS_URL or REDIS_HOST, REDIS_PORT, REDIS_PASSWORD say." placeholder:"URL"`

	RedisPrefix   string `help:"Beginning of every key in Redis: chats with different ones can share a Redis." default:"parley"`
	RedisWait     int    `help:"How many replicas must have a change before it is acknowledged." default:"0"`
	RedisEviction bool   `help:"Start even if Redis is set to throw keys away when it is full (allkeys-*)."`
}

// inRedis reports whether the data is in Redis.
func (w where) inRedis() bool { return w.Store != "" }

// check returns an error that names each setting that cannot be.
func (w where) check() error {
	if !w.inRedis() {
		if w.RedisWait != 0 {
			return errors.New("--redis-wait: needs --store")
		}
		return nil
	}
	if w.RedisWait < 0 {
		return errors.New("--redis-wait: must be at least 0")
	}
	_, err := w.redis()
	return err
}

// redis is how Redis is reached.
func (w where) redis() (connect.Config, error) {
	var cfg connect.Config
	var err error
	if w.Store == "redis" {
		cfg, err = connect.FromEnv(os.LookupEnv)
	} else {
		cfg, err = connect.Parse(w.Store)
	}
	if err != nil {
		return cfg, fmt.Errorf("--store: %w", err)
	}
	return cfg, nil
}

// redisData is what a process has of data in Redis.
type redisData struct {
	*redisstore.Store
	conn *connect.Conn
}

// openRedis waits for Redis and opens the data there.
func (w where) openRedis(ctx context.Context, log *slog.Logger, metrics prometheus.Registerer) (*redisData, error) {
	cfg, err := w.redis()
	if err != nil {
		return nil, err
	}
	options := []connect.Option{connect.OnEvent(func(e connect.Event) {
		if e.Kind == connect.Failed {
			log.Warn("redis", "error", fmt.Errorf("%w: %v", chat.ErrUnavailable, e))
		} else { // a connection that is lost is opened again with the next command
			log.Debug("redis", "event", e.String())
		}
	})}
	if metrics != nil {
		options = append(options, connect.WithMetrics(metrics))
	}
	conn, err := connect.Open(ctx, cfg, options...)
	if err != nil {
		return nil, err
	}
	if err := w.admit(ctx, conn, log); err != nil {
		conn.Close()
		return nil, err
	}
	store, err := redisstore.Open(ctx, conn.Client, redisstore.Options{Prefix: w.RedisPrefix, Replicas: w.RedisWait, Log: log})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &redisData{store, conn}, nil
}

// Close closes the connections.
func (r *redisData) Close() error {
	err := r.Store.Close()
	r.conn.Close()
	return err
}

// reach is the data's place, without secrets, for people to read.
func (w where) reach() string {
	cfg, err := w.redis()
	if err != nil {
		return "redis"
	}
	return fmt.Sprintf("%s, keys %s:*", strings.TrimSpace(cfg.String()), w.RedisPrefix)
}
