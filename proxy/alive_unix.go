//go:build unix

package proxy

import "syscall"

// alive reports whether an idle connection is still usable: open, and without
// unasked bytes. It looks without waiting, because a request must not be sent
// into a connection that is known to be dead, and is never sent twice.
func (c *upConn) alive() bool {
	if c.raw == nil {
		return true
	}
	quiet := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}
