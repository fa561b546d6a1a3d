//go:build cgo

package ingest

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"burn/ingest/price"
	"burn/proxy/usage"
)

// The pipeline: one goroutine reads files into blocks of whole lines, as many
// as there are processors decode and price them into rows, and the caller's
// goroutine takes the blocks in their order. Text is given back as soon as it
// is decoded; what is in flight is bounded by the numbers of texts, blocks and
// chunks of rows. It is enough to go on decoding while DuckDB packs a row
// group.
//
//	read ──jobs──► decode ─┐
//	  └────order───────────┴──► commit

// blockSize is how many bytes of a file are decoded at once: they should still
// be in the processor's cache then.
const blockSize = 1 << 20

// maxBlocks and maxChunks are how many decoded blocks and their chunks wait to
// be written, at most: more than one row group. A chunk is 0.9 MB when full.
const (
	maxBlocks = 40
	maxChunks = 22
)

// block is a run of whole lines of one file and what they decode to.
type block struct {
	number uint64 // in the order of blocks, from 0
	file   *fileState
	buf    []byte // nil once decoded
	data   []byte // of buf: whole lines, the newline of the last one included
	end    int64  // decoded position behind data
	bom    bool   // data is the start of its file
	long   bool   // data is only the end of one line that is longer than a block
	tail   *tail  // with the last block of a file

	size    int64  // bytes of data
	last    []byte // the last of them, at most tailLen
	lines   int
	blank   int
	chunks  []*callChunk
	events  []event // the lines that are neither calls nor gaps
	rejects []rejection
	oldest  int64 // times of the lines, 0 if there are none
	newest  int64
	done    chan struct{}
}

// tail is how a file ended.
type tail struct {
	torn    bool  // bytes without newline remain and nothing will complete them
	waiting bool  // bytes without newline remain
	err     error // reading stopped here
}

type rejection struct {
	line   int // within the block, from 0
	reason string
	key    string
}

// pricer returns the cost of a record. The decoding goroutines share it.
type pricer interface {
	Cost(*usage.Record) price.Cost
}

// pipeline is what the goroutines share.
type pipeline struct {
	pricer pricer
	newest int64 // latest believable start of a call, ms since the epoch
	dims   *[wordKinds]*dimension
	pool   *chunkPool

	texts  chan []byte // free
	blocks chan *block // free
	number uint64      // of the next block
}

// run feeds the files through the pipeline and calls commit for each block, in
// order. It returns when commit failed, ctx was cancelled, or all is done; no
// goroutine outlives it.
func (p *pipeline) run(outer context.Context, files []*fileState, commit func(*block) error) error {
	ctx, cancel := context.WithCancel(outer)
	workers := runtime.GOMAXPROCS(0)
	p.texts = make(chan []byte, workers+2)
	for range cap(p.texts) {
		p.texts <- nil
	}
	p.blocks = make(chan *block, maxBlocks)
	for range cap(p.blocks) {
		p.blocks <- new(block)
	}
	jobs := make(chan *block, maxBlocks)
	order := make(chan *block, maxBlocks)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		p.read(ctx, files, func(b *block) {
			jobs <- b
			order <- b
		})
	})
	for range workers {
		wg.Go(func() {
			d := decoder{pipeline: p, speller: speller{dims: p.dims}}
			for b := range jobs {
				d.decode(b)
				p.texts <- b.buf
				b.buf, b.data = nil, nil
				close(b.done)
			}
		})
	}
	var err error
	for b := range order {
		<-b.done
		if err == nil {
			if err = ctx.Err(); err == nil {
				err = commit(b)
			}
			if err != nil {
				cancel()
			}
		}
		p.pool.put(b.chunks)
		b.file, b.tail = nil, nil
		p.blocks <- b
	}
	cancel()
	wg.Wait()
	if err == nil {
		// The reader may have noticed first, and no block came any more.
		err = outer.Err()
	}
	return err
}

// read cuts every file into blocks. Each file ends with a block that has a
// tail, which may hold no lines.
func (p *pipeline) read(ctx context.Context, files []*fileState, emit func(*block)) {
	next := func(f *fileState) *block {
		var b *block
		select {
		case <-ctx.Done():
			return nil
		case b = <-p.blocks:
		}
		*b = block{
			number: p.number, file: f, done: make(chan struct{}),
			last: b.last[:0], chunks: b.chunks[:0], events: b.events[:0], rejects: b.rejects[:0],
		}
		select {
		case <-ctx.Done():
			return nil
		case b.buf = <-p.texts:
		}
		if b.buf == nil {
			b.buf = make([]byte, blockSize)
		}
		p.number++
		return b
	}
	for _, f := range files {
		if !readFile(f, next, emit) {
			return
		}
	}
}

