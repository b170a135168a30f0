package sim

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/internal/fold"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/push"
)

// allNotes are all entries about a user.
func (w *World) allNotes(ctx context.Context, u events.UserID) ([]push.Entry, error) {
	return w.notes.Load().Log(ctx, u, 0, math.MaxInt32)
}

// undelivered is the first notification of which it is not known yet what comes of it, or what pushers have still to look at.
func (w *World) undelivered(ctx context.Context) (string, error) {
	commits, err := w.log.Commits(ctx, w.pushGroup(), eventlog.Events)
	if err != nil {
		return "", err
	}
	done := map[int32]int64{}
	for _, c := range commits {
		done[c.Partition] = c.Offset
	}
	for p := range w.partitions {
		_, end, err := w.log.Bounds(ctx, eventlog.Events, p)
		if err != nil || done[p] < end {
			return fmt.Sprintf("pushers came to %d of %d in partition %d", done[p], end, p), err
		}
	}
	for _, c := range w.clients {
		all, err := w.allNotes(ctx, c.user)
		if err != nil {
			return "", err
		}
		for i := range all {
			if all[i].Open() && !w.isStray(all[i].ID) {
				return fmt.Sprintf("%s is still to be told: %+v", c.user, all[i]), nil
			}
		}
	}
	return "", nil
}

// isStray says whether an entry was put by a process taken for dead. Where those in its place had decided before, and nobody was to be told, they don't come to it: it ends by its age.
func (w *World) isStray(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.strays[id]
}

// message is one that people may be told of.
type message struct {
	session events.SessionID
	seq     events.Seq
}

// pushAudit holds what phones were told, and what was decided, against the log and what clients were answered.
type pushAudit struct {
	w        *World
	sessions map[events.SessionID]*fold.Session
	// entries are by id, and those about a message by whom and what they are about.
	entries map[string]push.Entry
	of      map[events.UserID]map[message][]push.Entry
	// answered is when a command was, by its user and client id.
	answered map[commandPlace]time.Time
	// over is when a message was answered to be revoked, and read when a user was answered to have read up to a seq.
	over map[message]time.Time
	read map[events.UserID]map[message]time.Time
	// registered are whose a token became, in the order of the log time.
	registered map[string][]registration
}

type registration struct {
	user         events.UserID
	at, answered time.Time
}

// checkPush: nobody is told twice, nor of what they read or what was revoked before it was decided, nor on a device that is another's by then; and
// of all else it is known why they were not.
func (w *World) checkPush(ctx context.Context) {
	a := &pushAudit{
		w: w, entries: map[string]push.Entry{}, of: map[events.UserID]map[message][]push.Entry{}, answered: map[commandPlace]time.Time{},
		over: map[message]time.Time{}, read: map[events.UserID]map[message]time.Time{}, registered: map[string][]registration{},
	}
	var err error
	if a.sessions, err = fold.Log(ctx, w.log, &fold.Report{}); err != nil {
		w.violate("reading the log: %v", err)
		return
	}
	for _, c := range w.clients {
		all, err := w.allNotes(ctx, c.user)
		if err != nil {
			w.violate("reading what was decided: %v", err)
			return
		}
		a.of[c.user], a.read[c.user] = map[message][]push.Entry{}, map[message]time.Time{}
		for _, e := range all {
			m := message{e.Session, e.Seq}
			a.entries[e.ID], a.of[c.user][m] = e, append(a.of[c.user][m], e)
		}
		a.ask(c)
	}
	a.registrations()
	a.gone()
	a.shown()
	a.lost()
}

