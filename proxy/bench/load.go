package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// job is what the load process is asked for, one JSON line each.
type job struct {
	Addr  string
	Path  string
	Body  int // bytes
	Conns int // concurrent calls, one connection each
	Calls int // in all
}

// outcome is its answer.
type outcome struct {
	P50, P99  float64 // microseconds
	Seconds   float64
	Truncated int
	Failed    int
	Why       string // of the first failure
}

func serveLoad() error {
	dec, enc := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var j job
		if err := dec.Decode(&j); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := enc.Encode(j.run()); err != nil {
			return err
		}
	}
}

// request is a chat call whose body has about n bytes.
func request(path string, n int) []byte {
	const system = "You are a careful assistant. Answer with one word and nothing else, please. "
	body := `{"model":"gpt-4o-mini","max_tokens":64,"messages":[{"role":"system","content":"` + system + `"}`
	turn := `,{"role":"user","content":"` + strings.Repeat("The quick brown fox jumps over the lazy dog again. ", 8) + `"},{"role":"assistant","content":"yes"}`
	for len(body)+len(turn) < n-400 {
		body += turn
	}
	body += `,{"role":"user","content":"` + strings.Repeat("x ", max((n-len(body)-31)/2, 1)) + `"}]}`
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\n"+
		"User-Agent: OpenAI/Python 1.0\r\nAuthorization: Bearer sk-benchmark-0123456789abcdef\r\nX-Agent-ID: bench\r\nX-Session-ID: s-1\r\n"+
		"Accept-Encoding: gzip, deflate\r\nX-Stainless-Retry-Count: 0\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func (j job) run() outcome {
	req, want := request(j.Path, j.Body), bodySize(j.Path)
	var mu sync.Mutex
	var out outcome
	samples := make([]time.Duration, 0, j.Calls)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range j.Conns {
		n := j.Calls / j.Conns
		if i < j.Calls%j.Conns {
			n++
		}
		wg.Go(func() {
			took, truncated, failed, why := calls(j.Addr, req, want, n, j.Path == pathEarly)
			mu.Lock()
			defer mu.Unlock()
			samples = append(samples, took...)
			out.Truncated += truncated
			out.Failed += failed
			if out.Why == "" {
				out.Why = why
			}
		})
	}
	wg.Wait()
	out.Seconds = time.Since(start).Seconds()
	slices.Sort(samples)
	if len(samples) > 0 {
		out.P50 = us(samples[len(samples)/2])
		out.P99 = us(samples[len(samples)*99/100])
	}
	return out
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// calls makes n calls one after the other over one connection, which is made
// anew when it broke.
func calls(addr string, req []byte, want, n int, early bool) (took []time.Duration, truncated, failed int, why string) {
	var c net.Conn
	var in *bufio.Reader
	for range n {
		if c == nil {
			var err error
			if c, err = net.Dial("tcp", addr); err != nil {
				return took, truncated, failed + 1, err.Error()
			}
			in = bufio.NewReaderSize(c, 32<<10)
		}
		start := time.Now()
		got, closed, err := one(c, in, req, early)
		if err != nil || got != want {
			if got > 0 {
				truncated++
			} else {
				failed++
			}
			if why == "" {
				why = fmt.Sprintf("%d of %d bytes, %v", got, want, err)
			}
			closed = true
		} else {
			took = append(took, time.Since(start))
		}
		if closed {
			c.Close()
			c = nil
		}
	}
	if c != nil {
		c.Close()
	}
	return took, truncated, failed, why
}

// one makes a call and returns the decoded length of the answer's body. An
// early answer is read while the request is still being written.
func one(c net.Conn, in *bufio.Reader, req []byte, early bool) (got int, closed bool, err error) {
	if early {
		written := make(chan error, 1)
		go func() { _, err := c.Write(req); written <- err }()
		got, closed, err = readAnswer(in)
		if werr := <-written; werr != nil {
			closed = true // the answer is here; that nobody took the rest is no fault
		}
		return got, closed, err
	}
	if _, err := c.Write(req); err != nil {
		return 0, true, err
	}
	return readAnswer(in)
}

var errAnswer = errors.New("not a 200 answer")

func readAnswer(in *bufio.Reader) (got int, closed bool, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, true, err
	}
	if len(line) < 12 || string(line[9:12]) != "200" {
		return 0, true, errAnswer
	}
	length, chunked := 0, false
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, true, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, true, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("connection")):
			closed = bytes.EqualFold(value, []byte("close"))
		}
	}
	if !chunked {
		got, err = in.Discard(length)
		return got, closed, err
	}
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return got, true, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return got, true, err
		}
		k, err := in.Discard(int(n))
		got += k
		if err != nil {
			return got, true, err
		}
		if _, err := in.Discard(2); err != nil {
			return got, true, err
		}
		if n == 0 {
			return got, closed, nil
		}
	}
}
