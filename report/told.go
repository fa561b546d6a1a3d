package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Told remembers, in a file beside the database, what people have been told: ids
// of findings, webhook alerts and mails, each with the time. The database may be
// made anew without it being said again. The zero value remembers nothing.
type Told struct {
	path string
	at   map[string]time.Time
}

// forget is after how long a thing may be told again.
const forget = 400 * 24 * time.Hour

// ReadTold reads the file; one that is missing or damaged is an empty memory, of
// which the latter is an error as well.
func ReadTold(path string) (*Told, error) {
	t := &Told{path: path, at: map[string]time.Time{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("read what was told: %w", err)
	}
	if err := json.Unmarshal(b, &t.at); err != nil || t.at == nil {
		t.at = map[string]time.Time{}
		return t, fmt.Errorf("read what was told: %s is damaged, and made anew", path)
	}
	return t, nil
}

// When tells when a thing was told; zero if it was not.
func (t *Told) When(id string) time.Time { return t.at[id] }

// Fresh are the alerts not told before by this way: terminal or webhook.
func (t *Told) Fresh(way string, alerts []Alert) (list []Alert) {
	for _, a := range alerts {
		if t.When(way + " " + a.ID).IsZero() {
			list = append(list, a)
		}
	}
	return list
}

// Note remembers alerts.
func (t *Told) Note(way string, alerts []Alert, now time.Time) {
	for _, a := range alerts {
		t.Remember(way+" "+a.ID, now)
	}
}

// Remember notes that a thing was told, and forgets old ones.
func (t *Told) Remember(id string, now time.Time) {
	t.at[id] = now.UTC().Truncate(time.Second)
	for old, at := range t.at {
		if now.Sub(at) > forget {
			delete(t.at, old)
		}
	}
}

// Save writes the file, whole or not at all.
func (t *Told) Save() error {
	return WriteFile(t.path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(t.at)
	})
}
