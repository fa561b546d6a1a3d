//go:build cgo

package ingest

import (
	"os"
	"path/filepath"
	"testing"
)

// It is asked once per writeBackBytes, from the start of each transaction.
func TestWriteBackIsAskedNowAndThen(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &writeBack{asked: make(chan struct{}, 1)}
	for _, step := range []struct {
		bytes int64
		asks  bool
	}{
		{1, false}, {writeBackBytes, true}, {writeBackBytes + 1, false}, {2*writeBackBytes - 1, false}, {3 * writeBackBytes, true},
		{5, false}, {writeBackBytes - 1, false}, {writeBackBytes + 5, true}, // the next transaction
	} {
		w.at(step.bytes)
		asked := len(w.asked) == 1
		if asked != step.asks {
			t.Errorf("%d bytes: asked %v", step.bytes, asked)
		}
		if asked {
			<-w.asked
		}
	}
	for range 3 { // nobody takes it: nobody waits
		w.at(w.after + writeBackBytes)
	}
	w = newWriteBack(f)
	w.at(writeBackBytes)
	w.close()
}