func readFile(f *fileState, next func(*fileState) *block, emit func(*block)) bool {
	src, err := f.open()
	pos := f.start // decoded position behind the newest emitted block
	b := next(f)
	if b == nil {
		if err == nil {
			src.Close()
		}
		return false
	}
	if err != nil {
		b.end, b.tail = pos, &tail{err: err}
		emit(b)
		return true
	}
	defer src.Close()
	have := 0         // bytes of b.buf in use
	skipping := false // inside a line longer than a block
	for {
		n, err := io.ReadAtLeast(src, b.buf[have:], 1)
		have += n
		if have < len(b.buf) && err == nil {
			continue
		}
		cut := bytes.LastIndexByte(b.buf[:have], '\n') + 1
		if skipping {
			first := bytes.IndexByte(b.buf[:have], '\n') + 1
			if first == 0 {
				have = 0
				if err == nil {
					continue
				}
				b.end, b.tail = pos, endOf(err, true, f.sealed)
				emit(b)
				return true
			}
			skipping = false
			b.long, b.data, b.end = true, b.buf[:first], src.pos-int64(have)+int64(first)
			full := b
			if b = next(f); b == nil {
				return false
			}
			have = copy(b.buf, full.buf[first:have])
			pos = full.end
			emit(full)
			if err == nil {
				continue
			}
			cut = bytes.LastIndexByte(b.buf[:have], '\n') + 1
		}
		if err == nil && cut == 0 {
			skipping, have = true, 0
			continue
		}
		b.data, b.end, b.bom = b.buf[:cut], src.pos-int64(have-cut), pos == 0
		pos = b.end
		if err != nil {
			b.tail = endOf(err, cut < have, f.sealed)
			if b.tail.torn && whole(b.buf[cut:have]) {
				b.data, b.end, b.tail = b.buf[:have], src.pos, endOf(err, false, true)
			}
			emit(b)
			return true
		}
		full := b
		if b = next(f); b == nil {
			return false
		}
		have = copy(b.buf, full.buf[cut:have])
		emit(full)
	}
}

// endOf describes the end of a file that stopped with err.
func endOf(err error, rest, sealed bool) *tail {
	if err == io.EOF {
		return &tail{torn: rest && sealed, waiting: rest && !sealed}
	}
	return &tail{err: err}
}

// whole reports whether the last line of a sealed file lacks only its newline.
func whole(line []byte) bool {
	var d usage.Decoder
	var r usage.Record
	return d.Decode(trim(line), &r) == nil
}

// decoder turns the lines of blocks into rows.
type decoder struct {
	*pipeline
	usage.Decoder
	speller speller
	rec     usage.Record
}

// oldest is the earliest believable start of a call: no API that burn reads
// existed before 2020.
var oldest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

func (d *decoder) decode(b *block) {
	b.size = int64(len(b.data))
	b.last = append(b.last, b.data[max(0, len(b.data)-tailLen):]...)
	if b.long {
		b.lines = 1
		b.rejects = append(b.rejects, rejection{0, usage.ReasonTooLong, ""})
		return
	}
	data := b.data
	if b.bom {
		data = bytes.TrimPrefix(data, bom)
	}
	var rows *callChunk
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		line := trim(data[:end])
		data = data[end:]
		n := b.lines
		b.lines++
		if len(bytes.TrimSpace(line)) == 0 {
			b.blank++
			continue
		}
		r := &d.rec
		if err := d.Decode(line, r); err != nil {
			le := usage.AsError(err)
			b.rejects = append(b.rejects, rejection{n, le.Reason, le.Key})
			continue
		}
		if r.TS > d.newest || r.TS < oldest {
			b.rejects = append(b.rejects, rejection{n, usage.ReasonClock, "ts"})
			continue
		}
		b.saw(r.TS)
		if r.Kind != usage.KindCall && r.Kind != usage.KindGap {
			b.events = append(b.events, keep(r))
			continue
		}
		if inconsistent(r) && !slices.Contains(r.Flags, flagInconsistent) {
			r.Flags = append(r.Flags, flagInconsistent)
		}
		if rows == nil || rows.rows == chunkRows {
			rows = d.pool.get(b.number)
			b.chunks = append(b.chunks, rows)
			d.speller.begin()
		}
		rows.put(r, d.pricer.Cost(r), &d.speller)
	}
}

// saw notes the time of a line.
func (b *block) saw(ms int64) {
	if b.oldest == 0 || ms < b.oldest {
		b.oldest = ms
	}
	b.newest = max(b.newest, ms)
}

// flagInconsistent marks usage that contradicts itself, as the proxy does; such
// counts are priced as they are and listed.
const flagInconsistent = "inconsistent"

// inconsistent reports whether a subset is larger than its whole.
func inconsistent(r *usage.Record) bool {
	return r.CacheRead+r.CacheWrite > r.Input || r.CacheWrite1h > r.CacheWrite || r.Reasoning > r.Output
}

// kinds are the kinds of lines, each with identities of its own. The decoder
// lets no other pass.
var kinds = []string{usage.KindCall, usage.KindGap, usage.KindStart, usage.KindOpen, usage.KindBeat, usage.KindStop}

// event is a line that is neither a call nor a gap.
type event struct {
	boot, seq, lastSeq                                uint64
	ts                                                int64
	refused, dropped, writeErrors, skipped, lostLines int64
	kind, agent, model                                string
}

// keep copies what an event row needs, since a record's strings share memory
// with its block.
func keep(r *usage.Record) event {
	model := r.ResponseModel
	if model == "" {
		model = r.RequestModel
	}
	return event{
		boot: r.Boot, seq: r.Seq, lastSeq: r.LastSeq, ts: r.TS, refused: r.Refused, dropped: r.Dropped, writeErrors: r.WriteErrors,
		skipped: r.Skipped, lostLines: r.LostLines, kind: kinds[slices.Index(kinds, r.Kind)], agent: clone(r.Agent), model: clone(model),
	}
}
