//go:build !cgo

package ingest

import (
	"context"
	"database/sql"
)

// Available says whether this burn has the database.
const Available = false

// DB is the database; without cgo there is none.
type DB struct{}

// Open reports ErrLoggerOnly.
func Open(context.Context, Options) (*DB, error) { return nil, ErrLoggerOnly }

// SQL is never called: there is no DB without cgo.
func (*DB) SQL() *sql.DB { return nil }

// Rebuilt is never called.
func (*DB) Rebuilt() (string, Beyond, string) { return "", Beyond{}, "" }

// Repair reports that there is nothing to repair.
func (*DB) Repair(context.Context, error) (bool, error) { return false, nil }

// Lock reports ErrLoggerOnly.
func (*DB) Lock(context.Context) error { return ErrLoggerOnly }

// KeepAnswer reports ErrLoggerOnly.
func (*DB) KeepAnswer(context.Context, string, Answer) error { return ErrLoggerOnly }

// ForgetAnswer reports ErrLoggerOnly.
func (*DB) ForgetAnswer() error { return ErrLoggerOnly }

// Kept has no answer.
func Kept(Options, string, bool) (Answer, bool) { return Answer{}, false }

// Close does nothing.
func (*DB) Close() error { return nil }

func (*DB) ingest(context.Context) (Stats, error) { return Stats{}, ErrLoggerOnly }

// LookAtDatabase reports ErrLoggerOnly.
func LookAtDatabase(context.Context, Options) (*DB, DBLook, error) {
	return nil, DBLook{}, ErrLoggerOnly
}
