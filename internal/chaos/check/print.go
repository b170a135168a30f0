package check

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func hash(s string) uint64 {
	if s == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// uuid is an id as clients see it; empty if there is none.
func uuid(id []byte) string {
	if len(id) != 16 {
		return ""
	}
	h := hex.EncodeToString(id)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func people(ms []*logv1.NewMember) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%s:%d,", m.GetUser(), m.GetRole())
	}
	return b.String()
}

func about(what string, target, index uint64) string {
	return fmt.Sprintf("%s %d %d", what, target, index)
}

// ofOutcome is a fingerprint of a timeline event, its text left out: of revoked and overridden messages that changes.
func ofOutcome(o *logv1.Outcome) uint64 {
	what := ""
	switch e := o.GetAccepted().GetEvent().(type) {
	case *logv1.Accepted_Created:
		what = fmt.Sprint("created ", e.Created.GetKind(), e.Created.GetBase(), e.Created.GetName(), people(e.Created.GetMembers()))
	case *logv1.Accepted_Added:
		what = "added " + people(e.Added.GetMembers())
	case *logv1.Accepted_Removed:
		what = fmt.Sprint("removed ", e.Removed.GetUsers(), e.Removed.GetPromoted(), e.Removed.GetClosed())
	case *logv1.Accepted_Joined:
		what = "joined"
	case *logv1.Accepted_Left:
		what = fmt.Sprint("left ", e.Left.GetPromoted(), e.Left.GetClosed())
	case *logv1.Accepted_Sent:
		what = fmt.Sprint("sent ", e.Sent.GetIndex())
	case *logv1.Accepted_Revoked:
		what = about("revoked", e.Revoked.GetTarget(), e.Revoked.GetTargetIndex())
	case *logv1.Accepted_Overridden:
		what = about("overridden", e.Overridden.GetTarget(), e.Overridden.GetTargetIndex())
	case *logv1.Accepted_Deleted:
		what = about("deleted", e.Deleted.GetTarget(), e.Deleted.GetTargetIndex())
	}
	return hash(uuid(o.GetId()) + " " + o.GetActor().GetUser() + " " + o.GetClientId() + " " + what)
}

// ofEvent is the same fingerprint of what a client was given.
func ofEvent(m *clientv1.Event) uint64 {
	what := ""
	switch e := m.GetEvent().(type) {
	case *clientv1.Event_Created:
		what = fmt.Sprint("created ", e.Created.GetKind(), e.Created.GetBase(), e.Created.GetName(), people(e.Created.GetMembers()))
	case *clientv1.Event_Added:
		what = "added " + people(e.Added.GetMembers())
	case *clientv1.Event_Removed:
		what = fmt.Sprint("removed ", e.Removed.GetUsers(), e.Removed.GetPromoted(), e.Removed.GetClosed())
	case *clientv1.Event_Joined:
		what = "joined"
	case *clientv1.Event_Left:
		what = fmt.Sprint("left ", e.Left.GetPromoted(), e.Left.GetClosed())
	case *clientv1.Event_Sent:
		what = fmt.Sprint("sent ", e.Sent.GetIndex())
	case *clientv1.Event_Revoked:
		what = about("revoked", e.Revoked.GetTarget(), e.Revoked.GetTargetIndex())
	case *clientv1.Event_Overridden:
		what = about("overridden", e.Overridden.GetTarget(), e.Overridden.GetTargetIndex())
	case *clientv1.Event_Deleted:
		what = about("deleted", e.Deleted.GetTarget(), e.Deleted.GetTargetIndex())
	}
	return hash(m.GetId() + " " + m.GetUser() + " " + m.GetClientId() + " " + what)
}

func textOf(m *clientv1.Event) string {
	if e := m.GetOverridden(); e != nil {
		return e.GetText()
	}
	return m.GetSent().GetText()
}
