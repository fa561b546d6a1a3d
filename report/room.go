//go:build cgo

package report

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"burn/analyze"
)

// maxPage is what the page may take, in bytes, unless its script is asked for as
// plain text.
const maxPage = 600_000

// room is how much of a result the page shows. Names come from headers and may be
// long and many: what does not fit is shortened step by step, and the page says so.
type room struct {
	name  int  // bytes of a name as written in HTML
	each  int  // what a character of a name counts at least; 0: its own bytes
	top   int  // rows per table at most; 0: as asked for
	small int  // small findings that are listed
	brief bool // commands name the options of the run once, in the foot
	still bool // without ECharts: pictures as drawn without scripts
}

// rooms go from all that is wanted to what fits whatever there is.
var rooms = []room{
	{small: moreShown, name: 6 * 160, each: 6},
	{small: moreShown, name: 64},
	{small: 20, name: 40, brief: true},
	{small: moreShown, name: 6 * 160, each: 6, still: true}, // which gives back more than names can take
	{small: moreShown, name: 64, still: true},
	{small: 20, name: 40, brief: true, still: true, top: 100},
	{small: 10, name: 40, brief: true, still: true, top: 20},
}

// note says what the page leaves out for want of room; "" where nothing is.
func (m room) note(top int) string {
	var parts []string
	if m.each == 0 {
		parts = append(parts, "long names are cut in the middle, in commands too")
	}
	if m.brief {
		parts = append(parts, "“burn analyze …” in a command stands for the command in the foot, less what it says about output")
	}
	if m.still {
		parts = append(parts, "pictures have no labels under the pointer")
	}
	if m.top > 0 && m.top < top {
		parts = append(parts, fmt.Sprintf("tables have %d rows in the place of %s", m.top, Count(int64(top))))
	}
	if parts == nil {
		return ""
	}
	return "To stay below 600 kB, " + strings.Join(parts, "; ") + ". --format json has everything."
}

// fit gives a result and options that make a page of that much room.
func (m room) fit(r *analyze.Result, opt HTMLOptions) (*analyze.Result, HTMLOptions) {
	r = shortNames(r, m)
	if m.brief {
		opt.Base = "burn analyze …"
	}
	if m.top > 0 {
		opt.Top = min(opt.Top, m.top)
	}
	return r, opt
}

// sentences are the fields that are prose: they hold names, and may be longer.
var sentences = map[string]bool{"Title": true, "Evidence": true, "Fix": true, "Why": true, "Text": true, "ForecastNote": true, "FindingsSkipped": true}

// shortNames is a copy of r in which no text takes more than the room of a name, and
// prose six times as much. Texts that differ still do.
func shortNames(r *analyze.Result, m room) *analyze.Result {
	s := shortener{most: m.name, each: m.each, names: map[string]string{}, taken: map[string]int{}}
	out := reflect.New(reflect.TypeOf(r)).Elem()
	s.copy(out, reflect.ValueOf(r), "")
	return out.Interface().(*analyze.Result)
}

type shortener struct {
	most  int
	each  int
	names map[string]string // what each name is called
	taken map[string]int    // how many are called so
}

// name is the short form of a text, the same one each time.
func (s *shortener) name(text string) string {
	if short, ok := s.names[text]; ok || text == "" {
		return short
	}
	clean := Clean(text)
	if s.weight(clean) <= s.most {
		s.names[text] = text
		return text
	}
	short := s.squeeze(clean, s.most)
	for s.taken[short] > 0 {
		s.taken[short]++
		end := fmt.Sprintf("~%d", s.taken[short])
		short = s.squeeze(short, s.most-s.weight(end)) + end
	}
	s.names[text], s.taken[short] = short, 1
	return short
}

// prose is a sentence with the names in it made short.
func (s *shortener) prose(text string, names []string) string {
	for _, name := range names {
		if short := s.name(name); short != name {
			text = strings.ReplaceAll(strings.ReplaceAll(text, Clean(name), short), name, short)
		}
	}
	if clean := Clean(text); s.weight(clean) > 6*s.most {
		return s.squeeze(clean, 6*s.most)
	}
	return text
}

// copy sets out to v with its texts made short. Types that hide what they hold,
// such as amounts and times, are taken as they are.
func (s *shortener) copy(out, v reflect.Value, field string) {
	switch v.Kind() {
	case reflect.String:
		if sentences[field] {
			out.SetString(s.prose(v.String(), nil))
		} else {
			out.SetString(s.name(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			s.copy(out.Elem(), v.Elem(), field)
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			s.copy(out.Index(i), v.Index(i), field)
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for it := v.MapRange(); it.Next(); {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			s.copy(key, it.Key(), field)
			s.copy(value, it.Value(), field)
			out.SetMapIndex(key, value)
		}
	case reflect.Struct:
		out.Set(v)
		if f, ok := v.Interface().(analyze.Finding); ok {
			f.Title, f.Evidence, f.Fix = s.prose(f.Title, f.Agents), s.prose(f.Evidence, f.Agents), s.prose(f.Fix, f.Agents)
			v = reflect.ValueOf(f)
		}
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() {
				s.copy(out.Field(i), v.Field(i), t.Name)
			}
		}
	default:
		out.Set(v)
	}
}

// weight is how many bytes a text takes in HTML, where each character counts as
// much as it must; in a script it may take half as many again.
func (s *shortener) weight(text string) (n int) {
	for _, r := range text {
		bytes := utf8.RuneLen(r)
		switch r {
		case '<', '>':
			bytes = len("&lt;")
		case '&', '"', '\'', '+': // as html/template writes them
			bytes = len("&#34;")
		}
		n += max(bytes, s.each)
	}
	return n
}

// squeeze cuts a text in its middle to that weight: names often begin alike and end
// differently.
func (s *shortener) squeeze(text string, most int) string {
	const gap = "…"
	runes := []rune(text)
	half := (most - s.weight(gap)) / 2
	head, tail := 0, len(runes)
	for used := 0; head < tail; head++ {
		if used += s.weight(string(runes[head])); used > half {
			break
		}
	}
	for used := 0; tail > head; tail-- {
		if used += s.weight(string(runes[tail-1])); used > half {
			break
		}
	}
	return string(runes[:head]) + gap + string(runes[tail:])
}
