package connect

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mode is the kind of Redis at the addresses.
type Mode int

const (
	Single   Mode = iota // one server
	Sentinel             // Sentinels that know where the master is
	Cluster              // nodes of a cluster
)

// Config says where Redis is and how patient to be. The zero value of each field but Addrs has a sensible meaning.
type Config struct {
	Mode      Mode
	Addrs     []string // host:port each, or the path of one unix socket
	MasterSet string   // with Sentinel: the name of the master

	Username, Password                 string
	SentinelUsername, SentinelPassword string // for the Sentinels themselves
	DB                                 int    // not with Cluster
	TLS                                *tls.Config
	ClientName                         string // shown by CLIENT LIST

	DialTimeout  time.Duration // to connect and to be greeted; default 5 s
	KeepAlive    time.Duration // between TCP probes of an idle connection; default 30 s
	WriteTimeout time.Duration // to be answered, when the caller's context has no deadline; default 10 s
	StartTimeout time.Duration // for Open to wait until Redis is there; default 10 s
	Backoff      Backoff       // between attempts
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
// Parameters after a question mark: db, client_name, dial_timeout, start_timeout (as 5s, 500ms), sentinel_username,
// sentinel_password, ca (a PEM file to trust), server_name. Errors name what is wrong, and never hold the password.
func Parse(text string) (Config, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
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
	if err := c.setPath(path); err != nil {
		return Config{}, err
	}
	if err := c.setQuery(query); err != nil {
		return Config{}, err
	}
	return c, c.check()
}

func address(host, port string) (string, error) {
	if h, p, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "", fmt.Errorf("redis URL: %q is no port", p)
		}
		host, port = h, p
	} else if strings.Count(host, ":") == 1 {
		return "", fmt.Errorf("redis URL: %q is not host:port", host)
	}
	if host = strings.Trim(host, "[]"); host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

// setPath takes /db, or /master/db with Sentinel.
func (c *Config) setPath(path string) error {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if c.Mode == Sentinel {
		c.MasterSet, parts = parts[0], parts[1:]
	}
	switch {
	case len(parts) == 0 || len(parts) == 1 && parts[0] == "":
		return nil
	case len(parts) > 1:
		return fmt.Errorf("redis URL: the path /%s is too long", path)
	}
	return c.setDB(parts[0])
}

func (c *Config) setDB(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("redis: %q is no database number", text)
	}
	if c.DB != 0 && c.DB != n {
		return fmt.Errorf("redis: two database numbers are given, %d and %d", c.DB, n)
	}
	c.DB = n
	return nil
}

func (c *Config) setQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("redis URL: what follows the question mark cannot be read")
	}
	for name, list := range values {
		value := list[len(list)-1]
		var err error
		switch name {
		case "db":
			err = c.setDB(value)
		case "client_name":
			c.ClientName = value
		case "dial_timeout":
			c.DialTimeout, err = time.ParseDuration(value)
		case "start_timeout":
			c.StartTimeout, err = time.ParseDuration(value)
		case "sentinel_username":
			c.SentinelUsername = value
		case "sentinel_password":
			c.SentinelPassword = value
		case "ca", "server_name":
			err = c.setTLS(name, value)
		default:
			err = fmt.Errorf("redis URL: there is no parameter %q", name)
		}
		if err != nil {
			return fmt.Errorf("redis URL: %s: %w", name, err)
		}
	}
	return nil
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

// FromEnv reads the environment through lookup, which is os.LookupEnv or a stand-in: REDIS_URL, or REDIS_HOST, REDIS_PORT,
// REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB and REDIS_TLS (true or false). Without any of them it is redis://localhost:6379. REDIS_USERNAME
// and REDIS_PASSWORD may complete a URL without them; anything given twice differently is an error that names it.
func FromEnv(lookup func(string) (string, bool)) (Config, error) {
	get := func(name string) string {
		value, _ := lookup(name)
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
	port := get("REDIS_PORT")
	if port == "" {
		port = defaultPort
	}
	host := get("REDIS_HOST")
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	addr, err := address(host+":"+port, port)
	if err != nil {
		return Config{}, fmt.Errorf("REDIS_HOST, REDIS_PORT: %w", err)
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

// String describes where Redis is, without secrets.
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
