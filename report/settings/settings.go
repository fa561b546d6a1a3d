// Package settings understands what people type and write outside of SQL and
// flags: sizes, durations, misspelt names and the YAML configuration file.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// File is a configuration file: one mapping from names of flags, and of a few
// sections, to values. The zero value is an empty file.
type File struct {
	path string
	keys map[string]yaml.Node
}

// Read reads the file at path. Every key must be among known; the error for
// another one has its position and suggests the nearest.
func Read(path string, known []string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	f := &File{path: path}
	d := yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&f.keys); err != nil && err != io.EOF { // of an empty file
		return nil, plainly(path, "", err)
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document: want one", path, second.Line)
	case err != io.EOF:
		return nil, plainly(path, "", err)
	}
	for _, key := range f.Keys() {
		if slices.Contains(known, key) {
			continue
		}
		return nil, unknownKey(path, f.keys[key].Line, key, "", known)
	}
	return f, nil
}

// Keys returns the file's keys in order.
func (f *File) Keys() []string {
	return slices.Sorted(maps.Keys(f.keys))
}

// Values returns a key's value, or list of values, as text; none for a key without
// a value, which is as if it were not there.
func (f *File) Values(key string) ([]string, error) {
	node := f.keys[key]
	switch node := behindAlias(&node); node.Kind {
	case yaml.ScalarNode:
		if node.Tag == "!!null" {
			return nil, nil
		}
		return []string{node.Value}, nil
	case yaml.SequenceNode:
		var out []string
		for _, n := range node.Content {
			if n = behindAlias(n); n.Kind != yaml.ScalarNode {
				return nil, f.Errorf(key, errors.New("want a list of plain values"))
			}
			out = append(out, n.Value)
		}
		return out, nil
	}
	return nil, f.Errorf(key, errors.New("want a value or a list of values"))
}

// behindAlias is what a node stands for.
func behindAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Position is where a key stands: its file and line.
func (f *File) Position(key string) string { return fmt.Sprintf("%s:%d", f.path, f.keys[key].Line) }

// ErrorIn is Errorf for what stands under a key of a section.
func (f *File) ErrorIn(section, key string, err error) error {
	node := f.keys[section]
	for i, n := range behindAlias(&node).Content {
		if i%2 == 0 && n.Value == key {
			return fmt.Errorf("%s:%d: %s: %w", f.path, n.Line, section, err)
		}
	}
	return f.Errorf(section, err)
}

// Errorf puts the key before err, and its position where the file has it.
func (f *File) Errorf(key string, err error) error {
	if f.keys[key].Line == 0 {
		return fmt.Errorf("%s: %w", key, err)
	}
	return fmt.Errorf("%s: %s: %w", f.Position(key), key, err)
}

// Size reads 64MB, 512MiB, 1GB or a plain number of bytes.
func Size(s string) (int64, error) {
	units := []struct {
		suffix string
		bytes  int64
	}{
		{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1},
	}
	upper := strings.ToUpper(strings.TrimSpace(s))
	for _, u := range units {
		digits, ok := strings.CutSuffix(upper, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > 1<<62/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size: use a number with KB, MB, GB, KiB, MiB or GiB", s)
}

// Wait reads a duration; "7d" and "2w" count as 24-hour days.
func Wait(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			if n, err := strconv.Atoi(digits); err == nil && n >= 0 && n < 10_000 {
				return time.Duration(n) * unit, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a duration: use 30s, 10m, 1h or 7d", s)
}

// Nearest returns the name that differs from word by the fewest edits, if they
// are few (at most two), else "".
func Nearest(word string, names []string) string {
	best, at := "", 3
	for _, name := range names {
		if d := distance(word, name); d < at {
			best, at = name, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out, replaced, or exchanged with
// the next one, to make b of a (the optimal string alignment distance).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
