package pushfakes

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestIntentLink(t *testing.T) {
	for uri, want := range map[string]string{
		"intent://chat.example/s/g-1?seq=7#Intent;scheme=https;package=com.example.chat;launchFlags=0x4000000;end": "https://chat.example/s/g-1?seq=7",
		"intent:g-1#7#Intent;scheme=chat;end": "chat:g-1#7", "intent://x#Intent;package=p;end": "", "intent://x#Intent;scheme=https": "", "https://chat.example/": "",
	} {
		if link, is := IntentLink(uri); link != want || is != (want != "") {
			t.Errorf("%s: %q %v", uri, link, is)
		}
	}
}

// TestBegin: what a fault does before its fake says anything.
func TestBegin(t *testing.T) {
	for name, want := range map[string]string{CutBefore: "", CutAfter: "60", "503": "60", "": "60"} {
		w := httptest.NewRecorder()
		func() {
			defer func() {
				if cut := recover() != nil; cut != (want == "") {
					t.Errorf("%s cuts: %v", name, cut)
				}
			}()
			Fault{Name: name, RetryAfter: time.Minute}.Begin(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
		}()
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%s asks for %q, must for %q", name, got, want)
		}
	}
}
