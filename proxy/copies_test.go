package proxy

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// TestBodyIsSentFromItsCopy sends bodies that are kept whole, in part or not at
// all, and compares what arrives and what was kept.
func TestBodyIsSentFromItsCopy(t *testing.T) {
	body := make([]byte, 5<<20)
	random := rand.NewChaCha8([32]byte{})
	random.Read(body)
	tests := []struct {
		name   string
		size   int
		expect int64
		limit  int64
		kept   bool
	}{
		{"short", 100, 100, maxCopies, true},
		{"50 KB", 50 << 10, 50 << 10, maxCopies, true},
		{"1 MB", 1 << 20, 1 << 20, maxCopies, true},
		{"beyond what a length is trusted for", 5 << 20, 5 << 20, maxCopies, true},
		{"longer than it said", 300 << 10, 10 << 10, maxCopies, true},
		{"no budget", 1 << 20, 1 << 20, 64 << 10, false},
		{"the budget ends on the way", 5 << 20, 1 << 20, 4 << 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := budget{limit: tt.limit}
			ended := 0
			src := iotest.DataErrReader(bytes.NewReader(body[:tt.size]))
			c := &tap{ReadCloser: io.NopCloser(src), budget: &b, expect: tt.expect, onEOF: func() { ended++ }}
			var sent bytes.Buffer
			o := &outgoing{body: c, length: int64(tt.size)}
			if err := o.writeKept(&sent); err != nil {
				t.Fatal(err)
			}
			if n, err := c.state(); n != int64(tt.size) || err != io.EOF || ended != 1 {
				t.Errorf("%d bytes, %v, ended %d times", n, err, ended)
			}
			if !bytes.Equal(sent.Bytes(), body[:tt.size]) {
				t.Error("other bytes were sent")
			}
			kept, release, skipped := c.take()
			if skipped == tt.kept || tt.kept && !bytes.Equal(kept, body[:tt.size]) {
				t.Errorf("kept %d bytes, skipped %v", len(kept), skipped)
			}
			release()
			if used := b.used.Load(); used != 0 {
				t.Errorf("%d bytes of the budget were not given back", used)
			}
		})
	}
}

// TestPieceOutlivesItsCopy: a piece still to be written is not given to others
// with the copy it lies in.
func TestPieceOutlivesItsCopy(t *testing.T) {
	b := budget{limit: maxCopies}
	want := bytes.Repeat([]byte("a"), 40<<10)
	c := &tap{ReadCloser: io.NopCloser(bytes.NewReader(want)), budget: &b, expect: int64(len(want))}
	piece, err := c.piece(1, maxPiece)
	if err != nil || len(piece) == 0 {
		t.Fatal(len(piece), err)
	}
	_, release, _ := c.take()
	release()
	for range 4 {
		other := getBuffer(len(want))
		full := (*other)[:cap(*other)]
		for i := range full {
			full[i] = 'b'
		}
	}
	if !bytes.Equal(piece, want[:len(piece)]) {
		t.Error("the piece was overwritten")
	}
	c.written(nil)
	rest, err := c.piece(1, maxPiece)
	if len(piece)+len(rest) != len(want) && err == nil {
		t.Errorf("%d bytes came after", len(rest))
	}
	c.written(err)
	if used := b.used.Load(); used != 0 {
		t.Errorf("%d bytes of the budget are in use", used)
	}
}
