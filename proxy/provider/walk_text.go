package provider

import "bytes"

// measure adds up the decoded length of a string.
func (w *walker) measure(p []byte, i int) int {
	quote := -1 // of the next quote, escaped or not, at or after i
	for i < len(p) {
		if w.esc != 0 {
			w.escape(p[i])
			i++
			continue
		}
		if quote < i {
			if quote = bytes.IndexByte(p[i:], '"'); quote < 0 {
				quote = len(p)
			} else {
				quote += i
			}
		}
		if b := bytes.IndexByte(p[i:quote], '\\'); b >= 0 {
			w.g.texts[w.n.text] += int64(b)
			i += b + 1
			w.esc = 1
			continue
		}
		w.g.texts[w.n.text] += int64(quote - i)
		if i = quote; i < len(p) {
			w.ended()
			return i + 1
		}
	}
	return i
}

// escape reads one byte after a backslash: esc 1 is the byte itself, 2 to 5
// the hex digits of \u.
func (w *walker) escape(c byte) {
	switch {
	case w.esc == 1 && c == 'u':
		w.esc, w.hex = 2, 0
		return
	case w.esc == 1:
		w.g.texts[w.n.text]++
		w.esc = 0
		return
	}
	w.hex = w.hex<<4 | uint16(unhex(c))
	if w.esc++; w.esc <= 5 {
		return
	}
	w.esc = 0
	switch {
	case w.hex < 0x80:
		w.g.texts[w.n.text]++
	case w.hex < 0x800, w.hex >= 0xd800 && w.hex < 0xe000: // two surrogates make four bytes
		w.g.texts[w.n.text] += 2
	default:
		w.g.texts[w.n.text] += 3
	}
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0
}
