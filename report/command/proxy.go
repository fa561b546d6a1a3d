package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"burn/proxy"
	"burn/proxy/provider"
	"burn/report/settings"
)

func (p *program) proxyCommand() *cli.Command {
	return &cli.Command{
		Name:  "proxy",
		Usage: "forward calls to LLM providers and log one line about each",
		Description: `Point a client's base URL at it: http://127.0.0.1:9090 for Anthropic,
http://127.0.0.1:9090/v1 for OpenAI, http://127.0.0.1:9090/NAME/… for others.
Nothing of a call is changed, and no prompt, answer or key is written.

  burn proxy
  burn proxy --listen 0.0.0.0:9090 --auth-token-file token
  burn proxy --upstream azure=https://acme.openai.azure.com`,
		Flags: slices.Concat(
			group("Where it serves",
				text("listen", proxy.DefaultListen, "serve on `ADDR`"),
				text("admin", "", "serve /healthz and /metrics on this loopback `ADDR`"),
				text("auth-token-file", "", "callers must send the token in this `FILE` as X-Burn-Token"),
				toggle("allow-unauthenticated", "listen beyond loopback without a token"),
				text("grace", "30s", "how long running calls may take to end after SIGTERM"),
			),
			group("Providers",
				list("upstream", "another provider as `NAME=URL`, with ,kind=DIALECT behind it where the name says none; repeatable"),
				text("header-timeout", "10m", "give up on a provider that sends no answer for this `TIME`"),
				toggle("use-env-proxy", "reach providers through HTTPS_PROXY and the like"),
				text("upstream-ca", "", "trust the certificate authorities in this PEM `FILE` as well"),
			),
			group("What is written",
				text("log-dir", defaultLogDir(), "append log files in `DIR`"),
				text("rotate-size", "64MB", "begin a new file after this many `BYTES`"),
				text("rotate-every", "1h", "begin a new file after this `TIME`"),
				text("fingerprints", "on", "on or off: keyed hashes that show repeated work"),
				text("key-file", "", "the secret of these hashes in `FILE`, made if missing (default: burn.key beside the log directory)"),
				text("users", string(proxy.UsersPlain), "plain, hash or off: what to keep of user labels"),
			),
			commonFlags(),
		),
		Action: p.proxy,
	}
}

func (p *program) proxy(c *cli.Context) error {
	cfg, err := p.proxyConfig(c)
	if err != nil {
		return usageError(err)
	}
	// A reader of standard error that leaves is no reason to end, nor is whoever asks
	// services to reopen their files: these rotate by themselves.
	signal.Ignore(syscall.SIGPIPE)
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		signal.Ignore(syscall.SIGHUP)
	}
	// The first signal drains, by the context, and a second one ends at once, however
	// soon it comes.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, ending()...)
	defer signal.Stop(signals)
	kill, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for range cap(signals) {
			select {
			case <-signals:
			case <-kill.Done():
				return
			}
		}
		cancel()
	}()
	err = proxy.RunUntil(c.Context, kill, cfg)
	if config := (*proxy.ConfigError)(nil); errors.As(err, &config) {
		return usageError(err)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &exit{ExitFailed, err, "another program has this port, perhaps another burn proxy: end it, or choose another port with --listen (or --admin) HOST:PORT"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &exit{ExitFailed, err, "this host has no such address: 127.0.0.1 is for its own programs, 0.0.0.0 for others too"}
	}
	return err
}

// leastFile is less than what a log file has after a call or two, in bytes.
const leastFile = 1e3

func (p *program) proxyConfig(c *cli.Context) (cfg proxy.Config, err error) {
	logger, err := p.logger(c)
	if err != nil {
		return cfg, err
	}
	cfg = proxy.Config{
		Listen: c.String("listen"), Admin: c.String("admin"), Version: p.version, LogDir: c.String("log-dir"), Logger: logger,
		AuthTokenFile: c.String("auth-token-file"), AllowUnauthenticated: c.Bool("allow-unauthenticated"),
		UseEnvProxy: c.Bool("use-env-proxy"), UpstreamCA: c.String("upstream-ca"), KeyFile: c.String("key-file"),
		Users: proxy.Users(c.String("users")),
	}
	if err := errors.Join(oneOf(c, "fingerprints", "on", "off"), oneOf(c, "users", "plain", "hash", "off")); err != nil {
		return cfg, err
	}
	cfg.NoFingerprints = c.String("fingerprints") == "off"
	var names []string
	for _, known := range provider.Providers {
		names = append(names, known.Name)
	}
	for _, s := range c.StringSlice("upstream") {
		u, err := proxy.ParseUpstream(s)
		if err != nil {
			return cfg, fmt.Errorf("--upstream: %w", err)
		}
		cfg.Upstreams = append(cfg.Upstreams, u)
		name, _, _ := strings.Cut(s, "=")
		if _, known := provider.Lookup(name); !known && len(name) > 4 && !strings.Contains(s, ",kind=") {
			if near := settings.Nearest(name, names); near != "" {
				logger.Warn("no provider of this name is known, so that its models have no price", "upstream", name, "did_you_mean", near)
			}
		}
	}
	if cfg.RotateSize, err = settings.Size(c.String("rotate-size")); err != nil {
		return cfg, fmt.Errorf("--rotate-size: %w", err)
	}
	if cfg.RotateSize < leastFile {
		return cfg, fmt.Errorf("--rotate-size %s: use at least 1KB; 64MB is usual", c.String("rotate-size"))
	}
	for name, d := range map[string]*time.Duration{"rotate-every": &cfg.RotateEvery, "grace": &cfg.Grace, "header-timeout": &cfg.HeaderTimeout} {
		if *d, err = settings.Wait(c.String(name)); err != nil {
			return cfg, fmt.Errorf("--%s: %w", name, err)
		}
		if *d == 0 && name != "grace" {
			return cfg, fmt.Errorf("--%s %q: use a time above 0", name, c.String(name))
		}
	}
	var rules []settings.AgentRule
	if err := p.config.Section("agent-rules", &rules); err != nil {
		return cfg, err
	}
	for _, r := range rules {
		cfg.Rules = append(cfg.Rules, proxy.AgentRule(r))
	}
	return cfg, p.config.Section("tags", &cfg.Tags)
}
