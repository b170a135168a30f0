package protocol

import (
	"fmt"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// ParseServerJSON reads a server's frame. Fields and kinds of frame that this
// program does not know are passed over; the frame then has no kind.
func ParseServerJSON(b []byte) (*clientv1.ServerFrame, error) {
	r := takeReader(b, true)
	defer r.release()
	m := &clientv1.ServerFrame{}
	object(r, m, serverField)
	r.end()
	if r.failed() {
		return nil, fmt.Errorf("protocol: server frame: %w", r.err)
	}
	if loneSurrogate(b) {
		return nil, fmt.Errorf("protocol: server frame: an escape is half a surrogate pair")
	}
	return m, nil
}

func serverField(r *reader, m *clientv1.ServerFrame, key []byte) fieldSet {
	switch string(key) {
	case "id":
		m.Id = r.str()
	case "error":
		m.Kind = &clientv1.ServerFrame_Error{Error: message(r, errorField)}
	case "welcome":
		m.Kind = &clientv1.ServerFrame_Welcome{Welcome: message(r, welcomeField)}
	case "pong":
		m.Kind = &clientv1.ServerFrame_Pong{Pong: message(r, pongField)}
	case "ack":
		m.Kind = &clientv1.ServerFrame_Ack{Ack: message(r, ackField)}
	case "subscribed":
		m.Kind = &clientv1.ServerFrame_Subscribed{Subscribed: message(r, subscribedField)}
	case "unsubscribed":
		m.Kind = &clientv1.ServerFrame_Unsubscribed{Unsubscribed: message(r, unsubscribedField)}
	case "sync":
		m.Kind = &clientv1.ServerFrame_Sync{Sync: message(r, syncPageField)}
	case "history":
		m.Kind = &clientv1.ServerFrame_History{History: message(r, historyPageField)}
	case "changes":
		m.Kind = &clientv1.ServerFrame_Changes{Changes: message(r, changesPageField)}
	case "members":
		m.Kind = &clientv1.ServerFrame_Members{Members: message(r, membersPageField)}
	case "sessions":
		m.Kind = &clientv1.ServerFrame_Sessions{Sessions: message(r, sessionsPageField)}
	case "event":
		m.Kind = &clientv1.ServerFrame_Event{Event: message(r, eventField)}
	case "notice":
		m.Kind = &clientv1.ServerFrame_Notice{Notice: message(r, noticeField)}
	case "typing":
		m.Kind = &clientv1.ServerFrame_Typing{Typing: message(r, someoneTypingField)}
	case "receipts":
		m.Kind = &clientv1.ServerFrame_Receipts{Receipts: sub(r, m.GetReceipts())}
	case "search":
		m.Kind = &clientv1.ServerFrame_Search{Search: sub(r, m.GetSearch())}
	case "logins":
		m.Kind = &clientv1.ServerFrame_Logins{Logins: sub(r, m.GetLogins())}
	case "profiles":
		m.Kind = &clientv1.ServerFrame_Profiles{Profiles: sub(r, m.GetProfiles())}
	case "totals":
		m.Kind = &clientv1.ServerFrame_Totals{Totals: sub(r, m.GetTotals())}
	case "presence_changed":
		m.Kind = &clientv1.ServerFrame_PresenceChanged{PresenceChanged: sub(r, m.GetPresenceChanged())}
	case "presence":
		m.Kind = &clientv1.ServerFrame_Presence{Presence: sub(r, m.GetPresence())}
	case "set_away":
		m.Kind = &clientv1.ServerFrame_SetAway{SetAway: sub(r, m.GetSetAway())}
	case "info":
		m.Kind = &clientv1.ServerFrame_Info{Info: sub(r, m.GetInfo())}
	default:
		return unknownField
	}
	return knownField
}

// message reads a message that requires nothing.
func message[M any](r *reader, field func(*reader, *M, []byte) fieldSet) *M {
	return op(r, field, 0)
}

func errorField(r *reader, m *clientv1.Error, key []byte) fieldSet {
	switch string(key) {
	case "code":
		m.Code = r.str()
	case "message":
		m.Message = r.str()
	case "retry":
		m.Retry = r.str()
	case "retry_after_ms":
		m.RetryAfterMs = r.int64()
	case "seq":
		m.Seq = r.uint64()
	case "duplicate":
		m.Duplicate = r.boolean()
	case "skipped":
		m.Skipped = list(r, m.Skipped, func(r *reader) *logv1.Skipped { return message(r, skippedField) })
	default:
		return unknownField
	}
	return knownField
}

func welcomeField(r *reader, m *clientv1.Welcome, key []byte) fieldSet {
	switch string(key) {
	case "user":
		m.User = r.str()
	case "connection":
		m.Connection = r.str()
	case "heartbeat_ms":
		m.HeartbeatMs = r.int64()
	case "token_expires_ms":
		m.TokenExpiresMs = r.int64()
	case "server_version":
		m.ServerVersion = r.str()
	case "max_in_flight":
		m.MaxInFlight = r.uint32()
	default:
		return unknownField
	}
	return knownField
}

func pongField(r *reader, m *clientv1.Pong, key []byte) fieldSet {
	if string(key) != "time_ms" {
		return unknownField
	}
	m.TimeMs = r.int64()
	return knownField
}

func ackField(r *reader, m *clientv1.Ack, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "seq":
		m.Seq = r.uint64()
	case "index":
		m.Index = r.uint64()
	case "message_id":
		m.MessageId = r.str()
	case "time_ms":
		m.TimeMs = r.int64()
	case "answered":
		m.Answered = r.str()
	case "skipped":
		m.Skipped = list(r, m.Skipped, func(r *reader) *logv1.Skipped { return message(r, skippedField) })
	case "duplicate":
		m.Duplicate = r.boolean()
	default:
		return unknownField
	}
	return knownField
}

func skippedField(r *reader, m *logv1.Skipped, key []byte) fieldSet {
	switch string(key) {
	case "user":
		m.User = r.str()
	case "code":
		m.Code = r.str()
	default:
		return unknownField
	}
	return knownField
}

func subscribedField(r *reader, m *clientv1.Subscribed, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "head":
		m.Head = r.uint64()
	case "from":
		m.From = r.uint64()
	default:
		return unknownField
	}
	return knownField
}

func unsubscribedField(r *reader, m *clientv1.Unsubscribed, key []byte) fieldSet {
	return sessionField(r, &m.Session, key)
}

func someoneTypingField(r *reader, m *clientv1.SomeoneTyping, key []byte) fieldSet {
	if string(key) == "user" {
		m.User = r.str()
		return knownField
	}
	return sessionField(r, &m.Session, key)
}

func noticeField(r *reader, m *clientv1.Notice, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "seq":
		m.Seq = r.uint64()
	case "member":
		m.Member = r.boolean()
	case "refused":
		m.Refused = r.boolean()
	default:
		return unknownField
	}
	return knownField
}
