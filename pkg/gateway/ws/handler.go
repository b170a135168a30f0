// Package ws brings WebSocket connections (RFC 6455) to a gateway. It is the only
// place of the gateway that knows sockets.
package ws

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"annal/pkg/gateway"
	"annal/pkg/gateway/protocol"
	"annal/pkg/gateway/rest"
)

// Path is where gateways listen.
const Path = "/v1/ws"

// Options bound what sockets take and cost. The zero value is right for production.
type Options struct {
	// Origins are the web pages' origins that may connect, as "https://chat.example".
	// Empty: any, since a connection is worth nothing without a token. Who sends no
	// Origin is no browser and may.
	Origins []string
	// MaxFrameBytes is the limit of a client's frame; 1 MiB when 0.
	MaxFrameBytes int
	// MaxQueueFrames and MaxQueueBytes bound what a connection has yet to take; 4096
	// and 512 KiB when 0. One frame always fits.
	MaxQueueFrames int
	MaxQueueBytes  int
	// SendBufferBytes is what the kernel is asked to hold for a connection that takes
	// nothing; 128 KiB when 0. Linux takes twice as much, and left alone up to 4 MiB.
	SendBufferBytes int
	// WriteTimeout is how long one write may stall, 10 s when 0; then the connection is
	// closed as TOO_SLOW, which has as long to arrive.
	WriteTimeout time.Duration
	// CloseTimeout is how long a closed peer may take to close too; 2 s when 0.
	CloseTimeout time.Duration
}

func (o *Options) setDefaults() {
	if o.MaxFrameBytes == 0 {
		o.MaxFrameBytes = 1 << 20
	}
	if o.MaxQueueFrames == 0 {
		o.MaxQueueFrames = 4096
	}
	if o.MaxQueueBytes == 0 {
		o.MaxQueueBytes = 512 << 10
	}
	if o.SendBufferBytes == 0 {
		o.SendBufferBytes = 128 << 10
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 10 * time.Second
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = 2 * time.Second
	}
}

// readBuffer is what gorilla needs at least: a control frame's payload fits.
const readBuffer = 128

// handshakeTimeout bounds the answer to an upgrade.
const handshakeTimeout = 5 * time.Second

// Handler upgrades requests and hands the connections to gw. It answers 400 without a
// subprotocol that both know, 403 to a foreign origin, 503 while gw takes nobody.
func Handler(gw *gateway.Gateway, o Options) http.Handler {
	o.setDefaults()
	upgrader := &websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		// Small, since an idle connection keeps it: a frame's rest is read past it. Writing
		// does not go through gorilla.
		ReadBufferSize: readBuffer, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(r *http.Request) bool {
			origin := r.Header.Get("Origin")
			return len(o.Origins) == 0 || origin == "" || slices.Contains(o.Origins, origin)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := gw.Open(); err != nil {
			gw.TurnedAway()
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the gateway takes no connections: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		codec, ok := choose(websocket.Subprotocols(r))
		if !ok {
			http.Error(w, "ask for one of the WebSocket subprotocols "+strings.Join(protocol.Names(), ", "), http.StatusBadRequest)
			return
		}
		conn, err := upgrader.Upgrade(w, r, http.Header{"Sec-Websocket-Protocol": {codec.String()}})
		if err != nil {
			return // Upgrade has answered.
		}
		// The handler returns: what the HTTP server holds for the request is freed.
		go newSocket(conn, &o, rest.RemoteAddress(r), codec).serve(gw)
	})
}

// choose takes the first known one of the subprotocols that a client names; false when
// there is none.
func choose(subprotocols []string) (protocol.Codec, bool) {
	for _, name := range subprotocols {
		if codec, ok := protocol.ByName(name); ok {
			return codec, true
		}
	}
	return 0, false
}
