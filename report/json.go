package report

import (
	"encoding/json"
	"io"

	"burn/analyze"
)

// JSON writes r whole, indented, as the contract burn.analyze/1 (analyze.Result).
func JSON(w io.Writer, r *analyze.Result) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
