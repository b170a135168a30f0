package pushfakes

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// Answer answers with a body of JSON. A caller that is gone has the connection cut.
func Answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		Cut()
	}
}

// Random gives so many bytes as hexadecimal digits.
func Random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // does not fail
	return hex.EncodeToString(b)
}

// IntentLink is the link that a tap on a phone opens whose notification has an intent as a URI, as Android reads one (Intent.parseUri); ok is false for what is none, or says no scheme.
func IntentLink(uri string) (link string, ok bool) {
	at := strings.LastIndex(uri, "#Intent;")
	if at < 0 || !strings.HasPrefix(uri, "intent:") || !strings.HasSuffix(uri, ";end") {
		return "", false
	}
	for field := range strings.SplitSeq(uri[at:], ";") {
		if scheme, is := strings.CutPrefix(field, "scheme="); is {
			return scheme + ":" + strings.TrimPrefix(uri[:at], "intent:"), true
		}
	}
	return "", false
}
