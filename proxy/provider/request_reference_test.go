package provider

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"burn/proxy/usage"
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
	for range p {
		s.isText = append(s.isText, isText && !d.media)
	}
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
	sum := sha256.Sum256(own.sections[0].body)
	d.put(false, canonMedia)
	d.put(false, sum[:]...)
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

func refMAC(p []byte) []byte {
	h := hmac.New(sha256.New, testKeys.text[:])
	h.Write(p)
	return h.Sum(nil)
}

func refShort(p []byte) uint64 { return max(1, binary.BigEndian.Uint64(refMAC(p))) }

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
		folded := len(prefixes) == usage.MaxPrefixes
		for i, b := range s.body {
			if len(prefixes) == usage.MaxPrefixes {
				folded = true
				break
			}
			out = append(out, b)
			if s.isText[i] {
				if text++; text == usage.PrefixBytes[len(prefixes)] {
					prefixes = append(prefixes, refShort(out))
				}
			}
		}
		if folded = folded || len(prefixes) == usage.MaxPrefixes; folded && len(s.front) > 0 && s.front[0] != canonState {
			out = append(append(out, canonFold), refMAC(s.body)...)
		} else if folded {
			out = append(out, s.body...)
		}
	}
	return refShort(out), prefixes
}

// refRead is ReadRequest's reference. ok is false where the body is refused.
func refRead(c Call, body []byte) (g got, ok bool) {
	g.Request, g.Model, g.Stream = int64(len(body)), c.Model, c.Stream
	var top map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if !json.Valid(body) || refDepth(body) > reqMaxDepth || dec.Decode(&top) != nil || top == nil {
		return g, false
	}
	g.OK = true
	if s, ok := top["model"].(string); ok && g.Model == "" {
		g.Model = s
	}
	g.Prev, _ = top["previous_response_id"].(string)
	if top["stream"] == true {
		g.Stream = true
	}
	shape := canonShapeOf(c)
	if shape == nil {
		list, _ := top["messages"].([]any)
		tools, _ := top["tools"].([]any)
		g.Messages, g.Tools = int64(len(list)), int64(len(tools))
		return g, true
	}
	var d refDoc
	if shape.input != nil {
		d.embed(shape, top, &g)
	} else {
		d.converse(shape, top, &g)
	}
	_, g.FPPrefix = d.chain(len(d.sections))
	var total int64
	for _, s := range d.sections {
		total += s.bytes()
	}
	if total == 0 {
		g.FPRequest, g.FPTurns = 0, nil
	}
	if sum := g.System + g.ToolsB + g.History + g.Input; sum != total {
		panic(fmt.Sprintf("sizes add up to %d of %d", sum, total))
	}
	return g, true
}

func (d *refDoc) embed(shape *canonShape, top map[string]any, g *got) {
	for _, name := range shape.input {
		v, ok := top[name]
		if !ok {
			continue
		}
		d.section(canonMessage, canonUser)
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, e := range list {
			if m, ok := e.(map[string]any); ok {
				if c, ok := m["content"]; ok {
					e = c
				}
			}
			d.instructions(e)
		}
		g.Input += d.sections[len(d.sections)-1].bytes()
	}
	g.FPRequest, _ = d.chain(len(d.sections))
}

