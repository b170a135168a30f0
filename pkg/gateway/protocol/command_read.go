package protocol

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func createField(r *reader, m *clientv1.Create, key []byte) fieldSet {
	switch string(key) {
	case "kind":
		m.Kind = enum[logv1.Kind](r, logv1.Kind_value)
		return fieldKind
	case "members":
		m.Members = list(r, m.Members, newMember)
		return fieldMembers
	case "policy":
		m.Policy = policy(r)
		return fieldPolicy
	case "base":
		m.Base = r.uint64()
		return fieldBase
	case "name":
		m.Name = r.str()
		return fieldName
	case "text":
		m.Text = r.str()
		return fieldText
	}
	return unknownField
}

func addField(r *reader, m *clientv1.Add, key []byte) fieldSet {
	if string(key) == "members" {
		m.Members = list(r, m.Members, newMember)
		return fieldMembers
	}
	return sessionField(r, &m.Session, key)
}

func removeField(r *reader, m *clientv1.Remove, key []byte) fieldSet {
	if string(key) == "users" {
		m.Users = list(r, m.Users, element)
		return fieldUsers
	}
	return sessionField(r, &m.Session, key)
}

func joinField(r *reader, m *clientv1.Join, key []byte) fieldSet {
	if string(key) == "invite" {
		m.Invite = r.str()
		return fieldInvite
	}
	return sessionField(r, &m.Session, key)
}

func leaveField(r *reader, m *clientv1.Leave, key []byte) fieldSet {
	return sessionField(r, &m.Session, key)
}

func sendField(r *reader, m *clientv1.Send, key []byte) fieldSet {
	switch string(key) {
	case "text":
		m.Text = r.str()
		return fieldText
	case "content":
		m.Content = sub(r, m.Content)
		return fieldContent
	case "refs":
		m.Refs = sub(r, m.Refs)
		return fieldRefs
	}
	return sessionField(r, &m.Session, key)
}

func overrideField(r *reader, m *clientv1.Override, key []byte) fieldSet {
	switch string(key) {
	case "text":
		m.Text = r.str()
		return fieldText
	case "content":
		m.Content = sub(r, m.Content)
		return fieldContent
	}
	return messageField(r, &m.Session, &m.Seq, key)
}

func revokeField(r *reader, m *clientv1.Revoke, key []byte) fieldSet {
	return messageField(r, &m.Session, &m.Seq, key)
}

func deleteField(r *reader, m *clientv1.Delete, key []byte) fieldSet {
	if string(key) == "reason" {
		m.Reason = r.str()
		return fieldReason
	}
	return messageField(r, &m.Session, &m.Seq, key)
}

func markReadField(r *reader, m *clientv1.MarkRead, key []byte) fieldSet {
	return messageField(r, &m.Session, &m.Seq, key)
}

// messageField is what names a message.
func messageField(r *reader, session *string, seq *uint64, key []byte) fieldSet {
	if string(key) == "seq" {
		*seq = r.uint64()
		return fieldSeq
	}
	return sessionField(r, session, key)
}
