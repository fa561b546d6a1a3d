package provider

// plainBlocks is reqPlain for blocks ≥ 1 blocks of 32 bytes from p on, 16 bytes
// at a time with what every amd64 processor has (SSE2): n is 32*blocks if there
// is no stop in them. It is most of what reading a large request costs.
//
//go:noescape
func plainBlocks(p *byte, blocks int) (n int, tops uint64)
