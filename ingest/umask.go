package ingest

import "syscall"

// umask sets the mask for files that DuckDB creates itself.
func umask(mask int) int { return syscall.Umask(mask) }
