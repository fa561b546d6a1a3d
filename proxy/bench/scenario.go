package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type bench struct {
	quick          bool
	rounds         int
	only           string
	streams, early int
	profile        string
}

// scenario is one line per target in the table.
type scenario struct {
	name  string
	path  string
	body  int
	conns int
	calls int // per target and round
}

const (
	kb = 1 << 10
	mb = 1 << 20
)

func scenarios(quick bool) []scenario {
	if quick {
		return []scenario{
			{"1KB json c1", pathJSON, kb, 1, 1500},
			{"50KB json c1", pathJSON, 50 * kb, 1, 800},
			{"1MB json c1", pathJSON, mb, 1, 80},
			{"1KB sse c32", pathSSE, kb, 32, 2000},
		}
	}
	var out []scenario
	for _, size := range []struct {
		name  string
		bytes int
		calls int
	}{{"1KB", kb, 3000}, {"50KB", 50 * kb, 1500}, {"1MB", mb, 120}} {
		for _, conns := range []int{1, 32, 256} {
			if size.bytes == mb && conns == 256 {
				continue // 256 MB in flight: measures the kernel
			}
			calls := max(size.calls, conns*4)
			out = append(out,
				scenario{fmt.Sprintf("%s json c%d", size.name, conns), pathJSON, size.bytes, conns, calls},
				scenario{fmt.Sprintf("%s sse c%d", size.name, conns), pathSSE, size.bytes, conns, calls})
		}
	}
	return append(out, scenario{"1MB json c1, upstream thinks 5 ms", pathThink, mb, 1, 80})
}

// target is one way to the upstream.
type target struct {
	name string
	proc *process // nil: direct
	addr string
}

