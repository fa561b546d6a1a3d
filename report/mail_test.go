//go:build cgo

package report_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"image/png"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/wneessen/go-mail"

	"burn/analyze"
	"burn/report"
)

func letter(t *testing.T, r *analyze.Result) *mail.Msg {
	t.Helper()
	m, err := report.Mail(r, report.MailOptions{From: "burn <burn@example.com>", To: []string{"<a@example.com>", `"B" <b@example.com>`}, HTML: report.HTMLOptions{Command: "burn analyze", Version: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// parts lists the leaves of a message: path of types, and content.
func parts(t *testing.T, path, contentType, encoding string, body io.Reader) (names []string, contents [][]byte) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if encoding == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		return []string{path + kind}, [][]byte{b}
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return names, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		n, c := parts(t, path+strings.TrimPrefix(kind, "multipart/")+" ", p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		names, contents = append(names, n...), append(contents, c...)
	}
}

// posted is the letter about r as its reader's program sees it.
func posted(t *testing.T, r *analyze.Result) *netmail.Message {
	t.Helper()
	var raw bytes.Buffer
	if _, err := letter(t, r).WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(&raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMail(t *testing.T) {
	r := world(nil)
	r.Findings = []analyze.Finding{{ID: "x-1", Kind: "repeated", Agents: []string{"digest-cron"}, Class: analyze.Certain, Title: "digest-cron does it again", Evidence: "in 210 runs", Fix: "keep a mark", Saving: usd("362.54")}}
	r.Totals.Avoidable.Certain = usd("362.54")
	m := posted(t, r)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "burn: $") || !strings.HasSuffix(subject, " in 30 days (-8 %), $363 avoidable, over budget - chat-gate +98 %") {
		t.Errorf("subject %q %v", subject, err)
	}
	for header, want := range map[string]string{"Auto-Submitted": "auto-generated", "Date": "Thu, 01 Oct 2026 06:00:00 +0000", "From": `"burn" <burn@example.com>`} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasPrefix(id, "<burn.20260901.20261001.") || !strings.HasSuffix(id, "@example.com>") {
		t.Errorf("Message-ID %q", id)
	}
	names, contents := parts(t, "", m.Header.Get("Content-Type"), "", m.Body)
	if got, want := strings.Join(names, "\n"), "mixed related alternative text/plain\nmixed related alternative text/html\nmixed related image/png\nmixed text/html"; got != want {
		t.Fatalf("parts\n%s, want\n%s", got, want)
	}
	if body := string(contents[1]); len(body) > 30_000 || !strings.Contains(body, report.Sentence(r)) || !strings.Contains(body, report.RosterLine(r)) || !strings.Contains(body, "cid:trend.png") || strings.Contains(body, "<style") || strings.Contains(body, "<script") {
		t.Errorf("body of %d bytes", len(body))
	}
}

func TestMailOfHostileNames(t *testing.T) {
	r := world(append([]string{"x\r\nBcc: evil@example.com"}, hostile...))
	r.Changes[0].Agent = "x\r\nBcc: evil@example.com\u202e"
	var raw bytes.Buffer
	if _, err := letter(t, r).WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(&raw)
	if err != nil || m.Header.Get("Bcc") != "" {
		t.Fatalf("Bcc %q, %v", m.Header.Get("Bcc"), err)
	}
	_, contents := parts(t, "", m.Header.Get("Content-Type"), "", m.Body)
	if body := string(contents[1]); strings.Contains(body, "<script") || strings.Contains(body, "<img src=x") || len(body) > 30_000 {
		t.Errorf("hostile names in a body of %d bytes", len(body))
	}
	noControls(t, strings.ReplaceAll(string(contents[0]), "\r\n", "\n"))
	for _, bad := range []string{"a@example.com\r\nBcc: evil@example.com", "a@example.com\nX: y", "a@example.com\x00", "no address", "", "a@b, <script>"} {
		if list, err := report.Addresses([]string{bad}); err == nil {
			t.Errorf("%q is taken for %q", bad, list)
		}
	}
	if list, err := report.Addresses([]string{"a@example.com, B <b@example.com>", "a@example.com"}); err != nil || len(list) != 2 {
		t.Errorf("%q %v", list, err)
	}
}

func TestMessageIDIsOfPeriodAndReaders(t *testing.T) {
	r := world(nil)
	opt := report.MailOptions{From: "burn@example.com", To: []string{"a@example.com"}}
	id := report.MessageID(r, opt)
	r.GeneratedAt = r.GeneratedAt.Add(time.Hour)
	r.Period.Until = r.Period.Until.Add(time.Minute)
	if again := report.MessageID(r, opt); again != id {
		t.Errorf("%s, then %s", id, again)
	}
	other := opt
	other.To = []string{"b@example.com"}
	r.Installation = "elsewhere"
	if report.MessageID(r, opt) == id || report.MessageID(world(nil), other) == id {
		t.Error("other readers, same id")
	}
}

// post is an SMTP server in this process.
type post struct {
	mu       sync.Mutex
	received []string
	rcpt     error
	data     error
	drop     bool          // hang up within DATA
	stall    chan struct{} // DATA waits for it
	refuse   bool          // passwords
	auth     []string      // user:password of each try
}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{post: p, conn: c}, nil }

type session struct {
	post *post
	conn *smtp.Conn
}

func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(string, *smtp.RcptOptions) error { return s.post.rcpt }
func (s *session) AuthMechanisms() []string             { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.post.mu.Lock()
		defer s.post.mu.Unlock()
		if s.post.refuse {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no"}
		}
		s.post.auth = append(s.post.auth, user+":"+password)
		return nil
	}), nil
}

func (s *session) Data(r io.Reader) error {
	if s.post.drop {
		s.conn.Conn().Close()
		return errors.New("gone")
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.post.stall != nil {
		<-s.post.stall
	}
	if s.post.data == nil {
		s.post.mu.Lock()
		defer s.post.mu.Unlock()
		s.post.received = append(s.post.received, string(b))
	}
	return s.post.data
}

// certificate makes one for 127.0.0.1 and the file that trusts it.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, path
}

// serve runs p, with implicit TLS if so asked, and returns its address.
func serve(t *testing.T, p *post, config *tls.Config, implicit bool) string {
	t.Helper()
	s := smtp.NewServer(p)
	s.Domain, s.AllowInsecureAuth = "localhost", true
	s.ErrorLog = quietLog{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if implicit {
		l = tls.NewListener(l, config)
	} else {
		s.TLSConfig = config
	}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

type quietLog struct{}

func (quietLog) Printf(string, ...any) {}
func (quietLog) Println(...any)        {}

func TestSend(t *testing.T) {
	config, ca := certificate(t)
	tests := []struct {
		name     string
		post     *post
		config   *tls.Config
		implicit bool
		via      report.Transport
		err      string // "": it arrives
		do       string // a part of what is advised
	}{
		{"STARTTLS with a password", &post{}, config, false, report.Transport{TLS: "starttls", CAFile: ca, User: "burn", Password: "secret"}, "", ""},
		{"implicit TLS with a password", &post{}, config, true, report.Transport{TLS: "implicit", CAFile: ca, User: "burn", Password: "secret"}, "", ""},
		{"plain on loopback", &post{}, nil, false, report.Transport{}, "", ""},
		{"STARTTLS stripped", &post{}, nil, false, report.Transport{TLS: "starttls", User: "burn", Password: "secret"}, "STARTTLS", "tls: implicit on 465"},
		{"a certificate nobody trusts", &post{}, config, false, report.Transport{TLS: "starttls", User: "burn", Password: "secret"}, "certificate", "as ca_file"},
		{"the same with implicit TLS", &post{}, config, true, report.Transport{TLS: "implicit", User: "burn", Password: "secret"}, "certificate", "as ca_file"},
		{"a recipient refused for now", &post{rcpt: &smtp.SMTPError{Code: 451, Message: "greylisted"}}, nil, false, report.Transport{}, "greylisted", "address of --mail-to"},
		{"a recipient refused for good", &post{rcpt: &smtp.SMTPError{Code: 550, Message: "no such user"}}, nil, false, report.Transport{}, "no such user", "address of --mail-to"},
		{"a message refused", &post{data: &smtp.SMTPError{Code: 554, Message: "looks like spam"}}, nil, false, report.Transport{}, "looks like spam", "burn doctor"},
		{"implicit TLS where the port begins in the clear", &post{}, nil, false, report.Transport{TLS: "implicit"}, "TLS handshake", "tls: starttls"},
		{"a password refused", &post{refuse: true}, config, false, report.Transport{TLS: "starttls", CAFile: ca, User: "burn", Password: "secret"}, "535", "password_file"},
		{"hung up in DATA", &post{drop: true}, nil, false, report.Transport{}, "send mail", "burn doctor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.via.Server, tt.via.Timeout = serve(t, tt.post, tt.config, tt.implicit), time.Minute
			err := tt.via.Send(context.Background(), letter(t, world(nil)))
			switch {
			case tt.err == "" && (err != nil || len(tt.post.received) != 1):
				t.Errorf("%d messages, %v", len(tt.post.received), err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || len(tt.post.received) != 0 || strings.Contains(err.Error(), "secret")):
				t.Errorf("%d messages, %v", len(tt.post.received), err)
			}
			if err != nil && !strings.Contains(report.Advice(err), tt.do) {
				t.Errorf("%v: advice %q, want %q", err, report.Advice(err), tt.do)
			}
			if want := tt.via.User != "" && tt.err == ""; (len(tt.post.auth) == 1) != want || want && tt.post.auth[0] != "burn:secret" {
				t.Errorf("the server was told %q", tt.post.auth)
			}
		})
	}
}

func TestSendIsBoundedInTime(t *testing.T) {
	config, ca := certificate(t)
	for _, implicit := range []bool{false, true} {
		p := &post{stall: make(chan struct{}), data: errors.New("too late")}
		via := report.Transport{Server: serve(t, p, config, implicit), CAFile: ca, Timeout: time.Second}
		if implicit {
			via.TLS = "implicit"
		}
		err := via.Send(context.Background(), letter(t, world(nil)))
		close(p.stall)
		if err == nil || !strings.Contains(err.Error(), "not taken within 1s") {
			t.Errorf("implicit TLS %v: %v", implicit, err)
		}
	}
}

func TestTransportCheck(t *testing.T) {
	for _, tt := range []struct {
		t  report.Transport
		ok bool
	}{
		{report.Transport{}, true},
		{report.Transport{Server: "mail.example.com"}, true},
		{report.Transport{Server: "mail.example.com:465", TLS: "implicit"}, true},
		{report.Transport{Server: "[::1]:25", TLS: "none"}, true},
		{report.Transport{Server: "mail.example.com:25", TLS: "none"}, false},
		{report.Transport{Server: "mail.example.com", TLS: "maybe"}, false},
		{report.Transport{Server: "mail.example.com", User: "burn"}, false},
		{report.Transport{Server: "mail.example.com:smtpx"}, false},
	} {
		if err := tt.t.Check(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.t, err)
		}
	}
}

func TestTrendPicture(t *testing.T) {
	r := world(nil)
	r.Trend = slices.DeleteFunc(r.Trend, func(p analyze.TrendPoint) bool { return p.Key > "2026-09-10" && p.Key < "2026-09-20" })
	var raw bytes.Buffer
	if _, err := letter(t, r).WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	m, err := mail.EMLToMsgFromReader(&raw)
	if err != nil || len(m.GetEmbeds()) != 1 {
		t.Fatalf("%v", err)
	}
	var b bytes.Buffer
	if _, err := m.GetEmbeds()[0].Writer(&b); err != nil {
		t.Fatal(err)
	}
	size := b.Len()
	img, err := png.Decode(&b)
	if err != nil || img.Bounds().Dx() != 1120 || size > 10_000 {
		t.Errorf("%d bytes, %v", size, err)
	}
	if r, g, bl, _ := img.At(5, img.Bounds().Dy()-1).RGBA(); r == g && g == bl {
		t.Error("no bar where the first day is")
	}
	for x := 14 * 1120 / 30; x < 15*1120/30; x++ {
		if r, g, bl, _ := img.At(x, 270).RGBA(); r != 0xffff || g != 0xffff || bl != 0xffff {
			t.Fatal("a bar where a day has no call")
		}
	}
}
