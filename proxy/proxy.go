// Package proxy forwards LLM API calls byte for byte and appends one record of
// metadata per call to the log.
//
// Read in this order:
//
//	proxy.go       Config and what is made of it at start
//	serve.go       listening, draining, the admin listener
//	route.go       which upstream a path belongs to: a table fixed at start
//	refuse.go      what is answered without being forwarded
//	forward.go     one request there, its answer back
//	headers.go, tunnel.go, copies.go, listen.go, flusher.go   parts of that
//	framing.go     two framings in one request
//	client.go, exchange.go, outgoing.go   the connection to an upstream over HTTP/1.1
//	transport.go, via.go   net/http's, for HTTP/2 upstreams
//	meter.go, finisher.go   from a call to its record, off the caller's path
//	labels.go, labelsyntax.go, rules.go   who made the call
//	admin.go, metrics.go   what the admin listener tells
//
// # What passes unchanged
//
// Method, path and query as they stand in the request line; all headers with
// all their values, but for hop-by-hop ones, X-Burn-Token and X-Burn-Step; the
// body and its trailers; of the answer the status code, headers, body, trailers
// and informational answers. net/http, which reads both sides, keeps header
// values and the order of values but neither the order nor the letter case of
// header names, and writes its own reason phrase behind the status code; framing
// (chunk sizes, connection reuse) belongs to each connection. Further limits of
// net/http: a 204 or 304 loses its Content-Length; a chunk that stalls half-way is
// passed on when it is whole or fills a buffer; an Expect other than 100-continue
// is answered with 417 here; a client that closes its side for writing counts as
// one that left.
package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"burn/proxy/provider"
	"burn/proxy/usage"
)

// Config is everything burn proxy can be told. The zero value of a field is its
// default where one is named; LogDir is required.
type Config struct {
	Listen    string     // host:port; default 127.0.0.1:9090
	Upstreams []Upstream // added to the built-in ones, or replacing them by name
	Admin     string     // host:port on loopback for /healthz and /metrics; "": none
	Version   string     // burn's version, for the log's start line

	LogDir      string        // where the record files go
	RotateSize  int64         // bytes; 0: usage.DefaultRotateSize
	RotateEvery time.Duration // 0: usage.DefaultRotateEvery

	Grace         time.Duration // how long streams may go on after the drain began; 0: not at all
	HeaderTimeout time.Duration // from a request sent to its answer's header; 0: no limit

	AuthTokenFile        string // file with the token callers must send in X-Burn-Token
	AllowUnauthenticated bool   // listen beyond loopback without a token
	UseEnvProxy          bool   // reach upstreams through HTTPS_PROXY and its likes
	UpstreamCA           string // PEM file with further certificate authorities

	NoFingerprints bool   // --fingerprints off
	KeyFile        string // secret for keyed hashes, made if missing; default burn.key beside LogDir
	Users          Users  // default UsersPlain

	Tags  []string    // keys kept of the caller's tags; nil: DefaultTags
	Rules []AgentRule // who made calls that say nothing

	Logger *slog.Logger // nil: nobody is told

	// OnListen is called with the main listener's address, and OnAdmin with
	// the admin listener's, once they accept connections. May be nil.
	OnListen, OnAdmin func(net.Addr)

	slowClient time.Duration // 0: slowClient
	goOnAfter  time.Duration // 0: goOnAfter
	ownKeyFile bool          // KeyFile was given
}

// DefaultListen is where the proxy listens unless told otherwise.
const DefaultListen = "127.0.0.1:9090"

// DefaultTags are the keys of the caller's tags that are kept.
var DefaultTags = []string{"env", "team", "feature", "tenant", "project", "customer"}

// maxCopies bounds the memory that request copies take together, in bytes.
const maxCopies = 64 << 20

// Proxy is the handler behind the main listener.
type Proxy struct {
	logger    *slog.Logger
	log       *usage.Log
	keys      *provider.Keys
	textKeys  *provider.Keys // nil: no fingerprints
	routes    *routes
	rules     []rule
	tags      []string
	users     Users
	clients   map[*Upstream]*client
	transport *http.Transport

	hasToken  bool
	token     [sha256.Size]byte
	checkHost bool // only loopback names in Host: listening on loopback without a token

	now      func() time.Time
	copies   budget
	calls    sync.WaitGroup // begun, record not yet appended
	finisher finisher
	kill     context.Context

	slowClient time.Duration
	meters     *meters
}

// ConfigError is an error that only another configuration can mend: an address,
// an upstream, or a file that was named and cannot be used.
type ConfigError struct{ err error }

func (e *ConfigError) Error() string { return e.err.Error() }
func (e *ConfigError) Unwrap() error { return e.err }

