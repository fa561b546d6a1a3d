package usage

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// Readers of values. Each starts at d.i and leaves it behind the value; false
// means bad syntax. A value that breaks a rule of its key is read to its end
// and noted by fail. Most have a short way for what this package's encoder
// writes; all else, and all that is wrong, goes the long way.

// MaxCount is the greatest count a record may hold (tokens, bytes, events).
const MaxCount = math.MaxUint32

func (d *Decoder) count(key string, p *int64) bool {
	n, ok := d.uint(key, MaxCount)
	*p = n
	return ok
}

// uint reads a whole number from 0 to max.
func (d *Decoder) uint(key string, max int64) (int64, bool) {
	at := d.i
	if n, end, ok := digits(d.b, at); ok && n <= uint64(max) {
		d.i = end
		return int64(n), true
	}
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, d.null(key)
	}
	lit, whole, ok := d.number()
	if !ok {
		return 0, false
	}
	if !whole || len(lit) > 19 {
		d.fail(ReasonRange, key, at)
		return 0, true
	}
	var n uint64
	for _, c := range lit {
		n = n*10 + uint64(c-'0')
	}
	if n > uint64(max) {
		d.fail(ReasonRange, key, at)
		return 0, true
	}
	return int64(n), true
}

// digits reads a whole number of at most 15 digits that a comma or a closing
// bracket follows.
func digits(b []byte, at int) (n uint64, end int, ok bool) {
	i := at
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = n*10 + uint64(b[i]-'0')
	}
	if k := i - at; k == 0 || k > 15 || b[at] == '0' && k > 1 || i == len(b) || !closes(b[i]) {
		return 0, 0, false
	}
	return n, i, true
}

func closes(c byte) bool { return c == ',' || c == '}' || c == ']' }

// MaxMillis is the greatest duration a record may hold, in milliseconds.
const MaxMillis = 1e12

func (d *Decoder) float(key string, p *float64) bool {
	at := d.i
	if f, end, ok := decimal(d.b, at); ok && f <= MaxMillis {
		*p, d.i = f, end
		return true
	}
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		*p = 0
		return d.null(key)
	}
	lit, _, ok := d.number()
	if !ok {
		return false
	}
	f, err := strconv.ParseFloat(view(lit), 64)
	if err != nil {
		f = math.Inf(1)
	}
	if lit[0] == '-' || f > MaxMillis {
		d.fail(ReasonRange, key, at)
		f = 0
	}
	*p = f
	return true
}

// decimal reads a number of at most 15 digits, one point among them, that a
// comma or a closing bracket follows: both the digits and the power of ten are
// exact floats then, so that one division rounds correctly.
func decimal(b []byte, at int) (f float64, end int, ok bool) {
	n, scale, i := uint64(0), uint64(1), at
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = n*10 + uint64(b[i]-'0')
	}
	if k := i - at; k == 0 || k > 15 || b[at] == '0' && k > 1 {
		return 0, 0, false
	}
	if i < len(b) && b[i] == '.' {
		point := i
		for i++; i < len(b) && b[i]-'0' <= 9 && i-at <= 16; i++ {
			n = n*10 + uint64(b[i]-'0')
			scale *= 10
		}
		if i == point+1 {
			return 0, 0, false
		}
	}
	if i-at > 16 || i == len(b) || !closes(b[i]) {
		return 0, 0, false
	}
	return float64(n) / float64(scale), i, true
}

// seconds keeps a non-negative number as its literal.
func (d *Decoder) seconds(p *string) bool {
	at := d.i
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		*p = ""
		return d.null("seconds")
	}
	lit, _, ok := d.number()
	if !ok {
		return false
	}
	*p = ""
	if f, err := strconv.ParseFloat(view(lit), 64); err != nil || lit[0] == '-' || f > MaxMillis || len(lit) > 64 {
		d.fail(ReasonRange, "seconds", at)
		return true
	}
	*p = view(lit)
	return true
}

// cost reads a string that holds a plain non-negative decimal number.
func (d *Decoder) cost(p *string) bool {
	at := d.i
	if !d.text("cost_usd", p) {
		return false
	}
	digits, points := 0, 0
	for i := 0; i < len(*p); i++ {
		switch c := (*p)[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && i > 0 && i < len(*p)-1:
			points++
		default:
			points = 2
		}
	}
	if *p != "" && (digits == 0 || points > 1 || digits > 60) {
		d.fail(ReasonRange, "cost_usd", at)
		*p = ""
	}
	return true
}

func (d *Decoder) text(key string, p *string) bool {
	if d.peek() != '"' {
		*p = ""
		return d.null(key)
	}
	var ok bool
	*p, ok = d.string()
	return ok
}

func (d *Decoder) bool(key string, p *bool) bool {
	switch d.peek() {
	case 't':
		*p = true
		return d.word("true")
	case 'f':
		*p = false
		return d.word("false")
	}
	*p = false
	return d.null(key)
}

