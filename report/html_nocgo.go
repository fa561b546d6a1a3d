//go:build !cgo

package report

import (
	"errors"
	"io"

	"burn/analyze"
)

// HTMLOptions are of no use to the logger alone, which was built without cgo
// and has no database to report from.
type HTMLOptions struct {
	Top              int
	Plain            bool
	Command, Version string
}

// HTML is never reached without cgo: there is no Result to draw.
func HTML(io.Writer, *analyze.Result, HTMLOptions) error {
	return errors.New("built without cgo: no reports")
}
