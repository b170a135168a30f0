package push

import (
	"fmt"
	"net/http"
	"time"
)

// Coded is the answer to a vendor's code, by what its codes come to; one that is not among them is Refused. text is what it says beside it. wait is what it asks to
// wait, where that is longer.
func Coded[K comparable](codes map[K]Answer, code K, text string, wait time.Duration) Answer {
	a, known := codes[code]
	if !known {
		a.Result = Refused
	}
	a.Code, a.Text = Clip(fmt.Sprint(code)), Clip(text)
	if a.Result == Retry {
		a.After = max(a.After, wait)
	}
	return a
}

// OfStatus is the answer to a status other than 200 of which the vendor says nothing, by what HTTP says of it.
func (r Reply) OfStatus(now time.Time) Answer {
	a := Answer{Result: Refused, Code: fmt.Sprint(r.Status), Text: Clip(string(r.Body))}
	switch {
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden:
		a.Result = Misconfigured
	case r.Status == http.StatusTooManyRequests || r.Status >= 500:
		a.Result, a.After, a.All = Retry, r.After(now), true
	}
	return a
}
