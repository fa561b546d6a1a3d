//go:build !cgo

package report

import (
	"context"
	"errors"
	"io"

	"burn/analyze"
)

// message is what Mail gives where there is a Result to mail.
type message struct{}

var errNoMail = errors.New("built without cgo: no mail")

func (*message) WriteTo(io.Writer) (int64, error) { return 0, errNoMail }

// Mail is never reached without cgo: there is no Result to mail.
func Mail(*analyze.Result, MailOptions) (*message, error) { return nil, errNoMail }

// Send is never reached without cgo.
func (t Transport) Send(context.Context, *message) error { return errNoMail }

// Probe cannot look without cgo: mail leaves from where burn analyze runs.
func (t Transport) Probe(context.Context) (string, error) {
	return "not looked at: this burn is the logger alone", t.Check()
}
