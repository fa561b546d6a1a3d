package proxy

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"burn/proxy/provider"
	"burn/proxy/usage"
)

// call is one forwarded request from its first byte to its record. The handler
// fills it while the call runs; finish hands it to a goroutine that reads what
// was kept and appends the record, off the caller's path.
type call struct {
	p     *Proxy
	up    *Upstream
	kind  provider.Call
	start time.Time
	seq   uint64
	rec   *usage.Record

	src    sources
	client string
	path   string      // as the client sent it
	query  string      // with its "?"; for the credential of ?key=
	header http.Header // as it goes upstream

	upgrade string // the protocol asked for, "": none
	req     *tap   // nil: no body

	inspection sync.Once // around inspect: whoever comes second waits
	skipped    bool
	read       *provider.Request // what inspect found, nil: nothing to read

	out       atomic.Pointer[flusher] // set once the answer's body flows
	slow      atomic.Bool             // the call has run for a second
	status    int                     // what the client got, 0: nothing yet
	resHeader http.Header
	resp      *provider.Response
	unread    bool              // resp failed on the answer
	session   *provider.Session // of a websocket, nil: none
	like      *usage.Record     // what parts have in common, nil: none yet
	parts     int64             // handed to the log so far
	waited    time.Duration     // for the log to take them
	held      *[]byte           // answer bytes not yet read by resp
	ttft      time.Duration     // 0: no body byte yet
	before    time.Duration     // from the start to the request's being sent
	behind    time.Duration     // from the first body byte's arrival to its being passed on
	passed    int64             // body bytes of the answer the client was given
	answered  bool              // the upstream answered: resHeader is its header
	errorType string            // burn's own, where burn answered
	noUsage   bool              // nothing reached the provider
}

// begin starts the metering of a routed request.
func (p *Proxy) begin(r *http.Request, up *Upstream, upPath, path, query string, start time.Time) *call {
	c := &call{
		p: p, up: up, start: start,
		kind:   provider.Classify(up.Provider, r.Method, upPath),
		client: r.RemoteAddr,
		path:   path,
		query:  query,
		header: r.Header,
	}
	c.kind.ReadQuery(strings.TrimPrefix(query, "?"))
	c.src.collect(r.Header)
	// From here on the header does not change: known may read it at any time.
	c.upgrade = upgradeProtocol(r.Header)
	stripHopByHop(r.Header)
	if c.upgrade != "" {
		r.Header["Connection"] = []string{"Upgrade"}
		r.Header["Upgrade"] = []string{c.upgrade}
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		c.req = &tap{ReadCloser: r.Body, budget: &p.copies, expect: r.ContentLength}
	}
	c.rec = usage.NewRecord()
	c.rec.Method = method(r.Method)
	p.calls.Add(1)
	c.seq = p.log.Begin(c.known)
	return c
}

// method keeps the registered HTTP methods; others are the caller's text.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return usage.Other
}

// known is what an open line says of a call that still runs. It reads only what
// does not change after begin.
func (c *call) known() *usage.Record {
	c.slow.Store(true)
	if out := c.out.Load(); out != nil {
		out.arm()
	}
	if c.req != nil {
		if _, err := c.req.state(); err == io.EOF {
			go c.inspectOnce() // a long stream: the copy need not wait for its end
		}
	}
	rec := usage.NewRecord()
	rec.Method = method(c.rec.Method)
	c.describe(rec)
	c.src.attribute(rec, body{}, c.p.tags, c.p.keys.User, c.p.users)
	c.attributeRest(rec)
	return rec
}

// describe writes what the request line and the clock say.
func (c *call) describe(rec *usage.Record) {
	rec.TS = c.start.UnixMilli()
	rec.Upstream = c.up.Provider.Name
	rec.Provider = c.up.Provider.OTel
	rec.Operation = c.kind.Operation
	rec.Endpoint = c.kind.Endpoint
	rec.RequestModel, _ = usage.Label(c.kind.Model, usage.MaxLabel)
	rec.Geo = c.up.Geo
}

// attributeRest adds what is not a choice between labels, and the rules' agent
// where nothing else named one.
func (c *call) attributeRest(rec *usage.Record) {
	rec.KeyID = c.p.keys.Credential(c.header, strings.TrimPrefix(c.query, "?"))
	rec.Client, _, _ = net.SplitHostPort(c.client)
	rec.UserAgent, _ = usage.Label(product(c.src.v[srcUserAgent]), usage.MaxLabel)
	rec.Retry = count(c.src.v[srcRetry])
	if rec.Project == "" {
		rec.Project = usage.Ident(c.src.v[srcProject])
	}
	if rec.Agent == "" {
		if rec.Agent = matchRule(c.p.rules, rec.KeyID, rec.Client, rec.UserAgent, c.path); rec.Agent != "" {
			rec.AgentSource = "rule"
		}
	}
	if rec.Agent == "" {
		rec.Agent = usage.Unknown
	}
}

// count reads a small decimal count; anything else is 0.
func count(s string) int64 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int64(n)
}

// readAnswerBytes passes answer bytes to the usage reader. It is called after the
// client has them.
func (c *call) readAnswerBytes(b []byte) { c.guarded(&c.unread, c.readUsage, b) }

