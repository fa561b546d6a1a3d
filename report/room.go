//go:build cgo

package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
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
	s := shortener{most: m.name, each: m.each}
	out := s.result(r)
	if s.spots = s.differences(); len(s.spots) > 0 { // seen only when all names are known
		out = s.result(r)
	}
	return out
}

type shortener struct {
	most  int
	each  int
	names map[string]string // what each name is called
	taken map[string]int    // how many are called so
	spots map[string]spot   // where names differ that would be cut to the same
}

// spot is a part of a name, in characters.
type spot struct{ from, to int }

func (s *shortener) result(r *analyze.Result) *analyze.Result {
	s.names, s.taken = map[string]string{}, map[string]int{}
	out := reflect.New(reflect.TypeOf(r)).Elem()
	s.copy(out, reflect.ValueOf(r), "")
	return out.Interface().(*analyze.Result)
}

// differences are the spots of all names seen whose cuts are equal.
func (s *shortener) differences() map[string]spot {
	alike := map[string][]string{}
	for text := range s.names {
		if clean := Clean(text); s.weight(clean) > s.most {
			cut := s.squeeze(clean, s.most)
			alike[cut] = append(alike[cut], clean)
		}
	}
	spots := map[string]spot{}
	for _, list := range alike {
		if len(list) < 2 {
			continue
		}
		first := []rune(list[0])
		begin, end := len(first), len(first) // how much is common at the beginning and at the end
		for _, name := range list[1:] {
			runes := []rune(name)
			n := 0
			for n < min(begin, len(runes)) && runes[n] == first[n] {
				n++
			}
			begin, n = n, 0
			for n < min(end, len(runes)) && runes[len(runes)-1-n] == first[len(first)-1-n] {
				n++
			}
			end = n
		}
		for _, name := range list {
			runes := []rune(name)
			from := min(begin, len(runes)-1)
			spots[name] = widen(runes, spot{from, max(len(runes)-end, from+1)})
		}
	}
	return spots
}

// widen takes in the rest of the number and of the word that a spot lies in, if they
// are short.
func widen(runes []rune, at spot) spot {
	const word = 16
	for least := at.from - word; at.from > max(least, 0) && unicode.IsDigit(runes[at.from-1]); at.from-- {
	}
	for most := at.to + word; at.to < min(most, len(runes)) && unicode.IsDigit(runes[at.to]); at.to++ {
	}
	for i := at.from; i > 0 && at.from-i < word; i-- {
		if strings.ContainsRune("/:,. ", runes[i-1]) {
			at.from = i
			break
		}
	}
	for i := at.to; i < len(runes) && i-at.to < word; i++ {
		if strings.ContainsRune("/:,. ", runes[i]) {
			at.to = i
			break
		}
	}
	return at
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
	if at, ok := s.spots[clean]; ok {
		short = s.around(clean, at)
	}
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

// around cuts a text beside a spot, on both sides of it, so that the spot is kept.
func (s *shortener) around(text string, at spot) string {
	runes := []rune(text)
	spot := s.squeezed(string(runes[at.from:at.to]), s.most/2)
	side := (s.most - s.weight(spot)) / 2
	head, tail := string(runes[:at.from]), string(runes[at.to:])
	if s.weight(head) > side {
		head = s.upTo(head, side-s.weight(gap)) + gap
	}
	if s.weight(tail) > side {
		runes = []rune(tail)
		slices.Reverse(runes)
		runes = []rune(s.upTo(string(runes), side-s.weight(gap)))
		slices.Reverse(runes)
		tail = gap + string(runes)
	}
	return head + spot + tail
}

// upTo is the beginning of a text, of that weight at most.
func (s *shortener) upTo(text string, most int) string {
	used := 0
	for i, r := range text {
		if used += s.weight(string(r)); used > most {
			return text[:i]
		}
	}
	return text
}

// squeezed is squeeze of a text that is too heavy.
func (s *shortener) squeezed(text string, most int) string {
	if s.weight(text) <= most {
		return text
	}
	return s.squeeze(text, most)
}

// gap stands for what is left out.
const gap = "…"

// squeeze cuts a text in its middle to that weight: names often begin alike and end
// differently.
func (s *shortener) squeeze(text string, most int) string {
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
