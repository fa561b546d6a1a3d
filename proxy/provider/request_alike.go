package provider

import (
	"bytes"
	"encoding/binary"
)

// reqAlike remembers how objects begin, so that the next that begins the same
// is passed over with one comparison: the messages of a conversation differ in
// little but their text. A form is all of an object up to the opening quote of
// its last value, a string, with no container in between.
type reqAlike struct {
	seen  [4]reqForm        // those looked for
	turn  int               // the one to be forgotten next
	last  int               // the one found last
	next  [4]int            // by each, the one found after it
	n     int               // numbers given; the first is 1
	meant [256]reqFormMeans // by number
}

// reqForm is the form of an object in the same body.
type reqForm struct {
	text   []byte // empty: none
	tail   uint64 // its last eight bytes
	keys   int    // members
	number int    // 0: seen once
}

// reqFormMeans is what gatherOne found a form to mean: the role of a message
// that has nothing but its content besides, and where that begins in it. Role 0:
// nothing of the kind.
type reqFormMeans struct{ role, content byte }

// Sizes of the forms that are remembered, in bytes.
const (
	reqShortForm = 8
	reqLongForm  = 96
)

func (a *reqAlike) reset() {
	clear(a.seen[:])
	clear(a.meant[:a.n+1])
	a.turn, a.n, a.last = 0, 0, 0
}

// learn remembers the form of an object that ends with a string.
func (d *reqDoc) learn(o reqOpen) {
	start := int(d.spans[o.span].start)
	inside := len(d.spans) - int(o.span) - 1
	if inside > 0 && (inside > 1 || int(d.spans[o.span+1].start) != d.strAt) {
		return
	}
	size := d.strAt + 1 - start
	if size < reqShortForm || size > reqLongForm {
		return
	}
	a := &d.alike
	i := a.turn
	for k := range a.seen { // one that was of use stays, if there are others
		if a.seen[(a.turn+k)%len(a.seen)].number == 0 {
			i = (a.turn + k) % len(a.seen)
			break
		}
	}
	a.turn = (i + 1) % len(a.seen)
	text := d.b[start : start+size]
	a.seen[i] = reqForm{text: text, tail: binary.LittleEndian.Uint64(text[size-8:]), keys: d.keys - int(o.keys)}
}

// scanAlike reads the object at p if its form was seen before, and in an array
// those behind it for which that holds too. It returns where the last of them
// ends; 0 if the object at p has to be read member by member.
func (d *reqDoc) scanAlike(p int) (end int) {
	inArray := len(d.stack) > 0 && !d.stack[len(d.stack)-1].object
	for {
		f := d.formAt(p)
		if f == nil {
			return end
		}
		text := p + len(f.text)
		k, flags := reqPlain(d.b[text:])
		stop := text + k
		switch {
		case stop >= len(d.b):
			return end
		case d.b[stop] == '"':
			stop, flags = stop+1, flags&reqHighs
		default:
			if stop, flags = reqScanString(d.b, text); stop < 0 {
				return end
			}
		}
		if stop >= len(d.b) || d.b[stop] != '}' || len(d.stack) >= reqMaxDepth ||
			len(d.spans)+2 > reqMaxSpans || d.keys+f.keys > reqMaxKeys {
			return end
		}
		if f.number == 0 && d.alike.n < len(d.alike.meant)-1 {
			d.alike.n++
			f.number = d.alike.n
		}
		d.high |= flags
		d.keys += f.keys
		object := len(d.spans)
		d.spans = append(d.spans, reqSpan{start: uint32(p), end: uint32(stop + 1)})
		d.long(text-1, stop, flags)
		d.spans[object].more = uint32(len(d.spans)) | uint32(f.number)<<reqFormShift
		end = stop + 1
		if !inArray || end+1 >= len(d.b) || d.b[end] != ',' {
			return end
		}
		if p = end + 1; d.b[p] == ' ' {
			p++
		}
	}
}

// formAt finds the form with which the value at p begins, nil if there is none.
// It looks first for the one that came behind the same form before: speakers
// take turns.
func (d *reqDoc) formAt(p int) *reqForm {
	a, b := &d.alike, d.b[p:]
	for i := range len(a.seen) {
		i = (i + a.next[a.last]) % len(a.seen)
		f := &a.seen[i]
		size := len(f.text)
		if size == 0 || len(b) <= size || binary.LittleEndian.Uint64(b[size-8:]) != f.tail || !bytes.Equal(b[:size], f.text) {
			continue
		}
		a.next[a.last], a.last = i, i
		return f
	}
	return nil
}

// form is the number of an object's form, 0 for none and for other values.
func (d *reqDoc) form(v reqVal) uint32 {
	s, _ := d.entry(v)
	return s.more >> reqFormShift
}
