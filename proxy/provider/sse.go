package provider

import "bytes"

// events cuts an event stream into events by the rules of the WHATWG (HTML,
// section 9.2.6) and hands their data to the walker as it comes: no line is
// ever held. Lines end in LF, CRLF or CR; comments, ids and names are passed
// over, because every dialect repeats its event's name inside the data. An
// event that the end of the stream cuts off counts if it has data.
type events struct {
	w     *walker
	at    lineState
	field [4]byte // start of the field's name
	named int     // length of the name so far
	cr    bool    // the last byte was CR: an LF belongs to it
	data  bool    // the event has data
	count int64   // events with data, "[DONE]" not counted
}

type lineState uint8

const (
	lineStart lineState = iota
	lineName            // in a field's name
	lineSpace           // after "data:", before one optional space
	lineData            // in data
	lineSkip            // in a line that does not matter
)

// start makes e ready for a stream; w is idle.
func (e *events) start(w *walker) { *e = events{w: w} }

// write reads the next piece.
func (e *events) write(p []byte) {
	eol := -1 // of the next LF at or after i
	for i := 0; i < len(p); {
		switch e.at {
		case lineStart:
			i = e.begin(p, i)
		case lineName:
			i = e.name(p, i)
		case lineSpace:
			if p[i] == ' ' {
				i++
			}
			e.at = lineData
		default:
			if eol < i {
				if eol = bytes.IndexByte(p[i:], '\n'); eol < 0 {
					eol = len(p)
				} else {
					eol += i
				}
			}
			i = e.line(p, i, eol)
		}
	}
}

// begin looks at the first byte of a line.
func (e *events) begin(p []byte, i int) int {
	cr := e.cr
	e.cr = false
	switch p[i] {
	case '\n':
		if !cr {
			e.dispatch()
		}
		return i + 1
	case '\r':
		e.cr = true
		e.dispatch()
		return i + 1
	}
	if len(p)-i >= 6 && string(p[i:i+6]) == "data: " {
		e.beginData(lineData)
		return i + 6
	}
	e.at, e.named = lineName, 0
	return i
}

// name reads a field's name up to the colon. A line without a colon is a field
// without a value, which changes nothing here but for "data".
func (e *events) name(p []byte, i int) int {
	c := p[i]
	isData := e.named == len(e.field) && string(e.field[:]) == "data"
	switch {
	case c == ':' && isData:
		e.beginData(lineSpace)
	case c == ':':
		e.at = lineSkip
	case c == '\n', c == '\r':
		e.at, e.cr = lineStart, c == '\r'
	default:
		if e.named < len(e.field) {
			e.field[e.named] = c
		}
		e.named++
	}
	return i + 1
}

func (e *events) beginData(at lineState) {
	if e.data {
		e.w.write(newline) // between the lines of one event's data
	}
	e.data, e.at = true, at
}

var newline = []byte{'\n'}

// line reads a line to its end: an LF at eol (len(p): none in sight) or a CR
// before it.
func (e *events) line(p []byte, i, eol int) int {
	end := eol
	if cr := bytes.IndexByte(p[i:eol], '\r'); cr >= 0 {
		end = i + cr
	}
	if e.at == lineData {
		e.w.write(p[i:end])
	}
	if end == len(p) {
		return end
	}
	e.at, e.cr = lineStart, p[end] == '\r'
	return end + 1
}

// dispatch ends an event.
func (e *events) dispatch() {
	if !e.data {
		return
	}
	e.data = false
	if !e.w.idle() {
		e.w.restart() // broken data must not swallow the next event
		e.w.g.torn()
	}
	if !e.w.g.done {
		e.count++
	}
}

// end is told that the stream is over.
func (e *events) end() { e.dispatch() }
