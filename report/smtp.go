//go:build cgo

package report

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"github.com/wneessen/go-mail"
)

// Send sends m once, within t.Timeout. An error means that the server did not take
// it, or did not say so.
func (t Transport) Send(ctx context.Context, m *mail.Msg) error {
	ctx, cancel := context.WithTimeoutCause(ctx, t.Timeout, fmt.Errorf("the mail was not taken within %s", t.Timeout))
	defer cancel()
	var err error
	if t.Server == "" {
		err = m.WriteToSendmailWithContext(ctx, t.Sendmail)
	} else {
		done := make(chan error, 1)
		go func() { done <- t.smtp(ctx, m) }()
		select {
		case err = <-done:
		case <-ctx.Done(): // with implicit TLS nothing else ends it
			select {
			case err = <-done:
			default:
				err = ctx.Err()
			}
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("send mail: %w", context.Cause(ctx))
	}
	return fmt.Errorf("send mail: %w", err)
}

func (t Transport) smtp(ctx context.Context, m *mail.Msg) error {
	client, err := t.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return err
	}
	err = client.Send(m)
	client.Close() // the server has the message: how it says goodbye is no failure
	return err
}

// client is ready to dial; ctx ends whatever it does.
func (t Transport) client(ctx context.Context) (*mail.Client, error) {
	host, port, err := t.address()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s: no certificates", t.CAFile)
		}
	}
	// The library's own limit is per step: it must not end what ctx is to end.
	options := []mail.Option{mail.WithPort(port), mail.WithTLSConfig(config), mail.WithTimeout(2 * t.Timeout)}
	if t.TLS != "implicit" { // there, the library knows a connection as encrypted only if it has opened it
		// The time limit holds for the whole exchange, whatever the server drips.
		options = append(options, mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(dialing, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		}))
	}
	switch {
	case t.TLS == "implicit":
		options = append(options, mail.WithSSL())
	case t.TLS == "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case t.TLS == "" && loopback(host):
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if t.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(t.User), mail.WithPassword(t.Password))
	}
	return mail.NewClient(host, options...)
}

// Probe looks whether mail could leave: that the server answers, in the way that
// is asked for, and takes the password; or that there is a sendmail. It sends
// nothing. The text names where mail goes.
func (t Transport) Probe(ctx context.Context) (string, error) {
	if err := t.Check(); err != nil {
		return "", err
	}
	if t.Server == "" {
		if info, err := os.Stat(t.Sendmail); err != nil {
			return "", fmt.Errorf("no sendmail: %w", err)
		} else if info.Mode().Perm()&0o111 == 0 {
			return "", fmt.Errorf("no sendmail: %s is no program", t.Sendmail)
		}
		return "by " + t.Sendmail, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.Timeout, fmt.Errorf("%s did not answer within %s", t.Server, t.Timeout))
	defer cancel()
	client, err := t.client(ctx)
	if err == nil {
		if err = client.DialWithContext(ctx); err == nil {
			client.Close() // it has answered
		}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return "by " + t.Server, err
}
