package protocol

import (
	"strings"

	"github.com/go-faster/jx"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// ParseClientJSON reads a client's frame. On an error the frame has the id alone,
// where one could be read, so that the refusal can be sent to it. Codes:
// MALFORMED_FRAME (not JSON, a value of another type, a lone surrogate),
// UNKNOWN_OP, MISSING_FIELD, INVALID_FIELD. Commands have a client id. Strings stay byte
// for byte: whether they are UTF-8, a Codec judges.
func ParseClientJSON(b []byte) (*clientv1.ClientFrame, *events.Error) {
	r := takeReader(b, false)
	defer r.release()
	m := &clientv1.ClientFrame{}
	seen := object(r, m, clientField)
	r.end()
	r.complete(m, seen)
	if r.failed() && !jx.Valid(b) {
		// Whatever was met first: it is no JSON.
		r.err = events.Errorf(events.CodeMalformedFrame, "the frame is not JSON")
	}
	if loneSurrogate(b) {
		r.err = events.Errorf(events.CodeMalformedFrame, "an escape is half a surrogate pair")
	}
	return r.result(m, findID, b)
}

// result is the frame, or the refusal with the id alone.
func (r *reader) result(m *clientv1.ClientFrame, find func([]byte) string, b []byte) (*clientv1.ClientFrame, *events.Error) {
	if !r.failed() {
		return m, nil
	}
	r.err.Detail = clip(r.err.Detail)
	return &clientv1.ClientFrame{Id: find(b)}, r.err
}

// complete fails when the frame lacks what frames need as a whole.
func (r *reader) complete(m *clientv1.ClientFrame, seen fieldSet) {
	switch {
	case r.failed():
	case seen&fieldOp == 0:
		r.fail(events.CodeUnknownOp, "the frame has no operation")
	case isCommand(m):
		r.require(seen, fieldClientID)
	}
}

// maxDetail is the limit of an error's detail, in bytes: it quotes what was sent.
const maxDetail = 200

// clip makes a detail short, and UTF-8, since it is sent back.
func clip(detail string) string {
	return strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], "\uFFFD")
}

// findID looks for the id of a frame that cannot be read otherwise; "" if it has none.
func findID(b []byte) string {
	r := reader{lenient: true}
	r.jx.ResetBytes(b)
	var id string
	object(&r, &id, func(r *reader, id *string, key []byte) fieldSet {
		if string(key) != "id" {
			return unknownField
		}
		if s := r.str(); len(s) <= MaxIDBytes {
			*id = s
		}
		return knownField
	})
	return id
}

func isCommand(m *clientv1.ClientFrame) bool {
	switch m.GetOp().(type) {
	case *clientv1.ClientFrame_Create, *clientv1.ClientFrame_Add, *clientv1.ClientFrame_Remove, *clientv1.ClientFrame_Join,
		*clientv1.ClientFrame_Leave, *clientv1.ClientFrame_Send, *clientv1.ClientFrame_Revoke, *clientv1.ClientFrame_Override,
		*clientv1.ClientFrame_Delete, *clientv1.ClientFrame_MarkRead:
		return true
	}
	return isDescribed(m)
}

func clientField(r *reader, m *clientv1.ClientFrame, key []byte) fieldSet {
	switch string(key) {
	case "id":
		if m.Id = r.str(); len(m.Id) > MaxIDBytes {
			r.fail(events.CodeInvalidField, "over %d bytes", MaxIDBytes)
		}
		return fieldID
	case "client_id":
		m.ClientId = r.str()
		return fieldClientID
	case "as_user":
		m.AsUser = r.str()
		return fieldAsUser
	case "origin_time_ms":
		m.OriginTimeMs = r.int64()
		return fieldOrigin
	}
	if m.Op != nil {
		r.fail(events.CodeMalformedFrame, "a second operation")
		return fieldOp
	}
	clientOp(r, m, key)
	return fieldOp
}