// ask notes when the client was answered, and what that ends.
func (a *pushAudit) ask(c *client) {
	for _, k := range c.commands {
		a.answered[commandPlace{k.session, c.user, k.clientID}] = k.answeredAt
		if k.answer == nil || k.answer.code != "" {
			continue
		}
		if seq := k.frame.GetRevoke().GetSeq(); seq != 0 {
			a.over[message{k.session, events.Seq(seq)}] = k.answeredAt
		}
		for seq := events.Seq(k.frame.GetMarkRead().GetSeq()); seq > 0; seq-- {
			if at := a.read[c.user][message{k.session, seq}]; at.IsZero() || k.answeredAt.Before(at) {
				a.read[c.user][message{k.session, seq}] = k.answeredAt
			}
		}
	}
}

func (a *pushAudit) registrations() {
	for _, c := range a.w.clients {
		self := a.sessions[events.NewSelfID(c.user)]
		if self == nil {
			continue
		}
		for _, seq := range slices.Sorted(maps.Keys(self.Timeline)) {
			o, err := events.DecodeOutcomeValue(self.Timeline[seq])
			accepted, _ := o.Result.(events.Accepted)
			if set, is := accepted.Event.(events.DeviceSet); is && err == nil {
				a.registered[set.Push.Token] = append(a.registered[set.Push.Token], registration{
					c.user, time.UnixMilli(int64(o.Time)), a.answered[commandPlace{self.ID, c.user, o.ClientID}],
				})
			}
		}
	}
}

// gone looks for tokens that a service called gone and a device has still. Where pushers are ended that may be: the next one may have nothing to tell it.
func (a *pushAudit) gone() {
	if o := &a.w.odds; o.crash+o.stop+o.freeze+o.cutLog > 0 {
		return
	}
	for _, token := range tokens {
		since := a.w.vendors.goneSince(token, false)
		for _, c := range a.w.clients {
			self := a.sessions[events.NewSelfID(c.user)]
			if self == nil || since.IsZero() {
				continue
			}
			for _, d := range self.Devices {
				if d.Push.Token == token && int64(d.Since) <= since.UnixMilli() {
					a.w.violate("%s has the token %s since %d, which is gone since %v", c.user, token, d.Since, a.after(since))
				}
			}
		}
	}
}

// shown looks at what came to phones.
func (a *pushAudit) shown() {
	type place struct{ token, id string }
	times := map[place]int{}
	history, _ := a.w.vendors.phones.History(0)
	for i := range history {
		h := &history[i]
		if h.What != "show" {
			continue
		}
		e, known := a.entries[h.Shown.ID]
		if !known {
			a.w.violate("a phone shows %+v, of which nothing was decided", h.Shown)
			continue
		}
		p := place{h.Phone.Token, e.ID}
		if times[p]++; times[p] > 1+a.w.repeats[e.ID]+a.w.late[e.ID] {
			a.w.violate("%s shows seq %d of %s to %s %d times; %d calls were repeats, %d of who was taken for dead",
				p.token, e.Seq, e.Session, e.User, times[p], a.w.repeats[e.ID], a.w.late[e.ID])
		}
		// A store that goes back to what it had before may have forgotten what was answered; it learns it again soon.
		if !a.w.wentBack.Load() {
			a.rightly(h, &e)
		}
	}
}

// rightly says when somebody was told who should not have been.
func (a *pushAudit) rightly(h *pushfakes.Event, e *push.Entry) {
	m, sent := message{e.Session, e.Seq}, time.UnixMilli(int64(e.At))
	due := sent.Add(pushHold)
	if at := a.over[m]; !at.IsZero() && at.Before(due) {
		a.w.violate("%s is told of seq %d of %s at %v, which was revoked at %v", e.User, e.Seq, e.Session, a.after(h.Shown.At), a.after(at))
	}
	if at := a.read[e.User][m]; !at.IsZero() && at.Before(due) {
		a.w.violate("%s is told of seq %d of %s at %v, and had read it at %v", e.User, e.Seq, e.Session, a.after(h.Shown.At), a.after(at))
	}
	var last *registration
	for i, r := range a.registered[h.Phone.Token] {
		if r.user != e.User && r.answered.Before(sent) && (last == nil || last.at.Before(r.at)) {
			last = &a.registered[h.Phone.Token][i]
		}
	}
	mine := last == nil || slices.ContainsFunc(a.registered[h.Phone.Token], func(r registration) bool { return r.user == e.User && !r.at.Before(last.at) })
	if !mine {
		a.w.violate("%s is told of seq %d of %s on %s, which %s registered at %v", e.User, e.Seq, e.Session, h.Phone.Token, last.user, a.after(last.answered))
	}
}

