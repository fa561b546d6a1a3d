package usage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Mark is a dated note that something about an agent was changed on purpose, such
// as a fix. Marks stand beside the log files in MarkFile, one JSON object per
// line, {"v":1,"at":"2026-11-23T09:00:00Z","agent":"…","text":"…"}, in the order in
// which they were made. The file is only ever appended to, each mark by one write,
// so that any number of writers may add marks at once. Lines that are no mark,
// such as the beginning of one that a full disk has cut, are passed over.
type Mark struct {
	Version int       `json:"v"`
	At      time.Time `json:"at"`
	Agent   string    `json:"agent"` // cleaned as the agent of a record is
	Text    string    `json:"text"`  // cleaned likewise, at most MarkText bytes
}

const (
	// MarkFile is the name of the file of marks in a log directory. It is none that
	// a log file can have.
	MarkFile = "burn-marks.ndjson"
	// MarkText is the most bytes of a mark's text.
	MarkText = 400

	markVersion = 1
	maxMarks    = 16 << 20 // bytes that a file of marks may have to be read
)

// AppendMark adds m to the marks of a log directory, which must be there, and
// waits until it is on disk. m's names are cleaned; an empty one is an error, as
// is a time outside the years 1970 to 9999. It returns what was written.
func AppendMark(dir string, m Mark) (Mark, error) {
	m.Version, m.At = markVersion, m.At.UTC().Truncate(time.Millisecond)
	m.Agent, _ = Label(m.Agent, MaxLabel)
	m.Text, _ = Label(strings.Join(strings.Fields(m.Text), " "), MarkText)
	switch y := m.At.Year(); {
	case m.Agent == "":
		return m, errors.New("a mark needs an agent")
	case m.Text == "":
		return m, errors.New("a mark needs a text")
	case y < 1970 || y > 9999:
		return m, fmt.Errorf("the year %d is out of range", y)
	}
	line, err := json.Marshal(m)
	if err != nil {
		return m, fmt.Errorf("encode mark: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, MarkFile), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return m, fmt.Errorf("mark: %w", err)
	}
	defer f.Close()
	// After a line that was cut, begin a new one; an empty line more does no harm.
	var last [1]byte
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return m, fmt.Errorf("write mark: %w", err)
	}
	if err := f.Sync(); err != nil {
		return m, fmt.Errorf("write mark: %w", err)
	}
	return m, nil
}

// ReadMarks returns the marks of log directories in order of time, equal ones
// once, for directories may be copies. Directories without marks have none, and
// so have operands that are files. bad counts lines that are no mark. Files that
// cannot be read, or have more than 16 MiB, are an error beside the marks of the
// others.
func ReadMarks(dirs []string) (marks []Mark, bad int, err error) {
	for _, dir := range dirs {
		data, ferr := readMarkFile(filepath.Join(dir, MarkFile))
		if ferr != nil {
			err = errors.Join(err, ferr)
			continue
		}
		for line := range bytes.Lines(data) {
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			m, ok := parseMark(line)
			if !ok {
				bad++
				continue
			}
			marks = append(marks, m)
		}
	}
	slices.SortStableFunc(marks, func(a, b Mark) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Agent+"\x00"+a.Text, b.Agent+"\x00"+b.Text)
	})
	return slices.Compact(marks), bad, err
}

func readMarkFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read marks: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read marks: %s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMarks+1))
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	if len(data) > maxMarks {
		return nil, fmt.Errorf("read marks: %s has more than %d MiB", path, maxMarks>>20)
	}
	return data, nil
}

// parseMark reads a line; what somebody wrote by hand is cleaned too.
func parseMark(line []byte) (m Mark, ok bool) {
	if err := json.Unmarshal(line, &m); err != nil || m.Version != markVersion {
		return m, false
	}
	m.At = m.At.UTC().Truncate(time.Millisecond)
	m.Agent, _ = Label(m.Agent, MaxLabel)
	m.Text, _ = Label(m.Text, MarkText)
	return m, m.Agent != "" && m.Text != "" && m.At.Year() >= 1970 && m.At.Year() <= 9999
}
