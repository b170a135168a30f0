package protocol

import (
	logv1 "annal/gen/annal/log/v1"
)

// What stands in clients' frames and in servers' alike.

func writeNewMember(w *writer, m *logv1.NewMember) {
	w.jx.ObjStart()
	w.always("user", m.GetUser())
	w.enum("role", int32(m.GetRole()), logv1.Role_name)
	w.close()
}

// writePolicy leaves the field out when there is none.
func writePolicy(w *writer, m *logv1.Policy) {
	if m == nil {
		return
	}
	w.open("policy")
	w.int64("revoke_window_ms", m.GetRevokeWindowMs())
	w.int64("override_window_ms", m.GetOverrideWindowMs())
	w.enum("history", int32(m.GetHistory()), logv1.History_name)
	w.uint32("member_limit", m.GetMemberLimit())
	w.enum("add_role", int32(m.GetAddRole()), logv1.Role_name)
	w.enum("write_role", int32(m.GetWriteRole()), logv1.Role_name)
	w.enum("joining", int32(m.GetJoining()), logv1.Joining_name)
	w.uint32("receipts_limit", m.GetReceiptsLimit())
	w.enum("info_role", int32(m.GetInfoRole()), logv1.Role_name)
	w.enum("pin_role", int32(m.GetPinRole()), logv1.Role_name)
	w.enum("mention_all_role", int32(m.GetMentionAllRole()), logv1.Role_name)
	w.close()
}
