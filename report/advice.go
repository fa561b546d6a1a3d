package report

import "strings"

// advice is what to do about a mail that could not be sent, by what the error says:
// the libraries' errors for these have no type.
var advice = []struct{ says, do string }{
	{"failed to verify certificate", "nobody that is trusted vouches for the server's certificate: give its authority as ca_file, or as server the name that the certificate is for"},
	{"first record does not look like a TLS handshake", "the port begins in the clear: use tls: starttls, or the port of implicit TLS, mostly 465"},
	{"STARTTLS", "the server has no STARTTLS on this port: use the one it has it on, mostly 587, or tls: implicit on 465"},
	{"535 ", "user or password is refused: look at user, password_file and BURN_SMTP_PASSWORD"},
	{"SMTP AUTH", "the server takes no password here: use its port for submission, mostly 587, or leave out user"},
	{"530 ", "the server wants a password: set user and password_file, or BURN_SMTP_PASSWORD"},
	{"RCPT TO", "the server refuses an address of --mail-to"},
	{"MAIL FROM", "the server refuses the sender: set from to an address that it knows"},
	{"no such host", "look at server under mail in the configuration"},
	{"connection refused", "nothing listens there: look at server under mail in the configuration"},
	{"was not taken within", "the server is silent: port 465 wants tls: implicit, others tls: starttls; a slow one wants a longer timeout"},
	{"sendmail", "set server under mail in the configuration, or sendmail to the path of the program"},
}

// Advice says what to type after Send gave this error.
func Advice(err error) string {
	const again = "then run the same command again, or sendmail -t with the kept file"
	text := err.Error()
	for _, a := range advice {
		if strings.Contains(text, a.says) {
			return a.do + "; " + again
		}
	}
	return "burn doctor with the same --config says whether the server answers; " + again
}
