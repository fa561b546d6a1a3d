// Package sdk holds burn against the providers' own client packages: each case
// is called directly and through burn proxy, and the two answers must be the
// same, the provider must get the same request, and burn must have written one
// right record.
//
// It needs node and npm, or python3, and a package registry, so that it has a
// build tag and is not part of go test ./...:
//
//	go test -tags sdk ./testdata/sdk
//
// The packages go into a temporary directory. BURN_SDK_BURN names a built burn
// to test instead of building one.
//
// Read sdk_test.go (what is done), provider_test.go (the provider that answers),
// then openai_test.go, anthropic_test.go and google_test.go (the cases), and
// clients.mjs or clients.py (the clients).
package sdk
