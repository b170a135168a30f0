package scenario

import (
	"context"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/hot"
)

// Ask implements Way: what a gateway answers, by the plainest reading of the folded log. All but
// history is on one page.
func (w *Rules) Ask(ctx context.Context, who Who, m *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	if err := w.hello(who.Person); err != nil {
		return nil, err
	}
	u := events.UserID(who.Person)
	switch {
	case m.GetSync() != nil:
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Sync{Sync: w.sync(u)}}, nil
	case m.GetSearch() != nil:
		return nil, notHere("the rules look for nothing")
	case m.GetProfiles() != nil:
		return w.profiles(ctx, m.GetProfiles())
	case m.GetTotals() != nil:
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Totals{Totals: w.totals(u)}}, nil
	}
	name := m.GetHistory().GetSession() + m.GetMembers().GetSession() + m.GetReceipts().GetSession()
	s := w.folded[events.SessionID(name)]
	if s == nil || s.Head.Seq == 0 {
		return failure(events.CodeNoSuchSession), nil
	}
	p := s.Members[u]
	if p == nil || m.GetHistory() == nil && !p.In() {
		return failure(events.CodeNotAMember), nil
	}
	switch {
	case m.GetHistory() != nil:
		return pageOf(w.history(u, s, p), m.GetHistory()), nil
	case m.GetMembers() != nil:
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Members{Members: roster(s)}}, nil
	case m.GetReceipts() != nil:
		return w.receipts(s, p, events.Seq(m.GetReceipts().GetSeq())), nil
	}
	return nil, notHere("there is no gateway to ask")
}

func failure(code events.Code) *clientv1.ServerFrame {
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{Code: string(code)}}}
}

// sees says whether a member may see a seq: it lies in one of their stays, or the policy shows
// all up to their last one's end.
func sees(s *fold.Session, m *events.Member, seq events.Seq) bool {
	for i, stay := range m.Stays {
		ended := stay.To != 0 && seq > stay.To
		if !ended && (seq >= stay.From || i == len(m.Stays)-1 && s.Head.Policy.History == events.HistoryAll) {
			return true
		}
	}
	return false
}

// hidden are the messages that the user hid from themselves.
func (w *Rules) hidden(u events.UserID, s events.SessionID) []events.Index {
	if self := w.folded[events.NewSelfID(u)]; self != nil {
		return self.Hidden[s]
	}
	return nil
}

// history are all events that the member may see.
func (w *Rules) history(u events.UserID, s *fold.Session, m *events.Member) []*clientv1.Event {
	hidden := w.hidden(u, s.ID)
	var out []*clientv1.Event
	for _, seq := range slices.Sorted(maps.Keys(s.Timeline)) {
		if !sees(s, m, seq) {
			continue
		}
		o, err := events.DecodeOutcomeValue(s.Timeline[seq])
		if err != nil {
			continue // take has encoded it
		}
		var state hot.State
		if message := s.Messages[seq]; message != nil {
			state = message.State
		}
		if state.Reactions = s.Reactions(seq, u); m.In() && len(state.Reactions) > 0 {
			state.ReactionsTo = s.Head.Seq
		} else {
			state.Reactions = nil
		}
		e := gateway.EventOf(&o, state)
		if sent := e.GetSent(); sent != nil && slices.Contains(hidden, events.Index(sent.GetIndex())) {
			sent.Text, sent.Content, sent.Refs, sent.Reactions, sent.ReactionsTo, sent.Hidden = "", nil, nil, nil, 0, true
		}
		if over := e.GetOverridden(); over != nil && slices.Contains(hidden, events.Index(over.GetTargetIndex())) {
			over.Text, over.Content = "", nil
		}
		out = append(out, e)
	}
	return out
}

// maxPage is how many events a page has at most.
const maxPage = 200

