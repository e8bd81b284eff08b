package redisstore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/internal/backend"
)

// lines reads INFO and CLUSTER INFO, which come as what RESP3 calls a verbatim
// text.
func lines(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(strings.TrimPrefix(text, "txt:")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			m[name] = value
		}
	}
	return m
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // what is not there is 0
	return n
}

// setting is what CONFIG or, where that is denied, INFO says.
func (f *facts) setting(config, info string) string {
	if v, ok := f.config[config]; ok {
		return v
	}
	return f.info[info]
}

// judge returns the findings for the facts.
func (f *facts) judge(d Doctor, inCluster bool) []backend.Finding {
	var all []backend.Finding
	for _, part := range [][]backend.Finding{f.version(), f.part(inCluster), f.eviction(d.Eviction),
		f.memory(), f.persistence(), f.replication(d.Replicas), f.coverage(), f.clients(),
		f.clock(), f.hidden()} {
		all = append(all, part...)
	}
	return all
}

// version says which server it is. 7.0 is the first with sharded pub/sub.
func (f *facts) version() []backend.Finding {
	name, version := "Redis", f.info["redis_version"]
	if f.info["server_name"] == "valkey" {
		name, version = "Valkey", f.info["valkey_version"]
	}
	if version == "" {
		return nil
	}
	major, _, _ := strings.Cut(version, ".")
	if number(major) < 7 {
		return []backend.Finding{finding(backend.Refusal, "", "version", name+" "+version,
			"it has no sharded pub/sub, with which nodes hear of messages", "Redis 7.0 or later, or Valkey")}
	}
	return []backend.Finding{finding(backend.OK, "", "version", name+" "+version, "", "")}
}

// part is what the server is in its set.
func (f *facts) part(inCluster bool) []backend.Finding {
	switch {
	case f.info["cluster_enabled"] == "1" && !inCluster:
		return []backend.Finding{finding(backend.Refusal, "", "address", "it is a node of a cluster",
			"most rooms are on other nodes", "--store redis+cluster://…")}
	case f.info["role"] == "slave":
		return []backend.Finding{finding(backend.Refusal, "", "address", "it is a replica", "nothing can be written",
			"name its master, or the Sentinels: --store redis+sentinel://…")}
	}
	return nil
}

func (f *facts) eviction(allowed bool) []backend.Finding {
	policy := f.setting("maxmemory-policy", "maxmemory_policy")
	switch {
	case policy == "":
		return nil
	case policy == "noeviction":
		return []backend.Finding{finding(backend.OK, "", "eviction",
			"noeviction: nothing is thrown away; what does not fit is refused", "", "")}
	case strings.HasPrefix(policy, "allkeys-"):
		level := backend.Refusal
		if allowed {
			level = backend.Warning
		}
		return []backend.Finding{finding(level, "", "eviction", "maxmemory-policy is "+policy,
			"when Redis is full it throws away rooms, messages and accounts, without a word",
			"CONFIG SET maxmemory-policy noeviction (or start with --redis-eviction, and lose them)")}
	}
	return []backend.Finding{finding(backend.Warning, "", "eviction", "maxmemory-policy is "+policy,
		"messages and accounts never expire and stay. But when Redis is full it throws away what does: which sends are known, so that a repeated one is a second message; limits, which start afresh; "+
			"and locks, so that two nodes can do the same job", "CONFIG SET maxmemory-policy noeviction")}
}

func (f *facts) memory() []backend.Finding {
	used, most := number(f.info["used_memory"]), number(f.setting("maxmemory", "maxmemory"))
	if used == 0 {
		return nil
	}
	if most == 0 {
		level, total := backend.Note, number(f.info["total_system_memory"])
		is := fmt.Sprintf("%s used, and no maxmemory", size(used))
		if total > 0 && used > total*8/10 {
			level, is = backend.Warning, is+fmt.Sprintf(" on a machine with %s", size(total))
		}
		return []backend.Finding{finding(level, "", "memory", is,
			"when the machine's memory is full the system ends Redis, rather than Redis refusing what does not fit", "CONFIG SET maxmemory, with room for a copy while Redis saves")}
	}
	percent := used * 100 / most
	finding := finding(backend.OK, "", "memory",
		fmt.Sprintf("%s of %s used (%d %%)", size(used), size(most), percent), "", "")
	if percent >= 80 {
		finding.Level, finding.Mend = backend.Warning,
			"CONFIG SET maxmemory to more, or keep messages for a shorter time"
		finding.Risk = "when it is full, people can read and not send"
	}
	return []backend.Finding{finding}
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}

