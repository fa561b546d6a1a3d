package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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

	lines, accepted, rejected, duplicates, otherKinds, torn int64
}

// fileState is a file to be read in this run. start and sealed do not change
// once the pipeline runs; row belongs to the committing goroutine, and so does
// tail once the first block came.
type fileState struct {
	found
	row     *fileRow
	isNew   bool // row is not in the database yet
	start   int64
	packed  bool
	inUse   bool // a proxy on this host writes to it
	sealed  bool
	ended   bool   // read to its end in this run
	settled bool   // and nothing of it waits to be completed
	tail    []byte // the last bytes before row.position

	candidates []fileIdentity // what earlier runs read begins the same
}

// open opens the file at its start position.
func (f *fileState) open() (*source, error) {
	src, err := openSource(f.path)
	if err != nil {
		return nil, err
	}
	tail, err := src.skipTo(f.start)
	if err != nil {
		src.Close()
		return nil, err
	}
	f.tail = tail[max(0, len(tail)-f.row.tailLen):]
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

// filesAtOnce is how many files are planned, and then read in one transaction, at
// most: some hundred bytes are kept of each meanwhile. Files of a line each are
// more than a row group, see txBytes.
const filesAtOnce = 1 << 16

// registry is what is known of files: what earlier runs read, of which rows are
// fetched when a file begins as they do, and what this run reads.
type registry struct {
	identities []uint64 // of contents that earlier runs read, in order
	headLens   []int    // of the same
	busy       []uint64 // bits, by id: contents that a file of this run has
	first      uint32   // id of the first content that is new in this run
	next       uint32   // id of the next one

	starts []fileStart // the newest start of each process, in order, of files that are read now
	latest int64       // when the newest process started, ms since the epoch
	buf    []byte      // for heads
}

// fileStart is how many files a process had begun.
type fileStart struct {
	boot   uint64
	number int64
}

// fileIdentity is a file's first headLen decoded bytes.
type fileIdentity struct {
	hash    uint64
	headLen int
}

func newRegistry() *registry {
	return &registry{first: 1, next: 1, buf: make([]byte, 2*usage.MaxLine)}
}

// begin notes that a file is to be read, before any is.
func (g *registry) begin(path string) error {
	src, top, err := g.head(path)
	if err != nil {
		return err
	}
	src.Close()
	if start, _, ok := startLine(top); ok {
		g.starts = append(g.starts, fileStart{start.Boot, start.File})
		g.latest = max(g.latest, start.TS)
	}
	return nil
}

// begun ends the notes: of each process the newest file stays.
func (g *registry) begun() {
	slices.SortFunc(g.starts, func(a, b fileStart) int {
		return cmp.Or(cmp.Compare(a.boot, b.boot), cmp.Compare(b.number, a.number))
	})
	g.starts = slices.CompactFunc(g.starts, func(a, b fileStart) bool { return a.boot == b.boot })
}

// start finds the note of a process that has files to be read.
func (g *registry) start(boot uint64) *fileStart {
	i, ok := slices.BinarySearchFunc(g.starts, boot, func(s fileStart, boot uint64) int { return cmp.Compare(s.boot, boot) })
	if !ok {
		return nil
	}
	return &g.starts[i]
}

// head opens a file and reads its first bytes, which are good until the next
// call.
func (g *registry) head(path string) (src *source, top []byte, err error) {
	src, err = openSource(path)
	var perr *fs.PathError
	if err != nil && !errors.As(err, &perr) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return nil, nil, err
	}
	if top, err = src.head(g.buf); err != nil {
		src.Close()
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return src, top, nil
}

// look reads how a file begins.
func (g *registry) look(path string) (*fileState, error) {
	src, top, err := g.head(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	info, err := src.file.Stat()
	if err != nil {
		return nil, err
	}
	f := &fileState{found: found{path: path}, packed: !src.plain, inUse: src.plain && usage.InUse(src.file)}
	f.as(info)
	start, length, isStart := startLine(top)
	if !isStart {
		length = min(len(top), headLen)
	}
	f.row = &fileRow{identity: hash64(string(top[:length])), headLen: length, boot: start.Boot, number: start.File, startMS: start.TS}
	for _, n := range g.headLens {
		if n > len(top) || n == 0 && len(top) > 0 {
			continue
		}
		hash := hash64(string(top[:n]))
		if _, ok := slices.BinarySearch(g.identities, hash); ok {
			f.candidates = append(f.candidates, fileIdentity{hash, n})
		}
	}
	return f, nil
}

// plan decides where to go on with f, which begins as the rows do: behind what
// an earlier run has read of the same content, or at its start.
func (g *registry) plan(f *fileState, rows map[fileIdentity][]*fileRow) error {
	var known *fileRow
	for _, c := range f.candidates {
		for _, row := range rows[c] {
			if g.isBusy(row.id) || known != nil && row.position <= known.position {
				continue
			}
			ok, err := sameSoFar(f, row)
			if err != nil {
				return err
			}
			if ok {
				known = row
			}
		}
	}
	if known == nil {
		f.isNew = true
		f.row.id = g.next
		g.next++
		return nil
	}
	f.row, f.start = known, known.position
	g.take(known.id)
	return nil
}

func (g *registry) take(id uint32) {
	if g.busy == nil {
		g.busy = make([]uint64, g.first/64+1)
	}
	g.busy[id/64] |= 1 << (id % 64)
}

func (g *registry) isBusy(id uint32) bool {
	return g.busy != nil && g.busy[id/64]>>(id%64)&1 == 1
}

// sameSoFar reports whether f has row's content up to row's position. A damaged
// file has not: it is read from its start, up to the damage.
func sameSoFar(f *fileState, row *fileRow) (bool, error) {
	if !f.packed && f.size < row.position {
		return false, nil
	}
	src, err := openSource(f.path)
	if err != nil {
		return false, err
	}
	defer src.Close()
	tail, err := src.skipTo(row.position)
	if err != nil || int64(len(tail)) < min(row.position, tailLen) {
		return false, nil
	}
	tail = tail[max(0, len(tail)-row.tailLen):]
	return hash64(string(tail)) == row.tailHash, nil
}

// seal decides whether anything will still be appended to f: a
// packed file, one whose process has opened a later file, one that no process
// holds although a newer one has started, and one that rested for a day are
// complete. It matters only for a last line without newline: a sealed file's
// is counted as torn. Nothing is lost where the guess is wrong, since a file
// that grows after all is read on from before that line.
func (g *registry) seal(f *fileState, now time.Time) {
	later := false
	if start := g.start(f.row.boot); start != nil && f.row.boot != 0 {
		later = start.number > f.row.number
	}
	rested := now.UnixNano() - f.mtimeNS
	f.sealed = f.packed || rested > int64(24*time.Hour) || later ||
		f.row.boot != 0 && g.latest > f.row.startMS && !f.inUse
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
