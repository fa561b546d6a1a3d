package provider

import (
	"bytes"
	"mime"
	"strings"
)

// reqMaxFormHeader bounds the headers of one field of a form.
const reqMaxFormHeader = 4 << 10

// isForm reports a multipart form, as audio and image uploads are.
func isForm(contentType string) bool {
	const form = "multipart/form-data"
	return len(contentType) >= len(form) && strings.EqualFold(contentType[:len(form)], form)
}

// formField returns a small field of a multipart form (RFC 7578). It jumps from
// boundary to boundary; files are not looked at. ok is false where body is not
// such a form.
func formField(contentType string, body []byte, name string) (value string, ok bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return "", false
	}
	boundary := []byte("--" + params["boundary"])
	i := bytes.Index(body, boundary)
	if i < 0 {
		return "", false
	}
	body = body[i+len(boundary):]
	boundary = append([]byte("\r\n"), boundary...)
	for {
		field, rest, more := bytes.Cut(body, boundary)
		head := field[:min(len(field), reqMaxFormHeader)]
		if n := bytes.Index(head, []byte("\r\n\r\n")); n >= 0 && formName(head[:n]) == name {
			value := field[n+4:]
			return string(value[:min(len(value), reqMaxWord)]), true
		}
		if !more {
			return "", true
		}
		body = rest
	}
}

// formName is the name of the field with these headers.
func formName(head []byte) string {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, "Content-Disposition") {
			if _, params, err := mime.ParseMediaType(strings.TrimSpace(value)); err == nil {
				return params["name"]
			}
		}
	}
	return ""
}
