package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// jwt makes a token with that payload.
func jwt(payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(payload)) + "." + enc([]byte("signature of "+payload))
}

func TestCredential(t *testing.T) {
	sig := func(id, date string) string {
		return "AWS4-HMAC-SHA256 Credential=" + id + "/" + date + "/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=" + date
	}
	tests := []struct {
		name   string
		header string
		value  string
		query  string
		want   string // what is hashed
	}{
		{"none", "X-Other", "x", "alt=sse", ""},
		{"bearer", "Authorization", "Bearer sk-1", "", "sk-1"},
		{"bearer in lower case", "Authorization", "bearer  sk-1 ", "", "sk-1"},
		{"x-api-key", "X-Api-Key", "sk-1", "", "sk-1"},
		{"api-key", "Api-Key", "sk-1", "", "sk-1"},
		{"x-goog-api-key", "X-Goog-Api-Key", "sk-1", "", "sk-1"},
		{"api management", "Ocp-Apim-Subscription-Key", "sk-1", "", "sk-1"},
		{"query", "X-Other", "x", "alt=sse&key=sk%2D1", "sk-1"},
		{"empty query", "X-Other", "x", "key=&a", ""},
		{"signature", "Authorization", sig("AKID", "20261123"), "", "AKID"},
		{"presigned", "X-Other", "x", "X-Amz-Credential=AKID%2F20261123%2Fx", "AKID"},
		{"jwt", "Authorization", "Bearer " + jwt(`{"iss":"i","sub":"s","exp":1}`), "", "i\x00s"},
		{"jwt renewed", "Authorization", "Bearer " + jwt(`{"exp":2,"sub":"s","iss":"i"}`), "", "i\x00s"},
		{"jwt without subject", "Authorization", "Bearer " + jwt(`{"iss":"i"}`), "", jwt(`{"iss":"i"}`)},
		{"not quite a jwt", "Authorization", "Bearer eyJ.!.x", "", "eyJ.!.x"},
		{"basic", "Authorization", "Basic dTpw", "", "dTpw"},
		{"no scheme", "Authorization", "sk-1", "", "sk-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set(tt.header, tt.value)
			want := ""
			if tt.want != "" {
				want = hex.EncodeToString(refHMAC(testKeys.credentials.key[:], tt.want))[:16]
			}
			if got := testKeys.Credential(h, tt.query); got != want {
				t.Errorf("Credential = %q, want %q (the hash of %q)", got, want, tt.want)
			}
		})
	}
	both := http.Header{"Authorization": {"Bearer a"}, "X-Api-Key": {"b"}}
	if testKeys.Credential(both, "key=c") != testKeys.Credential(http.Header{"X-Api-Key": {"a"}}, "") {
		t.Error("Authorization does not come first")
	}
}

func TestPurposesDiffer(t *testing.T) {
	h := http.Header{"X-Api-Key": {"same"}}
	if u, c := testKeys.User("same"), testKeys.Credential(h, ""); u == c || len(u) != 16 || len(c) != 16 {
		t.Errorf("user %q, credential %q", u, c)
	}
	if testKeys.User("") != "" {
		t.Error("a user of nobody")
	}
	if testKeys.User("a") == newKeys(make([]byte, keyBytes)).User("a") {
		t.Error("the secret does not matter")
	}
}

func TestLoadKeysMakesOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "burn.key")
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			k, err := LoadKeys(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.User("u")
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("keys differ: %q", ids)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("files left beside the key: %v", left)
	}
	other, err := LoadKeys(filepath.Join(t.TempDir(), "burn.key"))
	if err != nil || other.User("u") == ids[0] {
		t.Errorf("another file gives the same key, or %v", err)
	}
}

func TestLoadKeysReads(t *testing.T) {
	secret := []byte(strings.Repeat("\xfb\xff k", 8))
	id := newKeys(secret).User("u")
	tests := []struct {
		name string
		text string
		mode os.FileMode
		want string // part of the error, "" for none
	}{
		{"hex", hex.EncodeToString(secret) + "\n", 0o600, ""},
		{"upper case", strings.ToUpper(hex.EncodeToString(secret)), 0o400, ""},
		{"base64", base64.StdEncoding.EncodeToString(secret) + "\r\n", 0o600, ""},
		{"base64 for URLs", base64.RawURLEncoding.EncodeToString(secret), 0o600, ""},
		{"others read", hex.EncodeToString(secret), 0o644, "mode 0644"},
		{"the group writes", hex.EncodeToString(secret), 0o620, "mode 0620"},
		{"short", "00ff00ff\n", 0o600, "4 bytes, want at least 32"},
		{"empty", "", 0o600, "0 bytes"},
		{"no key", "this is not a key!\n", 0o600, "not one line of hex or base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.mode != 0o600 {
				t.Skip("no modes")
			}
			path := filepath.Join(t.TempDir(), "burn.key")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			k, err := LoadKeys(path)
			switch {
			case tt.want == "" && (err != nil || k.User("u") != id):
				t.Errorf("LoadKeys: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("LoadKeys: %v, want %q", err, tt.want)
			}
			if err != nil && len(tt.text) > 8 && strings.Contains(err.Error(), strings.TrimSpace(tt.text)) {
				t.Error("the error shows the key")
			}
		})
	}
	if _, err := LoadKeys(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := LoadKeys(filepath.Join(t.TempDir(), "none", "burn.key")); err == nil {
		t.Error("no directory, and no error")
	}
}

// refHMAC is crypto/hmac by its simplest use.
func refHMAC(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}
