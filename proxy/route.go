package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"burn/proxy/provider"
)

// Upstream is one place requests are forwarded to. ParseUpstream makes it from
// a flag; the built-in ones come from provider.Providers.
type Upstream struct {
	Provider provider.Provider // Name is the route's first segment
	Scheme   string            // https; http only to loopback
	Host     string            // host or host:port, as sent in the Host header
	Geo      string            // region the host keeps the data in and charges for, "": none
	Prefix   string            // escaped path put before every request's path, "" or "/…" without a final slash
}

// reserved names cannot be upstreams because they begin the paths of APIs, or
// burn's own.
var reserved = []string{"v1", "v1beta", "model", "api", "burn"}

// dialects are the values of kind=.
var dialects = []provider.Dialect{
	provider.OpenAI, provider.Responses, provider.Anthropic, provider.Gemini,
	provider.Bedrock, provider.Cohere, provider.Ollama, provider.Multipart,
}

// ParseUpstream reads "NAME=URL[,kind=DIALECT]". The URL is scheme, host and an
// optional path prefix; http is allowed to loopback only. A NAME that is not
// built in speaks the openai dialect unless kind= says otherwise.
func ParseUpstream(s string) (Upstream, error) {
	name, rest, ok := strings.Cut(s, "=")
	if !ok {
		return Upstream{}, fmt.Errorf("upstream %q: want NAME=URL[,kind=DIALECT]", s)
	}
	raw, kind, hasKind := strings.Cut(rest, ",kind=")
	if err := checkName(name); err != nil {
		return Upstream{}, err
	}
	p, known := provider.Lookup(name)
	if !known {
		p = provider.Provider{Name: name, OTel: name, Dialect: provider.OpenAI}
	}
	if hasKind {
		if !slices.Contains(dialects, provider.Dialect(kind)) {
			return Upstream{}, fmt.Errorf("upstream %s: unknown kind %q (want one of %s)", name, kind, joinDialects())
		}
		p.Dialect = provider.Dialect(kind)
	}
	u, err := parseBase(raw)
	if err != nil {
		return Upstream{}, fmt.Errorf("upstream %s: %w", name, err)
	}
	u.Provider = p
	u.Geo = provider.Residency(u.Host)
	return u, nil
}

