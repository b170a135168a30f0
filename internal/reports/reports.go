// Package reports lists the messages that people reported: what they said, who said it, who
// reported them and why, and what became of them. It is the operators' list; a session's own
// admins hear of reports on their sockets.
package reports

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"annal/internal/logview"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// MaxListed bounds a list, MaxReasons the reports and MaxText the bytes that are kept of one message, and
// maxTracked the messages of a partition that are looked for in the log: those reported last.
const (
	MaxListed  = 1000
	MaxReasons = 20
	MaxText    = 4 << 10
	maxTracked = 20_000
)

// Filter chooses messages. Empty fields choose all.
type Filter struct {
	Session events.SessionID
	// Author is who sent the message.
	Author events.UserID
	// Open leaves out what was revoked or deleted.
	Open bool
}

// Fate is what became of a message.
type Fate string

// What became of a message.
const (
	Open    Fate = "open"
	Revoked Fate = "revoked"
	Deleted Fate = "deleted"
)

// Report is one person's.
type Report struct {
	Time   events.Millis
	By     events.UserID
	Reason string
}

// Message is one that was reported.
type Message struct {
	Session events.SessionID
	Seq     events.Seq
	Index   events.Index
	Author  events.UserID
	Sent    events.Millis
	// Text is what it says now, or said when it went: a text's first MaxText bytes, other content as
	// logview.Said tells it.
	Text string
	// Versions are how often it was overridden.
	Versions int
	Fate     Fate
	// FateBy and FateReason say who revoked or deleted it, and why.
	FateBy     events.UserID
	FateReason string
	// Count is how many people reported it; Reports are the newest of them, MaxReasons at most, ascending.
	Count   int
	Reports []Report
}

// last is when it was reported last.
func (m *Message) last() events.Millis { return m.Reports[len(m.Reports)-1].Time }

// List is what was found.
type List struct {
	// Messages are the ones reported last, ascending.
	Messages []Message
	// Found counts all that were chosen.
	Found int
	// Unreadable counts events that this program can't read, Untracked reported messages of long ago
	// that nobody looked for, since there are too many.
	Unreadable, Untracked int
}

type place struct {
	session events.SessionID
	seq     events.Seq
}

func byPlace(a, b place) int {
	return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.seq, b.seq))
}

// Read lists the messages reported last, so many at most. It reads the log twice: reports come after
// what they are about, and what was never reported is not kept.
func Read(ctx context.Context, log eventlog.Log, f Filter, last int) (List, error) {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return List{}, fmt.Errorf("reports: %w", err)
	}
	var all List
	for p := range n {
		some, err := partition(ctx, log, p, f, last)
		if err != nil {
			return List{}, fmt.Errorf("reports: %w", err)
		}
		all.Found += some.Found
		all.Unreadable += some.Unreadable
		all.Untracked += some.Untracked
		all.Messages = newest(append(all.Messages, some.Messages...), last)
	}
	return all, nil
}

// newest keeps the ones reported last.
func newest(messages []Message, last int) []Message {
	slices.SortStableFunc(messages, func(a, b Message) int { return cmp.Compare(a.last(), b.last()) })
	return messages[max(0, len(messages)-last):]
}

func partition(ctx context.Context, log eventlog.Log, p int32, f Filter, last int) (List, error) {
	reported := map[place]*Message{}
	untracked := 0
	unreadable, err := each(ctx, log, p, func(o *events.Outcome, e events.Event) {
		if r, ok := e.(events.Reported); ok && (f.Session == "" || f.Session == o.Session) {
			note(reported, o, r)
			untracked += forget(reported, maxTracked)
		}
	})
	if err != nil || len(reported) == 0 {
		return List{Unreadable: unreadable}, err
	}
	if _, err := each(ctx, log, p, func(o *events.Outcome, e events.Event) { tell(reported, o, e) }); err != nil {
		return List{}, err
	}
	l := List{Unreadable: unreadable, Untracked: untracked}
	for _, at := range slices.SortedFunc(maps.Keys(reported), byPlace) {
		m := reported[at]
		if (f.Author == "" || f.Author == m.Author) && (!f.Open || m.Fate == Open) {
			l.Messages = append(l.Messages, *m)
		}
	}
	l.Found = len(l.Messages)
	l.Messages = newest(l.Messages, last)
	return l, nil
}

// each calls do for the accepted events of a partition, and counts those it can't read.
func each(ctx context.Context, log eventlog.Log, p int32, do func(*events.Outcome, events.Event)) (unreadable int, err error) {
	err = eventlog.EachCounted(ctx, log, p, func(rec *eventlog.Record) error {
		o, err := events.DecodeOutcome(rec.Record)
		if err != nil {
			unreadable++
			return nil
		}
		if a, ok := o.Result.(events.Accepted); ok {
			do(&o, a.Event)
		}
		return nil
	})
	return unreadable, err
}

func note(reported map[place]*Message, o *events.Outcome, r events.Reported) {
	at := place{o.Session, r.Target}
	m := reported[at]
	if m == nil {
		m = &Message{Session: o.Session, Seq: r.Target, Index: r.TargetIndex, Fate: Open}
		reported[at] = m
	}
	m.Count++
	if len(m.Reports) == MaxReasons {
		m.Reports = slices.Delete(m.Reports, 0, 1)
	}
	m.Reports = append(m.Reports, Report{Time: o.Time, By: o.Actor.User, Reason: r.Reason})
}

// forget drops those reported longest ago, when there are more than most: a tenth more than it must, since
// it sorts them.
func forget(reported map[place]*Message, most int) (dropped int) {
	if len(reported) <= most {
		return 0
	}
	places := slices.SortedFunc(maps.Keys(reported), func(a, b place) int {
		return cmp.Or(cmp.Compare(reported[a].last(), reported[b].last()), cmp.Compare(a.seq, b.seq))
	})
	dropped = len(places) - most + most/10
	for _, at := range places[:dropped] {
		delete(reported, at)
	}
	return dropped
}

// textOf is what a body says, for operators.
func textOf(b events.Body) string {
	text, ok := b.Plain.(events.Text)
	switch {
	case !ok:
		return logview.Said(b)
	case len(text) > MaxText:
		return strings.ToValidUTF8(string(text[:MaxText]), "") + "…"
	}
	return string(text)
}

// tell notes what an event says of a reported message.
func tell(reported map[place]*Message, o *events.Outcome, e events.Event) {
	switch e := e.(type) {
	case events.Sent:
		a, _ := o.Result.(events.Accepted)
		if m := reported[place{o.Session, a.Seq}]; m != nil {
			m.Author, m.Sent, m.Text = o.Actor.User, o.Time, textOf(e.Body)
		}
	case events.Overridden:
		if m := reported[place{o.Session, e.Target}]; m != nil {
			m.Text, m.Versions = textOf(e.Body), m.Versions+1
		}
	case events.Revoked:
		if m := reported[place{o.Session, e.Target}]; m != nil {
			m.Fate, m.FateBy = Revoked, o.Actor.User
		}
	case events.Deleted:
		if m := reported[place{o.Session, e.Target}]; m != nil {
			m.Fate, m.FateBy, m.FateReason = Deleted, o.Actor.User, e.Reason
		}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Read, events.InfoSet, events.PolicySet, events.RoleSet,
		events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Reacted, events.Pinned, events.Delivered,
		events.ContactChanged, events.Reported, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}
