package proxy

import (
	"io"
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"burn/proxy/usage"
)

// ends are the ways a call can end, in the order of the counters.
var ends = [...]string{
	usage.EndComplete, usage.EndClientAbort, usage.EndUpstreamAbort, usage.EndTimeout, usage.EndShutdown,
}

// failureNames are the labels of failure's values.
var failureNames = [...]string{failDial: "dial", failTLS: "tls", failTimeout: "timeout", failExchange: "exchange"}

// refusals are the reasons for which a request is not forwarded: the type in
// the answer, and burn_malformed where net/http answered, or the client left,
// before a request was whole.
var refusals = [...]string{
	"burn_method", "burn_target", "burn_host", "burn_token", "burn_path", "burn_framing", "burn_no_route", "burn_malformed",
}

// Bounds of the histograms, in seconds. Calls take from milliseconds to
// minutes, burn's part of them microseconds.
var (
	callBounds  = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	addedBounds = []float64{.00005, .0001, .0002, .0003, .0005, .001, .002, .005, .01, .05, .25, 1}
)

// meters are the counters behind /metrics. Labels are upstreams' names, which
// are configured, and words of this package: nothing of a request.
type meters struct {
	p        *Proxy
	set      *metrics.Set
	ends     [len(ends)]*metrics.Counter
	failures [len(answers)]*metrics.Counter
	refused  map[string]*metrics.Counter
	added    *metrics.PrometheusHistogram
	byName   map[*Upstream]*upstreamMeters
}

// upstreamMeters appear on the page with an upstream's first call.
type upstreamMeters struct {
	once    sync.Once
	answers [6]*metrics.Counter // 0xx: no answer, 1xx … 5xx
	out, in *metrics.Counter    // body bytes to the upstream, and to the client
	seconds *metrics.PrometheusHistogram
}

func newMeters(p *Proxy) *meters {
	metrics.ExposeMetadata(true) // of all sets: the types, which Prometheus wants to know
	m := &meters{p: p, set: metrics.NewSet(), refused: make(map[string]*metrics.Counter), byName: make(map[*Upstream]*upstreamMeters)}
	for i, end := range ends {
		m.ends[i] = m.set.NewCounter(named("burn_calls_total", "end", end))
	}
	for i, name := range failureNames {
		m.failures[i] = m.set.NewCounter(named("burn_upstream_failures_total", "reason", name))
	}
	for _, reason := range refusals {
		m.refused[reason] = m.set.NewCounter(named("burn_refused_total", "reason", reason))
	}
	m.added = m.set.NewPrometheusHistogramExt("burn_added_seconds", addedBounds)
	for _, up := range p.routes.byName {
		m.byName[up] = new(upstreamMeters)
	}
	m.set.RegisterMetricsWriter(m.writeLog)
	return m
}

func named(name, label, value string) string {
	return name + "{" + label + "=" + strconv.Quote(value) + "}"
}

// of returns an upstream's counters, made with its first call.
func (m *meters) of(up *Upstream) *upstreamMeters {
	u := m.byName[up]
	u.once.Do(func() {
		label := `{upstream=` + strconv.Quote(up.Provider.Name)
		for class := range u.answers {
			u.answers[class] = m.set.NewCounter("burn_answers_total" + label + `,class="` + strconv.Itoa(class) + `xx"}`)
		}
		u.out = m.set.NewCounter("burn_request_bytes_total" + label + "}")
		u.in = m.set.NewCounter("burn_response_bytes_total" + label + "}")
		u.seconds = m.set.NewPrometheusHistogramExt("burn_call_seconds"+label+"}", callBounds)
	})
	return u
}

// count counts an ended call, beside the caller's path.
func (m *meters) count(c *call) {
	for i := range ends {
		if ends[i] == c.rec.End {
			m.ends[i].Inc()
		}
	}
	u := m.of(c.up)
	if class := c.status / 100; class < len(u.answers) {
		u.answers[class].Inc()
	}
	if c.req != nil {
		n, _ := c.req.state()
		u.out.AddInt64(n)
	}
	u.in.AddInt64(c.passed)
	u.seconds.Update(c.rec.LatencyMS / 1e3)
	if c.answered {
		m.added.Update((c.before + c.behind).Seconds())
	}
}

// countRefused counts a request that is not forwarded, by one of refusals.
func (p *Proxy) countRefused(reason string) {
	p.log.CountRefused()
	if counter := p.meters.refused[reason]; counter != nil {
		counter.Inc()
	}
}

// write writes the page: burn's own, and what Go and the system say of the
// process.
func (m *meters) write(w io.Writer) {
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}

// writeLog writes what the log counts itself.
func (m *meters) writeLog(w io.Writer) {
	s := m.p.log.Stats()
	for _, x := range []struct {
		name string
		n    int64
	}{
		{"burn_calls_running", s.Running},
		{"burn_log_queue", int64(s.Queue)},
		{"burn_log_queue_capacity", int64(s.QueueCap)},
		{"burn_inspection_bytes", m.p.copies.used.Load()},
	} {
		metrics.WriteGaugeUint64(w, x.name, uint64(max(x.n, 0)))
	}
	for _, x := range []struct {
		name string
		n    int64
	}{
		{"burn_records_total", int64(s.LastSeq) - s.Running},
		{"burn_inspection_skipped_total", s.Skipped},
		{"burn_log_lines_total", s.Lines},
		{"burn_log_bytes_total", s.Bytes},
		{"burn_log_files_total", s.Files},
		{"burn_log_dropped_total", s.Dropped}, // calls folded into gap lines
		{"burn_log_lost_lines_total", s.LostLines},
		{"burn_log_write_errors_total", s.WriteErrors},
		{"burn_log_sync_errors_total", s.SyncErrors},
		{"burn_clock_jumps_total", int64(s.ClockJumps)},
	} {
		metrics.WriteCounterUint64(w, x.name, uint64(max(x.n, 0)))
	}
}
