//go:build !unix

package proxy

import (
	"errors"
	"os"
	"time"
)

// alive reports whether an idle connection is still usable: open, and without
// unasked bytes. A request is never sent twice, so it is worth a short look.
func (c *upConn) alive() bool {
	if c.tcp.SetReadDeadline(time.Now().Add(time.Millisecond)) != nil {
		return false
	}
	var b [1]byte
	_, err := c.tcp.Read(b[:])
	return errors.Is(err, os.ErrDeadlineExceeded) && c.tcp.SetReadDeadline(time.Time{}) == nil
}