func clientOp(r *reader, m *clientv1.ClientFrame, key []byte) {
	switch string(key) {
	case "hello":
		m.Op = &clientv1.ClientFrame_Hello{Hello: hello(r)}
	case "ping":
		m.Op = &clientv1.ClientFrame_Ping{Ping: empty[clientv1.Ping](r)}
	case "subscribe":
		m.Op = &clientv1.ClientFrame_Subscribe{Subscribe: op(r, subscribeField, fieldSession)}
	case "unsubscribe":
		m.Op = &clientv1.ClientFrame_Unsubscribe{Unsubscribe: op(r, unsubscribeField, fieldSession)}
	case "sync":
		m.Op = &clientv1.ClientFrame_Sync{Sync: op(r, syncField, 0)}
	case "history":
		m.Op = &clientv1.ClientFrame_History{History: op(r, historyField, fieldSession)}
	case "members":
		m.Op = &clientv1.ClientFrame_Members{Members: op(r, membersField, fieldSession)}
	case "sessions":
		m.Op = &clientv1.ClientFrame_Sessions{Sessions: op(r, sessionsField, 0)}
	case "profiles":
		m.Op = &clientv1.ClientFrame_Profiles{Profiles: op(r, profilesField, 0)}
	case "typing":
		m.Op = &clientv1.ClientFrame_Typing{Typing: op(r, typingField, fieldSession)}
	case "info":
		m.Op = &clientv1.ClientFrame_Info{Info: op(r, infoField, fieldSession)}
	case "receipts":
		m.Op = &clientv1.ClientFrame_Receipts{Receipts: op(r, receiptsField, fieldSession|fieldSeq)}
	case "logins":
		m.Op = &clientv1.ClientFrame_Logins{Logins: empty[clientv1.Logins](r)}
	case "totals":
		m.Op = &clientv1.ClientFrame_Totals{Totals: empty[clientv1.Totals](r)}
	case "changes":
		m.Op = &clientv1.ClientFrame_Changes{Changes: op(r, changesField, fieldSession)}
	case "search":
		m.Op = &clientv1.ClientFrame_Search{Search: op(r, searchField, fieldText)}
	case "create":
		m.Op = &clientv1.ClientFrame_Create{Create: op(r, createField, fieldKind)}
	case "add":
		m.Op = &clientv1.ClientFrame_Add{Add: op(r, addField, fieldSession|fieldMembers)}
	case "remove":
		m.Op = &clientv1.ClientFrame_Remove{Remove: op(r, removeField, fieldSession|fieldUsers)}
	case "join":
		m.Op = &clientv1.ClientFrame_Join{Join: op(r, joinField, fieldSession)}
	case "leave":
		m.Op = &clientv1.ClientFrame_Leave{Leave: op(r, leaveField, fieldSession)}
	case "send":
		m.Op = &clientv1.ClientFrame_Send{Send: said(r, sendField, fieldSession)}
	case "revoke":
		m.Op = &clientv1.ClientFrame_Revoke{Revoke: op(r, revokeField, fieldSession|fieldSeq)}
	case "override":
		m.Op = &clientv1.ClientFrame_Override{Override: said(r, overrideField, fieldSession|fieldSeq)}
	case "delete":
		m.Op = &clientv1.ClientFrame_Delete{Delete: op(r, deleteField, fieldSession|fieldSeq)}
	case "mark_read":
		m.Op = &clientv1.ClientFrame_MarkRead{MarkRead: op(r, markReadField, fieldSession|fieldSeq)}
	default:
		if !describedOp(r, m, key) {
			r.fail(events.CodeUnknownOp, "no such operation")
		}
	}
}

// op reads an operation's arguments.
func op[M any](r *reader, field func(*reader, *M, []byte) fieldSet, want fieldSet) *M {
	m := new(M)
	seen := object(r, m, field)
	r.require(seen, want)
	return m
}

// said reads an operation that has a text, or other content.
func said[M any](r *reader, field func(*reader, *M, []byte) fieldSet, want fieldSet) *M {
	m := new(M)
	seen := object(r, m, field)
	if seen&fieldContent == 0 {
		want |= fieldText
	}
	r.require(seen, want)
	return m
}

// empty reads a message without fields.
func empty[M any](r *reader) *M {
	return op(r, func(*reader, *M, []byte) fieldSet { return unknownField }, 0)
}
