// Package protocol reads and writes the frames of the WebSocket subprotocols. The
// schema is schemas/annal/client/v1/client.proto; JSON is its ProtoJSON with the
// field names as written there, without reflection, which would double what a frame
// costs.
//
// What a client sends is read strictly: unknown fields, fields that stand twice and
// numbers a double cannot hold are refused. What a server sends is read leniently,
// so that a client outlives newer servers. Strings stay byte for byte both ways;
// whether text is UTF-8 is for the WebSocket layer and the rules to judge.
package protocol

// JSON is the WebSocket subprotocol of JSON frames, one frame per text message.
const JSON = "annal.v1.json"

// Limits of this protocol.
const (
	// MaxIDBytes is the limit of a frame's id.
	MaxIDBytes = 64
	// MaxPage is the limit of sync, members and sessions pages.
	MaxPage = 1000
	// MaxHistory is the limit of a history page.
	MaxHistory = 200
)
