package provider

import (
	"testing"

	"burn/proxy/usage"
)

// toldLater are answers in which what is final is corrected later.
var toldLater = map[string]string{
	"gemini/grounded-25":      "how searches are billed depends on the model, which stands last",
	"gemini/usage-alone-last": "the event that ends the answer has a usage, and another follows",
}

// Wherever an answer breaks off, its record either says that it did, or has
// every token of the whole.
func TestACutAnswerIsNotTakenForTheWhole(t *testing.T) {
	for _, a := range answers(t) {
		t.Run(a.name, func(t *testing.T) {
			h := a.header()
			whole := a.pass(h, a.body)
			if a.Cut || toldLater[a.name] != "" {
				return
			}
			a.Cut = true
			for i := range a.body {
				got := a.pass(h, a.body[:i])
				if s := got.UsageSource; s != usage.SourceReported && s != usage.SourceDerived {
					continue
				}
				if got.Tokens != whole.Tokens {
					t.Fatalf("%s after %d bytes: %+v, whole: %+v", got.UsageSource, i, got.Tokens, whole.Tokens)
				}
			}
		})
	}
}
