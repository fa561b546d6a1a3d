//go:build !amd64

package provider

import "unsafe"

// plainBlocks is reqPlain for blocks ≥ 1 blocks of 32 bytes from p on.
func plainBlocks(p *byte, blocks int) (n int, tops uint64) {
	return plainWords(unsafe.Slice(p, 32*blocks))
}