// pageOf is the page of a user's history that is asked for.
func pageOf(all []*clientv1.Event, op *clientv1.History) *clientv1.ServerFrame {
	if op.GetLimit() > maxPage {
		return failure(events.CodeInvalidField)
	}
	if seq := op.GetAround(); seq != 0 && !slices.ContainsFunc(all, func(e *clientv1.Event) bool { return e.GetSeq() == seq }) {
		return failure(events.CodeNoSuchMessage)
	}
	if op.GetCursor() != "" {
		at := &clientv1.History{}
		if err := prototext.Unmarshal([]byte(op.GetCursor()), at); err != nil || at.GetSession() != op.GetSession() || !proto.Equal(at.GetFilter(), op.GetFilter()) {
			return failure(events.CodeInvalidCursor)
		}
		at.Limit, op = op.GetLimit(), at
	}
	f := op.GetFilter()
	if f.GetUntilMs() > 0 && f.GetUntilMs() <= f.GetFromMs() || slices.ContainsFunc(f.GetAuthors(), func(u string) bool { return !events.ValidName(u) }) {
		return failure(events.CodeInvalidField)
	}
	all = slices.DeleteFunc(all, func(e *clientv1.Event) bool { return !picked(e, f) })
	out := page(all, op)
	if n := len(out.GetEvents()); n > 0 {
		first, last := out.GetEvents()[0].GetSeq(), out.GetEvents()[n-1].GetSeq()
		if all[0].GetSeq() < first {
			out.Older = cursorTo(&clientv1.History{Session: op.GetSession(), Filter: f, Before: first})
		}
		if all[len(all)-1].GetSeq() > last {
			out.Newer = cursorTo(&clientv1.History{Session: op.GetSession(), Filter: f, After: &last})
		}
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_History{History: out}}
}

// cursorTo is the question itself.
func cursorTo(op *clientv1.History) string { return prototext.Format(op) }

// picked says whether a filter picks an event.
func picked(e *clientv1.Event, f *clientv1.HistoryFilter) bool {
	if f == nil {
		return true
	}
	sent := e.GetSent()
	gone := sent.GetRevoked() > 0 || sent.GetDeleted() > 0
	thread := sent.GetRefs().GetThread()
	if thread == 0 {
		thread = e.GetSeq()
	}
	switch {
	case sent == nil, gone && (len(f.GetKinds()) > 0 || f.GetThread() > 0), f.GetThread() > 0 && thread != f.GetThread():
		return false
	case len(f.GetAuthors()) > 0 && !slices.Contains(f.GetAuthors(), e.GetUser()), len(f.GetKinds()) > 0 && !slices.Contains(f.GetKinds(), kindOf(sent)):
		return false
	}
	return e.GetTimeMs() >= f.GetFromMs() && (f.GetUntilMs() == 0 || e.GetTimeMs() < f.GetUntilMs())
}

// kindOf is what a message says something by.
func kindOf(m *clientv1.Sent) clientv1.MessageKind {
	switch c := m.GetContent(); {
	case c.GetMedia() != nil:
		return messageKinds[strings.ToLower(strings.TrimPrefix(c.GetMedia().GetKind().String(), "MEDIA_KIND_"))]
	case c != nil:
		return messageKinds[sentAs(m)]
	}
	return clientv1.MessageKind_MESSAGE_KIND_TEXT
}

// page is the part of a history that is asked for.
func page(all []*clientv1.Event, op *clientv1.History) *clientv1.HistoryPage {
	limit := int(op.GetLimit())
	if limit == 0 {
		limit = 50
	}
	out := &clientv1.HistoryPage{Session: op.GetSession()}
	if op.GetAround() != 0 {
		at := 0
		for at < len(all) && all[at].GetSeq() <= op.GetAround() {
			at++
		}
		first := max(0, at-(limit-limit/2))
		out.Events = all[first:min(len(all), first+limit)]
		out.More = len(out.Events) < len(all)
		return out
	}
	if op.After != nil {
		all = slices.DeleteFunc(slices.Clone(all), func(e *clientv1.Event) bool { return e.GetSeq() <= op.GetAfter() })
		out.More = len(all) > limit
		out.Events = all[:min(limit, len(all))]
		return out
	}
	if op.GetBefore() != 0 {
		all = slices.DeleteFunc(slices.Clone(all), func(e *clientv1.Event) bool { return e.GetSeq() >= op.GetBefore() })
	}
	out.More = len(all) > limit
	out.Events = all[max(0, len(all)-limit):]
	return out
}

