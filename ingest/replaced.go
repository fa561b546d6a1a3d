//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"
)

// replaced is what is known of a database that another one took the place of. It
// stands beside the new one from before the old one is moved until the log files
// have been read to the end: a run that is killed meanwhile takes nothing with it.
type replaced struct {
	Why   string    `json:"why"`
	Kept  string    `json:"kept"` // where the old one is, "" if it is not kept
	Calls int64     `json:"calls"`
	Since time.Time `json:"since"`
}

func replacedPath(database string) string { return database + ".replaced" }

func (r replaced) lost() Beyond { return Beyond{r.Calls, r.Since} }

// note writes r beside the database.
func (r replaced) note(database string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeBeside(replacedPath(database), string(text)+"\n")
}

// readReplaced is what is noted beside a database, with why "" if nothing is.
func readReplaced(database string) (r replaced) {
	text, err := os.ReadFile(replacedPath(database))
	if err != nil {
		return replaced{}
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Why == "" {
		return replaced{}
	}
	return r
}

// keepLost notes in the database, for reports, which calls the one before it had and
// no log file has. Files have been read to the end: what was noted beside goes.
func (db *DB) keepLost(ctx context.Context, conn *sql.Conn) error {
	r := readReplaced(db.opt.Path)
	if r.Calls > 0 {
		values := map[string]string{"lost_calls": strconv.FormatInt(r.Calls, 10), "lost_since": r.Since.Format(time.RFC3339)}
		if err := setNotes(ctx, conn, values); err != nil {
			return err
		}
	}
	if err := os.Remove(replacedPath(db.opt.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the database before: %w", err)
	}
	return nil
}

// keepUnread notes in the database, for reports, how many files could not be read.
func (db *DB) keepUnread(ctx context.Context, conn *sql.Conn, files int) error {
	old, err := metaOf(ctx, conn, "unread_files")
	if err != nil {
		return err
	}
	value := ""
	if files > 0 {
		value = strconv.Itoa(files)
	}
	if old == value {
		return nil
	}
	return setNotes(ctx, conn, map[string]string{"unread_files": value})
}
