package push

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Reply is what a vendor answered to a request.
type Reply struct {
	Status int
	Header http.Header
	// Body is its beginning.
	Body []byte
}

// Ask makes a request of a connector and reads limit bytes of what comes back. Without an answer, failed is what is said to each letter of the
// request: Retry of All if there was no connection to send it on, and Retry, Unsure if there was, or time ran out; its Text has the host and the cause. A redirection is an answer like any
// other: credentials and what people wrote go where we were told, and nowhere else.
func Ask(client *http.Client, r *http.Request, limit int64) (reply Reply, failed *Answer) {
	connected := false
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}))
	staying := *client
	staying.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := staying.Do(r)
	if err == nil {
		defer resp.Body.Close()
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(resp.Body, limit)); err == nil {
			return Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
		}
	}
	unsent := !connected && r.Context().Err() == nil
	return Reply{}, &Answer{Result: Retry, Text: cause(r.URL, err), All: unsent, Unsure: !unsent}
}

// cause says who gave no answer, and why. Path and query are nobody's to read: APNs has the device's token there, and who has the address of a Web Push subscription
// can call it. Errors of net/http begin with them, and one quotes a redirection that leads nowhere.
func cause(to *url.URL, err error) string {
	if of := (*url.Error)(nil); errors.As(err, &of) {
		err = of.Err
	}
	text := err.Error()
	for _, private := range []string{to.Path, to.EscapedPath(), to.RawQuery} {
		if len(private) > len("/") {
			text = strings.ReplaceAll(text, private, "…")
		}
	}
	return Clip(to.Host + ": " + text)
}

// longestWait is how long a vendor can ask us to wait.
const longestWait = 24 * time.Hour

// After is how long Retry-After asks to wait (RFC 9110, 10.2.3: seconds or a date); 0 if it does not, or not in a way that can be read.
func (r Reply) After(now time.Time) time.Duration {
	said := strings.TrimSpace(r.Header.Get("Retry-After"))
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(said); err == nil {
		wait = time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(said); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}

// Origin says whether an address is SCHEME://HOST[:PORT] alone, of one of the schemes: what a connector's endpoint is.
func Origin(address string, schemes ...string) bool {
	u, err := url.Parse(address)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != "" && *u == url.URL{Scheme: u.Scheme, Host: u.Host}
}

// Clip makes a text short enough for Answer.Text.
func Clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
