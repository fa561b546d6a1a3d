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
// as there are processors decode and price them, and the caller's goroutine
// takes the decoded blocks in their order. Blocks are recycled; what is in
// flight is bounded by the number of blocks.
//
//	read ──jobs──► decode ─┐
//	  └────order───────────┴──► commit

// blockSize is how many bytes of a file are decoded at once.
const blockSize = 512 << 10

// entry is one decoded line on its way into the table call.
type entry struct {
	usage.Record
	cost price.Cost
}

// block is a run of whole lines of one file and what they decode to.
type block struct {
	file *fileState
	buf  []byte
	data []byte // of buf: whole lines, the newline of the last one included
	end  int64  // decoded position behind data
	bom  bool   // data is the start of its file
	long bool   // data is only the end of one line that is longer than a block
	tail *tail  // with the last block of a file

	lines   int
	blank   int
	entries []entry
	rejects []rejection
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

// priced returns the cost of a record; each decoding goroutine has its own.
type pricer interface {
	Cost(*usage.Record) price.Cost
}

// run feeds the files through the pipeline and calls commit for each block, in
// order. It returns when commit failed, ctx was cancelled, or all is done; no
// goroutine outlives it.
func run(ctx context.Context, files []*fileState, newPricer func() pricer, newest time.Time, commit func(*block) error) error {
	ctx, cancel := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	inFlight := 2*workers + 2
	free := make(chan *block, inFlight)
	for range inFlight {
		free <- &block{}
	}
	jobs := make(chan *block, inFlight)
	order := make(chan *block, inFlight)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		read(ctx, files, free, func(b *block) {
			jobs <- b
			order <- b
		})
	})
	for range workers {
		wg.Go(func() {
			d := decoder{pricer: newPricer(), newest: newest.UnixMilli()}
			for b := range jobs {
				d.decode(b)
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
		b.file, b.tail = nil, nil
		free <- b
	}
	cancel()
	wg.Wait()
	return err
}

// read cuts every file into blocks. Each file ends with a block that has a
// tail, which may hold no lines.
func read(ctx context.Context, files []*fileState, free <-chan *block, emit func(*block)) {
	next := func(f *fileState) *block {
		select {
		case <-ctx.Done():
			return nil
		case b := <-free:
			*b = block{file: f, buf: b.buf, entries: b.entries[:0], rejects: b.rejects[:0], done: make(chan struct{})}
			if b.buf == nil {
				b.buf = make([]byte, blockSize)
			}
			return b
		}
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

func trim(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// decoder turns the lines of blocks into entries.
type decoder struct {
	usage.Decoder
	pricer pricer
	newest int64 // latest believable start of a call, ms since the epoch
}

// oldest is the earliest believable start of a call: no API that burn reads
// existed before 2020.
var oldest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

func (d *decoder) decode(b *block) {
	if b.long {
		b.lines = 1
		b.rejects = append(b.rejects, rejection{0, usage.ReasonTooLong, ""})
		return
	}
	data := b.data
	if b.bom {
		data = bytes.TrimPrefix(data, bom)
	}
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
		e := b.grow()
		if err := d.Decode(line, &e.Record); err != nil {
			le := usage.AsError(err)
			b.entries = b.entries[:len(b.entries)-1]
			b.rejects = append(b.rejects, rejection{n, le.Reason, le.Key})
			continue
		}
		if e.TS > d.newest || e.TS < oldest {
			b.entries = b.entries[:len(b.entries)-1]
			b.rejects = append(b.rejects, rejection{n, usage.ReasonClock, "ts"})
			continue
		}
		if e.inconsistent() && !slices.Contains(e.Flags, flagInconsistent) {
			e.Flags = append(e.Flags, flagInconsistent)
		}
		if e.Kind == usage.KindCall || e.Kind == usage.KindGap {
			e.cost = d.pricer.Cost(&e.Record)
		}
	}
}

// flagInconsistent marks usage that contradicts itself, as the proxy does; such
// counts are priced as they are and listed.
const flagInconsistent = "inconsistent"

// inconsistent reports whether a subset is larger than its whole.
func (e *entry) inconsistent() bool {
	return e.CacheRead+e.CacheWrite > e.Input || e.CacheWrite1h > e.CacheWrite || e.Reasoning > e.Output
}

// grow makes room for one more entry, reusing the slices of an old one.
func (b *block) grow() *entry {
	if len(b.entries) < cap(b.entries) {
		b.entries = b.entries[:len(b.entries)+1]
	} else {
		b.entries = append(b.entries, entry{})
	}
	return &b.entries[len(b.entries)-1]
}
