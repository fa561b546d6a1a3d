//go:build !cgo

package report

import (
	"errors"
	"io"

	"burn/analyze"
)

// HTML is never reached without cgo: there is no Result to draw.
func HTML(io.Writer, *analyze.Result, HTMLOptions) error {
	return errors.New("built without cgo: no reports")
}
