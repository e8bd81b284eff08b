package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-chat/parley/internal/backend"
)

// Doctor checks whether Redis is suitable for Parley and reports risky
// settings. It writes only one key of its own, for some seconds.
type Doctor struct {
	Client, Subscriber rueidis.Client
	Prefix             string // as in Options
	Replicas           int    // as in Options
	Eviction           bool   // allkeys-* is not refused
}

// examineTimeout bounds the checks of one master.
const examineTimeout = 10 * time.Second

// Examine checks each master and returns the findings by master. It returns an
// error if a master could not be checked.
func (d Doctor) Examine(ctx context.Context) ([]backend.Finding, error) {
	d.Prefix = cmp.Or(d.Prefix, "parley")
	nodes := d.Client.Nodes()
	var findings []backend.Finding
	masters := 0
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		some, isMaster, err := d.node(ctx, addr, nodes[addr])
		if err != nil {
			return nil, fmt.Errorf("examine redis at %s: %w", addr, err)
		}
		findings = append(findings, some...)
		if isMaster {
			masters++
		}
	}
	if masters == 0 {
		findings = append(findings, finding(backend.Refusal, "", "masters", "there is no master",
			"nothing can be written", "wait for the failover, or name another server"))
	}
	return findings, nil
}

func (d Doctor) node(ctx context.Context, addr string, node rueidis.Client) (findings []backend.Finding,
	isMaster bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	inCluster := d.Client.Mode() == rueidis.ClientModeCluster
	f, err := look(ctx, node)
	switch {
	case err != nil && inCluster:
		return []backend.Finding{finding(backend.Warning, addr, "answer", "does not answer: "+err.Error(),
			"if it is a master, its rooms are away; if it is a replica, nothing takes its master's place",
			"start it, or take it out of the cluster")}, false, nil
	case err != nil:
		return nil, false, err
	case f.info["role"] == "slave" && inCluster:
		return nil, false, nil
	}
	findings = f.judge(d, inCluster)
	if f.info["role"] != "slave" &&
		!slices.ContainsFunc(findings,
			func(f backend.Finding) bool { return f.Level == backend.Refusal && f.About == "version" }) {
		more, err := d.try(ctx, node, f)
		if err != nil {
			return nil, true, err
		}
		findings = append(findings, more...)
	}
	for i := range findings {
		findings[i].Where = addr
	}
	return findings, f.info["role"] != "slave", nil
}

// facts are the properties of a server.
type facts struct {
	info, config, cluster       map[string]string // empty where they are denied
	infoErr, configErr, timeErr error             // why, from Redis itself
	trip                        time.Duration     // the shortest round trip
	skew                        time.Duration     // how far Redis' clock is ahead of this process'
}

// looked are the settings that the doctor reads.
var looked = []string{"maxmemory-policy", "maxmemory", "save", "appendonly", "appendfsync",
	"no-appendfsync-on-rewrite", "min-replicas-to-write", "min-replicas-max-lag", "timeout",
	"client-output-buffer-limit", "cluster-require-full-coverage"}

// trips is how often the doctor measures the round trip.
const trips = 5

// look reads the facts of a server. It returns an error if the server does not
// reply.
func look(ctx context.Context, node rueidis.Client) (*facts, error) {
	f := &facts{}
	info, err := node.Do(ctx, node.B().Info().Build()).ToString()
	if f.infoErr = refused(err); err != nil && f.infoErr == nil {
		return nil, err
	}
	f.info = lines(info)
	f.config, err = node.Do(ctx, node.B().Arbitrary("CONFIG", "GET").Args(looked...).Build()).AsStrMap()
	if f.configErr = refused(err); err != nil && f.configErr == nil {
		return nil, err
	}
	if f.info["cluster_enabled"] == "1" {
		text, err := node.Do(ctx, node.B().ClusterInfo().Build()).ToString()
		if err != nil && refused(err) == nil {
			return nil, err
		}
		f.cluster = lines(text)
	}
	for range trips {
		before := time.Now()
		t, err := node.Do(ctx, node.B().Time().Build()).AsStrSlice()
		if f.timeErr = refused(err); err != nil && f.timeErr == nil {
			return nil, err
		}
		if err != nil || len(t) != 2 {
			break
		}
		trip := time.Since(before)
		if f.trip != 0 && trip >= f.trip {
			continue
		}
		there := time.Unix(number(t[0]), number(t[1])*1000)
		f.trip, f.skew = trip, there.Sub(before.Add(trip/2))
	}
	return f, nil
}

// refused returns err if it is an error reply of Redis.
func refused(err error) error {
	if e, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return e
	}
	return nil
}

func finding(level backend.Level, where, about, is, risk, mend string) backend.Finding {
	return backend.Finding{Level: level, Where: where, About: about, Is: is, Risk: risk, Mend: mend}
}
