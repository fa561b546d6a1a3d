package report

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Transport is how mail leaves: to an SMTP server, or where Server is "" by the
// local sendmail.
type Transport struct {
	Server   string // HOST or HOST:PORT
	TLS      string // "" or starttls, implicit, or none, on loopback only
	User     string // "": no authentication
	Password string
	CAFile   string // PEM, trusted beside the system's authorities
	Sendmail string // path of sendmail
	Timeout  time.Duration
}

// Check refuses what cannot work, or would show a password to others.
func (t Transport) Check() error {
	host, _, err := t.address()
	switch {
	case t.Server == "":
		return nil
	case err != nil:
		return err
	case t.TLS != "" && t.TLS != "starttls" && t.TLS != "implicit" && t.TLS != "none":
		return fmt.Errorf("tls %q: use starttls, implicit or none", t.TLS)
	case t.TLS == "none" && !loopback(host):
		return errors.New("tls: none is for loopback addresses only")
	case t.User != "" && t.Password == "":
		return errors.New("no password: set BURN_SMTP_PASSWORD or password_file")
	}
	return nil
}

func (t Transport) address() (host string, port int, err error) {
	port = 587
	if t.TLS == "implicit" {
		port = 465
	}
	host, given, err := net.SplitHostPort(t.Server)
	if err != nil {
		return strings.Trim(t.Server, "[]"), port, nil // without a port
	}
	if port, err = net.LookupPort("tcp", given); err != nil {
		return "", 0, fmt.Errorf("server %q: no such port", t.Server)
	}
	return host, port, nil
}
