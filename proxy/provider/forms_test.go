package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"burn/proxy/usage"
)

// A provider may write the same answer in many forms: JSON leaves the spelling
// of keys and numbers open, event streams that of lines. Whatever the form, a
// record must say the same.

// document is a JSON document as its tokens, in their order.
type document struct {
	tokens []any
	at     int
}

func parseDocument(b []byte) (*document, bool) {
	if !json.Valid(b) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	d := &document{}
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return d, len(d.tokens) > 0
		}
		if err != nil {
			return nil, false
		}
		d.tokens = append(d.tokens, token)
	}
}

// style says how a document's pieces are written.
type style struct {
	key    func(string) string
	number func(key, literal string) string
	open   string // after each {
	before func(key string) string
	space  string
}

// written writes the document's values in a style.
func (d *document) written(s style) string {
	var b strings.Builder
	d.at = 0
	for d.at < len(d.tokens) {
		d.value(&b, s, "")
	}
	return b.String()
}

func (d *document) value(b *strings.Builder, s style, key string) {
	token := d.tokens[d.at]
	d.at++
	switch v := token.(type) {
	case json.Delim:
		b.WriteString(v.String())
		if v == '{' {
			d.object(b, s)
			return
		}
		for first := true; d.tokens[d.at] != json.Delim(']'); first = false {
			if !first {
				b.WriteByte(',')
			}
			b.WriteString(s.space)
			d.value(b, s, key)
		}
		d.at++
		b.WriteByte(']')
	case json.Number:
		if s.number != nil {
			b.WriteString(s.number(key, v.String()))
			return
		}
		b.WriteString(v.String())
	default:
		text, _ := json.Marshal(v)
		b.Write(text)
	}
}

func (d *document) object(b *strings.Builder, s style) {
	b.WriteString(s.space)
	first := true
	if s.open != "" && d.tokens[d.at] != json.Delim('}') {
		b.WriteString(s.open)
		first = false
	}
	for d.tokens[d.at] != json.Delim('}') {
		if !first {
			b.WriteString("," + s.space)
		}
		first = false
		key := d.tokens[d.at].(string)
		d.at++
		if s.before != nil {
			b.WriteString(s.before(key))
		}
		name, _ := json.Marshal(key)
		if s.key != nil {
			name = []byte(s.key(key))
		}
		b.Write(name)
		b.WriteString(s.space + ":" + s.space)
		d.value(b, s, key)
	}
	d.at++
	b.WriteString(s.space + "}")
}

// counting reports whether a key's number is a count.
func counting(key string) bool {
	return strings.Contains(strings.ToLower(key), "token") || strings.HasSuffix(key, "_count") || strings.HasSuffix(key, "TokenCount")
}

const decoy = `{"prompt_tokens":999,"completion_tokens":999,"input_tokens":999,"output_tokens":999,"promptTokenCount":999,"inputTokens":999,"cost":9}`

