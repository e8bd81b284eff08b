package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/backend"
)

// probe stands for the doctor's key in the commands that it tries.
const probe = "\x00key"

// needs are the commands that Parley sends itself or has a script send, as the
// doctor tries them: on a key that holds a string for some seconds, so that
// most of them fail, with WRONGTYPE, and none of them does anything. What is
// denied fails before that.
var needs = [][]string{
	{"GET", probe}, {"EXISTS", probe}, {"PTTL", probe}, {"EXPIRE", probe, "10"}, {"PEXPIRE", probe, "10000"},
	{"INCR", probe},
	{"HGET", probe, "f"}, {"HMGET", probe, "f"}, {"HGETALL", probe}, {"HKEYS", probe},
	{"HEXISTS", probe, "f"}, {"HLEN", probe},
	{"HSET", probe, "f", "v"}, {"HSETNX", probe, "f", "v"}, {"HDEL", probe, "f"},
	{"HINCRBY", probe, "f", "1"},
	{"SADD", probe, "m"}, {"SREM", probe, "m"}, {"SCARD", probe}, {"SMEMBERS", probe}, {"SPOP", probe, "1"},
	{"ZADD", probe, "0", "m"}, {"ZREM", probe, "m"}, {"ZCARD", probe}, {"ZSCORE", probe, "m"},
	{"ZRANGE", probe, "0", "0"}, {"ZREVRANGE", probe, "0", "0"},
	{"ZPOPMIN", probe}, {"ZREMRANGEBYSCORE", probe, "0", "0"},
	{"XADD", probe, "1-0", "f", "v"}, {"XRANGE", probe, "-", "+", "COUNT", "1"},
	{"XTRIM", probe, "MAXLEN", "0"}, {"XDEL", probe, "1-0"},
	{"LLEN", probe}, {"LINDEX", probe, "0"}, {"LRANGE", probe, "0", "0"},
	{"LTRIM", probe, "0", "0"}, {"RPUSH", probe, "v"},
	{"EVAL", "return 1", "1", probe}, {"EVAL_RO", "return 1", "1", probe},
	{"EVALSHA", noScript, "1", probe}, {"EVALSHA_RO", noScript, "1", probe},
	{"PUBLISH", probe, ""}, {"PING"}, {"TIME"},
	{"DEL", probe}, // the last: the key is gone
}

// noScript is the hash of no script.
const noScript = "0000000000000000000000000000000000000000"

// try tries what Parley does, on one master: each command, a script, and the
// bell.
func (d Doctor) try(ctx context.Context, node rueidis.Client, f *facts) ([]backend.Finding, error) {
	tag, err := d.tag(ctx, node, f.info["cluster_enabled"] == "1")
	if err != nil || tag == "" {
		return nil, err
	}
	key := d.Prefix + ":{" + tag + "}:doctor"
	findings, err := d.permissions(ctx, node, key)
	if err != nil || len(findings) > 0 {
		return findings, err
	}
	findings = append(findings, finding(backend.OK, "", "permissions",
		"every command is allowed that Parley needs", "", ""))
	return append(findings, d.script(ctx, node, key), d.bell(ctx, key)), nil
}

// tag returns a hash tag whose slot the node serves; empty if none was found.
func (d Doctor) tag(ctx context.Context, node rueidis.Client, inCluster bool) (string, error) {
	stem := "doctor-" + strings.ToLower(rand.Text()[:10])
	if !inCluster {
		return stem, nil
	}
	const atOnce, most = 64, 1 << 14
	for first := 0; first < most; first += atOnce {
		commands := make(rueidis.Commands, atOnce)
		for i := range commands {
			commands[i] = node.B().Exists().Key(fmt.Sprintf("%s:{%s-%d}:doctor", d.Prefix, stem,
				first+i)).Build()
		}
		for i, r := range node.DoMulti(ctx, commands...) {
			err := r.Error()
			e, ok := errors.AsType[*rueidis.RedisError](err)
			if err != nil && !ok {
				return "", err
			}
			if ok {
				if _, moved := e.IsMoved(); moved || e.IsClusterDown() {
					continue
				}
			}
			return fmt.Sprintf("%s-%d", stem, first+i), nil
		}
	}
	return "", nil // it is a master of no slots
}

// permissions tries every command.
func (d Doctor) permissions(ctx context.Context, node rueidis.Client, key string) ([]backend.Finding, error) {
	set := node.Do(ctx, node.B().Set().Key(key).Value("parley doctor").Ex(10*time.Second).Build()).Error()
	if set != nil && refused(set) == nil {
		return nil, set
	}
	denied := sortDenied{}
	denied.add("SET", set)
	if e := refused(set); e != nil && strings.HasPrefix(e.Error(), "NOPERM") {
		return denied.findings(d.Prefix), nil // without the key, others would do something
	}
	var commands rueidis.Commands
	tried := slices.Clone(needs)
	if d.Replicas > 0 {
		tried = append(tried, []string{"WAIT", "0", "1"})
	}
	for _, words := range tried {
		c := node.B().Arbitrary(words[0])
		for _, w := range words[1:] {
			if w == probe {
				c = c.Keys(key)
			} else {
				c = c.Args(w)
			}
		}
		commands = append(commands, c.Build())
	}
	for i, r := range node.DoMulti(ctx, commands...) {
		if err := r.Error(); err != nil && !rueidis.IsRedisNil(err) && refused(err) == nil {
			return nil, err
		}
		denied.add(tried[i][0], r.Error())
	}
	return denied.findings(d.Prefix), nil
}

