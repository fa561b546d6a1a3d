//go:build cgo

package ingest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// The newest answer stands in a file of its own beside the database, so that a run
// that finds nothing new need not open that: a line of JSON, then the bytes.
// Whatever is wrong with the file, it is no answer.

// keptAnswer is that line: all that the answer comes from.
type keptAnswer struct {
	Question string    `json:"question"` // a hash, see questionHash
	Exit     int       `json:"exit"`
	Bytes    int64     `json:"bytes"`
	Database string    `json:"database"` // its file when it was closed
	Logs     string    `json:"logs"`     // the log files, "" if a run must look into them
	ReadAt   time.Time `json:"read_at"`
}

func answerPath(database string) string { return database + ".answer" }

// Kept returns the newest answer without opening the database, if it was kept
// under this question and neither the database nor a log file has changed since.
// With look the log files count, else nobody is to read them. The views still
// show the answer's period.
func Kept(opt Options, question string, look bool) (a Answer, ok bool) {
	opt.defaults()
	if opt.Rebuild || opt.Compress || !opt.Keep.IsZero() {
		return a, false
	}
	k, body, ok := readAnswer(opt.Path)
	if !ok || k.Question != questionHash(&opt, question) || k.Database == "" || k.Database != databaseState(opt.Path) {
		return a, false
	}
	if look && (k.Logs == "" || opt.Now().Sub(k.ReadAt) >= readAtLeast || k.Logs != logsState(opt.Dirs)) {
		return a, false
	}
	return Answer{Body: body, Exit: k.Exit}, true
}

// KeepAnswer keeps a as the only answer, once the database is closed.
func (db *DB) KeepAnswer(ctx context.Context, question string, a Answer) error {
	k := keptAnswer{Question: questionHash(&db.opt, question), Exit: a.Exit, Bytes: int64(len(a.Body))}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	read, err := metaOf(ctx, conn, "read_at")
	if err != nil {
		return err
	}
	if k.ReadAt, err = time.Parse(time.RFC3339, read); err == nil { // else files were never read
		k.Logs = db.logs
	}
	db.answer, db.body = &k, a.Body
	return nil
}

// ForgetAnswer makes the next run ask again; whoever moves the views calls it.
func (db *DB) ForgetAnswer() error {
	db.answer, db.body = nil, nil
	if err := os.Remove(answerPath(db.opt.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget answer: %w", err)
	}
	return nil
}

// writeAnswer writes what KeepAnswer was given, after the database was closed.
func (db *DB) writeAnswer() error {
	if db.answer == nil {
		return nil
	}
	db.answer.Database = databaseState(db.opt.Path)
	line, err := json.Marshal(db.answer)
	if err != nil {
		return err
	}
	path := answerPath(db.opt.Path)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	_, err = f.Write(append(append(line, '\n'), db.body...))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path + ".new") // the error that led here is reported
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

func readAnswer(database string) (k keptAnswer, body []byte, ok bool) {
	f, err := os.OpenFile(answerPath(database), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return k, nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return k, nil, false
	}
	in := bufio.NewReader(f)
	line, err := in.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &k) != nil || k.Bytes != info.Size()-int64(len(line)) {
		return k, nil, false
	}
	body = make([]byte, k.Bytes)
	_, err = io.ReadFull(in, body)
	return k, body, err == nil
}

// questionHash is a hash of the question and of what else an answer depends on,
// beside files.
func questionHash(opt *Options, question string) string {
	program := ""
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			program = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %016x", opt.Version, program, question, opt.Prices.Hash()))
	return hex.EncodeToString(sum[:])
}

// databaseState tells one state of the closed database from others, "" if it is
// not closed in good order.
func databaseState(path string) string {
	if _, err := os.Lstat(path + ".wal"); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	inode := uint64(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = uint64(st.Ino)
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano(), inode)
}

// logsState is a hash of the names, sizes and times of the log files, "" if one
// of them cannot be looked at.
func logsState(dirs []string) string {
	list, problems, err := listReadable(dirs)
	if err != nil || len(problems) > 0 {
		return ""
	}
	sum := sha256.New()
	skipped, _ := list.each(func(_ int, f found) error { f.write(sum); return nil })
	if skipped > 0 {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// write writes what tells one state of the file from another.
func (f *found) write(w io.Writer) { fmt.Fprintf(w, "%q %d %d\n", f.path, f.size, f.mtimeNS) }

// changed marks the rows as different from all before, in the transaction of
// conn.
func changed(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM meta WHERE key = 'generation'"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO meta VALUES ('generation', ?)", rand.Text())
	return err
}