// styles are forms that change nothing of what a document says.
var styles = map[string]style{
	"as it is": {},
	"escaped keys": {key: func(k string) string {
		var b strings.Builder
		for _, c := range []byte(k) {
			fmt.Fprintf(&b, `\u%04X`, c)
		}
		return `"` + b.String() + `"`
	}},
	"decimal counts": {number: func(key, n string) string {
		if counting(key) && !strings.Contains(n, ".") {
			return n + ".0"
		}
		return n
	}},
	"scientific counts": {number: func(key, n string) string {
		if counting(key) && n != "0" && !strings.ContainsAny(n, ".e-") {
			return n[:1] + "." + n[1:] + "0E+" + fmt.Sprint(len(n)-1)
		}
		return n
	}},
	"counts as text": {number: func(key, n string) string {
		if counting(key) {
			return `"` + n + `"`
		}
		return n
	}},
	"decoys in objects": {open: `"zz":{"usage":` + decoy + `,"deep":[[[[[[[[[[[[[[[[{"usage":` + decoy + `}]]]]]]]]]]]]]]]]}`},
	"decoys in strings": {open: `"zz":` + quoted(`data: {"usage":`+decoy+"}\n\ndata: [DONE]\n\n\\\"usage\\\":{")},
	"null usage first": {before: func(key string) string {
		if key == "usage" || key == "usageMetadata" {
			return `"` + key + `":null,`
		}
		return ""
	}},
	"space": {space: " \t "},
	"lines": {space: "\n  "},
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// lineWays are the ways to write the events of a stream, each given as the
// lines of its fields.
var lineWays = map[string]func(events [][]string) string{
	"LF":       joined("\n", ""),
	"CRLF":     joined("\r\n", ""),
	"CR":       joined("\r", ""),
	"BOM":      func(events [][]string) string { return "\ufeff" + joined("\n", "")(events) },
	"comments": joined("\n", ": data: {\"usage\":"+decoy+"}\n:\nid: 7\nretry: 10\nusage: 1\ndata\n\n"),
	"no space after the colon": func(events [][]string) string {
		return strings.ReplaceAll(joined("\n", "")(events), "data: ", "data:")
	},
	"no last blank line": func(events [][]string) string { return strings.TrimRight(joined("\n", "")(events), "\n") },
	"no last line end, CRLF": func(events [][]string) string {
		return strings.TrimRight(joined("\r\n", "")(events), "\r\n")
	},
	"blank lines": joined("\n", "\n\n\r\n\n"),
}

func joined(eol, between string) func([][]string) string {
	return func(events [][]string) string {
		var b strings.Builder
		for _, e := range events {
			b.WriteString(between)
			for _, line := range e {
				b.WriteString(line + eol)
			}
			b.WriteString(eol)
		}
		return b.String()
	}
}

// eventsOf takes an event stream apart: of each event its lines, without data,
// and its data. ok is false if a piece of data is not whole.
func eventsOf(body []byte) (list []struct{ other, data []string }, ok bool) {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\ufeff", "").Replace(string(body))
	for _, block := range strings.Split(text, "\n\n") {
		var e struct{ other, data []string }
		for _, line := range strings.Split(block, "\n") {
			if d, isData := strings.CutPrefix(line, "data:"); isData {
				e.data = append(e.data, strings.TrimPrefix(d, " "))
			} else if line != "" && !strings.HasPrefix(line, ":") {
				e.other = append(e.other, line)
			}
		}
		if len(e.data) > 0 {
			list = append(list, e)
		}
	}
	return list, len(list) > 0
}

// styled writes all of a body's documents in a style; ok is false for bodies
// that are no JSON.
func styled(a *answer, body []byte, s style) (out [][]string, ok bool) {
	if !strings.HasPrefix(a.Headers["Content-Type"], "text/event-stream") {
		d, ok := parseDocument(body)
		if !ok {
			return nil, false
		}
		return [][]string{{d.written(s)}}, true
	}
	events, ok := eventsOf(body)
	if !ok {
		return nil, false
	}
	for _, e := range events {
		lines := slices.Clone(e.other)
		data := strings.Join(e.data, "\n")
		if d, ok := parseDocument([]byte(data)); ok && strings.HasPrefix(strings.TrimSpace(data), "{") {
			data = d.written(s)
		} else if data != "[DONE]" {
			return nil, false
		}
		for line := range strings.SplitSeq(data, "\n") {
			lines = append(lines, "data: "+line)
		}
		out = append(out, lines)
	}
	return out, true
}

// said is what a passed answer says, whatever its form.
func said(p passed) string {
	var b strings.Builder
	for _, rec := range append([]*usage.Record{p.Record}, p.parts...) {
		m := shown(rec)
		delete(m, "events")
		text, _ := json.Marshal(m)
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// manyDocuments reports whether a body's documents stand on lines of their own.
func manyDocuments(a *answer) bool {
	return len(a.Parts) > 0 && !json.Valid(a.body) || contentOf(a.Headers["Content-Type"]) == contentLines
}

func TestFormsReadTheSame(t *testing.T) {
	tried := 0
	for _, a := range answers(t) {
		if a.Cut || len(a.body) > 1<<20 || a.name == "openai/long-strings" {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			want := said(a.pass(a.header(), a.body))
			for name, s := range styles {
				var bodies map[string]string
				switch out, ok := styled(&a, a.body, s); {
				case manyDocuments(&a):
					bodies = map[string]string{"lines": linesIn(t, a.body, s)}
				case !ok:
					continue
				case strings.HasPrefix(a.Headers["Content-Type"], "text/event-stream"):
					bodies = map[string]string{}
					for how, way := range lineWays {
						bodies[how] = way(out)
					}
				default:
					bodies = map[string]string{"one document": out[0][0], "with a mark and space": "\ufeff \r\n\t" + out[0][0] + "\n"}
				}
				for _, how := range slices.Sorted(maps.Keys(bodies)) {
					body := []byte(bodies[how])
					for _, pieces := range [][][]byte{{body}, singles(body)} {
						tried++
						if got := said(a.pass(a.header(), pieces...)); got != want {
							t.Errorf("%s, %s, %d pieces\ngot  %swant %s%.300q", name, how, len(pieces), got, want, body)
						}
					}
				}
			}
		})
	}
	if tried < 10000 {
		t.Errorf("only %d forms tried", tried)
	}
}

// linesIn writes a file of one document per line.
func linesIn(t *testing.T, body []byte, s style) string {
	t.Helper()
	if strings.Contains(s.space, "\n") {
		s.space = "  "
	}
	var b strings.Builder
	for line := range bytes.Lines(body) {
		d, ok := parseDocument(line)
		if !ok {
			b.Write(line)
			continue
		}
		b.WriteString(d.written(s) + "\n")
	}
	return b.String()
}
