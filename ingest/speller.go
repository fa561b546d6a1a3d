//go:build cgo

package ingest

import (
	"slices"
	"unsafe"

	"burn/proxy/usage"
)

// speller is how one decoding goroutine finds the numbers of words: in its own
// memory, else in the dimension. A word that has no number yet is left to the
// committing goroutine.
type speller struct {
	dims  *[wordKinds]*dimension
	known [wordKinds]knownWords
	named [512]uint64 // hashes whose spelling is in the chunk already; a few are forgotten

	tags    []usage.Tag // of the newest record
	tagWord []byte      // as one word

	chunk *callChunk // being filled
	row   int
}

// knownWords are words of one kind with their numbers.
type knownWords struct {
	recent [16]word        // most neighbours share theirs, or one of few
	words  map[string]word // by what a record said, which may be spelt otherwise
}

// slot is the place of text in recent. Words that differ in their last letter
// do not push each other out.
func (k *knownWords) slot(text string) *word {
	return &k.recent[(uint(text[len(text)-1])^uint(len(text)))%uint(len(k.recent))]
}

// maxKnown is how many words of a kind one goroutine keeps at hand.
const maxKnown = 4096

// begin is called before the first row of a chunk.
func (s *speller) begin() { clear(s.named[:]) }

// word returns the number of text, which shares memory with a line. If there
// is none yet the chunk notes it.
func (s *speller) word(kind int, text string) uint32 {
	if text == "" {
		return 0
	}
	k := &s.known[kind]
	slot := k.slot(text)
	if text == slot.text {
		return slot.id
	}
	w, ok := k.words[text]
	if !ok {
		if w.id, ok = s.dims[kind].find(text); !ok {
			s.chunk.words = append(s.chunk.words, newWord{s.row, kind, s.chunk.own(text)})
			return 0
		}
		if k.words == nil || len(k.words) >= maxKnown {
			k.words = map[string]word{}
		}
		w.text = clone(text)
		k.words[w.text] = w
	}
	*slot = w
	return w.id
}

// word16 is word of a kind that has at most maxWords.
func (s *speller) word16(kind int, text string) uint16 { return uint16(s.word(kind, text)) }

// name returns the hash of a session or trace, and sees to it that the chunk
// has its spelling.
func (s *speller) name(text string) uint64 {
	h := hash64(text)
	if slot := &s.named[h%uint64(len(s.named))]; *slot != h {
		*slot = h
		s.chunk.names = append(s.chunk.names, spelling{s.row, h, s.chunk.own(text)})
	}
	return h
}

// tagText writes tags as one JSON object, the spelling of the word in dim.
func (s *speller) tagText(tags []usage.Tag) string {
	if len(tags) == 0 {
		return ""
	}
	if slices.Equal(tags, s.tags) {
		return view(s.tagWord)
	}
	s.tags = s.tags[:0]
	b := append(s.tagWord[:0], '{')
	for i, t := range tags {
		s.tags = append(s.tags, usage.Tag{Key: clone(t.Key), Value: clone(t.Value)})
		if i > 0 {
			b = append(b, ',')
		}
		b = usage.AppendString(b, t.Key)
		b = append(b, ':')
		b = usage.AppendString(b, t.Value)
	}
	s.tagWord = append(b, '}')
	return view(s.tagWord)
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
