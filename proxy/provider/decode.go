package provider

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Limits on decoding a copy. Beyond ratioFrom decoded bytes, an answer that is
// more than maxRatio times its encoded size is not read further: no provider's
// JSON compresses like that, bombs do.
const (
	ratioFrom = 1 << 20
	maxRatio  = 200
	maxWindow = 8 << 20 // of zstd, the most a browser or client must accept (RFC 9659)
	chunkSize = 16 << 10
)

var (
	errRatio  = errors.New("decoded size out of proportion")
	errCoding = errors.New("unknown content coding")
)

// decoder undoes a content coding from pieces that are pushed into it. The
// decompressors pull, so each runs as a coroutine that is resumed by a write
// and suspends itself when it wants more: no goroutine runs beside the caller,
// nothing is handed between threads, and end leaves none behind.
type decoder struct {
	open    codec        // nil: unknown
	inner   *decoder     // undoes what is beneath, nil: nothing is
	sink    func([]byte) // takes decoded bytes
	rest    []byte       // encoded, not yet read
	encoded int64        // written so far, rest included
	decoded int64
	eof     bool // no more will come
	over    bool // the coroutine has returned
	err     error
	resume  func() (struct{}, bool)
	stop    func()
	suspend func(struct{}) bool
}

// maxCodings is how many codings may lie on top of each other.
const maxCodings = 4

// codingOf returns the codings of a Content-Encoding value, in the order in
// which they were applied: "" for identity.
func codingOf(header string) string {
	if header == "" {
		return ""
	}
	c := strings.ToLower(strings.TrimSpace(header))
	switch c {
	case "identity", "none":
		return ""
	case "x-gzip":
		return "gzip"
	}
	return c
}

// newDecoder undoes one coding.
func newDecoder(open codec, sink func([]byte)) *decoder {
	d := &decoder{open: open, sink: sink}
	d.resume, d.stop = iter.Pull(d.run)
	return d
}

// newDecoders undoes what codingOf returned: the last coding first.
func newDecoders(codings string, sink func([]byte)) *decoder {
	var d *decoder
	list := strings.Split(codings, ",")
	if len(list) > maxCodings {
		return newDecoder(nil, sink)
	}
	for _, name := range list {
		if name = codingOf(name); name == "" {
			continue
		}
		next := newDecoder(codecs[name], sink)
		next.inner = d
		d, sink = next, next.write
	}
	return d
}

// write decodes what p completes.
func (d *decoder) write(p []byte) {
	if d.over || len(p) == 0 {
		return
	}
	d.rest = p
	d.encoded += int64(len(p))
	d.step()
}

// end decodes what is left and lets the coroutine go. It returns why decoding
// stopped early, nil at a proper end.
func (d *decoder) end() error {
	d.eof = true
	if !d.over {
		d.step()
	}
	d.stop()
	if d.inner != nil {
		if err := d.inner.end(); d.err == nil {
			return err
		}
	}
	return d.err
}

func (d *decoder) step() {
	if _, more := d.resume(); !more {
		d.over = true
	}
	d.rest = nil
}

