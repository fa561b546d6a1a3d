package provider

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// keyBytes is the length of the secret in the key file.
const keyBytes = 32

// Keys are the secrets under which burn hashes what it must not store. One key
// per purpose is derived from the key file, so that a hash of a user can never
// equal a hash of a text. The same file on two hosts makes their hashes
// comparable. Keys may be used by many goroutines.
type Keys struct {
	text         [sha256.Size]byte // of fingerprints
	digest       uint64            // seed of the digests they are taken over (fpSink)
	line0, line1 uint64            // of the hash that chooses lines (fpLines)
	users        fpPool
	credentials  fpPool
}

// fpPool holds HMACs under one key.
type fpPool struct {
	key  [sha256.Size]byte
	pool sync.Pool
}

// id is the first 64 bits of the HMAC of s as 16 hex digits.
func (p *fpPool) id(s string) string {
	h, ok := p.pool.Get().(hash.Hash)
	if !ok {
		h = hmac.New(sha256.New, p.key[:])
	}
	h.Reset()
	io.WriteString(h, s)
	var sum [sha256.Size]byte
	id := hex.EncodeToString(h.Sum(sum[:0])[:8])
	p.pool.Put(h)
	return id
}

// newKeys derives the keys of each purpose.
func newKeys(secret []byte) *Keys {
	k := &Keys{text: derive(secret, "text")}
	k.users.key = derive(secret, "users")
	k.credentials.key = derive(secret, "credentials")
	digest := derive(secret, "digests")
	k.digest = binary.LittleEndian.Uint64(digest[:]) | 1 // 0 would be no seed
	line := derive(secret, "lines")
	k.line0 = binary.LittleEndian.Uint64(line[:])
	k.line1 = binary.LittleEndian.Uint64(line[8:]) | 1
	return k
}

func derive(secret []byte, purpose string) (key [sha256.Size]byte) {
	h := hmac.New(sha256.New, secret)
	io.WriteString(h, "burn/1 "+purpose)
	h.Sum(key[:0])
	return key
}

// LoadKeys reads the key file: one line of 64 hex digits, or of base64, that
// stands for 32 random bytes. Where there is no file it makes one with mode
// 0600, without ever replacing one that another process makes at the same time.
// A file that others than its owner may read or write is refused, as are short
// ones.
func LoadKeys(path string) (*Keys, error) {
	secret, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKeyFile(path); err == nil || errors.Is(err, fs.ErrExist) {
			secret, err = readKeyFile(path)
		}
	}
	if err != nil {
		return nil, err
	}
	return newKeys(secret), nil
}

// createKeyFile writes a new secret beside path and links it there, so that
// nobody ever reads half a key. The link fails if the file exists.
func createKeyFile(path string) error {
	var secret [keyBytes]byte
	rand.Read(secret[:]) // never fails (crypto/rand)
	line := hex.EncodeToString(secret[:]) + "\n"
	beside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	if err := writeKeyFile(beside, line); err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer os.Remove(beside)
	err := os.Link(beside, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = writeKeyFile(path, line) // a file system without links
	}
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	return nil
}

// writeKeyFile makes a file that did not exist, 0600 and on disk.
func writeKeyFile(path, line string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if _, err = f.WriteString(line); err != nil {
		return err
	}
	return f.Sync()
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read key file %s: not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("read key file %s: mode %04o lets others read or write it (chmod 600 it, and make a new one if others may have read it)", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	return parseKey(path, text)
}

func parseKey(path string, text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	secret, err := hex.DecodeString(string(text))
	if err != nil {
		plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(string(text), "="))
		if secret, err = base64.RawURLEncoding.DecodeString(plain); err != nil {
			return nil, fmt.Errorf("read key file %s: not one line of hex or base64", path)
		}
	}
	if len(secret) < keyBytes {
		return nil, fmt.Errorf("read key file %s: %d bytes, want at least %d", path, len(secret), keyBytes)
	}
	return secret, nil
}

// User is the keyed hash of a user's name, 16 hex digits; "" stays "".
func (k *Keys) User(s string) string {
	if s == "" {
		return ""
	}
	return k.users.id(s)
}

// credentialHeaders are the headers that hold a key and nothing else, in the
// order in which they count.
var credentialHeaders = []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Ocp-Apim-Subscription-Key"}

// Credential is the keyed hash of what a request authenticates with, 16 hex
// digits, "" if it carries nothing. Of Authorization and X-Api-Key, Api-Key,
// X-Goog-Api-Key, Ocp-Apim-Subscription-Key and ?key= the first that is there
// counts. Short-lived credentials hash by what stays the same: an AWS signature
// by its access key id, a JWT by issuer and subject.
func (k *Keys) Credential(h http.Header, rawQuery string) string {
	c := credential(h, rawQuery)
	if c == "" {
		return ""
	}
	return k.credentials.id(c)
}

func credential(h http.Header, rawQuery string) string {
	if c := authorization(h.Get("Authorization")); c != "" {
		return c
	}
	for _, name := range credentialHeaders {
		if c := strings.TrimSpace(h.Get(name)); c != "" {
			return c
		}
	}
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		name, value, _ := strings.Cut(pair, "=")
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		switch {
		case value == "":
		case name == "key":
			return value
		case name == "X-Amz-Credential":
			return accessKeyID(value)
		}
	}
	return ""
}

// authorization is the lasting part of an Authorization header.
func authorization(v string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(v), " ")
	if !ok {
		return scheme
	}
	rest = strings.TrimSpace(rest)
	switch {
	case strings.HasPrefix(scheme, "AWS4-"):
		if _, scope, ok := strings.Cut(rest, "Credential="); ok {
			return accessKeyID(scope)
		}
	case strings.EqualFold(scheme, "bearer"):
		if c := jwtOwner(rest); c != "" {
			return c
		}
	}
	return rest
}

// accessKeyID is the first field of an AWS credential scope:
// id/date/region/service/aws4_request.
func accessKeyID(scope string) string {
	if i := strings.IndexAny(scope, "/, "); i >= 0 {
		return scope[:i]
	}
	return scope
}

// jwtOwner is issuer and subject of a JSON Web Token (RFC 7519), "" if the
// token is something else or names no subject. The signature is the provider's
// business.
func jwtOwner(token string) string {
	if !strings.HasPrefix(token, "eyJ") || strings.Count(token, ".") != 2 {
		return ""
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.Subject == "" {
		return ""
	}
	return claims.Issuer + "\x00" + claims.Subject
}
