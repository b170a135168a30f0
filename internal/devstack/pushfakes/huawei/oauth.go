package huaweifake

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"annal/internal/devstack/pushfakes"
)

// authorize gives an access token for the app's credentials
// (https://developer.huawei.com/consumer/cn/doc/HMSCore-Guides/oauth2-0000001212610981); errors are those of
// https://developer.huawei.com/consumer/cn/doc/HMSCore-References/server-error-codes-0000001062371380.
func (f *Fake) authorize(w http.ResponseWriter, r *http.Request, body []byte) {
	fault := f.fault(w, r, "")
	if pushCodes.MatchString(fault.Name) || fault.Name == pushfakes.CutAfter {
		// It was meant for a message.
		fault.Times = 1
		f.faults.Add(fault)
		fault = pushfakes.Fault{}
	}
	form, err := url.ParseQuery(string(body))
	major, minor := 0, 0
	switch {
	case fault.Name != "":
		if status, err := strconv.Atoi(fault.Name); err == nil && status < 600 {
			answer(w, fault.Name, "as asked", "")
			return
		}
		if _, err := fmt.Sscanf(fault.Name, "%d/%d", &major, &minor); err != nil {
			answer(w, "501", "no such fault: "+fault.Name, "")
			return
		}
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || err != nil:
		major, minor = 1102, 20001
	case form.Get("grant_type") != "client_credentials":
		major, minor = 1102, 20182
	case form.Get("client_id") != appID:
		major, minor = 1101, 20003
	case form.Get("client_secret") == "":
		major, minor = 1101, 20171
	case form.Get("client_secret") != f.secret:
		major, minor = 1101, 12304
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	if major != 0 {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": major, "sub_error": minor, "error_description": "invalid client"}) // the caller may be gone
		return
	}
	// Theirs have slashes in them.
	token := rand.Text() + "/" + rand.Text() + "=="
	f.mu.Lock()
	f.access[token] = f.now().Add(life)
	f.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "expires_in": int(life.Seconds()), "token_type": "Bearer"})
}

// bearer checks the access token of a request: it gives the code it is refused with.
func (f *Fake) bearer(r *http.Request) (code, msg string) {
	token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	f.mu.Lock()
	defer f.mu.Unlock()
	ends, known := f.access[token]
	switch {
	case !is || !known:
		return "80200001", "OAuth authentication error"
	case !f.now().Before(ends):
		return "80200003", "OAuth token expired"
	}
	return "", ""
}
