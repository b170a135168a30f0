package gateway

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

const (
	maxPickedKinds   = 16
	maxPickedAuthors = 64
)

// kindNames are the kinds as the archive calls them.
var kindNames = map[clientv1.MessageKind]string{
	clientv1.MessageKind_MESSAGE_KIND_TEXT: "text", clientv1.MessageKind_MESSAGE_KIND_IMAGE: "image", clientv1.MessageKind_MESSAGE_KIND_FILE: "file",
	clientv1.MessageKind_MESSAGE_KIND_AUDIO: "audio", clientv1.MessageKind_MESSAGE_KIND_VIDEO: "video",
	clientv1.MessageKind_MESSAGE_KIND_LOCATION: "location", clientv1.MessageKind_MESSAGE_KIND_CARD: "card",
	clientv1.MessageKind_MESSAGE_KIND_FORWARD: "forward", clientv1.MessageKind_MESSAGE_KIND_CUSTOM: "custom",
}

// pickOf reads a filter: nil for none. Errors are INVALID_FIELD.
func pickOf(m *clientv1.HistoryFilter) (*archive.Pick, *events.Error) {
	if m == nil {
		return nil, nil
	}
	p := &archive.Pick{From: events.Millis(m.GetFromMs()), Until: events.Millis(m.GetUntilMs()), Thread: events.Seq(m.GetThread())}
	switch {
	case len(m.GetKinds()) > maxPickedKinds:
		return nil, events.Errorf(events.CodeInvalidField, "more than %d kinds", maxPickedKinds)
	case len(m.GetAuthors()) > maxPickedAuthors:
		return nil, events.Errorf(events.CodeInvalidField, "more than %d authors", maxPickedAuthors)
	case p.From < 0 || p.Until < 0 || p.Until > 0 && p.Until <= p.From:
		return nil, events.Errorf(events.CodeInvalidField, "from_ms and until_ms are times, and the first is before the second")
	}
	for _, k := range m.GetKinds() {
		name, ok := kindNames[k]
		if !ok {
			return nil, events.Errorf(events.CodeInvalidField, "no such kind of message")
		}
		p.Kinds = append(p.Kinds, name)
	}
	for _, u := range m.GetAuthors() {
		if !events.ValidName(u) {
			return nil, events.Errorf(events.CodeInvalidField, "an author is not a user id")
		}
		p.Authors = append(p.Authors, events.UserID(u))
	}
	slices.Sort(p.Kinds)
	slices.Sort(p.Authors)
	return p, nil
}

// questionOf is the digest of a session's history as a filter picks it.
func questionOf(s events.SessionID, p *archive.Pick) question {
	picks := ""
	if p != nil {
		picks = fmt.Sprintf("%q %q %d %d %d", p.Kinds, p.Authors, p.From, p.Until, p.Thread)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "history %q %s", s, picks))
	return question(sum[:8])
}

// picks says whether an event is a message that meets all that is set.
func picks(p *archive.Pick, o *events.Outcome, item *hot.Item) bool {
	if p == nil {
		return true
	}
	a, _ := o.Result.(events.Accepted)
	sent, ok := a.Event.(events.Sent)
	switch {
	case !ok, len(p.Authors) > 0 && !slices.Contains(p.Authors, o.Actor.User), o.Time < p.From, p.Until > 0 && o.Time >= p.Until:
		return false
	case p.Thread > 0 && (hidden(item.State) || cmp.Or(sent.Refs.Thread, item.Seq) != p.Thread):
		return false
	}
	return len(p.Kinds) == 0 || !hidden(item.State) && slices.Contains(p.Kinds, archive.KindOf(sent.Body))
}
