package provider

import "encoding/binary"

// reqAlike remembers how objects begin, so that the next that begins the same
// is passed over with one comparison: the messages of a conversation differ in
// little but their text. A form is all of an object up to the opening quote of
// its last value, a string, with no container in between.
type reqAlike struct {
	seen  [4]reqForm        // those looked for
	turn  int               // the one to be forgotten next
	n     int               // numbers given; the first is 1
	meant [256]reqFormMeans // by number
}

// reqForm is the form of an object in the same body.
type reqForm struct {
	start, size int    // where it stands, 0: none
	tail        uint64 // its last eight bytes
	keys        int    // members
	number      int    // 0: seen once
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
	a.turn, a.n = 0, 0
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
	a.seen[i] = reqForm{start: start, size: size, tail: binary.LittleEndian.Uint64(d.b[start+size-8:]), keys: d.keys - int(o.keys)}
}

// scanAlike reads the object at p if its form was seen before, and returns
// where it ends; 0 if it has to be read member by member.
func (d *reqDoc) scanAlike(p int) (end int) {
	b := d.b[p:]
	for i := range d.alike.seen {
		f := &d.alike.seen[i]
		if f.size == 0 || len(b) <= f.size || binary.LittleEndian.Uint64(b[f.size-8:]) != f.tail ||
			string(b[:f.size]) != string(d.b[f.start:f.start+f.size]) {
			continue
		}
		end, flags := reqScanString(d.b, p+f.size)
		if end < 0 || end >= len(d.b) || d.b[end] != '}' || len(d.stack) >= reqMaxDepth ||
			len(d.spans)+2 > reqMaxSpans || d.keys+f.keys > reqMaxKeys {
			return 0
		}
		if f.number == 0 && d.alike.n < len(d.alike.meant)-1 {
			d.alike.n++
			f.number = d.alike.n
		}
		d.high |= flags
		d.keys += f.keys
		object := len(d.spans)
		d.spans = append(d.spans, reqSpan{start: uint32(p), end: uint32(end + 1)})
		d.long(p+f.size-1, end, flags)
		d.spans[object].more = uint32(len(d.spans)) | uint32(f.number)<<reqFormShift
		return end + 1
	}
	return 0
}

// form is the number of an object's form, 0 for none and for other values.
func (d *reqDoc) form(v reqVal) uint32 {
	s, _ := d.entry(v)
	return s.more >> reqFormShift
}
