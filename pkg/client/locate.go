package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Locator gives a function for [Options.Locate] that asks servers, at http:// or https:// URLs, which gateway to connect to. They are asked
// one after the other until one answers, beginning with the one that did last. Device is that of the options: it has the same gateway until
// that is gone, or could not be reached. Errors are *Error with the server's code, and those of reaching it.
func Locator(token func(context.Context) (string, error), device string, servers ...string) func(context.Context) (string, error) {
	l := &locator{token: token, device: device, servers: slices.Clone(servers)}
	return l.locate
}

type locator struct {
	token  func(context.Context) (string, error)
	device string

	mu      sync.Mutex
	servers []string
	// told is the node that was told last, and when.
	told   string
	toldAt time.Time
}

// soon is within what time of being told a node somebody who asks again has not reached it.
const soon = 15 * time.Second

func (l *locator) locate(ctx context.Context) (string, error) {
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
	for i, server := range servers {
		n, err := askNode(ctx, server, bearer, url.Values{"device": {l.device}, "failed": {failed}})
		if err == nil {
			servers[0], servers[i] = server, servers[0]
			l.mu.Lock()
			defer l.mu.Unlock()
			l.servers, l.told, l.toldAt = servers, n.Node, time.Now()
			return n.URL, nil
		}
		if e := (*Error)(nil); errors.As(err, &e) && e.Retry != events.RetryLater {
			return "", err // another would say the same
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
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
}

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
		return told, nil
	case err == nil && told.Code != "":
		return told, &Error{Code: events.Code(told.Code), Message: told.Message, Retry: events.Retry(told.Retry)}
	}
	return told, fmt.Errorf("%w: %s answers %s", errNodeAnswer, server, response.Status)
}
