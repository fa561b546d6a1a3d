package proxy

import (
	"net/http"
	"slices"
	"strings"

	"burn/proxy/usage"
)

// source is a request header that can attribute a call. The constants are in
// the order in which DESIGN's lists name them, but order does not matter here:
// agentSources and its likes say who comes first.
type source int

const (
	srcAgentID source = iota
	srcPortkeyMetadata
	srcCFMetadata
	srcLiteLLMTags
	srcLiteLLMSpend
	srcClaudeAgent
	srcBaggage
	srcTitle
	srcUserID
	srcHeliconeUser
	srcLiteLLMCustomer
	srcLiteLLMEndUser
	srcSessionID
	srcHeliconeSession
	srcBFSession
	srcClaudeSession
	srcPlainSession
	srcLiteLLMSession
	srcTraceparent
	srcTraceID
	srcPortkeyTrace
	srcPortkeySpan
	srcPortkeyParent
	srcLiteLLMTrace
	srcDatadogTrace
	srcDatadogParent
	srcAmznTrace
	srcB3
	srcB3Trace
	srcB3Span
	srcB3Parent
	srcSessionPath
	srcStep
	srcRetry
	srcUserAgent
	srcProject
	numSources
)

// sourceNames are the headers, lower case as agent_source shows them.
var sourceNames = [numSources]string{
	srcAgentID:         "x-agent-id",
	srcPortkeyMetadata: "x-portkey-metadata",
	srcCFMetadata:      "cf-aig-metadata",
	srcLiteLLMTags:     "x-litellm-tags",
	srcLiteLLMSpend:    "x-litellm-spend-logs-metadata",
	srcClaudeAgent:     "x-claude-code-agent-id",
	srcBaggage:         "baggage",
	srcTitle:           "x-title",
	srcUserID:          "x-user-id",
	srcHeliconeUser:    "helicone-user-id",
	srcLiteLLMCustomer: "x-litellm-customer-id",
	srcLiteLLMEndUser:  "x-litellm-end-user-id",
	srcSessionID:       "x-session-id",
	srcHeliconeSession: "helicone-session-id",
	srcBFSession:       "x-bf-session-id",
	srcClaudeSession:   "x-claude-code-session-id",
	srcPlainSession:    "session-id",
	srcLiteLLMSession:  "x-litellm-session-id",
	srcTraceparent:     "traceparent",
	srcTraceID:         "x-trace-id",
	srcPortkeyTrace:    "x-portkey-trace-id",
	srcPortkeySpan:     "x-portkey-span-id",
	srcPortkeyParent:   "x-portkey-parent-span-id",
	srcLiteLLMTrace:    "x-litellm-trace-id",
	srcDatadogTrace:    "x-datadog-trace-id",
	srcDatadogParent:   "x-datadog-parent-id",
	srcAmznTrace:       "x-amzn-trace-id",
	srcB3:              "b3",
	srcB3Trace:         "x-b3-traceid",
	srcB3Span:          "x-b3-spanid",
	srcB3Parent:        "x-b3-parentspanid",
	srcSessionPath:     "helicone-session-path",
	srcStep:            "x-burn-step",
	srcRetry:           "x-stainless-retry-count",
	srcUserAgent:       "user-agent",
	srcProject:         "openai-project",
}

// sourceOf finds a source by its canonical header name.
var sourceOf = func() map[string]source {
	m := make(map[string]source, numSources)
	for s, name := range sourceNames {
		m[http.CanonicalHeaderKey(name)] = source(s)
	}
	return m
}()

// family is a group of headers that share a prefix, the rest being the key.
type family struct{ prefix, canonical string }

// families, in the order in which they win.
var families = []family{
	{"helicone-property-", "Helicone-Property-"},
	{"x-bf-dim-", "X-Bf-Dim-"},
	{"ai-cost-", "Ai-Cost-"},
}

// property is one header of a family.
type property struct {
	family     int    // index into families
	key, value string // key in lower case
}

// sources is what a request's headers said, kept until the call has ended so
// that nothing is parsed while it runs.
type sources struct {
	v        [numSources]string
	props    []property
	repeated bool // a header that should come once came twice
}

// collect reads the headers in one pass, before hop-by-hop ones are removed:
// a client may have named an attribution header in Connection.
func (s *sources) collect(h http.Header) {
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		if src, ok := sourceOf[name]; ok {
			s.add(src, values)
			continue
		}
		if c := name[0]; c == 'H' || c == 'X' || c == 'A' {
			s.addProperty(name, values)
		}
	}
}

func (s *sources) add(src source, values []string) {
	s.v[src] = values[0]
	if len(values) == 1 {
		return
	}
	if src == srcBaggage || src == srcLiteLLMTags { // lists, which may be spread over lines
		s.v[src] = strings.Join(values, ",")
		return
	}
	s.repeated = true
}

func (s *sources) addProperty(name string, values []string) {
	for i, f := range families {
		if !strings.HasPrefix(name, f.canonical) {
			continue
		}
		key := strings.ToLower(name[len(f.canonical):])
		s.props = append(s.props, property{i, key, values[0]})
		s.repeated = s.repeated || len(values) > 1
	}
}

func (s *sources) property(fam int, key string) string {
	for _, p := range s.props {
		if p.family == fam && p.key == key {
			return p.value
		}
	}
	return ""
}

// body is what the request's body says about its caller.
type body struct {
	agent, agentSource string
	user, session      string
	tags               []usage.Tag // metadata
}

// Families by index, for the tables below.
const (
	famHelicone = iota
	famBifrost
	famCost
)

// Users says what becomes of the caller's user labels.
type Users string

