package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"burn/proxy/usage"
)

// A source is one log file opened for reading, plain, gzip or zstd; what it is
// packed with is read from its first bytes, not from its name.
type source struct {
	path    string
	file    *os.File
	in      io.Reader // decoded
	zstd    *zstd.Decoder
	pos     int64 // decoded bytes handed out
	plain   bool
	counted *countingReader
}

// A file whose decoded size passes both is taken for a decompression bomb.
const (
	bombBytes = 256 << 20
	bombRatio = 400
)

var errBomb = errors.New("expands more than 400 times: not a log file")

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// openRegular opens a file for reading. Anything but a regular file is an
// error, found out without waiting: a pipe without a writer would never open,
// and a device never end.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errIrregular}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

var errIrregular = errors.New("not a regular file")

func openSource(path string) (*source, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	return newSource(path, f)
}

// newSource takes over f, which it closes on an error.
func newSource(path string, f *os.File) (*source, error) {
	s := &source{path: path, file: f}
	if err := s.unpack(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// magic tells from a file's first bytes whether it is packed.
func magic(f *os.File) (gz, zst bool, err error) {
	var m [4]byte
	n, err := f.ReadAt(m[:], 0)
	if err == io.EOF {
		err = nil
	}
	return n >= 2 && m[0] == 0x1f && m[1] == 0x8b, n == 4 && m == [4]byte{0x28, 0xb5, 0x2f, 0xfd}, err
}

// isPlain reports whether a file is packed with nothing.
func isPlain(f *os.File) (bool, error) {
	gz, zst, err := magic(f)
	return !gz && !zst, err
}

// unpack sets s.in by the file's first bytes.
func (s *source) unpack() error {
	gz, zst, err := magic(s.file)
	if err != nil {
		return err
	}
	s.counted = &countingReader{r: s.file}
	switch {
	case gz:
		z, err := gzip.NewReader(bufio.NewReaderSize(s.counted, 64<<10))
		if err != nil {
			return fmt.Errorf("read gzip header: %w", err)
		}
		s.in = z
	case zst:
		z, err := zstd.NewReader(s.counted, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return fmt.Errorf("read zstd header: %w", err)
		}
		s.in, s.zstd = z, z
	default:
		s.in, s.plain = s.file, true
	}
	return nil
}

// Close releases the file. Its error is of no use after reading.
func (s *source) Close() {
	if s.zstd != nil {
		s.zstd.Close()
	}
	_ = s.file.Close()
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.pos += int64(n)
	if !s.plain && s.pos > bombBytes && s.pos/bombRatio > s.counted.n {
		return n, errBomb
	}
	return n, err
}

// skipTo moves on to the decoded offset pos and returns the up to tailLen bytes
// before it; fewer mean that the file ends earlier.
func (s *source) skipTo(pos int64) (tail []byte, err error) {
	from := max(0, pos-tailLen)
	tail = make([]byte, pos-from)
	if s.plain {
		n, err := s.file.ReadAt(tail, from)
		if err == io.EOF {
			err = nil
		}
		if err == nil {
			_, err = s.file.Seek(pos, io.SeekStart)
			s.pos = pos
		}
		return tail[:n], err
	}
	if _, err := io.CopyN(io.Discard, s, from-s.pos); err != nil {
		return nil, err
	}
	n, err := io.ReadFull(s, tail)
	return tail[:n], err
}

// tailLen is how many bytes before a file's position prove on the next run
// that it is still the same content.
const tailLen = 4 << 10

// headLen is how much of a file without start line is its identity.
const headLen = 4 << 10

// head reads the file's first bytes: enough for its first line or headLen.
func head(path string) (top []byte, packed bool, err error) {
	s, err := openSource(path)
	if err != nil {
		return nil, false, err
	}
	defer s.Close()
	top, err = s.head(make([]byte, 2*usage.MaxLine))
	return top, !s.plain, err
}

// head is head of a source that nothing was read from yet.
func (s *source) head(buf []byte) ([]byte, error) {
	n, err := io.ReadFull(s, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF || n > 0 {
		err = nil // what is wrong further on is found when the file is read
	}
	return buf[:n], err
}

var bom = []byte("\xef\xbb\xbf")

// startLine returns the start line's record and its length in the head,
// newline included, if the head begins with one.
func startLine(head []byte) (r usage.Record, length int, ok bool) {
	line, _, found := bytes.Cut(head, []byte("\n"))
	if !found {
		return r, 0, false
	}
	var d usage.Decoder
	if d.Decode(bytes.TrimPrefix(line, bom), &r) != nil || r.Kind != usage.KindStart {
		return r, 0, false
	}
	return r, len(line) + 1, true
}

func trim(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}
