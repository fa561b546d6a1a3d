package proxy

import (
	"fmt"
	"net/http"
	"sync"

	"burn/proxy/usage"
)

// adminHandler serves /healthz and /metrics (Prometheus text format 0.0.4).
type adminHandler struct {
	p      *Proxy
	health health
}

func (a *adminHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !loopbackHost(r.Host):
		writeError(w, http.StatusForbidden, "burn_host", "the Host header does not name this machine", nil)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		writeError(w, http.StatusMethodNotAllowed, "burn_method", "only GET is served here", nil)
	case r.URL.Path == "/healthz":
		writeHealth(w, a.health.look(a.p.log.Stats()))
	case r.URL.Path == "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		a.p.meters.write(w)
	default:
		writeError(w, http.StatusNotFound, "burn_no_route", "here are /healthz and /metrics", nil)
	}
}

// health tells whether the log is being written, from what changed between two
// looks. It never makes burn unhealthy: calls are served all the same, and to
// restart a proxy because a disk is full would lose the sums it holds.
type health struct {
	mu      sync.Mutex
	last    usage.Stats
	failing bool
}

// look returns what /healthz says beside ok, one line.
func (h *health) look(s usage.Stats) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s.Lines > h.last.Lines:
		h.failing = false
	case s.WriteErrors > h.last.WriteErrors || s.SyncErrors > h.last.SyncErrors || s.Dropped > h.last.Dropped:
		h.failing = true
	}
	h.last = s
	state := "writing"
	if h.failing {
		state = "failing"
	}
	return fmt.Sprintf("log: %s, %d lines, %d waiting, %d calls summed, %d write errors, %d sync errors\n",
		state, s.Lines, s.Queue, s.Dropped, s.WriteErrors, s.SyncErrors)
}