// persistence says what a power cut loses.
func (f *facts) persistence() []backend.Finding {
	var all []backend.Finding
	add := func(level backend.Level, is, risk, mend string) {
		all = append(all, finding(level, "", "persistence", is, risk, mend))
	}
	const aof = "CONFIG SET appendonly yes, and in redis.conf"
	save, known := f.config["save"]
	switch on := f.info["aof_enabled"]; {
	case on == "":
		return nil
	case on == "0" && known && save == "":
		add(backend.Warning, "nothing is written to disk",
			"when Redis stops, everything is gone: people, rooms, messages", aof)
	case on == "0" && known:
		add(backend.Warning, "snapshots only (save "+save+")",
			"a crash loses what came after the last one, minutes of acknowledged messages", aof)
	case on == "0":
		add(backend.Warning, "no append-only file",
			"a crash loses at least what came after the last snapshot, and everything if there are none", "appendonly yes")
	default:
		switch f.config["appendfsync"] {
		case "always":
			add(backend.OK, "append-only file, synced before each answer", "", "")
		case "everysec":
			add(backend.Note, "append-only file, synced every second",
				"a power cut (not a crash of Redis alone) loses the last second or two of acknowledged messages: some 6,000 when measured under full load",
				"CONFIG SET appendfsync always, for none; each message then waits for the disk")
		case "no":
			add(backend.Warning, "append-only file, synced when the system likes to",
				"a power cut loses up to half a minute of acknowledged messages",
				"CONFIG SET appendfsync everysec, or always")
		default:
			add(backend.Note, "append-only file; how often it is synced cannot be seen",
				"a power cut can lose what was not", "appendfsync everysec loses seconds, always nothing")
		}
		if f.config["no-appendfsync-on-rewrite"] == "yes" {
			add(backend.Warning, "nothing is synced while the append-only file is rewritten (no-appendfsync-on-rewrite yes)", "a power cut then loses up to half a minute of acknowledged messages", "CONFIG SET no-appendfsync-on-rewrite no")
		}
	}
	const disk = "Redis' log says why: a full disk, rights, or memory for the copy (vm.overcommit_memory)"
	if f.info["rdb_last_bgsave_status"] == "err" {
		add(backend.Warning, "the last snapshot failed",
			"Redis may refuse all changes until one succeeds (stop-writes-on-bgsave-error)", disk)
	}
	if f.info["aof_last_write_status"] == "err" || f.info["aof_last_bgrewrite_status"] == "err" {
		add(backend.Warning, "the append-only file could not be written",
			"Redis refuses all changes until it can", disk)
	}
	return all
}

// A replica that was last heard of longer ago, or that has so many bytes still
// to get, lags.
const (
	lagTime  = 5
	lagBytes = 16 << 20
)

func (f *facts) replication(wanted int) []backend.Finding {
	if _, ok := f.info["connected_slaves"]; !ok {
		return nil
	}
	var all []backend.Finding
	add := func(level backend.Level, is, risk, mend string) {
		all = append(all, finding(level, "", "replication", is, risk, mend))
	}
	online, end := 0, number(f.info["master_repl_offset"])
	for i := 0; ; i++ {
		text, ok := f.info["slave"+strconv.Itoa(i)]
		if !ok {
			break
		}
		r := lines(strings.NewReplacer(",", "\n", "=", ":").Replace(text))
		name := r["ip"] + " port " + r["port"]
		behind, silent := end-number(r["offset"]), number(r["lag"])
		if r["state"] != "online" {
			add(backend.Warning, fmt.Sprintf("the replica %s is not there yet (%s)", name, r["state"]),
				"a failover to it loses everything it lacks", "wait; Redis' log says what keeps it")
			continue
		}
		online++
		if silent >= lagTime || behind >= lagBytes {
			add(backend.Warning, fmt.Sprintf("the replica %s is %s behind, and was heard of %d s ago", name,
				size(behind), silent), "a failover to it loses what it lacks",
				"look at its load and at the network")
		}
	}
	least := int(number(f.config["min-replicas-to-write"]))
	switch {
	case wanted > online:
		add(backend.Warning, fmt.Sprintf("--redis-wait %d, and only %d replicas are connected", wanted,
			online), "NO MESSAGE IS ACKNOWLEDGED: every send waits and is then told to try again",
			fmt.Sprintf("connect %d more replicas, or lower --redis-wait", wanted-online))
	case online == 0:
		add(backend.Note, "no replica", "while this server is away there is no chat; if it is lost, so is everything that is not in a backup", "a replica with Sentinel, or a cluster, if that matters")
	case wanted > 0:
		add(backend.OK, fmt.Sprintf("%d replicas, of which %d have a message before it is acknowledged",
			online, wanted), "", "")
	default:
		add(backend.OK, fmt.Sprintf("%d replicas", online), "", "")
	}
	switch {
	case f.config == nil || online == 0 && least == 0:
	case least > online:
		add(backend.Warning, fmt.Sprintf("min-replicas-to-write is %d, and only %d replicas are connected",
			least, online), "every change is refused until there are more", "connect more, or lower it")
	case least == 0 && wanted == 0:
		add(backend.Warning, "a master that is cut off from its replicas goes on (min-replicas-to-write 0, --redis-wait 0)",
			"after a failover, what it acknowledged meanwhile is lost: a third of all messages when measured with 8 s of being cut off", "--redis-wait 1, and CONFIG SET min-replicas-to-write 1")
	case least == 0:
		add(backend.Note, "min-replicas-to-write is 0",
			"a master that is cut off keeps messages that nobody was told of, until the failover drops them; --redis-wait keeps those that were acknowledged", "CONFIG SET min-replicas-to-write 1")
	}
	return all
}

