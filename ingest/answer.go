//go:build cgo

package ingest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
)

// Answer returns the newest answer if it was kept under this question and
// nothing has changed since: no row, no price, not the program. The views
// still show its period then.
func (db *DB) Answer(ctx context.Context, question string) (a Answer, ok bool, err error) {
	key, err := db.answerKey(ctx, question)
	if err != nil {
		return a, false, err
	}
	err = db.sql.QueryRowContext(ctx, "SELECT body, exit FROM answer WHERE key = ?", key).Scan(&a.Body, &a.Exit)
	if errors.Is(err, sql.ErrNoRows) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("read kept answer: %w", err)
	}
	return a, true, nil
}

// KeepAnswer keeps a as the only answer.
func (db *DB) KeepAnswer(ctx context.Context, question string, a Answer) error {
	key, err := db.answerKey(ctx, question)
	if err != nil {
		return err
	}
	_, err = db.sql.ExecContext(ctx, "CREATE OR REPLACE TABLE answer AS SELECT ?::VARCHAR AS key, ?::BLOB AS body, ?::INTEGER AS exit", key, a.Body, a.Exit)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// ForgetAnswer makes the next run ask again; whoever moves the views calls it.
func (db *DB) ForgetAnswer(ctx context.Context) error {
	_, err := db.sql.ExecContext(ctx, "DELETE FROM answer")
	return err
}

// answerKey is a hash of the question and of everything the answer comes from.
func (db *DB) answerKey(ctx context.Context, question string) (string, error) {
	generation, err := db.meta(ctx, "generation")
	if err != nil {
		return "", err
	}
	program := ""
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			program = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", generation, db.opt.Version, program, question))
	return hex.EncodeToString(sum[:]), nil
}

// changed marks the rows as different from all before, in the transaction of
// conn.
func changed(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM meta WHERE key = 'generation'"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO meta VALUES ('generation', ?)", rand.Text())
	return err
}
