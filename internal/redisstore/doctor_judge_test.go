package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/backend"
)

// TestJudge has what no server here can be brought to.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name  string
		info  string
		facts facts
		level backend.Level
		about string
		words string
	}{
		{"old", "redis_version:6.2.14", facts{}, backend.Refusal, "version", "sharded"},
		{"ten", "redis_version:10.0.0", facts{}, backend.OK, "version", "Redis 10.0.0"},
		{"valkey", "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.1", facts{}, backend.OK,
			"version", "Valkey 8.1.1"},
		{"clock ahead", "", facts{trip: time.Millisecond, skew: 3 * time.Second}, backend.Warning, "clock", "3s"},
		{"clock behind", "", facts{trip: time.Millisecond, skew: -time.Hour}, backend.Warning, "clock", "NTP"},
		{"clock good", "", facts{trip: time.Millisecond, skew: -time.Second}, backend.OK, "clock", "1s"},
		{"near", "", facts{trip: 80 * time.Microsecond}, backend.OK, "round trip", "80µs"},
		{"far", "", facts{trip: 20 * time.Millisecond}, backend.Note, "round trip", "20ms"},
		{"far away", "", facts{trip: 120 * time.Millisecond}, backend.Warning, "round trip", "120ms"},
		{"replica that comes", "connected_slaves:1\nslave0:ip=10.0.0.1,port=6379,state=wait_bgsave,offset=0,lag=0", facts{}, backend.Warning, "replication", "not there yet"},
		{"replica behind", "connected_slaves:1\nmaster_repl_offset:100000000\nslave0:ip=10.0.0.1,port=6379,state=online,offset=10,lag=1", facts{}, backend.Warning, "replication", "95.4 MiB behind"},
		{"replica good", "connected_slaves:1\nmaster_repl_offset:100\nslave0:ip=::1,port=6379,state=online,offset=10,lag=1", facts{}, backend.OK, "replication", "1 replicas"},
		{"hardly a connection left", "connected_clients:9000\nmaxclients:10000", facts{}, backend.Warning,
			"connections", "9000 of 10000"},
		{"machine full", "used_memory:900\ntotal_system_memory:1000", facts{}, backend.Warning, "memory",
			"no maxmemory"},
		{"log not written", "aof_enabled:1\naof_last_write_status:err", facts{}, backend.Warning,
			"persistence", "could not be written"},
		{"unseen sync", "aof_enabled:1", facts{}, backend.Note, "persistence", "cannot be seen"},
		{"unseen snapshots", "aof_enabled:0", facts{}, backend.Warning, "persistence", "no append-only file"},
	} {
		f := c.facts
		f.info = lines(c.info)
		var all []string
		found := false
		for _, finding := range f.judge(Doctor{}, false) {
			all = append(all, finding.Level.String()+" "+finding.String())
			found = found || finding.Level == c.level && finding.About == c.about &&
				strings.Contains(finding.String(), c.words)
		}
		if !found {
			t.Errorf("%s: no %v about %s with %q in\n%s", c.name, c.level, c.about, c.words,
				strings.Join(all, "\n"))
		}
	}
}
