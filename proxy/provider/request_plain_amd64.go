package provider

import "github.com/klauspost/cpuid/v2"

var hasAVX2 = cpuid.CPU.Has(cpuid.AVX2)

// plainBlocks is reqPlain for blocks ≥ 1 blocks of 32 bytes from p on: n is
// 32*blocks if there is no stop in them. To find where strings end is the
// largest part of what reading a large request costs.
func plainBlocks(p *byte, blocks int) (n int, tops uint64) {
	if hasAVX2 {
		return plainAVX2(p, blocks)
	}
	return plainSSE2(p, blocks)
}

// plainSSE2 looks at 16 bytes at a time with what every amd64 processor has.
//
//go:noescape
func plainSSE2(p *byte, blocks int) (n int, tops uint64)

// plainAVX2 looks at 32 bytes at a time, and nearly twice as fast.
//
//go:noescape
func plainAVX2(p *byte, blocks int) (n int, tops uint64)