// prepare checks cfg and reads the files it names. kill cuts every call when it is
// done. The log is begun later: a proxy that cannot have its port leaves none.
func prepare(kill context.Context, cfg *Config) (*Proxy, error) {
	p := &Proxy{
		logger: cfg.Logger,
		tags:   normalTags(cfg.Tags),
		users:  cfg.Users,
		now:    time.Now,
		copies: budget{limit: maxCopies},
		kill:   kill,

		slowClient: slowClient,
	}
	if cfg.slowClient > 0 {
		p.slowClient = cfg.slowClient
	}
	if err := p.configure(cfg); err != nil {
		return nil, &ConfigError{err}
	}
	var err error
	if !cfg.ownKeyFile {
		if err := os.MkdirAll(filepath.Dir(cfg.KeyFile), 0o700); err != nil {
			return nil, fmt.Errorf("create directory for the key file: %w", err)
		}
	}
	if p.keys, err = provider.LoadKeys(cfg.KeyFile); err != nil {
		if _, missing := os.Lstat(cfg.KeyFile); missing != nil && !cfg.ownKeyFile {
			return nil, err // the place beside the logs cannot be written
		}
		return nil, &ConfigError{err}
	}
	if !cfg.NoFingerprints {
		p.textKeys = p.keys
	}
	return p, nil
}

// open begins the log.
func (p *Proxy) open(cfg *Config) (err error) {
	p.log, err = usage.OpenLog(usage.LogConfig{
		Dir: cfg.LogDir, RotateSize: cfg.RotateSize, RotateEvery: cfg.RotateEvery,
		Version: cfg.Version, Logger: cfg.Logger,
	})
	if err != nil {
		return err
	}
	p.meters = newMeters(p)
	return nil
}

// configure does what needs nothing but cfg and the files it names.
func (p *Proxy) configure(cfg *Config) (err error) {
	switch p.users {
	case UsersPlain, UsersHash, UsersOff:
	default:
		return fmt.Errorf("users %q: want plain, hash or off", p.users)
	}
	if p.routes, err = newRoutes(cfg.Upstreams); err != nil {
		return err
	}
	if p.rules, err = newRules(cfg.Rules); err != nil {
		return err
	}
	if err := p.readToken(cfg.AuthTokenFile); err != nil {
		return err
	}
	loopback, err := checkListen(cfg, p.hasToken)
	if err != nil {
		return err
	}
	p.checkHost = loopback && !p.hasToken
	roots, err := readRoots(cfg.UpstreamCA)
	if err != nil {
		return err
	}
	p.clients = newClients(cfg, p.routes, roots)
	p.transport = newTransport(cfg, roots)
	return nil
}

// withDefaults fills what was left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.LogDir == "" {
		return cfg, &ConfigError{errors.New("no log directory given")}
	}
	if cfg.Listen == "" {
		cfg.Listen = DefaultListen
	}
	cfg.ownKeyFile = cfg.KeyFile != ""
	if !cfg.ownKeyFile {
		dir, err := filepath.Abs(cfg.LogDir)
		if err != nil {
			return cfg, fmt.Errorf("find log directory: %w", err)
		}
		// Not inside: logs are gathered and sent around, the key stays.
		cfg.KeyFile = filepath.Join(filepath.Dir(dir), "burn.key")
	}
	if cfg.Users == "" {
		cfg.Users = UsersPlain
	}
	if cfg.goOnAfter == 0 {
		cfg.goOnAfter = goOnAfter
	}
	if cfg.Tags == nil {
		cfg.Tags = DefaultTags
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}

// normalTags makes the keys comparable: lower case, each once.
func normalTags(keys []string) []string {
	var out []string
	for _, k := range keys {
		if k, _ = usage.Label(strings.ToLower(k), usage.MaxLabel); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// readToken reads the token file; "" means that no token is asked for.
func (p *Proxy) readToken(path string) error {
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read token file: %w", err)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return fmt.Errorf("read token file %s: it is empty", path)
	}
	if bytes.ContainsFunc(b, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return fmt.Errorf("read token file %s: not one line of printable ASCII", path)
	}
	p.hasToken, p.token = true, sha256.Sum256(b)
	return nil
}

// checkListen refuses to serve strangers by accident.
func checkListen(cfg *Config, hasToken bool) (loopback bool, err error) {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return false, fmt.Errorf("--listen %q: want HOST:PORT", cfg.Listen)
	}
	loopback = isLoopback(host)
	if !loopback && !hasToken && !cfg.AllowUnauthenticated {
		return false, fmt.Errorf("--listen %s: everyone who reaches this address could use the proxy and write into its log; "+
			"give --auth-token-file FILE, or --allow-unauthenticated if the network is closed", cfg.Listen)
	}
	if cfg.Admin == "" {
		return loopback, nil
	}
	host, _, err = net.SplitHostPort(cfg.Admin)
	if err != nil {
		return false, fmt.Errorf("--admin %q: want HOST:PORT", cfg.Admin)
	}
	if !isLoopback(host) {
		return false, fmt.Errorf("--admin %s: must be a loopback address", cfg.Admin)
	}
	return loopback, nil
}

// readRoots returns the system's certificate authorities and those of a file;
// nil means the system's alone.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read upstream CA: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("read upstream CA %s: no PEM certificate in it", path)
	}
	return pool, nil
}

// killed reports whether all calls are being cut.
func (p *Proxy) killed() bool { return p.kill.Err() != nil }
