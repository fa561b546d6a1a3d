package provider

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"burn/proxy/usage"
)

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
