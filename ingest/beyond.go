//go:build cgo

package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// beyond counts the calls of contents that are in no file any more. all are the
// files found in this run; files elsewhere are looked for where they were last
// seen.
func (g *registry) beyond(all []found) (b Beyond) {
	type content struct {
		fileIdentity
		tail     uint64
		position int64
	}
	key := func(r *fileRow) content {
		return content{fileIdentity{r.identity, r.headLen}, r.tailHash, r.position}
	}
	live := map[content]bool{}
	here := map[string]int64{}
	for _, f := range all {
		here[f.path] = f.size
	}
	for path, p := range g.byPath {
		size, ok := here[path]
		if !ok {
			info, err := os.Lstat(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				size = info.Size()
			}
		}
		if row := g.byID[p.fileID]; row != nil && (size > 0 || row.position == 0) {
			live[key(row)] = true
		}
	}
	oldest := int64(0)
	for _, row := range g.byID {
		if row.accepted == 0 || row.busy || live[key(row)] {
			continue
		}
		b.Calls += row.accepted
		if oldest == 0 || row.oldestMS < oldest {
			oldest = row.oldestMS
		}
	}
	if b.Calls > 0 {
		b.Since = time.UnixMilli(oldest).UTC()
	}
	return b
}

// text is what a Beyond is kept as; the zero value is "".
func (b Beyond) text() string {
	if b.Calls == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s\n", b.Calls, b.Since.Format(time.RFC3339))
}

func parseBeyond(s string) (b Beyond) {
	calls, since, _ := strings.Cut(strings.TrimSpace(s), " ")
	n, err := strconv.ParseInt(calls, 10, 64)
	at, terr := time.Parse(time.RFC3339, since)
	if err != nil || terr != nil {
		return Beyond{}
	}
	return Beyond{n, at}
}

// keepBeyond notes b in the database, for reports, and beside it, for when the
// database cannot be read any more.
func (db *DB) keepBeyond(ctx context.Context, conn *sql.Conn, b Beyond) error {
	old, err := metaOf(ctx, conn, "beyond_calls")
	if err != nil {
		return err
	}
	calls, since := "", ""
	if b.Calls > 0 {
		calls, since = strconv.FormatInt(b.Calls, 10), b.Since.Format(time.RFC3339)
	}
	if old == calls {
		return nil
	}
	if err := writeBeside(db.opt.Path+".beyond", b.text()); err != nil {
		return err
	}
	for key, value := range map[string]string{"beyond_calls": calls, "beyond_since": since} {
		if err := setMeta(ctx, conn, key, value); err != nil {
			return err
		}
	}
	return changed(ctx, conn)
}

// writeBeside replaces a small file whole; no text removes it.
func writeBeside(path, text string) error {
	if text == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// beyondNow is what would be lost if the database were made anew: found out
// afresh if it can be read, else what was noted when it last could.
func (db *DB) beyondNow(ctx context.Context) Beyond {
	if b, err := db.countBeyond(ctx); err == nil {
		return b
	}
	text, err := os.ReadFile(db.opt.Path + ".beyond")
	if err != nil {
		return Beyond{}
	}
	return parseBeyond(string(text))
}

func (db *DB) countBeyond(ctx context.Context) (b Beyond, err error) {
	if db.sql == nil {
		if _, err := os.Lstat(db.opt.Path); err != nil {
			return b, nil // no database, nothing lost
		}
		if err := db.connect(ctx); err != nil {
			return b, err
		}
	}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return b, err
	}
	defer conn.Close()
	g := newRegistry()
	if err := g.restore(ctx, conn); err != nil {
		return b, err
	}
	all, _, _, err := findReadable(db.opt.Dirs)
	if err != nil {
		return b, err
	}
	return g.beyond(all), nil
}
