package connect

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Mode is the kind of Redis at the addresses.
type Mode int

const (
	Single   Mode = iota // one server
	Sentinel             // Sentinels that know where the master is
	Cluster              // nodes of a cluster
)

// Config says where Redis is and how patient to be. The zero value of each
// field but Addrs has a sensible meaning.
type Config struct {
	Mode      Mode
	Addrs     []string // host:port each, or the path of one unix socket
	MasterSet string   // with Sentinel: the name of the master

	Username, Password                 string
	SentinelUsername, SentinelPassword string // for the Sentinels themselves
	DB                                 int    // not with Cluster
	TLS                                *tls.Config
	ClientName                         string // shown by CLIENT LIST

	DialTimeout time.Duration // to connect and to be greeted; default 5 s
	KeepAlive   time.Duration // between TCP probes of an idle connection; default 30 s
	// for a command to be answered, when the caller's context has no deadline;
	// default 10 s. Commands that only read are repeated for as long on a
	// connection that breaks, and not after they ran into it.
	Timeout      time.Duration
	StartTimeout time.Duration // for Open to wait until Redis is there; default 10 s
	Backoff      Backoff       // between attempts

	// OnEvent is called for every connection event, from the connection's own
	// goroutine: it must not block, nor call Redis.
	OnEvent func(Event)

	// Customize changes rueidis' options last, for settings that Config does
	// not have.
	Customize func(*rueidis.ClientOption)
}

const defaultPort = "6379"
const defaultSentinelPort = "26379"

// Parse reads a URL:
//
//	redis://[user:password@]host[:port][/db]        rediss:// encrypts
//	unix:///path/to/socket[?db=1]                   unix://user:password@/path
//	redis+sentinel://host[:port],…/master[/db]      rediss+sentinel:// encrypts
//	redis+cluster://host[:port],…                   rediss+cluster:// encrypts
//
// Parameters after a question mark: db, client_name, dial_timeout,
// start_timeout (as 5s, 500ms), sentinel_username, sentinel_password, ca (a PEM
// file to trust), server_name. Errors name what is wrong, and never hold the
// password.
func Parse(text string) (Config, error) {
	c, err := parse(text)
	if err != nil && atAfterAddress(text) {
		// What seems to be a port, a path or a parameter may be a piece of a
		// password with / or ? in it.
		return Config{}, errors.New("redis URL: it cannot be read, and has an @ after the first / or ?: in a user or password write / as %2F, ? as %3F")
	}
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

func atAfterAddress(text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	i := strings.IndexAny(rest, "/?")
	return i >= 0 && strings.Contains(rest[i:], "@")
}

func parse(text string) (Config, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.ContainsAny(scheme, ":@/") {
		return Config{}, errors.New("redis URL: it begins with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
	}
	var c Config
	port := defaultPort
	kind, secure := scheme, false
	if strings.HasPrefix(scheme, "rediss") {
		kind, secure = "redis"+strings.TrimPrefix(scheme, "rediss"), true
	}
	switch kind {
	case "redis", "unix":
	case "redis+sentinel":
		c.Mode, port = Sentinel, defaultSentinelPort
	case "redis+cluster":
		c.Mode = Cluster
	default:
		return Config{}, fmt.Errorf("redis URL: unknown scheme %q: use redis, rediss, unix, redis+sentinel or redis+cluster", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		name, password, _ := strings.Cut(authority[:i], ":")
		authority = authority[i+1:]
		var err1, err2 error
		c.Username, err1 = url.PathUnescape(name)
		c.Password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return Config{}, errors.New("redis URL: user or password has a % that is not followed by two hex digits: write it as %25")
		}
	}
	if kind == "unix" {
		if authority != "" || path == "" {
			return Config{}, errors.New("redis URL: a unix socket is written as unix:///path/to/socket")
		}
		c.Addrs, path = []string{"/" + path}, ""
	} else {
		for host := range strings.SplitSeq(authority, ",") {
			addr, err := address(host, port)
			if err != nil {
				return Config{}, err
			}
			c.Addrs = append(c.Addrs, addr)
		}
	}
	if secure {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	db, err := c.setPath(path)
	if err != nil {
		return Config{}, err
	}
	if err := c.setQuery(query, db); err != nil {
		return Config{}, err
	}
	return c, c.check()
}

// address completes host, host:port or an IPv6 address with the port. Its
// errors do not repeat what stands after a colon: of a URL without its @host,
// that is the password.
func address(host, port string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return net.JoinHostPort(ip.String(), port), nil
	}
	if strings.Contains(host, ":") {
		var err error
		if host, port, err = net.SplitHostPort(host); err != nil {
			return "", errors.New("redis URL: an address is neither host, host:port nor [IPv6]:port")
		}
		if !isPort(port) {
			return "", fmt.Errorf("redis URL: after %q and a colon there is no port from 1 to 65535", host)
		}
	}
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// setPath takes /db, or /master/db with Sentinel, and returns the text of db.
func (c *Config) setPath(path string) (db string, err error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if c.Mode == Sentinel {
		c.MasterSet, parts = parts[0], parts[1:]
		if strings.Contains(c.MasterSet, "@") {
			return "", errors.New("redis URL: the master's name has an @")
		}
	}
	switch len(parts) {
	case 0:
		return "", nil
	case 1:
		return parts[0], nil
	}
	return "", fmt.Errorf("redis URL: the path /%s is too long", path)
}

func (c *Config) setDB(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("redis: %q is no database number", text)
	}
	c.DB = n
	return nil
}

// setQuery takes the parameters, and the database number that the path has, if
// any.
func (c *Config) setQuery(query, db string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("redis URL: what follows the question mark cannot be read")
	}
	for name, list := range values {
		if len(list) > 1 {
			return fmt.Errorf("redis URL: the parameter %q is given twice", name)
		}
		value := list[0]
		var err error
		switch name {
		case "db":
			if db != "" && db != value {
				return fmt.Errorf("redis URL: two database numbers are given, %s and %s", db, value)
			}
			db = value
		case "client_name":
			c.ClientName = value
		case "dial_timeout":
			c.DialTimeout, err = timeout(value)
		case "start_timeout":
			c.StartTimeout, err = timeout(value)
		case "sentinel_username":
			c.SentinelUsername = value
		case "sentinel_password":
			c.SentinelPassword = value
		case "ca", "server_name":
			err = c.setTLS(name, value)
		default:
			return fmt.Errorf("redis URL: there is no parameter %q", name)
		}
		if err != nil {
			return fmt.Errorf("redis URL: %s: %w", name, err)
		}
	}
	if db == "" {
		return nil
	}
	return c.setDB(db)
}

func timeout(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%v is not above zero", d)
	}
	return d, err
}

