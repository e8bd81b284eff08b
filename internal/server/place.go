package server

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

// Place says where the data is: in a directory, or in Redis.
type Place struct {
	Data  string // the directory, unless there is a Store
	Store string // URL of Redis; or "redis", for what the environment says of one

	RedisPrefix   string // beginning of every key
	RedisWait     int    // how many replicas must have a change before it is acknowledged
	RedisEviction bool   // start even if Redis is set to throw keys away when it is full
}

// SettingError says which setting cannot be, by the name of its field.
type SettingError struct {
	Setting string
	Err     error
}

func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *SettingError) Unwrap() error { return e.Err }

// InRedis reports whether the data is in Redis.
func (p Place) InRedis() bool { return p.Store != "" }

// Check returns a [SettingError] for what cannot be.
func (p Place) Check() error {
	if !p.InRedis() {
		if p.RedisWait != 0 {
			return &SettingError{"RedisWait", errors.New("needs a store in Redis")}
		}
		return nil
	}
	if p.RedisWait < 0 {
		return &SettingError{"RedisWait", errors.New("must be at least 0")}
	}
	_, err := p.Redis()
	return err
}

// Redis is how Redis is reached.
func (p Place) Redis() (connect.Config, error) {
	var cfg connect.Config
	var err error
	if p.Store == "redis" {
		cfg, err = connect.FromEnv(os.LookupEnv)
	} else {
		cfg, err = connect.Parse(p.Store)
	}
	if err != nil {
		return cfg, &SettingError{"Store", err}
	}
	return cfg, nil
}

// RedisData is what a process has of data in Redis.
type RedisData struct {
	*redisstore.Store
	conn *connect.Conn
}

// OpenRedis waits for Redis and opens the data there. Metrics may be nil.
func (p Place) OpenRedis(ctx context.Context, log *slog.Logger,
	metrics prometheus.Registerer) (*RedisData, error) {
	cfg, err := p.Redis()
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
	if err := p.Admit(ctx, conn, log); err != nil {
		conn.Close()
		return nil, err
	}
	store, err := redisstore.Open(ctx, conn.Client,
		redisstore.Options{Prefix: p.RedisPrefix, Replicas: p.RedisWait, Log: log})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &RedisData{store, conn}, nil
}

// Close closes the connections.
func (r *RedisData) Close() error {
	err := r.Store.Close()
	r.conn.Close()
	return err
}

// Consult asks the doctor about Redis.
func (p Place) Consult(ctx context.Context, conn *connect.Conn) ([]redisstore.Finding, error) {
	return redisstore.Doctor{
		Client: conn.Client, Subscriber: conn.Subscriber, Prefix: p.RedisPrefix,
		Replicas: p.RedisWait, Eviction: p.RedisEviction,
	}.Examine(ctx)
}

// Admit logs what is wrong with Redis, and returns an error if nothing should
// be kept there.
func (p Place) Admit(ctx context.Context, conn *connect.Conn, log *slog.Logger) error {
	findings, err := p.Consult(ctx, conn)
	if err != nil {
		return err
	}
	var refused error
	for _, f := range findings {
		switch f.Level {
		case redisstore.Refusal:
			refused = errors.Join(refused, errors.New(f.String()))
		case redisstore.Warning:
			log.Warn("redis: "+f.Is, "about", f.About, "at", f.Where, "risk", f.Risk, "mend", f.Mend)
		}
	}
	if refused != nil {
		return fmt.Errorf("redis is not fit for the data (parley doctor shows everything):\n%w", refused)
	}
	return nil
}

// Reach is the data's place, without secrets, for people to read.
func (p Place) Reach() string {
	cfg, err := p.Redis()
	if err != nil {
		return "redis"
	}
	return fmt.Sprintf("%s, keys %s:*", strings.TrimSpace(cfg.String()), p.RedisPrefix)
}