// null reads null, which is the same as absent, or skips a value of another
// type, which is an error.
func (d *Decoder) null(key string) bool {
	if d.peek() != 'n' {
		d.fail(ReasonType, key, d.i)
	}
	return d.skip(0)
}

func (d *Decoder) texts(key string, p *[]string) bool {
	*p = (*p)[:0]
	if d.peek() != '[' {
		return d.null(key)
	}
	return d.array(func(d *Decoder) bool {
		var s string
		ok := d.text(key, &s)
		*p = append(*p, s)
		return ok
	})
}

// tags reads an object of strings. Most neighbours have the same one, which is
// read once.
func (d *Decoder) tags() bool {
	if k := &d.lastTags; len(k.object) > 0 && bytes.HasPrefix(d.b[d.i:], k.object) {
		d.i += len(k.object)
		d.rec.Tags = append(d.rec.Tags[:0], k.tags...)
		return true
	}
	d.rec.Tags = d.rec.Tags[:0]
	if d.peek() != '{' {
		return d.null("tags")
	}
	at, good := d.i, d.err == nil
	ok := d.object(func(d *Decoder, key string) bool {
		var s string
		ok := d.text("tags", &s)
		d.rec.Tags = append(d.rec.Tags, Tag{key, s})
		return ok
	})
	if ok && good && d.err == nil {
		d.lastTags.keep(d.b[at:d.i], d.rec.Tags)
	}
	return ok
}

// keptTags are tags as they stood on a line, and what they are.
type keptTags struct {
	object []byte
	tags   []Tag
}

func (k *keptTags) keep(object []byte, tags []Tag) {
	k.object, k.tags = append(k.object[:0], object...), k.tags[:0]
	for _, t := range tags {
		k.tags = append(k.tags, Tag{strings.Clone(t.Key), strings.Clone(t.Value)})
	}
}

func (d *Decoder) subUsage() bool {
	d.rec.SubUsage = d.rec.SubUsage[:0]
	if d.peek() != '[' {
		return d.null("sub_usage")
	}
	return d.array(func(d *Decoder) bool {
		var s SubUsage
		if d.peek() != '{' {
			return d.null("sub_usage")
		}
		ok := d.object(func(d *Decoder, key string) bool {
			if key == "model" {
				return d.text(key, &s.Model)
			}
			return d.tokenMember(key, &s.Tokens)
		})
		d.rec.SubUsage = append(d.rec.SubUsage, s)
		return ok
	})
}

// raw keeps an object as its bytes.
func (d *Decoder) raw(key string, p *[]byte) bool {
	at := d.i
	*p = nil
	if d.peek() != '{' {
		return d.null(key)
	}
	if !d.skip(0) {
		return false
	}
	*p = d.b[at:d.i:d.i]
	return true
}

func (d *Decoder) time() bool {
	at := d.i
	const size = len(`"2006-01-02T15:04:05.000Z"`)
	if b := d.b[at:]; len(b) > size && b[0] == '"' && b[size-1] == '"' {
		if d.rec.TS, d.tsSet = d.ts.known(view(b[1 : size-1])); d.tsSet {
			d.i += size
			return true
		}
	}
	d.tsSet = false
	if d.peek() != '"' {
		if d.peek() != 'n' {
			d.fail(ReasonTime, "ts", at)
		}
		return d.skip(0)
	}
	s, ok := d.string()
	if !ok {
		return false
	}
	d.rec.TS, d.tsSet = d.ts.parse(s)
	if !d.tsSet {
		d.fail(ReasonTime, "ts", at)
	}
	return true
}

// timeCache parses times; records of one hour share the expensive part.
type timeCache struct {
	hour string // "2006-01-02T15"
	base int64  // its milliseconds
}

func (c *timeCache) parse(s string) (ms int64, ok bool) {
	if len(s) != timeLen || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		return parseTime(s)
	}
	if c.hour != s[:13] {
		t, err := time.Parse("2006-01-02T15", s[:13])
		if err != nil {
			return 0, false
		}
		c.hour, c.base = string(append([]byte(nil), s[:13]...)), t.UnixMilli()
	}
	return c.known(s)
}

const timeLen = len("2006-01-02T15:04:05.000Z")

// known reads a time of timeLen bytes if its hour is the newest one's.
func (c *timeCache) known(s string) (ms int64, ok bool) {
	if c.hour != s[:13] || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		return 0, false
	}
	min, ok1 := twoDigits(s[14:])
	sec, ok2 := twoDigits(s[17:])
	cs, ok3 := twoDigits(s[20:])
	if !ok1 || !ok2 || !ok3 || min > 59 || sec > 59 || s[22] < '0' || s[22] > '9' {
		return 0, false
	}
	return c.base + (min*60+sec)*1000 + cs*10 + int64(s[22]-'0'), true
}

func twoDigits(s string) (int64, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int64(a)*10 + int64(b), a <= 9 && b <= 9
}

func parseTime(s string) (int64, bool) {
	if len(s) > 40 {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}