// Read gives the decompressor what was written, and suspends it for more.
func (d *decoder) Read(b []byte) (int, error) {
	if err := d.wait(); err != nil {
		return 0, err
	}
	n := copy(b, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// ReadByte keeps the decompressors from buffering ahead.
func (d *decoder) ReadByte() (byte, error) {
	if err := d.wait(); err != nil {
		return 0, err
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c, nil
}

func (d *decoder) wait() error {
	for len(d.rest) == 0 {
		if d.eof || !d.suspend(struct{}{}) {
			return io.EOF
		}
	}
	return nil
}

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// run is the coroutine. A decompressor that panics has met bytes it cannot
// decode; it is not used again.
func (d *decoder) run(suspend func(struct{}) bool) {
	d.suspend = suspend
	defer func() {
		if p := recover(); p != nil {
			d.err = errCoding
		}
	}()
	if d.open == nil {
		d.err = errCoding
		return
	}
	buf := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(buf)
	src, release, err := d.open(d)
	if err != nil {
		d.err = err
		return
	}
	d.err = d.pump(src, buf[:])
	release()
}

func (d *decoder) pump(src io.Reader, buf []byte) error {
	for {
		n, err := src.Read(buf)
		if n > 0 {
			d.decoded += int64(n)
			d.sink(buf[:n])
		}
		if d.decoded > ratioFrom && d.decoded > maxRatio*(d.encoded-int64(len(d.rest))) {
			return errRatio
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// codec opens a decompressor on what is pushed into d; release gives it back.
type codec func(d *decoder) (src io.Reader, release func(), err error)

var codecs = map[string]codec{
	"gzip":    openGzip,
	"deflate": openDeflate,
	"br":      openBrotli,
	"zstd":    openZstd,
}

var gzips, zlibs, flates, brotlis, zstds sync.Pool

func openGzip(d *decoder) (io.Reader, func(), error) {
	z, ok := gzips.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	return z, func() { gzips.Put(z) }, z.Reset(d)
}

// openDeflate reads zlib's format, which is what "deflate" means (RFC 9110,
// section 8.4.1.2), and the raw format that some servers send instead.
func openDeflate(d *decoder) (io.Reader, func(), error) {
	b := bufio.NewReaderSize(d, 16)
	head, err := b.Peek(2)
	if err != nil {
		return nil, nil, err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		z, ok := zlibs.Get().(io.ReadCloser)
		if !ok {
			z, err = zlib.NewReader(b)
		} else {
			err = z.(zlib.Resetter).Reset(b, nil)
		}
		return z, func() { zlibs.Put(z) }, err
	}
	z, ok := flates.Get().(io.ReadCloser)
	if !ok {
		z = flate.NewReader(b)
	} else {
		err = z.(flate.Resetter).Reset(b, nil)
	}
	return z, func() { flates.Put(z) }, err
}

func openBrotli(d *decoder) (io.Reader, func(), error) {
	z, ok := brotlis.Get().(*brotli.Reader)
	if !ok {
		z = new(brotli.Reader)
	}
	return brotliReader{z}, func() { brotlis.Put(z) }, z.Reset(d)
}

// brotliReader ends where the brotli stream does. The package calls bytes that
// it has looked at and does not need an error, and finds such in streams that
// have none when they come byte by byte.
type brotliReader struct{ *brotli.Reader }

func (b brotliReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err.Error() == "brotli: excessive input" {
		err = io.EOF
	}
	return n, err
}

func openZstd(d *decoder) (io.Reader, func(), error) {
	z, ok := zstds.Get().(*zstd.Decoder)
	if ok {
		return z, func() { zstds.Put(z) }, z.Reset(d)
	}
	z, err := zstd.NewReader(d, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(4*maxWindow))
	return z, func() { zstds.Put(z) }, err
}

// endless begins anew where a sender ended its stream, as it may with each
// message (RFC 7692, section 7.2.3.4). One that then still refers to what came
// before cannot be read on.
type endless struct {
	d   *decoder
	src *bufio.Reader
	z   io.ReadCloser
}

func (e *endless) Read(b []byte) (int, error) {
	n, err := e.z.Read(b)
	if err == io.EOF && !e.d.eof {
		err = e.z.(flate.Resetter).Reset(e.src, nil)
	}
	return n, err
}

// openMessages undoes the deflate of a websocket's messages, which are one
// stream.
func openMessages(d *decoder) (io.Reader, func(), error) {
	e := &endless{d: d, src: bufio.NewReaderSize(d, 512)}
	z, ok := flates.Get().(io.ReadCloser)
	if !ok {
		z = flate.NewReader(e.src)
	} else if err := z.(flate.Resetter).Reset(e.src, nil); err != nil {
		return nil, nil, err
	}
	e.z = z
	return e, func() { flates.Put(z) }, nil
}
