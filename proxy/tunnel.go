package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"burn/proxy/provider"
	"burn/proxy/usage"
)

// tunnel passes bytes both ways after the upstream switched protocols, until
// one side is done, the proxy is told to stop, or a side breaks.
func (p *Proxy) tunnel(w http.ResponseWriter, c *call, res *http.Response) (end string) {
	up, ok := res.Body.(io.ReadWriteCloser)
	if !ok || upgradeProtocol(res.Header) == "" {
		return p.answerFailure(w, c, failExchange)
	}
	conn, client, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return p.answerFailure(w, c, failExchange)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Time{})
	switched := res.Header.Get("Upgrade")
	stripHopByHop(res.Header)
	res.Header["Connection"] = []string{"Upgrade"}
	res.Header["Upgrade"] = []string{switched}
	if err := writeSwitch(client.Writer, res); err != nil {
		return usage.EndClientAbort
	}
	c.status = http.StatusSwitchingProtocols
	c.resHeader, c.answered = res.Header, true
	if c.kind.Billable && strings.EqualFold(switched, "websocket") {
		c.session = provider.NewSession(c.kind, res.Header, c.part)
	}
	return p.pump(c, conn, client, up)
}

func writeSwitch(w *bufio.Writer, res *http.Response) error {
	if _, err := w.WriteString("HTTP/1.1 " + res.Status + "\r\n"); err != nil {
		return err
	}
	if err := res.Header.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}

// pump copies both ways. A side that has ended for writing is passed on as such
// where the other can be half closed; either way the tunnel ends when both
// directions have.
func (p *Proxy) pump(c *call, conn net.Conn, client *bufio.ReadWriter, up io.ReadWriteCloser) (end string) {
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-p.kill.Done():
			conn.Close()
			up.Close()
		case <-stop:
		}
	}()
	var broke atomic.Pointer[string] // the end by the side that broke first
	outward := make(chan struct{})
	go func() {
		defer close(outward)
		readErr, writeErr := c.copyOutward(up, client.Reader)
		note(&broke, readErr, writeErr, usage.EndClientAbort, usage.EndUpstreamAbort)
		if readErr != nil { // the client is gone for both directions
			up.Close()
		}
		halfClose(up)
	}()
	buf := getBuffer(smallBuffer)
	defer putBuffer(buf)
	var read func([]byte)
	if c.session != nil {
		read = c.watch(c.session.Server)
	}
	readErr, writeErr := copyNoting(conn, up, (*buf)[:smallBuffer], func([]byte) { c.firstByte() }, read)
	note(&broke, readErr, writeErr, usage.EndUpstreamAbort, usage.EndClientAbort)
	halfClose(conn)
	if readErr != nil || writeErr != nil {
		conn.Close()
		up.Close()
	}
	<-outward
	if p.killed() {
		return usage.EndShutdown
	}
	if end := broke.Load(); end != nil {
		return *end
	}
	return usage.EndComplete
}

// note keeps the end that the first error of a tunnel means; further ones follow
// from it.
func note(broke *atomic.Pointer[string], readErr, writeErr error, reading, writing string) {
	switch {
	case readErr != nil:
		broke.CompareAndSwap(nil, &reading)
	case writeErr != nil:
		broke.CompareAndSwap(nil, &writing)
	}
}

// copyOutward copies what the client sends. Where it is a session, its first
// message is read before it is passed on: the answer must not come first.
func (c *call) copyOutward(up io.Writer, client *bufio.Reader) (readErr, writeErr error) {
	buf := getBuffer(smallBuffer)
	defer putBuffer(buf)
	var read func([]byte)
	if c.session != nil {
		read = c.watch(c.session.Client)
	}
	return copyNoting(up, client, (*buf)[:smallBuffer], read, nil)
}

// watch is read for one direction of a tunnel, see guarded.
func (c *call) watch(read func([]byte)) func([]byte) {
	broken := false
	return func(b []byte) { c.guarded(&broken, read, b) }
}

// copyNoting is io.Copy that shows each piece before and after it was passed on
// to whoever is interested, and tells which side an error came from.
func copyNoting(dst io.Writer, src io.Reader, buf []byte, before, after func([]byte)) (readErr, writeErr error) {
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if before != nil {
				before(buf[:n])
			}
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return nil, werr
			}
			if after != nil {
				after(buf[:n])
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
}

// halfClose tells the other end that nothing more will be sent, or closes where
// that cannot be told apart.
func halfClose(c io.Closer) {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
		return
	}
	_ = c.Close()
}
