package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"burn/proxy/usage"

	"github.com/zeebo/xxh3"
)

// refDoc is the slow reference: the same canonical text from what
// encoding/json makes of the body, written down first and hashed after.
type refDoc struct {
	sections []refSection
	media    bool
	lines    []string
	turn     bool
}

// refSection is a stretch of canonical text: a tool list, a system prompt, a
// message's body; the bytes in front of it; which of its bytes are text.
type refSection struct {
	front, body []byte
	isText      []bool
	weight      int
}

func (d *refDoc) section(front ...byte) {
	d.sections = append(d.sections, refSection{front: front})
}

func (d *refDoc) put(isText bool, p ...byte) {
	s := &d.sections[len(d.sections)-1]
	s.body = append(s.body, p...)
	s.isText = append(s.isText, slices.Repeat([]bool{isText && !d.media}, len(p))...)
	if isText && !d.media {
		s.weight += len(p)
	}
}

func (d *refDoc) string(s string) {
	d.put(false, canonText)
	d.put(true, []byte(s)...)
	if d.turn && !d.media {
		d.lines = append(d.lines, strings.Split(s, "\n")...)
	}
}

func (d *refDoc) name(s string) {
	d.put(false, canonText)
	d.put(true, []byte(s)...)
}

func (d *refDoc) value(v any) {
	switch v := v.(type) {
	case string:
		d.string(v)
	case map[string]any:
		d.put(false, canonObject)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k != "cache_control" {
				d.name(k)
				d.value(v[k])
			}
		}
		d.put(false, canonEnd)
	case []any:
		d.put(false, canonArray)
		for _, e := range v {
			d.value(e)
		}
		d.put(false, canonEnd)
	default:
		lit, _ := json.Marshal(v)
		if n, ok := v.(json.Number); ok {
			lit = []byte(n)
		}
		d.put(false, canonLiteral)
		d.put(true, lit...)
	}
}

// aside appends the hash of a value.
func (d *refDoc) aside(v any) {
	if d.media {
		d.value(v)
		return
	}
	own := refDoc{media: true}
	own.section()
	own.value(v)
	d.put(false, canonMedia)
	d.put(false, refDigest(own.sections[0].body)...)
	d.sections[len(d.sections)-1].weight += fpMinText
}

func refDrop(k string, v any) bool {
	a, isArray := v.([]any)
	return canonKeys[k] == canonDrop || canonKeys[k] == canonPlain && (v == nil || isArray && len(a) == 0)
}

func (d *refDoc) parts(v any) {
	if a, ok := v.([]any); ok {
		for _, e := range a {
			d.part(e)
		}
		return
	}
	d.part(v)
}

func (d *refDoc) part(v any) {
	m, ok := v.(map[string]any)
	if v == nil {
		return
	}
	if !ok {
		d.value(v)
		return
	}
	typ, _ := m["type"].(string)
	text, isText := m["text"].(string)
	more, media := false, false
	for k, v := range m {
		if k != "type" && k != "text" {
			more = more || k == "source" || !refDrop(k, v)
			media = media || canonMediaKeys[k]
		}
	}
	source, _ := m["source"].(map[string]any)
	from, _ := source["type"].(string)
	_, typed := m["type"]
	_, texted := m["text"]
	switch {
	case typ == "" && media, canonMediaTypes[typ], typ == "document" && canonFileSources[from]:
		d.aside(v)
	case !more && isText && canonTextTypes[typ]:
		d.string(text)
	case !more && !typed && !texted:
	default:
		d.object(m)
	}
}

func (d *refDoc) object(m map[string]any) {
	d.put(false, canonObject)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		if refDrop(k, v) {
			continue
		}
		d.name(k)
		o, isObject := v.(map[string]any)
		a, isArray := v.([]any)
		switch class := canonKeys[k]; {
		case class == canonOpaque:
			d.aside(v)
		case class == canonWrapper && isObject:
			d.object(o)
		case class == canonContent:
			d.put(false, canonArray)
			d.parts(v)
			d.put(false, canonEnd)
		case class == canonCalls && isArray:
			d.put(false, canonArray)
			for _, e := range a {
				if o, ok := e.(map[string]any); ok {
					d.object(o)
				} else {
					d.value(e)
				}
			}
			d.put(false, canonEnd)
		default:
			d.value(v)
		}
	}
	d.put(false, canonEnd)
}

// refMsg is one message and how its body is written.
type refMsg struct {
	role byte
	body func()
}

func (d *refDoc) message(v any) refMsg {
	m, ok := v.(map[string]any)
	if !ok {
		return refMsg{canonUser, func() { d.parts(v) }}
	}
	content, ok := m["content"]
	if !ok {
		if content, ok = m["parts"]; !ok {
			content = m["message"]
		}
	}
	typ, _ := m["type"].(string)
	roleText, _ := m["role"].(string)
	if _, ok := m["role"]; !ok && typ != "" && typ != "message" {
		if typ == "item_reference" {
			return refMsg{canonItemRole(typ), func() { d.value(v) }}
		}
		return refMsg{canonItemRole(typ), func() { d.part(v) }}
	}
	role, ok := canonRoles[roleText]
	if !ok {
		role = canonOther
	}
	if list, ok := content.([]any); ok && role == canonUser {
		for _, e := range list {
			p, _ := e.(map[string]any)
			typ, _ := p["type"].(string)
			_, a := p["functionResponse"]
			_, b := p["function_response"]
			_, c := p["toolResult"]
			if a || b || c || strings.HasSuffix(typ, "tool_result") {
				role = canonTool
			}
		}
	}
	rest := map[string]any{}
	for k, v := range m {
		if !canonInMessage([]byte(k)) && !refDrop(k, v) {
			rest[k] = v
		}
	}
	return refMsg{role, func() {
		d.parts(content)
		if len(rest) > 0 {
			d.object(rest)
		}
	}}
}

func (d *refDoc) instructions(v any) {
	if m, ok := v.(map[string]any); ok {
		for _, k := range []string{"parts", "content"} {
			if c, ok := m[k]; ok {
				d.parts(c)
				return
			}
		}
		if _, ok := m["text"]; !ok {
			d.value(v)
			return
		}
	}
	d.parts(v)
}

// refDigest is the digest of everything at once.
func refDigest(p []byte) []byte {
	d := xxh3.Hash128Seed(p, testKeys.digest).Bytes()
	return d[:]
}

func refShort(p []byte) uint64 {
	h := hmac.New(sha256.New, testKeys.text[:])
	h.Write(refDigest(p))
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

func (s refSection) bytes() (n int64) {
	for _, t := range s.isText {
		if t {
			n++
		}
	}
	return n
}

func (s refSection) fp() uint64 {
	if s.weight < fpMinText {
		return 0
	}
	return refShort(s.body)
}

// chain hashes the first n sections, and lists the prefixes in them.
func (d *refDoc) chain(n int) (sum uint64, prefixes []uint64) {
	var out []byte
	text := 0
	for _, s := range d.sections[:n] {
		out = append(out, s.front...)
		for i, b := range s.body {
			out = append(out, b)
			if s.isText[i] && len(prefixes) < usage.MaxPrefixes {
				if text++; text == usage.PrefixBytes[len(prefixes)] {
					prefixes = append(prefixes, refShort(out))
				}
			}
		}
	}
	return refShort(out), prefixes
}
