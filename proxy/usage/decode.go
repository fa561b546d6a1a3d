package usage

import (
	"errors"
	"fmt"
)

// Reasons why a line is rejected (Error.Reason): a closed set, counted in every
// report.
const (
	ReasonSyntax   = "syntax"   // not JSON
	ReasonObject   = "object"   // JSON, but not an object
	ReasonVersion  = "version"  // v is missing or not Version
	ReasonIdentity = "identity" // boot or seq is missing or malformed
	ReasonKind     = "kind"     // a kind this version does not know
	ReasonTime     = "time"     // ts is missing or not RFC 3339 with a zone
	ReasonType     = "type"     // a key's value has the wrong JSON type
	ReasonRange    = "range"    // a number is negative, not whole, or too large for its key
	ReasonTooLong  = "too_long" // longer than MaxDecode
	ReasonClock    = "clock"    // set by ingest: ts is far in the future or before LLM APIs existed
)

// MaxDecode is the longest line Decode accepts, in bytes. Lines of this
// version are at most MaxLine; the room is for later versions.
const MaxDecode = 64 << 10

// Error says why a line is not a record. It never quotes the line.
type Error struct {
	Reason string // one of the Reason constants
	Key    string // the key concerned, if any; always one of this format's keys
	Offset int    // byte position in the line
}

func (e *Error) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("%s: %s (byte %d)", e.Reason, e.Key, e.Offset)
	}
	return fmt.Sprintf("%s (byte %d)", e.Reason, e.Offset)
}

// AsError returns the *Error in err, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Decoder turns lines into records. The zero value is ready. It is not safe
// for concurrent use.
type Decoder struct {
	b    []byte
	i    int
	ts   timeCache
	rec  *Record
	next [fieldCount]uint8 // by place in fields: what followed it in earlier lines

	lastTags keptTags

	version, boot, seq, tsSet bool
	err                       *Error
}

// Decode reads one line, without its newline, into r, replacing all of r but
// reusing its slices. Strings of r may share memory with line: they are valid
// as long as line is not changed. The error is an *Error.
func (d *Decoder) Decode(line []byte, r *Record) error {
	*r = Record{
		FPTurns: r.FPTurns[:0], FPPrefix: r.FPPrefix[:0], FPParts: r.FPParts[:0],
		Tags: r.Tags[:0], SubUsage: r.SubUsage[:0], Flags: r.Flags[:0], Cut: r.Cut[:0],
	}
	d.b, d.i, d.rec, d.err = line, 0, r, nil
	d.version, d.boot, d.seq, d.tsSet = false, false, false, false
	if len(line) > MaxDecode {
		return &Error{Reason: ReasonTooLong}
	}
	d.space()
	if d.peek() != '{' {
		if d.skip(0) && d.end() {
			return &Error{Reason: ReasonObject}
		}
		return &Error{Reason: ReasonSyntax, Offset: d.i}
	}
	if !d.members() || !d.end() {
		return &Error{Reason: ReasonSyntax, Offset: d.i}
	}
	return d.check()
}

// check applies the rules on required keys after the whole line was read, so
// that a line which is not JSON is always counted as that.
func (d *Decoder) check() error {
	r := d.rec
	switch {
	case !d.version:
		return &Error{Reason: ReasonVersion, Key: "v"}
	case d.err != nil:
		return d.err
	case !d.boot:
		return &Error{Reason: ReasonIdentity, Key: "boot"}
	case !d.seq || r.Seq == 0:
		return &Error{Reason: ReasonIdentity, Key: "seq"}
	case !d.tsSet:
		return &Error{Reason: ReasonTime, Key: "ts"}
	}
	switch r.Kind {
	case KindCall, KindStart, KindOpen, KindBeat, KindStop, KindGap:
		return nil
	}
	return &Error{Reason: ReasonKind, Key: "kind"}
}

// fail keeps the first semantic error; syntax is still read to the end.
func (d *Decoder) fail(reason, key string, at int) {
	if d.err == nil {
		d.err = &Error{Reason: reason, Key: key, Offset: at}
	}
}
