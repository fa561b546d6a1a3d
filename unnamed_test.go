package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"burn/proxy/usage"
)

// unnamed is the script command unnamed SRC DST: it writes the calls of SRC's log
// files to DST without anything that callers say of themselves.
func unnamed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unnamed SRC DST")
	}
	src, dst := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	names, err := filepath.Glob(filepath.Join(src, "*.jsonl"))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("no log files in %s", src)
	}
	ts.Check(os.MkdirAll(dst, 0o700))
	for _, name := range names {
		ts.Check(withoutNames(name, filepath.Join(dst, filepath.Base(name))))
	}
}

func withoutNames(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	defer out.Close()
	w := bufio.NewWriter(out)
	var d usage.Decoder
	var line []byte
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(`"kind":"`)) {
			continue
		}
		var r usage.Record
		if err := d.Decode(lines.Bytes(), &r); err != nil {
			return err
		}
		r.Agent, r.AgentSource, r.User, r.Session, r.Step, r.Tags = "", "", "", "", "", nil
		r.TraceID, r.SpanID, r.ParentID = "", "", ""
		line = r.AppendJSON(line[:0])
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}
