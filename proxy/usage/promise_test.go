package usage

import (
	"testing"
	"time"
)

// TestPromisedTimes: what the README promises of a crash and of a power cut rests on
// these periods, whatever the ones that other tests set.
func TestPromisedTimes(t *testing.T) {
	if defaultDelay > 10*time.Millisecond {
		t.Errorf("a record waits %v for others; a killed process may lose the last 10 ms", defaultDelay)
	}
	if every := syncTicks * defaultTick; every > time.Second {
		t.Errorf("files are synced every %v; a power cut may take the last second", every)
	}
	if every := beatTicks * defaultTick; every > 10*time.Second {
		t.Errorf("beats come every %v", every)
	}
}