func (w *Rules) sync(u events.UserID) *clientv1.SyncPage {
	page := &clientv1.SyncPage{}
	for _, id := range slices.Sorted(maps.Keys(w.folded)) {
		if m := w.folded[id].Members[u]; m != nil {
			page.Sessions = append(page.Sessions, w.state(u, w.folded[id], m))
		}
	}
	return page
}

func (w *Rules) state(u events.UserID, s *fold.Session, m *events.Member) *clientv1.SessionState {
	hidden := w.hidden(u, s.ID)
	out := &clientv1.SessionState{
		Session: string(s.ID), Kind: logv1.Kind(s.Head.Kind), Name: s.Head.Title, Seq: uint64(s.Head.Seq), Member: m.In(),
		Marker: uint64(m.Marker), Unread: s.Unread(u, hidden...), Mentions: s.Mentions(u, hidden...), Role: logv1.Role(m.Role), Closed: s.Head.Closed,
		Contact: logv1.ContactState(s.Head.Contact), Settings: w.settings(u, s.ID),
	}
	if !m.In() {
		out.Seq = uint64(m.Stays[len(m.Stays)-1].To)
	}
	for _, e := range w.history(u, s, m) {
		if sent := e.GetSent(); sent != nil && !sent.GetHidden() && sent.GetRevoked() == 0 && sent.GetDeleted() == 0 {
			out.Preview = e
		}
	}
	return out
}

func (w *Rules) settings(u events.UserID, s events.SessionID) *logv1.SessionSettings {
	self := w.folded[events.NewSelfID(u)]
	if self == nil {
		return nil
	}
	is := self.Facts.Settings[s]
	return &logv1.SessionSettings{MuteUntilMs: new(int64(is.MuteUntil)), Pinned: &is.Pinned, Hidden: &is.Hidden, Draft: &is.Draft, Unread: &is.Unread}
}

func (w *Rules) totals(u events.UserID) *clientv1.UnreadTotals {
	t := &clientv1.UnreadTotals{}
	for _, s := range w.sync(u).GetSessions() {
		switch {
		case !s.GetMember() || s.GetSettings().GetHidden():
		case s.GetSettings().GetMuteUntilMs() > int64(w.now):
			t.MutedUnread += s.GetUnread()
		default:
			t.Unread += s.GetUnread()
			t.Mentions += s.GetMentions()
		}
	}
	return t
}

func roster(s *fold.Session) *clientv1.MembersPage {
	page := &clientv1.MembersPage{Session: string(s.ID), Total: s.Head.Members}
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		if m := s.Members[u]; m.In() {
			page.Members = append(page.Members, &clientv1.MemberState{User: string(u), Role: logv1.Role(m.Role), Marker: uint64(m.Marker)})
		}
	}
	return page
}

func (w *Rules) receipts(s *fold.Session, me *events.Member, seq events.Seq) *clientv1.ServerFrame {
	if s.Messages[seq] == nil || !sees(s, me, seq) {
		return failure(events.CodeNoSuchMessage)
	}
	sent, err := events.DecodeOutcomeValue(s.Timeline[seq])
	if err != nil {
		return failure(events.CodeNoSuchMessage)
	}
	page := &clientv1.ReceiptsPage{Session: string(s.ID), Seq: uint64(seq)}
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		m := s.Members[u]
		if u == sent.Actor.User || !m.In() || !sees(s, m, seq) {
			continue
		}
		r := &clientv1.Receipt{User: string(u), Read: m.Marker >= seq, Delivered: max(m.Marker, m.Delivered) >= seq}
		page.Total++
		if r.GetRead() {
			page.Read++
		}
		if r.GetDelivered() {
			page.Delivered++
		}
		if s.Head.Members <= s.Head.Policy.ReceiptsLimit {
			page.Receipts = append(page.Receipts, r)
		}
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Receipts{Receipts: page}}
}

// Heard implements Way: without connections, what a device shows is what it would read.
func (w *Rules) Heard(_ context.Context, who Who, session string, live bool) ([]*clientv1.Event, error) {
	if live {
		return nil, notHere("there are no connections")
	}
	s := w.folded[events.SessionID(session)]
	if s == nil || s.Members[events.UserID(who.Person)] == nil {
		return nil, nil
	}
	return w.history(events.UserID(who.Person), s, s.Members[events.UserID(who.Person)]), nil
}
