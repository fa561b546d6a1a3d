package ingest

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"

	"burn/proxy/usage"
)

// The kinds of words that are stored as numbers: a column NAME_id each.
const (
	wordUpstream = iota
	wordProvider
	wordOperation
	wordEndpoint
	wordMethod
	wordErrorType
	wordEnd
	wordRequestModel
	wordResponseModel
	wordServiceTier
	wordSpeed
	wordGeo
	wordFinishReason
	wordOrg
	wordProject
	wordAgent
	wordAgentSource
	wordUser
	wordStep
	wordTags
	wordKeyID
	wordClient
	wordUserAgent
	wordUsageSource
	wordFlags
	wordCostBasis
	wordKinds
)

var wordNames = [wordKinds]string{
	wordUpstream: "upstream", wordProvider: "provider", wordOperation: "operation", wordEndpoint: "endpoint", wordMethod: "method",
	wordErrorType: "error_type", wordEnd: "end", wordRequestModel: "request_model", wordResponseModel: "response_model",
	wordServiceTier: "service_tier", wordSpeed: "speed", wordGeo: "geo", wordFinishReason: "finish_reason", wordOrg: "org",
	wordProject: "project", wordAgent: "agent", wordAgentSource: "agent_source", wordUser: "user", wordStep: "step", wordTags: "tags",
	wordKeyID: "key_id", wordClient: "client", wordUserAgent: "user_agent", wordUsageSource: "usage_source", wordFlags: "flags",
	wordCostBasis: "cost_basis",
}

// dimension numbers the words of one kind: 0 is "", then 1, 2, 3 … in order of
// first sight. Past its limit every new word is counted as usage.Other, so
// that a hostile or broken caller cannot make the database or the report
// unbounded; folded says how many were.
//
// The committing goroutine alone adds words, in the order of the lines; the
// decoding ones look them up.
type dimension struct {
	kind   string
	limit  int // words
	length int // bytes of a word
	added  []word
	next   uint32
	folded int

	mu  sync.RWMutex
	ids map[string]uint32
}

type word struct {
	id   uint32
	text string
}

// maxWords is how many different words a kind keeps.
const maxWords = 10_000

// maxUsers is maxWords for users, who are many in a product with end users.
const maxUsers = 250_000

func newDimension(kind int) *dimension {
	d := &dimension{kind: wordNames[kind], limit: maxWords, length: usage.MaxLabel, ids: map[string]uint32{"": 0}, next: 1}
	switch kind {
	case wordUser:
		d.limit = maxUsers
	case wordTags, wordFlags: // several values in one word
		d.length = usage.MaxLine
	}
	return d
}

func newDimensions() (all [wordKinds]*dimension) {
	for kind := range all {
		all[kind] = newDimension(kind)
	}
	return all
}

// restore adds a word stored by an earlier run.
func (d *dimension) restore(id uint32, text string) {
	d.ids[text] = id
	d.next = max(d.next, id+1)
}

// find returns the number of a word, if it has one. Any goroutine may ask.
func (d *dimension) find(text string) (uint32, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok := d.ids[text]
	return id, ok
}

// id returns the number of text, which is copied if it is new.
func (d *dimension) id(text string) uint32 {
	if id, ok := d.ids[text]; ok {
		return id
	}
	clean, _ := usage.Label(text, d.length)
	if id, ok := d.ids[clean]; ok {
		return id
	}
	if len(d.ids) > d.limit {
		d.folded++
		clean = usage.Other
		if id, ok := d.ids[clean]; ok {
			return id
		}
	}
	id := d.next
	d.next++
	clean = clone(clean)
	d.mu.Lock()
	d.ids[clean] = id
	d.mu.Unlock()
	d.added = append(d.added, word{id, clean})
	return id
}

func clone(s string) string { return string(append([]byte(nil), s...)) }

// names remembers which spellings of 64-bit hashes were written lately, so
// that a session's name is stored once per run of calls, not once per call. It
// forgets: the table name may hold a spelling twice.
type names struct {
	recent [1 << 15]uint64
	added  []spelling
}

// spelling is what a hash stands for, in one row of a chunk.
type spelling struct {
	row  int
	hash uint64
	text string
}

// add takes a name whose text may be gone later.
func (n *names) add(hash uint64, text string) {
	slot := &n.recent[hash&uint64(len(n.recent)-1)]
	if *slot != hash {
		*slot = hash
		clean, _ := usage.Label(text, usage.MaxLabel)
		n.added = append(n.added, spelling{hash: hash, text: clone(clean)})
	}
}

// hash64 is 0 for "", and for nothing else.
func hash64(s string) uint64 {
	const k0, k1, k2 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	if s == "" {
		return 0
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	h := uint64(k0) ^ uint64(len(s))
	for ; len(b) > 8; b = b[8:] {
		h = fold(h^binary.LittleEndian.Uint64(b), k1)
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	h = fold(fold(h^last, k1), k2)
	if h == 0 {
		return 1
	}
	return h
}

// fold mixes every bit of h into every other.
func fold(h, k uint64) uint64 {
	hi, lo := bits.Mul64(h^k, k)
	return hi ^ lo
}
