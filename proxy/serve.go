package proxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Limits of the listeners. There is no write timeout: it would cut streams.
const (
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 120 * time.Second
)

// flushTime bounds what is left to do once all calls are cut.
const flushTime = 10 * time.Second

// Run serves until ctx is done, then drains: it stops accepting, lets running
// calls finish within cfg.Grace, cuts the rest, writes the log's last line and
// returns nil. An error to start is a *ConfigError where cfg is to blame.
func Run(ctx context.Context, cfg Config) error {
	return RunUntil(ctx, context.Background(), cfg)
}

// RunUntil is Run with a second context that ends the drain at once: what still
// runs is cut and recorded as such.
func RunUntil(ctx, now context.Context, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	kill, cut := context.WithCancel(context.Background())
	defer cut()
	p, err := prepare(kill, &cfg)
	if err != nil {
		return err
	}
	s := &servers{p: p, cfg: &cfg}
	if err := s.listen(); err != nil {
		return err
	}
	if err := p.open(&cfg); err != nil {
		s.close()
		return err
	}
	tuneMemory()
	err = s.serve(ctx, now, cut)
	p.transport.CloseIdleConnections()
	for _, c := range p.clients {
		c.closeIdle()
	}
	end, done := context.WithTimeout(context.Background(), flushTime)
	defer done()
	return errors.Join(err, p.log.Close(end))
}

// ballast is counted as living memory and never touched, so that it takes none:
// the collector runs when the heap has grown by what lives in it and by this
// much. A proxy's live heap is a few MB, and collecting it for every few MB more
// would be a tenth of its CPU; that the heap grows no further than that, and not
// by a factor, keeps the process small under load.
var ballast []byte

const ballastSize = 16 << 20

// tuneMemory sets the ballast. Whoever sets GOGC knows better.
func tuneMemory() {
	if os.Getenv("GOGC") == "" && ballast == nil {
		ballast = make([]byte, ballastSize)
	}
}

// servers are the listeners and what runs behind them.
type servers struct {
	p    *Proxy
	cfg  *Config
	main net.Listener
	adm  net.Listener // nil: none
}

// close gives the ports back.
func (s *servers) close() {
	s.main.Close()
	if s.adm != nil {
		s.adm.Close()
	}
}

func (s *servers) listen() error {
	var err error
	if s.main, err = net.Listen("tcp", s.cfg.Listen); err != nil {
		return listenError(s.cfg.Listen, err)
	}
	if tcp, ok := s.main.(*net.TCPListener); ok {
		s.main = listener{tcp, s.p.kill}
	}
	if s.cfg.Admin == "" {
		return nil
	}
	if s.adm, err = net.Listen("tcp", s.cfg.Admin); err != nil {
		s.main.Close()
		return listenError(s.cfg.Admin, err)
	}
	return nil
}

// listenError tells an address that is none from one that cannot be had.
func listenError(address string, err error) error {
	var malformed *net.AddrError
	var unknown *net.DNSError
	wrapped := fmt.Errorf("listen on %s: %w", address, bareNetwork(err))
	if errors.As(err, &malformed) || errors.As(err, &unknown) {
		return &ConfigError{wrapped}
	}
	return wrapped
}

// bareNetwork strips operation and address, which the caller says better.
func bareNetwork(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// serve runs until everything is drained or cut.
func (s *servers) serve(ctx, now context.Context, cut context.CancelFunc) error {
	main := s.server(s.p)
	main.BaseContext = func(net.Listener) context.Context { return s.p.kill }
	main.ConnContext = withConn
	main.ConnState = s.p.onState
	failed := make(chan error, 2)
	var running sync.WaitGroup
	start := func(srv *http.Server, l net.Listener) {
		running.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", l.Addr(), bareNetwork(err))
			}
		})
	}
	var admin *http.Server
	if s.adm != nil {
		admin = s.server(&adminHandler{p: s.p})
		start(admin, s.adm)
		if s.cfg.OnAdmin != nil {
			s.cfg.OnAdmin(s.adm.Addr())
		}
	}
	start(main, s.main)
	s.p.logger.Info("ready", "address", s.main.Addr().String(), "log_dir", s.cfg.LogDir)
	if s.cfg.OnListen != nil {
		s.cfg.OnListen(s.main.Addr())
	}
	var err error
	select {
	case <-ctx.Done():
	case <-now.Done():
	case err = <-failed:
	}
	s.drain(main, now, cut)
	if admin != nil {
		admin.Close()
	}
	running.Wait()
	return err
}

// drain lets calls finish within the grace, then cuts them. A call is finished
// when its record is with the log.
func (s *servers) drain(srv *http.Server, now context.Context, cut context.CancelFunc) {
	grace, done := context.WithTimeout(now, s.cfg.Grace)
	defer done()
	s.p.logger.Info("draining", "grace", s.cfg.Grace.String())
	finished := make(chan struct{})
	err := srv.Shutdown(grace)
	go func() {
		s.p.calls.Wait()
		close(finished)
	}()
	if err == nil {
		select { // upgraded connections are not the server's any more
		case <-finished:
			return
		case <-grace.Done():
		}
	}
	cut()
	srv.Close()
	select {
	case <-finished:
	case <-time.After(flushTime):
		s.p.logger.Warn("some calls could not be cut in time")
	}
}

func (s *servers) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes - 4<<10, // net/http allows 4 KiB more than it is told
		ErrorLog:          log.New(&serverLog{logger: s.p.logger}, "", 0),
		Protocols:         http1Only(),

		DisableGeneralOptionsHandler: true, // it would answer "OPTIONS *" itself
	}
}

func http1Only() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// serverLog receives net/http's own messages. They can quote what a client
// sent, so that only their kind is told, and no more than one a second.
type serverLog struct {
	logger *slog.Logger
	mu     sync.Mutex
	last   time.Time
	held   int
}

func (l *serverLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) >= time.Second {
		l.logger.Warn("server: "+serverMessage(string(b)), "more", l.held)
		l.last, l.held = now, 0
	} else {
		l.held++
	}
	return len(b), nil
}

// serverMessage reduces a message of net/http to its constant beginning.
func serverMessage(s string) string {
	for _, kind := range []string{
		"http: TLS handshake error", "http: Accept error", "http: panic serving",
		"http: superfluous response.WriteHeader call", "http: response.WriteHeader on hijacked connection",
	} {
		if strings.HasPrefix(s, kind) {
			return kind
		}
	}
	return "http: error"
}
