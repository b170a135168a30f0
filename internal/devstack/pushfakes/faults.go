package pushfakes

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Faults that every fake has, whatever the vendor; others have the name of the vendor's own answer.
const (
	// CutBefore closes the connection before anything was done, CutAfter after the notification was taken and before it was
	// answered. Both are without an answer.
	CutBefore = "cut-before"
	CutAfter  = "cut-after"
	// Hang does not answer until the caller gives up.
	Hang = "hang"
)

// Fault is what is to go wrong.
type Fault struct {
	// Token is for whom; empty: whoever comes.
	Token string `json:"token,omitempty"`
	// Name is one of the above, or the vendor's own code, such as Unregistered or 80300007.
	Name string `json:"name"`
	// Times is how often; 0: once, negative: until it is cleared.
	Times int `json:"times,omitempty"`
	// RetryAfter is what the answer asks to wait, where it can say so.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	// Since is when the token went, where the answer can say so.
	Since time.Time `json:"since,omitzero"`
}

// Begin does what a fault does before there is an answer, if there is to be one: it cuts, hangs until the caller gives up, or has the answer ask to wait. A fault of no
// name does nothing; CutAfter is the fake's own business, once the notification was taken.
func (f Fault) Begin(w http.ResponseWriter, r *http.Request) {
	switch f.Name {
	case CutBefore:
		Cut()
	case Hang:
		<-r.Context().Done()
		Cut()
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
}

// Faults are those that a fake is told to have. Its methods are safe for use at once.
type Faults struct {
	mu  sync.Mutex
	all []Fault
}

// Add adds one, behind those that are there.
func (f *Faults) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.Times == 0 {
		fault.Times = 1
	}
	f.all = append(f.all, fault)
}

// Clear ends all.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = nil
}

// Next takes the first one that is for a token; ok is false if there is none. Token "" asks for one of the call as a whole,
// such as of asking for an access token: that is one without a Token.
func (f *Faults) Next(token string) (fault Fault, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.all {
		if f.all[i].Token != "" && f.all[i].Token != token {
			continue
		}
		fault = f.all[i]
		if f.all[i].Times > 0 {
			if f.all[i].Times--; f.all[i].Times == 0 {
				f.all = append(f.all[:i:i], f.all[i+1:]...)
			}
		}
		return fault, true
	}
	return fault, false
}