const slots = 16384

func (f *facts) coverage() []backend.Finding {
	if len(f.cluster) == 0 {
		return nil
	}
	covered, state := number(f.cluster["cluster_slots_ok"]), f.cluster["cluster_state"]
	if state == "ok" && covered == slots {
		return []backend.Finding{finding(backend.OK, "", "cluster",
			fmt.Sprintf("all slots are covered, by %s masters", f.cluster["cluster_size"]), "", "")}
	}
	is := fmt.Sprintf("%d of %d slots are covered, state %s", covered, slots, state)
	if state == "ok" {
		return []backend.Finding{finding(backend.Warning, "", "cluster", is, "rooms and people in the others are away",
			"bring their masters back, or redis-cli --cluster fix")}
	}
	return []backend.Finding{finding(backend.Refusal, "", "cluster", is, "the cluster answers nothing",
		"bring the missing masters back, or redis-cli --cluster fix")}
}

// Less than that for a subscriber, and a burst cuts nodes off: what they missed
// is read from the log, at a cost.
const (
	pubsubHard = 8 << 20
	pubsubSoft = 2 << 20
)

func (f *facts) clients() []backend.Finding {
	var all []backend.Finding
	if n := number(f.config["timeout"]); n > 0 && n < 60 {
		all = append(all, finding(backend.Note, "", "timeout",
			fmt.Sprintf("connections that are quiet for %d s are closed", n),
			"a quiet chat connects anew again and again; a message that meets this is told to try again", "CONFIG SET timeout 0"))
	}
	words := strings.Fields(f.config["client-output-buffer-limit"])
	for i := 0; i+3 < len(words); i += 4 {
		hard, soft := number(words[i+1]), number(words[i+2])
		if words[i] == "pubsub" && (hard > 0 && hard < pubsubHard || soft > 0 && soft < pubsubSoft) {
			all = append(all, finding(backend.Warning, "", "buffers",
				"client-output-buffer-limit pubsub is "+strings.Join(words[i+1:i+4], " "),
				"a node that is a moment slow is cut off in a burst; nothing is lost, but it reads all its rooms again",
				`CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60"`))
		}
	}
	if have, most := number(f.info["connected_clients"]), number(f.info["maxclients"]); most > 0 &&
		have > most*8/10 {
		all = append(all, finding(backend.Warning, "", "connections",
			fmt.Sprintf("%d of %d are taken", have, most), "nodes cannot connect when none is left",
			"CONFIG SET maxclients"))
	}
	return all
}

// What is more is worth telling.
const (
	skewMost = 2 * time.Second
	tripMost = 5 * time.Millisecond
	tripSlow = 50 * time.Millisecond
)

func (f *facts) clock() []backend.Finding {
	if f.trip == 0 {
		return nil
	}
	skew := finding(backend.OK, "", "clock",
		"Redis' and this machine's differ by "+f.skew.Abs().Round(time.Millisecond).String(), "", "")
	if f.skew.Abs() > skewMost {
		skew.Level, skew.Risk, skew.Mend = backend.Warning,
			"messages sent through this node show a wrong time, and its log-ins end early or late; order and presence do not depend on it", "set both by NTP"
	}
	trip := finding(backend.OK, "", "round trip", f.trip.Round(10*time.Microsecond).String(), "", "")
	if f.trip > tripMost {
		trip.Level, trip.Risk, trip.Mend = backend.Note, "every send waits for one, a log-in for several",
			"Redis in the same place as Parley"
	}
	if f.trip > tripSlow {
		trip.Level = backend.Warning
	}
	return []backend.Finding{skew, trip}
}

// hidden reports what could not be read.
func (f *facts) hidden() []backend.Finding {
	var all []backend.Finding
	for _, h := range []struct {
		err          error
		what, unseen string
	}{
		{f.infoErr, "INFO", "version, memory, persistence and replication"},
		{f.configErr, "CONFIG GET", "appendfsync, snapshots, min-replicas-to-write, timeout and buffers"},
		{f.timeErr, "TIME", "clock and round trip"},
	} {
		if h.err != nil {
			all = append(all, finding(backend.Note, "", "unseen",
				fmt.Sprintf("%s could not be looked at: %s is denied (%s)", h.unseen, h.what,
					strings.TrimSpace(h.err.Error())),
				"docs/operations.md says what they should be",
				"where Redis is rented, look at its provider's page; otherwise allow +info +config|get"))
		}
	}
	return all
}
