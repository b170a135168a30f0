package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"annal/pkg/events"
)

// errNodeAnswer: what answered knows of no gateways.
var errNodeAnswer = errors.New("client: the server names no gateway")

// Locator asks servers, at http:// or https:// URLs, which gateway to connect to: its Locate and Reached are those of [Options]. Servers are
// asked one after the other until one answers; those that don't come last the next time. A device has the same gateway until that is gone, or
// could not be reached.
type Locator struct {
	token  func(context.Context) (string, error)
	device string

	mu      sync.Mutex
	servers []string
	// told is the node that was told last and was not reached yet, and when.
	told   string
	toldAt time.Time
}

// NewLocator asks these servers, in an order of its own, with the token and for the device of the options.
func NewLocator(token func(context.Context) (string, error), device string, servers ...string) *Locator {
	servers = slices.Clone(servers)
	rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	return &Locator{token: token, device: device, servers: servers}
}

// soon is within what time of being told a node somebody who asks again has not reached it.
const soon = 15 * time.Second

// Reached tells that the gateway that Locate gave was reached.
func (l *Locator) Reached() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = ""
}

// Locate gives a gateway's URL. Errors are *Error with the server's code, and those of reaching it.
func (l *Locator) Locate(ctx context.Context) (string, error) {
	bearer, err := l.token(ctx)
	if err != nil {
		return "", fmt.Errorf("client: token: %w", err)
	}
	l.mu.Lock()
	servers, failed := slices.Clone(l.servers), ""
	if time.Since(l.toldAt) < soon {
		failed = l.told
	}
	l.mu.Unlock()
	var errs []error
	for _, server := range servers {
		n, err := askNode(ctx, server, bearer, url.Values{"device": {l.device}, "failed": {failed}})
		if err == nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.told, l.toldAt = n.Node, time.Now()
			return n.URL, nil
		}
		if e := (*Error)(nil); errors.As(err, &e) && (e.Retry != events.RetryLater || e.Code == events.CodeRateLimited) {
			return "", err // another would say the same
		}
		errs = append(errs, err)
		l.last(server)
	}
	return "", errors.Join(errs...)
}

// last puts a server behind the others.
func (l *Locator) last(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.servers, server)
	l.servers = append(slices.Delete(slices.Clone(l.servers), i, i+1), server)
}

const (
	// maxNodeAnswer bounds what is read of an answer, and nodeWait how long it is waited for: there may be others to ask.
	maxNodeAnswer = 64 << 10
	nodeWait      = 3 * time.Second
)

// node is what a server answers: a gateway, or an error.
type node struct {
	Node, URL            string
	Code, Message, Retry string
	RetryAfterMs         int64 `json:"retry_after_ms,string"`
}

// errUnsafe: a token that was sent over TLS would be sent without.
var errUnsafe = errors.New("client: a server that speaks TLS names a gateway that does not")

func askNode(ctx context.Context, server, token string, asked url.Values) (told node, err error) {
	ctx, cancel := context.WithTimeout(ctx, nodeWait)
	defer cancel()
	where := strings.TrimSuffix(server, "/") + "/v1/node?" + asked.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return told, fmt.Errorf("client: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return told, fmt.Errorf("client: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxNodeAnswer))
	if err != nil {
		return told, fmt.Errorf("client: %s: %w", server, err)
	}
	err = json.Unmarshal(body, &told)
	switch {
	case err == nil && response.StatusCode == http.StatusOK && told.URL != "":
		if strings.HasPrefix(server, "https://") && !strings.HasPrefix(told.URL, "wss://") {
			return told, errUnsafe
		}
		return told, nil
	case err == nil && told.Code != "":
		return told, &Error{Code: events.Code(told.Code), Message: told.Message, Retry: events.Retry(told.Retry), RetryAfter: time.Duration(told.RetryAfterMs) * time.Millisecond}
	}
	return told, fmt.Errorf("%w: %s answers %s", errNodeAnswer, server, response.Status)
}