func joinDialects() string {
	names := make([]string, len(dialects))
	for i, d := range dialects {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

func checkName(name string) error {
	if name == "" {
		return errors.New("upstream without a name: want NAME=URL[,kind=DIALECT]")
	}
	if slices.Contains(reserved, name) {
		return fmt.Errorf("upstream %s: the name is reserved (%s)", name, strings.Join(reserved, ", "))
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && name != "." && name != "..":
		default:
			return fmt.Errorf("upstream %q: a name is made of letters, digits, '-', '_' and '.'", name)
		}
	}
	if len(name) > 64 {
		return fmt.Errorf("upstream %.16s…: a name has at most 64 characters", name)
	}
	return nil
}

// parseBase reads an upstream's URL. Errors do not quote it: people put keys
// into URLs.
func parseBase(raw string) (Upstream, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return Upstream{}, errors.New("not a URL")
	case u.User != nil:
		return Upstream{}, errors.New("the URL holds a user name or password; callers send their own keys")
	case u.RawQuery != "" || u.ForceQuery:
		return Upstream{}, errors.New("the URL holds a query; only scheme, host and a path prefix are allowed")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return Upstream{}, errors.New("the URL holds a fragment; only scheme, host and a path prefix are allowed")
	case u.Scheme != "https" && u.Scheme != "http":
		return Upstream{}, errors.New("the URL must start with https:// (http:// to loopback)")
	case u.Hostname() == "":
		return Upstream{}, errors.New("the URL has no host")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return Upstream{}, errors.New("http:// is allowed to loopback only: keys would travel in the clear; use https://")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	if hasDotSegment(prefix) {
		return Upstream{}, errors.New("the URL's path holds a dot segment")
	}
	return Upstream{Scheme: u.Scheme, Host: u.Host, Prefix: prefix}, nil
}

// isLoopback reports whether a host name can only mean this machine.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// address returns host:port for dialling.
func (u *Upstream) address() string {
	host, port, err := net.SplitHostPort(u.Host)
	if err == nil && port != "" {
		return net.JoinHostPort(host, port)
	}
	if err != nil {
		host = strings.Trim(u.Host, "[]")
	}
	if u.Scheme == "https" {
		return net.JoinHostPort(host, "443")
	}
	return net.JoinHostPort(host, "80")
}

// routes is the table fixed at start. Nothing in a request can name a host.
type routes struct {
	byName map[string]*Upstream
	names  []string // sorted, for the 404
}

// newRoutes joins the built-in upstreams with the configured ones, which win.
func newRoutes(configured []Upstream) (*routes, error) {
	t := &routes{byName: make(map[string]*Upstream)}
	for _, p := range provider.Providers {
		if p.BaseURL == "" {
			continue
		}
		u, err := parseBase(p.BaseURL)
		if err != nil {
			return nil, fmt.Errorf("built-in upstream %s: %w", p.Name, err)
		}
		u.Provider = p
		t.byName[p.Name] = &u
	}
	seen := make(map[string]bool)
	for _, u := range configured {
		if err := checkName(u.Provider.Name); err != nil {
			return nil, err
		}
		if seen[u.Provider.Name] {
			return nil, fmt.Errorf("upstream %s is given twice", u.Provider.Name)
		}
		seen[u.Provider.Name] = true
		t.byName[u.Provider.Name] = &u
	}
	for name := range t.byName {
		t.names = append(t.names, name)
	}
	slices.Sort(t.names)
	return t, nil
}

// find returns the upstream of a raw path and the path to send there, without
// the upstream's own prefix. nil means 404.
func (t *routes) find(path string, h http.Header) (*Upstream, string) {
	if strings.HasPrefix(path, "/openai/deployments/") {
		return t.byName["azure"], path
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if u := t.byName[name]; u != nil {
		return u, path[1+len(name):]
	}
	return t.byName[nameless(path, h)], path
}

// nameless decides by the path's shape where no upstream is named. "" is none.
func nameless(path string, h http.Header) string {
	segs := strings.SplitN(path, "/", 5) // "", v1, models, …
	if len(segs) < 3 {
		return ""
	}
	switch segs[1] {
	case "v1":
		switch {
		case path == "/v1/complete", segs[2] == "messages", len(h["Anthropic-Version"]) > 0:
			return "anthropic"
		case segs[2] == "models" && len(segs) > 3 && isGeminiMethod(segs[3]):
			return "gemini"
		}
		return "openai"
	case "v1beta":
		return "gemini"
	case "model":
		if len(segs) > 3 && (strings.HasPrefix(segs[3], "converse") || strings.HasPrefix(segs[3], "invoke")) {
			return "bedrock"
		}
	case "api":
		for _, p := range []string{"chat", "generate", "embed"} {
			if strings.HasPrefix(segs[2], p) {
				return "ollama"
			}
		}
	}
	return ""
}

// isGeminiMethod reports whether a segment is "model:method". OpenAI's ids of
// fine-tuned models hold colons as well (ft:gpt-4o:org::id); sending those to
// Google would hand it OpenAI's key.
func isGeminiMethod(seg string) bool {
	return strings.Contains(seg, ":") && !strings.HasPrefix(seg, "ft:")
}

// hosts reports whether an upstream is reached under exactly this Host.
func (t *routes) hosts(host string) bool {
	for _, u := range t.byName {
		if strings.EqualFold(u.Host, host) {
			return true
		}
	}
	return false
}

// hasDotSegment reports whether a raw path holds "." or ".." as a segment,
// encoded or not. Encoded slashes and backslashes count as separators: what is
// behind the upstream may decode them.
func hasDotSegment(path string) bool {
	if !strings.Contains(path, ".") && !strings.Contains(path, "%") {
		return false
	}
	dots, other := 0, false
	for i := 0; i <= len(path); i++ {
		c := byte('/')
		if i < len(path) {
			c = path[i]
			if c == '%' && i+2 < len(path) {
				if d, ok := unhex(path[i+1], path[i+2]); ok {
					c = d
					i += 2
				}
			}
		}
		switch c {
		case '/', '\\':
			if !other && (dots == 1 || dots == 2) {
				return true
			}
			dots, other = 0, false
		case '.':
			dots++
		default:
			other = true
		}
	}
	return false
}

func unhex(a, b byte) (byte, bool) {
	x, ok1 := hexDigit(a)
	y, ok2 := hexDigit(b)
	return x<<4 | y, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// splitTarget cuts a request target as received into raw path and raw query;
// query keeps its "?" so that an empty one survives. The authority of an
// absolute-form target is dropped: it chooses nothing here. ok is false for
// "*" and authority form.
func splitTarget(target string) (path, query string, ok bool) {
	if !strings.HasPrefix(target, "/") {
		_, rest, found := strings.Cut(target, "://")
		if !found {
			return "", "", false
		}
		i := strings.IndexAny(rest, "/?")
		switch {
		case i < 0:
			target = "/"
		case rest[i] == '?':
			target = "/" + rest[i:]
		default:
			target = rest[i:]
		}
	}
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return target[:i], target[i:], true
	}
	return target, "", true
}
