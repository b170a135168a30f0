package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
	"unicode/utf8"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/nodes"
)

// NodePath is where clients ask which gateway to connect to.
const NodePath = "/v1/node"

// NodeAnswer is what they are told.
type NodeAnswer struct {
	Node string `json:"node"`
	// URL is where to open a WebSocket.
	URL string `json:"url"`
}

// askTime bounds one answer.
const askTime = 5 * time.Second

// Node answers GET NodePath?device=D&failed=N, for whom a bearer token speaks: N is the node that it was told and could not reach, if so. Pages of
// these origins may ask; empty: all.
func Node(d *nodes.Directory, tokens Tokens, l Limits, origins []string, logger *slog.Logger) http.Handler {
	return shared(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := Bearer(r, tokens)
		if err != nil {
			Refuse(w, err)
			return
		}
		asked := r.URL.Query()
		device, failed := asked.Get("device"), asked.Get("failed")
		for name, text := range map[string]string{"device": device, "failed": failed} {
			if len(text) > events.MaxNameBytes || !utf8.ValidString(text) {
				Refuse(w, events.Errorf(events.CodeInvalidField, "%s is over %d bytes or not UTF-8", name, events.MaxNameBytes))
				return
			}
		}
		counted := limits.Who{User: string(who.User), Device: device, Service: who.Service, Address: RemoteAddress(r)}
		if wait, ok := l.Allow(r.Context(), limits.Connect, counted); !ok {
			Refuse(w, &events.Error{Code: events.CodeRateLimited, After: wait})
			return
		}
		n, err := nodeOf(r.Context(), d, who, device, failed, logger)
		if err != nil {
			Refuse(w, err)
			return
		}
		Answer(w, http.StatusOK, NodeAnswer{n.ID, n.URL})
	}), origins)
}

// nodeOf gives the node of a login; a service's connections are of many, and are spread.
func nodeOf(ctx context.Context, d *nodes.Directory, who auth.Identity, device, failed string, logger *slog.Logger) (n nodes.Node, refused *events.Error) {
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var err error
	if who.Service != "" {
		n, err = d.Any(asking, failed)
	} else {
		n, err = d.Of(asking, nodes.Login{User: string(who.User), Device: device}, failed)
	}
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, nodes.ErrNoNode) && ctx.Err() == nil {
		logger.Warn("cannot tell a client its gateway", "error", err)
	}
	return n, events.Errorf(events.CodeTryAgain, "no gateway can be told now")
}
