package provider

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// plainKinds are the ways to look at blocks that this processor has.
var plainKinds = map[string]func(p *byte, blocks int) (n int, tops uint64){
	"chosen": plainBlocks,
	"words":  func(p *byte, blocks int) (int, uint64) { return plainWords(unsafe.Slice(p, 32*blocks)) },
}

// refPlain is reqPlain, byte by byte.
func refPlain(b []byte) (n int, high bool) {
	for ; n < len(b); n++ {
		if b[n] == '"' || b[n] == '\\' || b[n] < ' ' {
			break
		}
		high = high || b[n] >= 0x80
	}
	return n, high
}

// TestPlainAtEveryPlace puts every byte at every place of strings of many
// lengths, which begin anywhere, between bytes that must not be looked at.
func TestPlainAtEveryPlace(t *testing.T) {
	check := func(text []byte) {
		t.Helper()
		n, high := refPlain(text)
		got, tops := reqPlain(text)
		if got != n || high && tops&reqHighs == 0 {
			t.Fatalf("%q: %d plain bytes, want %d; top bits %x, want some: %v", text, got, n, tops, high)
		}
		if blocks := len(text) / 32; blocks > 0 {
			text = text[:32*blocks]
			n, high := refPlain(text)
			for kind, plain := range plainKinds {
				if got, tops := plain(&text[0], blocks); got != n || high && tops&reqHighs == 0 {
					t.Fatalf("%s, %q: %d plain bytes, want %d; top bits %x, want some: %v", kind, text, got, n, tops, high)
				}
			}
		}
	}
	for length := range 130 {
		room := make([]byte, length+64)
		for i := range room {
			room[i] = '"'
		}
		start := length % 17
		text := room[start : start+length]
		for i := range text {
			text[i] = 'a'
		}
		check(text)
		for at := range text {
			for c := range 256 {
				text[at] = byte(c)
				check(text)
			}
			text[at] = "az ~\x7f"[at%5]
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		text := make([]byte, r.IntN(200))
		for i := range text {
			text[i] = byte(0x20 + r.IntN(0xe0))
			if r.IntN(20) != 0 && (text[i] == '"' || text[i] == '\\') {
				text[i] = 'x'
			}
		}
		check(text)
	}
}
