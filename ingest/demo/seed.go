package demo

// Everything random is a function of a purpose and up to three numbers, never
// of a shared generator: any day can be made on its own, in any order. Products
// that are added to something are converted to float64 first, although they
// are that already: it keeps compilers from fusing the two operations, which
// rounds differently from one processor to the next.

// purpose keeps the streams of numbers apart.
type purpose uint64

const (
	seedBoot purpose = iota + 1
	seedSpread
	seedTime
	seedLatency
	seedPod
	seedUser
	seedTrace
	seedSpan
	seedSession
	seedCut
	seedLag
	seedResponse
	seedRequestID
	seedKey
	seedOrg
	fpSystem
	fpTools
	fpInput
	fpRequest
	fpTurn
	fpPrefix
	fpPart
)

// seed returns 64 evenly spread bits for a purpose and numbers; never 0, which
// means "absent" in a record.
func seed(p purpose, ns ...uint64) uint64 {
	x := mix(uint64(p) * 0x9e3779b97f4a7c15)
	for _, n := range ns {
		x = mix(x ^ n)
	}
	return max(x, 1)
}

// mix is the finaliser of the SplitMix64 generator (Steele, Lea, Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit returns a number in [0, 1).
func unit(p purpose, ns ...uint64) float64 { return fraction(seed(p, ns...)) }

func fraction(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// noise is how far token counts lie from their mean: ± 15 %.
const noise = 0.15

// wobble returns the n-th factor in [1 - noise, 1 + noise) of one of two
// independent sequences. They are multiples of an irrational number modulo 1
// instead of draws: any stretch of n neighbours averages to 1 within about
// 1/n, so that every hour of the month costs the same to the cent, which
// drawn numbers would not give.
func wobble(sequence int, n uint64) float64 {
	steps := [...]uint64{
		0x9e3779b97f4a7c15, // golden ratio
		0x6a09e667f3bcc909, // square root of 2
	}
	return 1 - noise + float64(2*noise*fraction(n*steps[sequence]+seed(seedSpread, uint64(sequence))))
}

// tokens returns a count around mean with the n-th factor of a sequence.
func tokens(mean int, sequence int, n uint64) int64 {
	return int64(float64(float64(mean)*wobble(sequence, n)) + 0.5)
}