// sortDenied keeps apart what a user may not do.
type sortDenied struct {
	commands, unknown []string
	keys, channels    bool
}

func (s *sortDenied) add(command string, err error) {
	e := refused(err)
	switch {
	case e == nil || rueidis.IsRedisNil(err):
	case strings.HasPrefix(e.Error(), "ERR unknown command"), strings.HasPrefix(e.Error(), "unknown command"):
		s.unknown = append(s.unknown, command)
	case !strings.HasPrefix(e.Error(), "NOPERM"):
	case strings.Contains(e.Error(), "channel"):
		s.channels = true
	case strings.Contains(e.Error(), "command"):
		s.commands = append(s.commands, command)
	default:
		s.keys = true
	}
}

func (s *sortDenied) findings(prefix string) []backend.Finding {
	var all []backend.Finding
	add := func(is, mend string) {
		all = append(all, finding(backend.Refusal, "", "permissions", is,
			"what needs it fails while people use it", mend))
	}
	if len(s.commands) > 0 {
		add("the user may not run "+strings.Join(s.commands, ", "),
			"ACL SETUSER … +"+strings.ToLower(strings.Join(s.commands, " +")))
	}
	if len(s.unknown) > 0 {
		add("the server has no "+strings.Join(s.unknown, ", "),
			"Redis 7.0 or later, or Valkey, with these commands not renamed")
	}
	if s.keys {
		add("the user may not use the keys "+prefix+":*", "ACL SETUSER … ~"+prefix+":*")
	}
	if s.channels {
		add("the user may not use the channels "+prefix+":*", "ACL SETUSER … &"+prefix+":*")
	}
	return all
}

// script tries one that uses the clock and a key.
func (d Doctor) script(ctx context.Context, node rueidis.Client, key string) backend.Finding {
	const source = `redis.call('GET', KEYS[1]) return redis.call('TIME')[1] .. cjson.encode({a = 1})`
	text, err := node.Do(ctx, node.B().Eval().Script(source).Numkeys(1).Key(key).Build()).ToString()
	if err == nil && !strings.HasSuffix(text, `{"a":1}`) {
		err = fmt.Errorf("it returned %q", text)
	}
	if err != nil {
		return finding(backend.Refusal, "", "scripts", "a script does not work: "+err.Error(),
			"everything that is written is a script", "allow Lua, with cjson")
	}
	return finding(backend.OK, "", "scripts", "work", "", "")
}

// bellTimeout is how long the doctor waits to hear what it says.
const bellTimeout = 3 * time.Second

// bell subscribes to a sharded channel and publishes there.
func (d Doctor) bell(ctx context.Context, channel string) backend.Finding {
	const about = "publish and subscribe"
	bad := func(is string, err error) backend.Finding {
		if e := refused(err); e != nil {
			var denied sortDenied
			denied.add("SSUBSCRIBE or SPUBLISH", e)
			if f := denied.findings(d.Prefix); len(f) > 0 {
				f[0].About = about
				if len(denied.commands) > 0 {
					f[0].Mend = "ACL SETUSER … +ssubscribe +sunsubscribe +spublish"
				}
				return f[0]
			}
		}
		return finding(backend.Refusal, "", about, fmt.Sprintf("%s: %v", is, err),
			"people would see messages only seconds later",
			"sharded pub/sub (SSUBSCRIBE, SPUBLISH), which Redis has since 7.0, must get through")
	}
	ctx, cancel := context.WithTimeout(ctx, bellTimeout)
	defer cancel()
	c, release := d.Subscriber.Dedicate()
	defer release()
	heard := make(chan struct{}, 1)
	lost := c.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(rueidis.PubSubMessage) {
		select {
		case heard <- struct{}{}:
		default:
		}
	}})
	if err := c.Do(ctx, c.B().Ssubscribe().Channel(channel).Build()).Error(); err != nil {
		return bad("cannot subscribe", err)
	}
	if err := d.Client.Do(ctx, d.Client.B().Spublish().Channel(channel).Message(
		"parley doctor").Build()).Error(); err != nil {
		return bad("cannot publish", err)
	}
	select {
	case <-heard:
		return finding(backend.OK, "", about, "work, sharded", "", "")
	case err := <-lost:
		return bad("the subscription broke", err)
	case <-ctx.Done():
		return bad("what is published does not arrive", ctx.Err())
	}
}
