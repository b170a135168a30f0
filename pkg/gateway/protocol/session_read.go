package protocol

import (
	logv1 "annal/gen/annal/log/v1"
)

// What stands in clients' frames and in servers' alike.

func newMember(r *reader) *logv1.NewMember {
	m := &logv1.NewMember{}
	seen := object(r, m, func(r *reader, m *logv1.NewMember, key []byte) fieldSet {
		switch string(key) {
		case "user":
			if m.User = r.str(); m.User == "" && r.binary {
				return knownField // protobuf writes none for it, so it is as missing
			}
			return fieldUser
		case "role":
			m.Role = enum[logv1.Role](r, logv1.Role_value)
			return fieldRole
		}
		return unknownField
	})
	if !r.lenient {
		r.require(seen, fieldUser)
	}
	return m
}

func policy(r *reader) *logv1.Policy {
	if r.null() {
		return nil
	}
	m := &logv1.Policy{}
	object(r, m, policyField)
	return m
}

func policyField(r *reader, m *logv1.Policy, key []byte) fieldSet {
	switch string(key) {
	case "revoke_window_ms":
		m.RevokeWindowMs = r.int64()
		return fieldRevokeWindow
	case "override_window_ms":
		m.OverrideWindowMs = r.int64()
		return fieldOverrideWindow
	case "history":
		m.History = enum[logv1.History](r, logv1.History_value)
		return fieldHistory
	case "member_limit":
		m.MemberLimit = r.uint32()
		return fieldMemberLimit
	case "add_role":
		m.AddRole = enum[logv1.Role](r, logv1.Role_value)
		return fieldAddRole
	case "write_role":
		m.WriteRole = enum[logv1.Role](r, logv1.Role_value)
		return fieldWriteRole
	case "joining":
		m.Joining = enum[logv1.Joining](r, logv1.Joining_value)
		return fieldJoining
	case "receipts_limit":
		m.ReceiptsLimit = r.uint32()
		return fieldReceiptsLimit
	case "info_role":
		m.InfoRole = enum[logv1.Role](r, logv1.Role_value)
		return fieldInfoRole
	case "pin_role":
		m.PinRole = enum[logv1.Role](r, logv1.Role_value)
		return fieldPinRole
	case "mention_all_role":
		m.MentionAllRole = enum[logv1.Role](r, logv1.Role_value)
		return fieldMentionAllRole
	}
	return unknownField
}