// The values of --users.
const (
	UsersPlain Users = "plain" // as the caller wrote them
	UsersHash  Users = "hash"  // keyed hash
	UsersOff   Users = "off"   // not kept
)

// attribute fills the labels of rec. First match wins; each list is DESIGN
// section 4's, in its order.
func (s *sources) attribute(rec *usage.Record, b body, allow []string, hashUser func(string) string, users Users) {
	portkey, cf := parseJSON(s.v[srcPortkeyMetadata]), parseJSON(s.v[srcCFMetadata])
	bag := baggage(s.v[srcBaggage])

	rec.Agent, rec.AgentSource = first([]candidate{
		{"x-agent-id", s.v[srcAgentID]},
		{"helicone-property-agent", s.property(famHelicone, "agent")},
		{"helicone-property-app", s.property(famHelicone, "app")},
		{"x-bf-dim-agent", s.property(famBifrost, "agent")},
		{"ai-cost-agent", s.property(famCost, "agent")},
		{"x-portkey-metadata", portkey.any("agent", "app", "feature")},
		{"cf-aig-metadata", cf.any("agent", "app", "feature")},
		{"x-litellm-tags", listEntry(s.v[srcLiteLLMTags], "agent")},
		{"x-litellm-spend-logs-metadata", parseJSON(s.v[srcLiteLLMSpend]).any("agent")},
		{"x-claude-code-agent-id", s.v[srcClaudeAgent]},
		{"baggage", bag.any("gen_ai.agent.id", "agent")},
		{b.agentSource, b.agent},
		{"x-title", s.v[srcTitle]},
	})
	user, _ := first([]candidate{
		{"", s.v[srcUserID]},
		{"", s.v[srcHeliconeUser]},
		{"", s.v[srcLiteLLMCustomer]},
		{"", s.v[srcLiteLLMEndUser]},
		{"", portkey.any("_user", "user")},
		{"", cf.any("user")},
		{"", s.property(famCost, "user")},
		{"", s.property(famBifrost, "user")},
		{"", bag.any("user.id")},
		{"", b.user},
	})
	switch users {
	case UsersOff:
	case UsersHash:
		if user != "" {
			rec.User = hashUser(user)
		}
	default:
		rec.User = user
	}
	rec.Session, _ = first([]candidate{
		{"", s.v[srcSessionID]},
		{"", s.v[srcHeliconeSession]},
		{"", s.v[srcBFSession]},
		{"", s.v[srcClaudeSession]},
		{"", s.v[srcPlainSession]},
		{"", s.v[srcLiteLLMSession]},
		{"", portkey.any("session_id")},
		{"", bag.any("session.id")},
		{"", b.session},
	})
	s.trace(rec)
	rec.Step, _ = first([]candidate{{"", s.v[srcSessionPath]}, {"", s.v[srcStep]}})
	rec.Tags = s.tags(b, allow, portkey, cf)
	if s.repeated {
		rec.Flags = append(rec.Flags, "label_repeated")
	}
}

// candidate is one possible label with the name of where it came from.
type candidate struct{ name, value string }

// first returns the first candidate that is not empty once cleaned.
func first(list []candidate) (label, name string) {
	for _, c := range list {
		if c.value == "" {
			continue
		}
		if clean, _ := usage.Label(c.value, usage.MaxLabel); clean != "" {
			return clean, c.name
		}
	}
	return "", ""
}

// trace fills trace, span and parent. The span is the caller's: of this very call
// where its HTTP client makes spans, else of the operation around it, which its
// other calls share. Its parent is known where a tool says both; one that shares
// its span with its server (B3) or is told it by the program (Portkey).
func (s *sources) trace(rec *usage.Record) {
	w3c := parseTraceparent(s.v[srcTraceparent])
	b3 := parseB3(s.v[srcB3])
	rec.TraceID, _ = first([]candidate{
		{"", w3c.trace},
		{"", s.v[srcTraceID]},
		{"", s.v[srcPortkeyTrace]},
		{"", s.v[srcLiteLLMTrace]},
		{"", s.v[srcDatadogTrace]},
		{"", amznRoot(s.v[srcAmznTrace])},
		{"", b3.trace},
		{"", s.v[srcB3Trace]},
	})
	rec.SpanID, _ = first([]candidate{
		{"", s.v[srcPortkeySpan]}, // names its spans itself, whoever names the trace
		{"", w3c.span},
		{"", datadogSpan(s.v[srcDatadogParent])},
		{"", amznParent(s.v[srcAmznTrace])},
		{"", b3.span},
		{"", s.v[srcB3Span]},
	})
	rec.ParentID, _ = first([]candidate{
		{"", s.v[srcPortkeyParent]},
		{"", b3.parent},
		{"", s.v[srcB3Parent]},
	})
}

// tags collects the allow-listed keys, sorted.
func (s *sources) tags(b body, allow []string, portkey, cf object) []usage.Tag {
	if len(s.props) == 0 && len(b.tags) == 0 && portkey == nil && cf == nil && s.v[srcLiteLLMTags] == "" {
		return nil
	}
	var tags []usage.Tag
	for _, key := range allow {
		value, _ := first([]candidate{
			{"", s.property(famHelicone, key)},
			{"", listEntry(s.v[srcLiteLLMTags], key)},
			{"", s.property(famBifrost, key)},
			{"", s.property(famCost, key)},
			{"", portkey.any(key)},
			{"", cf.any(key)},
			{"", b.tag(key)},
		})
		if value != "" {
			tags = append(tags, usage.Tag{Key: key, Value: value})
		}
	}
	slices.SortFunc(tags, func(a, b usage.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags
}

func (b *body) tag(key string) string {
	for _, t := range b.tags {
		if strings.EqualFold(t.Key, key) {
			return t.Value
		}
	}
	return ""
}
