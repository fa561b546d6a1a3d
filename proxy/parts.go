package proxy

import (
	"time"

	"burn/proxy/usage"
)

// part appends a further usage of the call, whose own record follows at its
// end: an answer in a file of results, or in a session. rec has what the
// provider said; who called is the same for all. It is called by one goroutine
// at a time.
func (c *call) part(rec *usage.Record) {
	like := c.likeness()
	c.parts++
	rec.Part = c.parts
	rec.TS = like.TS
	if c.session != nil { // a session may last for an hour
		rec.TS = c.p.now().UnixMilli()
	}
	rec.Upstream, rec.Provider, rec.Endpoint, rec.Method = like.Upstream, like.Provider, like.Endpoint, like.Method
	rec.Status, rec.End = c.status, usage.EndComplete
	fill := func(dst *string, v string) {
		if *dst == "" {
			*dst = v
		}
	}
	fill(&rec.Operation, like.Operation)
	fill(&rec.RequestModel, like.RequestModel)
	fill(&rec.Geo, like.Geo)
	fill(&rec.Project, like.Project)
	rec.Agent, rec.AgentSource, rec.User, rec.Session = like.Agent, like.AgentSource, like.User, like.Session
	rec.TraceID, rec.SpanID, rec.ParentID, rec.Step, rec.Tags = like.TraceID, like.SpanID, like.ParentID, like.Step, like.Tags
	rec.KeyID, rec.Client, rec.UserAgent, rec.Retry = like.KeyID, like.Client, like.UserAgent, like.Retry
	c.p.log.Append(rec)
	if c.parts%partsAtOnce == 0 {
		c.letLogFollow()
	}
}

// A file of results can bring parts faster than the log takes them, and sums of
// what did not fit would hide which answers were billed already. So reading it
// waits for the log, the bytes that brought the parts being with the client: a
// while, not for ever, as a disk can be full.
const (
	partsAtOnce = 256
	logPatience = 2 * time.Second // for all parts of a call together
)

// letLogFollow waits until half of the log's queue is free.
func (c *call) letLogFollow() {
	for c.waited < logPatience && !c.p.killed() {
		if s := c.p.log.Stats(); s.Queue <= s.QueueCap/2 {
			return
		}
		time.Sleep(time.Millisecond)
		c.waited += time.Millisecond
	}
}

// likeness is what all parts of a call have in common, found out once.
func (c *call) likeness() *usage.Record {
	if c.like == nil {
		c.like = &usage.Record{Method: c.rec.Method}
		c.describe(c.like)
		c.src.attribute(c.like, body{}, c.p.tags, c.p.keys.User, c.p.users)
		c.attributeRest(c.like)
	}
	return c.like
}