func (c *call) readUsage(b []byte) {
	if c.resp == nil {
		c.resp = provider.NewResponse(c.kind, c.status, c.resHeader)
		if c.kind.Operation == provider.OpBatchResult {
			c.resp.OnPart = c.part
		}
	}
	c.resp.Write(b)
}

// guarded makes a reader of bytes that pass through harmless: its mistake about
// foreign bytes ends the reading, neither the call nor the process. broken is the
// reader's own.
func (c *call) guarded(broken *bool, read func([]byte), b []byte) {
	if *broken {
		return
	}
	*broken = true
	defer func() {
		if recover() != nil {
			c.p.logger.Error("what passed could not be read", "seq", c.seq)
		}
	}()
	read(b)
	*broken = false
}

// firstByte notes the arrival of the answer's first body byte.
func (c *call) firstByte() {
	if c.ttft == 0 {
		c.ttft = time.Since(c.start)
	}
}

// passedOn notes that n bytes of the answer's body were given to the client.
func (c *call) passedOn(n int) {
	if c.passed == 0 {
		c.behind = time.Since(c.start) - c.ttft
	}
	c.passed += int64(n)
}

// finish ends the call. Nothing of it may be touched by the handler after.
func (c *call) finish(end string) {
	c.rec.LatencyMS = ms(time.Since(c.start))
	c.rec.End = end
	c.p.finisher.add(c)
}

func ms(d time.Duration) float64 { return max(float64(d)/float64(time.Millisecond), 0) }

// record reads the copies and appends the record. It owns the call.
func (c *call) record() {
	defer c.p.calls.Done()
	c.p.meters.count(c)
	defer func() {
		if recover() != nil { // a reader's mistake about foreign bytes must not end the process
			c.p.logger.Error("a record could not be made", "seq", c.seq)
			c.p.log.End(c.seq)
		}
	}()
	rec := c.rec
	rec.Seq = c.seq
	rec.Status = c.status
	rec.TTFTMS = ms(c.ttft)
	c.describe(rec)
	c.readAnswer(rec)
	if c.errorType != "" {
		rec.ErrorType = c.errorType
	}
	said := c.readRequest(rec)
	if rec.RequestModel == "" {
		rec.RequestModel, _ = usage.Label(c.kind.Deployment, usage.MaxLabel)
	}
	c.src.attribute(rec, said, c.p.tags, c.p.keys.User, c.p.users)
	c.attributeRest(rec)
	c.p.log.Append(rec)
}

// readAnswer fills the record's answer side.
func (c *call) readAnswer(rec *usage.Record) {
	if c.held != nil {
		c.readAnswerBytes(*c.held)
		putBuffer(c.held)
	}
	if c.resp == nil && c.answered && c.session == nil {
		c.resp = provider.NewResponse(c.kind, c.status, c.resHeader)
	}
	switch {
	case c.unread:
		rec.UsageSource = usage.SourceMissing
		rec.Flags = append(rec.Flags, provider.FlagDecodeFailed)
	case c.session != nil:
		c.session.Finish(rec)
	case c.resp != nil:
		c.resp.Finish(rec, rec.End == usage.EndComplete)
	case c.noUsage || !c.kind.Billable:
		rec.UsageSource = usage.SourceNone
	default:
		// The request went out and no answer came back: what it cost is not known.
		rec.UsageSource = usage.SourcePartial
	}
}

// Request bodies beyond earlyInspection bytes are read soon after they were
// sent: the upstream has to think about as much text for a while. Shorter ones
// are read after the answer, by a goroutine that is needed then anyway, or after
// a second (known), so that long streams do not keep them.
//
// Soon and not at once: the upstream, if it is on the same host, needs the
// processor to take the body, and an answer that is there within the delay need
// not wait. With two cores and 1 MB the added median is half of what it is
// without the delay.
const (
	earlyInspection = 64 << 10
	inspectionDelay = 2 * time.Millisecond
)

// inspectSoon makes the inspection if the call's end does not come before.
func (c *call) inspectSoon() { time.AfterFunc(inspectionDelay, c.inspectOnce) }

// inspectOnce makes the inspection, or waits for whoever does.
func (c *call) inspectOnce() { c.inspection.Do(c.inspect) }

// inspect reads the request's copy and gives it back.
func (c *call) inspect() {
	defer func() {
		if recover() != nil {
			c.p.logger.Error("a request could not be inspected", "seq", c.seq)
		}
	}()
	copied, release, skipped := c.req.take()
	defer release()
	c.skipped = skipped
	if len(copied) > 0 {
		c.read = provider.ReadRequest(c.kind, first1(c.header, "Content-Type"), first1(c.header, "Content-Encoding"), copied, c.p.textKeys)
	}
}

// first1 is the first value of a header under its canonical name.
func first1(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// readRequest fills the record's request side and returns what the body says
// about its caller.
func (c *call) readRequest(rec *usage.Record) (said body) {
	if c.req == nil {
		return body{}
	}
	c.inspectOnce()
	if c.skipped {
		rec.Flags = append(rec.Flags, "inspection_skipped")
		c.p.log.CountSkipped()
	}
	r := c.read
	if r == nil {
		return body{}
	}
	defer r.Release()
	r.Fill(rec)
	return body{agent: r.Agent, agentSource: r.AgentSource, user: r.User, session: r.Session, tags: slices.Clone(r.Metadata)}
}
