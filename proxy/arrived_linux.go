package proxy

import (
	"syscall"
	"unsafe"
)

// arrived is how many bytes the kernel holds for a connection (tcp(7), SIOCINQ).
func arrived(raw syscall.RawConn) (n int32) {
	err := raw.Control(func(fd uintptr) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); e != 0 {
			n = 0
		}
	})
	if err != nil {
		return 0
	}
	return n
}
