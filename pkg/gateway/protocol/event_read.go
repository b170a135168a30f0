package protocol

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func eventField(r *reader, m *clientv1.Event, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "seq":
		m.Seq = r.uint64()
	case "id":
		m.Id = r.str()
	case "time_ms":
		m.TimeMs = r.int64()
	case "origin_time_ms":
		m.OriginTimeMs = r.int64()
	case "user":
		m.User = r.str()
	case "device":
		m.Device = r.str()
	case "client_id":
		m.ClientId = r.str()
	default:
		return eventKind(r, m, key)
	}
	return knownField
}

func eventKind(r *reader, m *clientv1.Event, key []byte) fieldSet {
	switch string(key) {
	case "created":
		m.Event = &clientv1.Event_Created{Created: message(r, createdField)}
	case "added":
		m.Event = &clientv1.Event_Added{Added: message(r, addedField)}
	case "removed":
		m.Event = &clientv1.Event_Removed{Removed: message(r, removedField)}
	case "joined":
		m.Event = &clientv1.Event_Joined{Joined: empty[clientv1.Joined](r)}
	case "left":
		m.Event = &clientv1.Event_Left{Left: message(r, leftField)}
	case "sent":
		m.Event = &clientv1.Event_Sent{Sent: message(r, sentField)}
	case "revoked":
		m.Event = &clientv1.Event_Revoked{Revoked: message(r, revokedField)}
	case "overridden":
		m.Event = &clientv1.Event_Overridden{Overridden: message(r, overriddenField)}
	case "deleted":
		m.Event = &clientv1.Event_Deleted{Deleted: message(r, deletedField)}
	case "read":
		m.Event = &clientv1.Event_Read{Read: message(r, readField)}
	default:
		f := eventKinds.Fields().ByName(protoreflect.Name(key))
		if f == nil {
			return unknownField
		}
		e := m.ProtoReflect().NewField(f)
		describedMessage(r, e.Message())
		m.ProtoReflect().Set(f, e)
	}
	return knownField
}

var eventKinds = (&clientv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("event")

func createdField(r *reader, m *clientv1.Created, key []byte) fieldSet {
	switch string(key) {
	case "kind":
		m.Kind = enum[logv1.Kind](r, logv1.Kind_value)
	case "members":
		m.Members = list(r, m.Members, newMember)
	case "policy":
		m.Policy = policy(r)
	case "name":
		m.Name = r.str()
	case "base":
		m.Base = r.uint64()
	case "text":
		m.Text = r.str()
	case "contact":
		m.Contact = enum[logv1.ContactState](r, logv1.ContactState_value)
	default:
		return unknownField
	}
	return knownField
}

func addedField(r *reader, m *clientv1.Added, key []byte) fieldSet {
	if string(key) != "members" {
		return unknownField
	}
	m.Members = list(r, m.Members, newMember)
	return knownField
}

func removedField(r *reader, m *clientv1.Removed, key []byte) fieldSet {
	if string(key) == "users" {
		m.Users = list(r, m.Users, element)
		return knownField
	}
	return promotedField(r, &m.Promoted, &m.Closed, key)
}

func leftField(r *reader, m *clientv1.Left, key []byte) fieldSet {
	return promotedField(r, &m.Promoted, &m.Closed, key)
}

// promotedField is what follows from somebody's going.
func promotedField(r *reader, promoted *string, closed *bool, key []byte) fieldSet {
	switch string(key) {
	case "promoted":
		*promoted = r.str()
	case "closed":
		*closed = r.boolean()
	default:
		return unknownField
	}
	return knownField
}

func sentField(r *reader, m *clientv1.Sent, key []byte) fieldSet {
	switch string(key) {
	case "index":
		m.Index = r.uint64()
	case "text":
		m.Text = r.str()
	case "revoked":
		m.Revoked = r.uint64()
	case "deleted":
		m.Deleted = r.uint64()
	case "overridden":
		m.Overridden = r.uint64()
	case "content":
		m.Content = sub(r, m.Content)
	case "refs":
		m.Refs = sub(r, m.Refs)
	case "hidden":
		m.Hidden = r.boolean()
	case "reactions":
		m.Reactions = list(r, m.Reactions, func(r *reader) *clientv1.ReactionCount { return message(r, reactionField) })
	case "reactions_to":
		m.ReactionsTo = r.uint64()
	default:
		return unknownField
	}
	return knownField
}

func reactionField(r *reader, m *clientv1.ReactionCount, key []byte) fieldSet {
	switch string(key) {
	case "emoji":
		m.Emoji = r.str()
	case "count":
		m.Count = r.uint32()
	case "mine":
		m.Mine = r.boolean()
	default:
		return unknownField
	}
	return knownField
}

func revokedField(r *reader, m *clientv1.Revoked, key []byte) fieldSet {
	return targetField(r, &m.Target, &m.TargetIndex, key)
}

func deletedField(r *reader, m *clientv1.Deleted, key []byte) fieldSet {
	if string(key) == "reason" {
		m.Reason = r.str()
		return knownField
	}
	return targetField(r, &m.Target, &m.TargetIndex, key)
}

func overriddenField(r *reader, m *clientv1.Overridden, key []byte) fieldSet {
	switch string(key) {
	case "text":
		m.Text = r.str()
		return knownField
	case "content":
		m.Content = sub(r, m.Content)
		return knownField
	}
	return targetField(r, &m.Target, &m.TargetIndex, key)
}

func targetField(r *reader, target, index *uint64, key []byte) fieldSet {
	switch string(key) {
	case "target":
		*target = r.uint64()
	case "target_index":
		*index = r.uint64()
	default:
		return unknownField
	}
	return knownField
}

func readField(r *reader, m *clientv1.Read, key []byte) fieldSet {
	switch string(key) {
	case "marker":
		m.Marker = r.uint64()
	case "marker_index":
		m.MarkerIndex = r.uint64()
	default:
		return unknownField
	}
	return knownField
}