func (d *refDoc) converse(shape *canonShape, top map[string]any, g *got) {
	var msgs []refMsg
	for _, name := range shape.messages {
		switch v := top[name].(type) {
		case nil:
		case []any:
			for _, e := range v {
				msgs = append(msgs, d.message(e))
			}
		default:
			msgs = append(msgs, d.message(v))
		}
	}
	for _, name := range shape.prompt {
		if v := top[name]; v != nil {
			msgs = append(msgs, refMsg{canonUser, func() { d.parts(v) }})
		}
	}
	g.Messages = int64(len(msgs))
	d.toolSection(shape, top, g)

	lead := 0
	for lead < len(msgs) && msgs[lead].role == canonSystem {
		lead++
	}
	d.section(canonSys)
	found := false
	for _, name := range shape.system {
		v, ok := top[name]
		if a, isArray := v.([]any); ok && v != nil && !(isArray && len(a) == 0) {
			found = true
			d.instructions(v)
		}
	}
	for _, m := range msgs[:lead] {
		found = true
		m.body()
	}
	if s := d.sections[len(d.sections)-1]; found {
		g.System, g.FPSystem = s.bytes(), s.fp()
	} else {
		d.sections = d.sections[:len(d.sections)-1]
	}
	for _, name := range shape.state {
		v := top[name]
		if m, ok := v.(map[string]any); ok {
			v = m["id"]
		}
		if s, ok := v.(string); ok {
			d.section(canonState)
			d.aside(s)
		}
	}
	d.messages(msgs[lead:], g)
}

func (d *refDoc) toolSection(shape *canonShape, top map[string]any, g *got) {
	d.section(canonTools)
	for _, name := range shape.tools {
		v := top[name]
		if m, ok := v.(map[string]any); ok {
			v = m["tools"]
		}
		list, _ := v.([]any)
		for _, e := range list {
			m, _ := e.(map[string]any)
			if _, ok := m["cachePoint"]; ok && len(m) == 1 {
				continue
			}
			group, ok := m["functionDeclarations"]
			if !ok {
				group = m["function_declarations"]
			}
			funcs, _ := group.([]any)
			g.Tools += max(1, int64(len(funcs)))
			d.value(e)
		}
	}
	s := d.sections[0]
	g.ToolsB, g.FPTools = s.bytes(), s.fp()
	if g.Tools == 0 {
		d.sections = d.sections[:0]
	}
}

func (d *refDoc) messages(msgs []refMsg, g *got) {
	input := -1
	for i, m := range msgs {
		if m.role == canonUser {
			input = i
		}
	}
	var turns []uint64
	var history []int64
	for i, m := range msgs {
		if m.role == canonAssistant && (i == 0 || msgs[i-1].role != canonAssistant) {
			sum, _ := d.chain(len(d.sections))
			turns = append(turns, sum)
		}
		d.section(canonMessage, m.role)
		d.turn = i == input
		m.body()
		d.turn = false
		s := d.sections[len(d.sections)-1]
		if i == input {
			g.Input, g.FPInput = s.bytes(), s.fp()
			g.FPParts = refLines(d.lines)
		} else {
			history = append(history, s.bytes())
			g.History += s.bytes()
		}
	}
	sum, _ := d.chain(len(d.sections))
	turns = append(turns, sum)
	slices.Reverse(turns)
	g.FPTurns, g.FPRequest = turns[:min(len(turns), usage.MaxTurns)], turns[0]
	for _, n := range history[max(0, len(history)-recentMessages):] {
		g.Recent += n
	}
}

// refLines chooses lines with the real cheap hash, fed byte by byte.
func refLines(lines []string) (fps []uint64) {
	type line struct {
		hash uint64
		text string
	}
	var list []line
	for _, s := range lines {
		if s = strings.TrimRight(s, "\r"); len(s) < fpMinText {
			continue
		}
		var l fpLines
		l.start(testKeys)
		for i := range len(s) {
			l.write([]byte{s[i]})
		}
		list = append(list, line{l.sum(), s})
	}
	slices.SortFunc(list, func(a, b line) int { return cmp.Compare(a.hash, b.hash) })
	list = slices.CompactFunc(list, func(a, b line) bool { return a.hash == b.hash })
	for _, l := range list[:min(len(list), usage.MaxParts)] {
		text := []byte("\xf9" + l.text)
		if len(l.text) > fpLongLine {
			text = binary.BigEndian.AppendUint64(text[:1+fpLongLine], l.hash)
		}
		fps = append(fps, refShort(text))
	}
	slices.Sort(fps)
	return fps
}

// refDepth is the deepest nesting of containers.
func refDepth(body []byte) (deepest int) {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}', c == ']':
			depth--
		}
	}
	return deepest
}
