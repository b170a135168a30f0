package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/gateway/protocol"
)

// encoded is a frame on its way to many connections, encoded once per subprotocol. One
// goroutine at a time may use it.
type encoded struct {
	frame *clientv1.ServerFrame
	as    [protocol.Codecs][]byte
}

func (e *encoded) bytes(c protocol.Codec) []byte {
	if e.as[c] == nil {
		e.as[c] = c.AppendServer(nil, e.frame)
	}
	return e.as[c]
}
