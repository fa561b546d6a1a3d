package ingest

import (
	"bufio"
	"bytes"

	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

func openSource(path string) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, file: f}
	if err := s.unpack(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// unpack sets s.in by the file's first bytes.
func (s *source) unpack() error {
	var magic [4]byte
	n, err := s.file.ReadAt(magic[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	s.counted = &countingReader{r: s.file}
	switch {
	case n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(bufio.NewReaderSize(s.counted, 64<<10))
		if err != nil {
			return fmt.Errorf("read gzip header: %w", err)
		}
		s.in = z
	case n == 4 && magic == [4]byte{0x28, 0xb5, 0x2f, 0xfd}:
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
	buf := make([]byte, 2*usage.MaxLine)
	n, err := io.ReadFull(s, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF || n > 0 {
		err = nil // what is wrong further on is found when the file is read
	}
	return buf[:n], !s.plain, err
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

// found is a log file in one of the directories.
type found struct {
	path    string
	size    int64
	mtimeNS int64
}

// findFiles lists the log files of the given directories (or files), in the
// order of their names, which is the order of time. skipped counts entries
// that are not readable regular files; it is an error if a directory cannot be
// listed at all.
func findFiles(dirs []string) (files []found, skipped int, err error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, 0, fmt.Errorf("read log directory: %w", err)
		}
		entries := []fs.DirEntry{fs.FileInfoToDirEntry(info)}
		base := filepath.Dir(dir)
		if info.IsDir() {
			base = dir
			if entries, err = os.ReadDir(dir); err != nil {
				return nil, 0, fmt.Errorf("read log directory: %w", err)
			}
		}
		for _, e := range entries {
			if info.IsDir() && !isLogName(e.Name()) {
				continue
			}
			path := filepath.Join(base, e.Name())
			info, err := os.Stat(path) // follows links: a linked file counts, a loop is an error
			if err != nil || !info.Mode().IsRegular() {
				skipped++
				continue
			}
			if abs, err := filepath.Abs(path); err == nil && !seen[abs] {
				seen[abs] = true
				files = append(files, found{path: abs, size: info.Size(), mtimeNS: info.ModTime().UnixNano()})
			}
		}
	}
	slices.SortStableFunc(files, func(a, b found) int {
		if c := strings.Compare(filepath.Base(a.path), filepath.Base(b.path)); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	return files, skipped, nil
}

// isLogName reports whether a directory entry is taken for a log file: any
// name with ".jsonl" in it, so that x.jsonl.gz and a logrotated x.jsonl.1
// count, and hidden files do not.
func isLogName(name string) bool {
	return strings.Contains(name, ".jsonl") && !strings.HasPrefix(name, ".")
}
