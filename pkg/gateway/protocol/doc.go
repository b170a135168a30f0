// Package protocol reads and writes the frames of the WebSocket subprotocols. The
// schema is schemas/annal/client/v1/client.proto. JSON is its ProtoJSON with the
// field names as written there, without reflection, which would double what a frame
// costs; Proto is its wire format. A Codec is either.
//
// What a client sends is read strictly: unknown fields, fields that stand twice,
// required ones that are missing and numbers that don't fit are refused. One set of
// functions says so for both notations; they only see names and values. What a server
// sends is read leniently, so that a client outlives newer servers.
package protocol

// The WebSocket subprotocols.
const (
	// JSON has one frame of JSON per text message.
	JSON = "annal.v1.json"
	// Proto has one frame of protobuf per binary message.
	Proto = "annal.v1.proto"
)

// Limits of this protocol.
const (
	// MaxIDBytes is the limit of a frame's id.
	MaxIDBytes = 64
	// MaxPage is the limit of sync, members and sessions pages.
	MaxPage = 1000
	// MaxHistory is the limit of a history page.
	MaxHistory = 200
	// MaxSearch is the limit of a page of hits.
	MaxSearch = 50
	// MaxProfiles is how many users' profiles are asked for at once.
	MaxProfiles = 100
)
