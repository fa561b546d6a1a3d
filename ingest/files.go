package ingest

import (
	"io"
	"io/fs"
	"time"

	"burn/proxy/usage"
)

// fileRow is a row of the table file: what is known of one content.
type fileRow struct {
	id       uint32
	identity uint64
	headLen  int
	tailHash uint64
	tailLen  int
	position int64
	boot     uint64
	number   int64
	startMS  int64 // when its process started it, 0 if it has no start line
	problem  string
	oldestMS int64 // times of the lines read, whatever became of them; 0: none
	newestMS int64
	busy     bool // another file of this run has it already

	lines, accepted, rejected, duplicates, otherKinds, torn int64
}

// pathRow is a row of the table path: a file as it was last seen.
type pathRow struct {
	size, mtimeNS int64
	settled       bool // nothing of it waits to be completed
	fileID        uint32
}

// fileState is a file to be read in this run. start and sealed do not change
// once the pipeline runs; row belongs to the committing goroutine.
type fileState struct {
	found
	row     *fileRow
	isNew   bool // row is not in the database yet
	hadPath bool // path is
	start   int64
	packed  bool
	inUse   bool // a proxy on this host writes to it
	sealed  bool
	ended   bool   // read to its end in this run
	tail    []byte // the last bytes before row.position
}

// open opens the file at its start position.
func (f *fileState) open() (*source, error) {
	src, err := openSource(f.path)
	if err != nil {
		return nil, err
	}
	if _, err := src.skipTo(f.start); err != nil {
		src.Close()
		return nil, err
	}
	return src, nil
}

// advance notes that bytes up to position end were read, the last of which are
// data, at most tailLen. If fresh is set they do not follow on those before.
func (f *fileState) advance(data []byte, end int64, fresh bool) {
	if fresh {
		f.tail = f.tail[:0]
	}
	if over := len(f.tail) + len(data) - tailLen; over > 0 {
		f.tail = f.tail[:copy(f.tail, f.tail[over:])]
	}
	f.tail = append(f.tail, data...)
	f.row.position = end
	f.row.tailHash, f.row.tailLen = hash64(string(f.tail)), len(f.tail)
}

// saw notes the times of lines.
func (r *fileRow) saw(oldest, newest int64) {
	if r.oldestMS == 0 || oldest != 0 && oldest < r.oldestMS {
		r.oldestMS = oldest
	}
	r.newestMS = max(r.newestMS, newest)
}

// registry is what is known of files: from earlier runs, and of this one.
type registry struct {
	byPath     map[string]pathRow
	byIdentity map[fileIdentity][]*fileRow
	byID       map[uint32]*fileRow
	headLens   map[int]bool
	nextID     uint32
	buf        []byte // for heads
}

// fileIdentity is a file's first headLen decoded bytes.
type fileIdentity struct {
	hash    uint64
	headLen int
}

func newRegistry() *registry {
	return &registry{byPath: map[string]pathRow{}, byIdentity: map[fileIdentity][]*fileRow{}, byID: map[uint32]*fileRow{}, headLens: map[int]bool{}, nextID: 1}
}

func (g *registry) add(row *fileRow) {
	key := fileIdentity{row.identity, row.headLen}
	g.byIdentity[key] = append(g.byIdentity[key], row)
	g.byID[row.id] = row
	g.headLens[row.headLen] = true
	g.nextID = max(g.nextID, row.id+1)
}

// unchanged reports whether f looks as it did when it was last read to its end.
func (g *registry) unchanged(f *found) bool {
	p, ok := g.byPath[f.path]
	return ok && p.settled && p.size == f.size && p.mtimeNS == f.mtimeNS
}

// plan decides where to go on with f: behind what an earlier run, or an
// earlier file of this run with the same content, has read, or at its start.
func (g *registry) plan(f *found) (*fileState, error) {
	src, err := openSource(f.path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if g.buf == nil {
		g.buf = make([]byte, 2*usage.MaxLine)
	}
	top, err := src.head(g.buf)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: f.path, Err: err}
	}
	state := &fileState{found: *f, packed: !src.plain, inUse: src.plain && usage.InUse(src.file)}
	_, state.hadPath = g.byPath[f.path]
	start, length, isStart := startLine(top)
	if !isStart {
		length = min(len(top), headLen)
	}
	for n := range g.headLens {
		if n > len(top) || n == 0 && len(top) > 0 {
			continue
		}
		for _, row := range g.byIdentity[fileIdentity{hash64(string(top[:n])), n}] {
			if row.busy || state.row != nil && row.position <= state.row.position {
				continue
			}
			tail, ok, err := sameSoFar(f, src, row)
			if err != nil {
				return nil, err
			}
			if ok {
				state.row, state.start, state.tail = row, row.position, tail
			}
		}
	}
	if state.row == nil {
		state.isNew = true
		state.row = &fileRow{id: g.nextID, identity: hash64(string(top[:length])), headLen: length, boot: start.Boot, number: start.File, startMS: start.TS}
		g.add(state.row)
	}
	state.row.busy = true
	return state, nil
}

// sameSoFar reports whether f, open as src, has row's content up to row's
// position.
func sameSoFar(f *found, src *source, row *fileRow) (tail []byte, ok bool, err error) {
	if !src.plain { // it cannot go back to its start
		if src, err = openSource(f.path); err != nil {
			return nil, false, err
		}
		defer src.Close()
	}
	if src.plain && f.size < row.position {
		return nil, false, nil
	}
	tail, err = src.skipTo(row.position)
	if err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && int64(len(tail)) < min(row.position, tailLen) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, nil // a damaged file is read from its start, up to the damage
	}
	tail = tail[max(0, len(tail)-row.tailLen):]
	return tail, hash64(string(tail)) == row.tailHash, nil
}

// seal decides for each file whether anything will still be appended to it: a
// packed file, one whose process has opened a later file, one that no process
// holds although a newer one has started, and one that rested for a day are
// complete. It matters only for a last line without newline: a sealed file's
// is counted as torn. Nothing is lost where the guess is wrong, since a file
// that grows after all is read on from before that line.
func (g *registry) seal(files []*fileState, now time.Time) {
	newest, latestStart := g.newest()
	for _, f := range files {
		rested := now.UnixNano() - f.mtimeNS
		f.sealed = f.packed || rested > int64(24*time.Hour) ||
			f.row.boot != 0 && newest[f.row.boot] > f.row.number ||
			f.row.boot != 0 && latestStart > f.row.startMS && !f.inUse
	}
}

// newest returns the number of each process's newest file, and when the newest
// process started.
func (g *registry) newest() (numbers map[uint64]int64, latestStart int64) {
	numbers = map[uint64]int64{}
	for _, row := range g.byID {
		numbers[row.boot] = max(numbers[row.boot], row.number)
		latestStart = max(latestStart, row.startMS)
	}
	return numbers, latestStart
}

// inUse reports whether a proxy on this host writes to the file.
func inUse(path string) bool {
	f, err := openRegular(path)
	if err != nil {
		return false // reading it will tell
	}
	defer f.Close()
	return usage.InUse(f)
}