func (a *pushAudit) after(t time.Time) time.Duration { return t.Sub(a.w.began) }

// lost looks for people of whom it is not known why they were not told.
func (a *pushAudit) lost() {
	for _, id := range slices.Sorted(maps.Keys(a.sessions)) {
		s := a.sessions[id]
		for _, seq := range slices.Sorted(maps.Keys(s.Timeline)) {
			o, err := events.DecodeOutcomeValue(s.Timeline[seq])
			accepted, _ := o.Result.(events.Accepted)
			if _, is := accepted.Event.(events.Sent); err != nil || !is {
				continue
			}
			for _, u := range slices.Sorted(maps.Keys(s.Members)) {
				if u != o.Actor.User && a.stays(s.Members[u], seq) && a.reachable(u, time.UnixMilli(int64(o.Time))) {
					a.reasons(u, message{id, seq})
				}
			}
		}
	}
}

// stays says whether a member was there at a seq, and never left since.
func (a *pushAudit) stays(m *events.Member, seq events.Seq) bool {
	return m.In() && m.Stays[len(m.Stays)-1].From <= seq
}

// reachable says whether a user had been answered by a time that a device has a token, and it has it still.
func (a *pushAudit) reachable(u events.UserID, by time.Time) bool {
	self := a.sessions[events.NewSelfID(u)]
	if self == nil || self.Head.Closed {
		return false
	}
	for _, d := range self.Devices {
		if slices.ContainsFunc(a.registered[d.Push.Token], func(r registration) bool {
			return r.user == u && r.at.Equal(time.UnixMilli(int64(d.Since))) && r.answered.Before(by)
		}) {
			return true
		}
	}
	return false
}

// reasons looks at why a user was told of a message, or not.
func (a *pushAudit) reasons(u events.UserID, m message) {
	all := a.of[u][m]
	// A store that goes back to what it had before may not know of the device, or of the member, for a moment; the first is not noted.
	forgetful := a.w.wentBack.Load()
	if len(all) == 0 && !forgetful {
		a.w.violate("%s is not told of seq %d of %s, and nobody says why", u, m.seq, m.session)
	}
	s := a.sessions[m.session]
	for i := range all {
		e, right := &all[i], true
		switch e.Reason {
		case push.Brought:
			right = e.Attempts > 0
		case push.WasRead:
			right = s.Members[u].Marker >= m.seq
		case push.WasRevoked, push.WasDeleted:
			right = s.Messages[m.seq].State.Revoked != 0 || s.Messages[m.seq].State.Deleted != 0
		case push.Sending:
			right = a.w.isStray(e.ID)
		case push.WasBlocked:
			right = blocked(s)
		case push.GaveUp:
			right = e.Attempts >= push.MaxAttempts
		case push.Superseded, push.TokenGone, push.NoToken, push.TokenMoved, push.TokenReplaced, push.DeviceActive, push.UserActive:
		case push.NoDevice, push.HasLeft:
			right = forgetful
		default:
			right = false
		}
		if !right {
			a.w.violate("%s is not told of seq %d of %s, and it is said: %+v", u, m.seq, m.session, *e)
		}
	}
}

// blocked says whether one of a direct session ever blocked the other.
func blocked(s *fold.Session) bool {
	for _, value := range s.Timeline {
		o, err := events.DecodeOutcomeValue(value)
		accepted, _ := o.Result.(events.Accepted)
		if changed, is := accepted.Event.(events.ContactChanged); err == nil && is && changed.Step == events.ContactBlock {
			return true
		}
	}
	return false
}