func (b bench) run() error {
	dir, err := os.MkdirTemp("", "burn-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	up, err := startRole("upstream", true)
	if err != nil {
		return err
	}
	defer up.stop()
	load, err := startRole("load", false)
	if err != nil {
		return err
	}
	defer load.stop()
	targets := []target{{"direct", nil, up.addr}}
	for _, role := range []string{"bare", "burn"} {
		p, err := startRole(role, true, "BURN_BENCH_UPSTREAM="+up.addr, "BURN_BENCH_DIR="+dir+"/logs", "BURN_BENCH_PROFILE="+b.profile)
		if err != nil {
			return err
		}
		defer p.stop()
		targets = append(targets, target{role, p, p.addr})
	}
	nginx, err := startNginx(up.addr, dir)
	if err != nil {
		return err
	}
	if nginx != nil {
		defer nginx.stop()
		targets = append(targets, target{"nginx", nginx, nginx.addr})
	}
	for _, t := range targets[1:] {
		fmt.Printf("idle memory %s: %.1f MB\n", t.name, float64(t.proc.rss())/1024)
	}
	if err := b.table(load, targets); err != nil {
		return err
	}
	if err := b.earlyAnswers(load, targets); err != nil {
		return err
	}
	return b.memory(targets)
}

// figures are the samples of one target in one scenario, one per round.
type figures struct {
	p50, p99, added, cpu      []float64 // µs, µs, µs, CPU s per 1,000 calls
	addedRatio, cpuRatio, p9r []float64 // to bare
	addedNginx                []float64 // to nginx, if it is there
	truncated, failed         int
}

func (b bench) table(load *process, targets []target) error {
	rounds := b.rounds
	if rounds == 0 {
		rounds = 9
		if b.quick {
			rounds = 5
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "scenario\ttarget\tp50 µs\tadded µs\t× bare\t× nginx\tp99 µs\t× bare\tCPU s/1000\t× bare\tbad\t")
	for _, s := range scenarios(b.quick) {
		if !strings.Contains(s.name, b.only) {
			continue
		}
		if err := s.measure(w, load, targets, rounds); err != nil {
			return err
		}
		w.Flush()
	}
	return nil
}

func (s scenario) measure(w io.Writer, load *process, targets []target, rounds int) error {
	all := make([]figures, len(targets))
	for round := range rounds + 1 {
		got := make([]outcome, len(targets))
		cpu := make([]float64, len(targets))
		for k := range targets {
			i := (k + round) % len(targets) // everybody goes first once
			var before time.Duration
			if targets[i].proc != nil {
				before = targets[i].proc.cpu()
			}
			o, err := load.ask(job{targets[i].addr, s.path, s.body, s.conns, s.calls})
			if err != nil {
				return err
			}
			got[i] = o
			if targets[i].proc != nil {
				time.Sleep(20 * time.Millisecond) // what is left to do behind the answers counts
				cpu[i] = (targets[i].proc.cpu() - before).Seconds() * 1000 / float64(s.calls)
			}
			all[i].truncated += o.Truncated
			all[i].failed += o.Failed
			if o.Why != "" {
				fmt.Fprintf(os.Stderr, "%s %s: %s\n", s.name, targets[i].name, o.Why)
			}
		}
		if round == 0 {
			continue // warms connections and caches
		}
		direct, bare := got[0], got[1]
		for i := range targets {
			f := &all[i]
			f.p50, f.p99 = append(f.p50, got[i].P50), append(f.p99, got[i].P99)
			f.added = append(f.added, got[i].P50-direct.P50)
			f.addedRatio = append(f.addedRatio, (got[i].P50-direct.P50)/(bare.P50-direct.P50))
			if last := len(targets) - 1; targets[last].name == "nginx" {
				f.addedNginx = append(f.addedNginx, (got[i].P50-direct.P50)/(got[last].P50-direct.P50))
			}
			f.p9r = append(f.p9r, got[i].P99/bare.P99)
			f.cpu = append(f.cpu, cpu[i])
			f.cpuRatio = append(f.cpuRatio, cpu[i]/cpu[1])
		}
	}
	for i, t := range targets {
		f := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%.0f\t", s.name, t.name, median(f.p50))
		if i == 0 {
			fmt.Fprintf(w, "\t\t\t%.0f\t\t\t\t%d\t\n", median(f.p99), f.truncated+f.failed)
			continue
		}
		fmt.Fprintf(w, "%.0f\t%s\t%s\t%.0f\t%s\t%.3f\t%s\t%d\t\n", median(f.added), ratio(f.addedRatio), ratio(f.addedNginx),
			median(f.p99), ratio(f.p9r), median(f.cpu), ratio(f.cpuRatio), f.truncated+f.failed)
	}
	return nil
}

func median(v []float64) float64 { return quantile(v, 0.5) }

func quantile(v []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func ratio(v []float64) string {
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f [%.2f–%.2f]", median(v), quantile(v, 0.25), quantile(v, 0.75))
}

// earlyAnswers counts answers cut short when the upstream answers 200 KB before
// it has read a request of 300 KB.
func (b bench) earlyAnswers(load *process, targets []target) error {
	calls := b.early
	if b.quick {
		calls /= 10
	}
	if calls == 0 {
		return nil
	}
	for _, t := range targets {
		o, err := load.ask(job{t.addr, pathEarly, 300 * kb, 16, calls})
		if err != nil {
			return err
		}
		fmt.Printf("early answers %s: %d truncated, %d failed of %d %s\n", t.name, o.Truncated, o.Failed, calls, o.Why)
	}
	return nil
}

// memory opens streams that stay open and divides the growth of each proxy.
func (b bench) memory(targets []target) error {
	if b.streams == 0 {
		return nil
	}
	req := request(pathHold, kb)
	for _, t := range targets[1:] {
		before := t.proc.rss()
		var conns []net.Conn
		for range b.streams {
			c, err := net.Dial("tcp", t.addr)
			if err != nil {
				return err
			}
			conns = append(conns, c)
			if _, err := c.Write(req); err != nil {
				return err
			}
			got := make([]byte, 64)
			if _, err := io.ReadAtLeast(c, got, 15); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
		fmt.Printf("memory %s: %.1f KiB per open stream (%d open, %.1f MB before)\n",
			t.name, float64(t.proc.rss()-before)/float64(b.streams), b.streams, float64(before)/1024)
		for _, c := range conns {
			c.Close()
		}
	}
	return nil
}
