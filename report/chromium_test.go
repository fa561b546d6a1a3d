package report_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a headless Chromium driven over a pipe by its debugging protocol:
// messages are JSON ended by a NUL byte.
type browser struct {
	t       *testing.T
	in      *os.File
	pipe    *os.File // what out reads
	out     *bufio.Reader
	n       int
	session string
	events  []message
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := "/usr/bin/chromium"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no browser: %v", err)
	}
	toBrowser, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--no-first-run", "--hide-scrollbars", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	b := &browser{t: t, in: in, pipe: out, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		fmt.Fprintf(in, `{"id":1000000,"method":"Browser.close"}`+"\x00")
		in.Close()
		io.Copy(io.Discard, b.out)
		cmd.Wait()
		out.Close()
	})
	return b
}

// call sends a command and waits for its result; events on the way are kept.
func (b *browser) call(method string, params any, result any) {
	b.t.Helper()
	b.n++
	id := b.n
	p, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	text := fmt.Sprintf(`{"id":%d,"method":%q,"params":%s`, id, method, p)
	if b.session != "" && !strings.HasPrefix(method, "Target.") {
		text += fmt.Sprintf(`,"sessionId":%q`, b.session)
	}
	if _, err := io.WriteString(b.in, text+"}\x00"); err != nil {
		b.t.Fatal(err)
	}
	for {
		m := b.next()
		if m.ID != id {
			b.events = append(b.events, m)
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

func (b *browser) next() message {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("read from browser: %v", err)
	}
	var m message
	if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m); err != nil {
		b.t.Fatal(err)
	}
	return m
}

// wait reads on until an event of the kind comes, or takes one that came before.
func (b *browser) wait(method string) {
	for _, m := range b.events {
		if m.Method == method {
			return
		}
	}
	for {
		m := b.next()
		b.events = append(b.events, m)
		if m.Method == method {
			return
		}
	}
}

// open shows a file at a width in CSS pixels, light, dark or as print, with or
// without scripts, in a fresh tab.
func (b *browser) open(file string, width int, scheme string, scripts bool) {
	b.t.Helper()
	var target struct {
		ID string `json:"targetId"`
	}
	b.session, b.events = "", nil
	b.pipe.SetReadDeadline(time.Now().Add(2 * time.Minute)) // a page that is never done fails
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		ID string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	b.session = attached.ID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", struct{}{}, nil)
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	media := ""
	if scheme == "print" {
		media = "print"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": !scripts}, nil)
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": (&url.URL{Scheme: "file", Path: file}).String()}, nil)
	b.wait("Page.loadEventFired")
}

// eval gives the value of an expression, waiting for it if it is a promise.
func (b *browser) eval(expression string, v any) {
	b.t.Helper()
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s", expression, r.Exception)
	}
	if v != nil {
		if err := json.Unmarshal(r.Result.Value, v); err != nil {
			b.t.Fatalf("%s: %v in %s", expression, err, r.Result.Value)
		}
	}
}

// drawn waits until the pictures are drawn and tells how many are.
func (b *browser) drawn() string {
	var n string
	b.eval(`new Promise(done => { const look = () => { const n = document.documentElement.dataset.charts; n ? done(n) : setTimeout(look, 20) }; look() })`, &n)
	return n
}

// complaints are console messages, violated policies, exceptions and requests for
// anything but the page itself.
func (b *browser) complaints(file string) []string {
	var list []string
	for _, m := range b.events {
		switch m.Method {
		case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening":
			list = append(list, m.Method+" "+string(m.Params))
		case "Network.requestWillBeSent":
			var p struct {
				Request struct {
					URL string `json:"url"`
				} `json:"request"`
			}
			json.Unmarshal(m.Params, &p)
			if p.Request.URL != (&url.URL{Scheme: "file", Path: file}).String() {
				list = append(list, "request "+p.Request.URL)
			}
		}
	}
	return list
}

// shot writes a picture of the whole page where BURN_SHOTS names a directory.
func (b *browser) shot(name string) {
	dir := os.Getenv("BURN_SHOTS")
	if dir == "" {
		return
	}
	var r struct {
		Data []byte `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &r)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), r.Data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
