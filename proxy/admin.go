package proxy

import (
	"net/http"
	"strconv"
	"sync/atomic"

	"burn/proxy/usage"
)

// ends are the ways a call can end, in the order of the counters.
var ends = [...]string{
	usage.EndComplete, usage.EndClientAbort, usage.EndUpstreamAbort, usage.EndTimeout, usage.EndShutdown,
}

// endCounts counts finished calls by end, and answers by class of status.
type endCounts struct {
	byEnd    [len(ends)]atomic.Int64
	byStatus [6]atomic.Int64 // 0: nothing, 1xx … 5xx
}

func (e *endCounts) count(end string, status int) {
	for i := range ends {
		if ends[i] == end {
			e.byEnd[i].Add(1)
		}
	}
	if class := status / 100; class < len(e.byStatus) {
		e.byStatus[class].Add(1)
	}
}

// adminHandler serves /healthz and /metrics (Prometheus text format 0.0.4).
type adminHandler struct{ p *Proxy }

func (a adminHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !loopbackHost(r.Host):
		writeError(w, http.StatusForbidden, "burn_host", "the Host header does not name this machine", nil)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		writeError(w, http.StatusMethodNotAllowed, "burn_method", "only GET is served here", nil)
	case r.URL.Path == "/healthz":
		writeHealth(w)
	case r.URL.Path == "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(a.p.metrics())
	default:
		writeError(w, http.StatusNotFound, "burn_no_route", "here are /healthz and /metrics", nil)
	}
}

// failureNames are the labels of failure's values.
var failureNames = [...]string{failDial: "dial", failTLS: "tls", failTimeout: "timeout", failExchange: "exchange"}

func (p *Proxy) metrics() []byte {
	var m metrics
	s := p.log.Stats()
	m.head("burn_calls_total", "counter", "Forwarded calls that have ended, by how.")
	for i := range ends {
		m.value("burn_calls_total", "end", ends[i], p.ends.byEnd[i].Load())
	}
	m.head("burn_answers_total", "counter", "Ended calls by class of the status the client got; 0xx: none.")
	for i := range p.ends.byStatus {
		m.value("burn_answers_total", "class", strconv.Itoa(i)+"xx", p.ends.byStatus[i].Load())
	}
	m.head("burn_upstream_failures_total", "counter", "Exchanges that brought no answer.")
	for i := range failureNames {
		m.value("burn_upstream_failures_total", "reason", failureNames[i], p.failures[i].Load())
	}
	for _, c := range []struct {
		name, kind, help string
		n                int64
	}{
		{"burn_calls_running", "gauge", "Calls begun and not ended.", s.Running},
		{"burn_refused_total", "counter", "Requests answered without forwarding.", s.Refused},
		{"burn_inspection_skipped_total", "counter", "Calls whose request was not inspected.", s.Skipped},
		{"burn_inspection_bytes", "gauge", "Memory held by request copies.", p.copies.used.Load()},
		{"burn_log_lines_total", "counter", "Lines handed to the kernel.", s.Lines},
		{"burn_log_bytes_total", "counter", "Bytes handed to the kernel.", s.Bytes},
		{"burn_log_files_total", "counter", "Log files opened.", s.Files},
		{"burn_log_queue", "gauge", "Records waiting for the writer.", int64(s.Queue)},
		{"burn_log_dropped_total", "counter", "Calls folded into gap lines.", s.Dropped},
		{"burn_log_lost_lines_total", "counter", "Lines in files that were deleted or truncated by somebody.", s.LostLines},
		{"burn_log_write_errors_total", "counter", "Failed writes and opens.", s.WriteErrors},
		{"burn_log_sync_errors_total", "counter", "Failed syncs.", s.SyncErrors},
	} {
		m.head(c.name, c.kind, c.help)
		m.value(c.name, "", "", c.n)
	}
	return m
}

// metrics is a page in the making.
type metrics []byte

func (m *metrics) head(name, kind, help string) {
	*m = append(*m, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

func (m *metrics) value(name, label, value string, n int64) {
	*m = append(*m, name...)
	if label != "" {
		*m = append(*m, "{"+label+"="+strconv.Quote(value)+"}"...)
	}
	*m = append(*m, ' ')
	*m = strconv.AppendInt(*m, n, 10)
	*m = append(*m, '\n')
}
