package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"burn/proxy"
)

// process is a child with an address.
type process struct {
	cmd  *exec.Cmd
	addr string
	in   io.WriteCloser
	out  *bufio.Reader
}

// startRole runs this program again in another role. A role that listens
// prints its address first.
func startRole(role string, listens bool, env ...string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), "BURN_BENCH_ROLE="+role), env...)
	cmd.Stderr = os.Stderr
	p := &process{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if listens {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", role, err)
		}
		p.addr = strings.TrimSpace(line)
	}
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// ask gives the load process a job.
func (p *process) ask(j job) (outcome, error) {
	var o outcome
	if err := json.NewEncoder(p.in).Encode(j); err != nil {
		return o, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return o, fmt.Errorf("load: %w", err)
	}
	return o, json.Unmarshal(line, &o)
}

// cpu is the processor time the process and its children have used.
func (p *process) cpu() (total time.Duration) {
	for _, pid := range p.pids() {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, t := range tasks {
			b, err := os.ReadFile(t)
			if err != nil {
				continue
			}
			ns, _, _ := strings.Cut(string(b), " ")
			n, _ := strconv.ParseInt(ns, 10, 64)
			total += time.Duration(n)
		}
	}
	return total
}

// rss is the resident memory of the process and its children, in KiB.
func (p *process) rss() (kib int64) {
	for _, pid := range p.pids() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
				kib += n
			}
		}
	}
	return kib
}

func (p *process) pids() []int {
	pid := p.cmd.Process.Pid
	pids := []int{pid}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for f := range strings.FieldsSeq(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// serveBare is httputil.ReverseProxy as one would write it first, with a pool
// of idle connections that fits the load.
func serveBare(upstream string) error {
	u, err := url.Parse("http://" + upstream)
	if err != nil {
		return err
	}
	l, err := listenAndTell()
	if err != nil {
		return err
	}
	rp := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}
	rp.ErrorLog = log.New(io.Discard, "", 0)
	return http.Serve(l, rp)
}

// serveBurn is burn as it is served to people, log and fingerprints included.
func serveBurn(upstream, dir string) error {
	u, err := proxy.ParseUpstream("openai=http://" + upstream)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if name := os.Getenv("BURN_BENCH_PROFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return proxy.Run(ctx, proxy.Config{
		Listen: "127.0.0.1:0", Upstreams: []proxy.Upstream{u}, LogDir: dir, HeaderTimeout: 10 * time.Minute,
		OnListen: func(a net.Addr) { fmt.Println(a) },
	})
}

// startNginx runs nginx in the foreground, or returns nil where there is none.
func startNginx(upstream, dir string) (*process, error) {
	exe, err := exec.LookPath("nginx")
	if err != nil {
		return nil, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; pid %[1]s/nginx.pid; error_log %[1]s/error.log; worker_processes 2;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  upstream up { server %[2]s; keepalive 1024; keepalive_requests 1000000; }
  server {
    listen %[3]s; client_max_body_size 0; keepalive_requests 1000000;
    location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; client_body_buffer_size 64k; }
  }
}`, dir, upstream, addr)
	if os.Geteuid() == 0 {
		text = "user root; " + text
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "-c", conf, "-p", dir, "-e", filepath.Join(dir, "start.log"))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, addr: addr}
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return p, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("nginx does not listen on %s", addr)
}
