package ingest

import "burn/proxy/usage"

// dimension numbers the words of one kind: 0 is "", then 1, 2, 3 … in order of
// first sight. Past its limit every new word is counted as usage.Other, so
// that a hostile or broken caller cannot make the database or the report
// unbounded; folded says how many were.
type dimension struct {
	kind   string
	limit  int // words
	length int // bytes of a word
	ids    map[string]uint32
	names  []string // by id: the stored spellings, which outlive the line
	last   string   // the newest word: most neighbours share theirs
	lastID uint32
	added  []word
	next   uint32
	folded int
}

type word struct {
	id   uint32
	text string
}

// maxWords is how many different words a kind keeps.
const maxWords = 10_000

// maxUsers is maxWords for users, who are many in a product with end users.
const maxUsers = 250_000

func newDimension(kind string) *dimension {
	d := &dimension{kind: kind, limit: maxWords, length: usage.MaxLabel, ids: map[string]uint32{"": 0}, names: []string{""}, next: 1}
	switch kind {
	case "user":
		d.limit = maxUsers
	case "tags", "flags": // several values in one word
		d.length = usage.MaxLine
	}
	return d
}

// restore adds a word stored by an earlier run.
func (d *dimension) restore(id uint32, text string) {
	for uint32(len(d.names)) <= id {
		d.names = append(d.names, "")
	}
	d.ids[text], d.names[id] = id, text
	d.next = max(d.next, id+1)
}

// id returns the number of text, which may share memory with a line.
func (d *dimension) id(text string) uint32 {
	if text == d.last {
		return d.lastID
	}
	id, ok := d.ids[text]
	if !ok {
		id = d.add(text)
	}
	if ok {
		d.last, d.lastID = d.names[id], id
	}
	return id
}

func (d *dimension) add(text string) uint32 {
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
	d.ids[clean] = id
	d.names = append(d.names, clean)
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

type spelling struct {
	hash uint64
	text string
}

// hash returns the hash of text, 0 for "".
func (n *names) hash(text string) uint64 {
	if text == "" {
		return 0
	}
	h := hash64(text)
	slot := &n.recent[h&uint64(len(n.recent)-1)]
	if *slot != h {
		*slot = h
		clean, _ := usage.Label(text, usage.MaxLabel)
		n.added = append(n.added, spelling{h, clone(clean)})
	}
	return h
}

// hash64 is FNV-1a with a final mix: 0 for "", and for nothing else.
func hash64(s string) uint64 {
	if s == "" {
		return 0
	}
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	if h == 0 {
		return 1
	}
	return h
}