func (c *Config) setTLS(name, value string) error {
	if c.TLS == nil {
		return errors.New("it needs rediss://")
	}
	if name == "server_name" {
		c.TLS.ServerName = value
		return nil
	}
	pem, err := os.ReadFile(value)
	if err != nil {
		return err
	}
	c.TLS.RootCAs = x509.NewCertPool()
	if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", value)
	}
	return nil
}

func (c *Config) check() error {
	switch {
	case len(c.Addrs) == 0:
		return errors.New("redis: no address is given")
	case c.Mode == Single && len(c.Addrs) > 1:
		return errors.New("redis: several addresses: use redis+cluster:// or redis+sentinel://")
	case c.Mode == Sentinel && c.MasterSet == "":
		return errors.New("redis: the master's name is missing: redis+sentinel://host/name")
	case c.Mode == Cluster && c.DB != 0:
		return errors.New("redis: a cluster has no numbered databases: leave db out")
	}
	return nil
}

// FromEnv reads the environment through lookup, which is os.LookupEnv or a
// stand-in: REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_USERNAME,
// REDIS_PASSWORD, REDIS_DB and REDIS_TLS (true or false). Without any of them
// it is redis://localhost:6379. REDIS_USERNAME and REDIS_PASSWORD may complete
// a URL without them; anything given twice differently is an error that names
// it. A REDIS_PORT such as tcp://10.0.0.5:6379, which Kubernetes sets in every
// pod beside a Service named redis, is ignored.
func FromEnv(lookup func(string) (string, bool)) (Config, error) {
	get := func(name string) string {
		value, ok := lookup(name)
		if !ok || name == "REDIS_PORT" && strings.HasPrefix(value, "tcp://") {
			return "" // Kubernetes' word for the Service
		}
		return value
	}
	if text := get("REDIS_URL"); text != "" {
		for _, name := range []string{"REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_TLS"} {
			if get(name) != "" {
				return Config{}, fmt.Errorf("REDIS_URL and %s are both set: give one of them", name)
			}
		}
		c, err := Parse(text)
		if err != nil {
			return Config{}, fmt.Errorf("REDIS_URL: %w", err)
		}
		for _, part := range []struct {
			name  string
			field *string
		}{{"REDIS_USERNAME", &c.Username}, {"REDIS_PASSWORD", &c.Password}} {
			if value := get(part.name); value != "" {
				if *part.field != "" && *part.field != value {
					return Config{}, fmt.Errorf("REDIS_URL and %s say different things: give one of them", part.name)
				}
				*part.field = value
			}
		}
		return c, nil
	}
	port, host := get("REDIS_PORT"), get("REDIS_HOST")
	switch {
	case port == "":
		port = defaultPort
	case !isPort(port):
		return Config{}, errors.New("REDIS_PORT is not a port from 1 to 65535")
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && strings.ContainsAny(host, ":/,@") {
		return Config{}, errors.New("REDIS_HOST is not one name or address alone: a port belongs in REDIS_PORT, anything more in REDIS_URL")
	}
	addr, err := address(host, port)
	if err != nil {
		return Config{}, fmt.Errorf("REDIS_HOST: %w", err)
	}
	c := Config{Addrs: []string{addr}, Username: get("REDIS_USERNAME"), Password: get("REDIS_PASSWORD")}
	if db := get("REDIS_DB"); db != "" {
		if err := c.setDB(db); err != nil {
			return Config{}, fmt.Errorf("REDIS_DB: %w", err)
		}
	}
	switch text := get("REDIS_TLS"); {
	case slices.Contains([]string{"", "0", "false", "no"}, text):
	case slices.Contains([]string{"1", "true", "yes"}, text):
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return Config{}, fmt.Errorf("REDIS_TLS: %q is neither true nor false", text)
	}
	return c, nil
}

// String describes where Redis is, without secrets. So do %#v and JSON, so that
// a Config can be logged.
func (c Config) String() string {
	where := strings.Join(c.Addrs, ", ")
	switch c.Mode {
	case Sentinel:
		return fmt.Sprintf("master %q of the sentinels %s", c.MasterSet, where)
	case Cluster:
		return "cluster " + where
	}
	return where
}

// GoString is String.
func (c Config) GoString() string { return c.String() }

// MarshalText is String.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
