package provider

func init() {
	plainKinds["SSE2"] = plainSSE2
	if hasAVX2 {
		plainKinds["AVX2"] = plainAVX2
	}
}
