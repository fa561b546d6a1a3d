// Command bench measures what a proxy adds to a call: burn, with usage read,
// fingerprints taken and the record on disk, against a bare
// httputil.ReverseProxy, against nginx where it is installed, and against no
// proxy at all.
//
//	go run ./proxy/bench            # the whole table, about six minutes on two cores
//	go run ./proxy/bench -quick     # one line per request size, half a minute
//
// Every part is a process of its own: the upstream, the load, and each proxy.
// A round runs all targets one after the other with the same load, and rounds
// are repeated, so that what else the machine does falls on all of them. Added
// time is a target's median less the direct median of the same round; ratios
// are taken within a round and printed as their median with the span of the
// middle half of the rounds. Absolute figures do not travel between machines,
// ratios mostly do.
//
// Read main.go, then scenario.go (what is measured), load.go (the client),
// upstream.go, targets.go (the proxies as processes).
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if role := os.Getenv("BURN_BENCH_ROLE"); role != "" {
		exitOn(runRole(role))
		return
	}
	quick := flag.Bool("quick", false, "fewer scenarios and rounds")
	rounds := flag.Int("rounds", 0, "rounds per scenario (default 9, quick 5)")
	only := flag.String("only", "", "run only scenarios whose name contains this")
	memory := flag.Int("streams", 500, "open streams for the memory figure; 0: skip")
	truncation := flag.Int("early", 20000, "early answers counted for truncation; 0: skip")
	profile := flag.String("profile", "", "write burn's CPU profile to this file")
	flag.Parse()
	exitOn(bench{quick: *quick, rounds: *rounds, only: *only, streams: *memory, early: *truncation, profile: *profile}.run())
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runRole is what a child process does.
func runRole(role string) error {
	switch role {
	case "upstream":
		return serveUpstream()
	case "load":
		return serveLoad()
	case "bare":
		return serveBare(os.Getenv("BURN_BENCH_UPSTREAM"))
	case "burn":
		return serveBurn(os.Getenv("BURN_BENCH_UPSTREAM"), os.Getenv("BURN_BENCH_DIR"))
	}
	return fmt.Errorf("unknown role %q", role)
}
