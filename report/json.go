package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"burn/analyze"
)

// JSON writes r whole, indented, as the contract burn.analyze/1 (analyze.Result):
// what encoding/json makes of it, but an array's elements one by one, for there
// may be millions of sessions.
func JSON(w io.Writer, r *analyze.Result) error {
	b := bufio.NewWriter(w)
	b.WriteString("{")
	v := reflect.ValueOf(r).Elem()
	sep := "\n"
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if key == "-" {
			continue
		}
		fmt.Fprintf(b, "%s  %q: ", sep, key)
		if err := writeValue(b, v.Field(i)); err != nil {
			return fmt.Errorf("write json: %s: %w", key, err)
		}
		sep = ",\n"
	}
	b.WriteString("\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// writeValue writes a field of the result at its depth.
func writeValue(b *bufio.Writer, v reflect.Value) error {
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return writeIndented(b, v.Interface(), "  ")
	}
	sep := "[\n    "
	for i := range v.Len() {
		b.WriteString(sep)
		if err := writeIndented(b, v.Index(i).Interface(), "    "); err != nil {
			return err
		}
		sep = ",\n    "
	}
	_, err := b.WriteString("\n  ]")
	return err
}

func writeIndented(b *bufio.Writer, v any, prefix string) error {
	text, err := json.MarshalIndent(v, prefix, "  ")
	if err != nil {
		return err
	}
	_, err = b.Write(text)
	return err
}
