package provider

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits of a compressed request: decoded bytes, and how many decoded bytes one
// sent byte may stand for once a mebibyte has come out.
const (
	reqMaxDecoded  = 64 << 20
	reqRatio       = 200
	reqRatioFrom   = 1 << 20
	reqMaxEncoding = 4 // encodings on top of each other
)

// decode undoes a Content-Encoding. It reports false, and returns the body as
// sent, where it cannot or would pass the limits.
func (r *Request) decode(encoding string, body []byte) (plain []byte, ok bool) {
	if encoding == "" {
		return body, true
	}
	list := strings.Split(strings.ToLower(encoding), ",")
	if len(list) > reqMaxEncoding {
		return body, false
	}
	plain = body
	for i := len(list) - 1; i >= 0; i-- {
		name := strings.TrimSpace(list[i])
		if name == "" || name == "identity" {
			continue
		}
		if plain, ok = r.decodeOne(name, plain); !ok {
			return body, false
		}
	}
	return plain, true
}

func (r *Request) decodeOne(name string, body []byte) (plain []byte, ok bool) {
	src, err := reqDecoder(name, body)
	if err != nil {
		return nil, false
	}
	defer src.Close()
	limit := min(reqMaxDecoded, max(reqRatioFrom, int64(len(body))*reqRatio))
	out := r.decoded[:0]
	if i := len(body); cap(out) > 0 && i > 0 && &body[0] == &out[:1][0] {
		out = nil // the second of two encodings reads from the first's result
	}
	buf := bytes.NewBuffer(out)
	n, err := io.Copy(buf, io.LimitReader(src, limit+1))
	if err != nil || n > limit {
		return nil, false
	}
	r.decoded = buf.Bytes()
	return r.decoded, true
}

// reqDecoder opens one encoding. What is sent as deflate is zlib by RFC 9110
// and raw deflate from those who took the name by its word.
func reqDecoder(name string, body []byte) (io.ReadCloser, error) {
	src := bytes.NewReader(body)
	switch name {
	case "gzip", "x-gzip":
		return gzip.NewReader(src)
	case "deflate":
		if z, err := zlib.NewReader(src); err == nil {
			return z, nil
		}
		src.Reset(body)
		return flate.NewReader(src), nil
	case "br":
		return io.NopCloser(brotli.NewReader(src)), nil
	case "zstd":
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(reqMaxDecoded), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, errors.ErrUnsupported
}
