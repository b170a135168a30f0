package fold

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// archivePage is how many rows of the archive are read at once.
const archivePage = 5000

// CompareArchive holds the archive against the folded sessions: how many outcomes there are of each kind, every event of a timeline
// byte for byte, and of each session its messages with what became of them, markers, stays, contact and what it says of itself. The log
// must be at rest, and the archive have come to its end.
func CompareArchive(ctx context.Context, view archive.View, sessions map[events.SessionID]*Session, report *Report) error {
	if err := compareCounts(ctx, view, report); err != nil {
		return err
	}
	if err := compareSessions(ctx, view, sessions, report); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		for _, compare := range []func(context.Context, archive.View, *Session, *Report) error{
			compareOutcomes, compareMessages, compareMarkers, compareStays, compareContact,
		} {
			if err := compare(ctx, view, s, report); err != nil {
				return fmt.Errorf("fold: the archive of %s: %w", id, err)
			}
		}
	}
	return nil
}

func compareCounts(ctx context.Context, view archive.View, report *Report) error {
	got, err := view.Count(ctx)
	if err != nil {
		return err
	}
	want := map[archive.Kind]uint64{}
	for what, n := range report.Outcomes {
		for _, kind := range []archive.Kind{archive.KindAccepted, archive.KindRejected, archive.KindAnswered} {
			if strings.HasPrefix(what, kind.String()+" ") {
				want[kind] += uint64(n)
			}
		}
	}
	maps.DeleteFunc(got, func(_ archive.Kind, n uint64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		report.problem("the archive has %v outcomes, must have %v", got, want)
	}
	return nil
}

func compareSessions(ctx context.Context, view archive.View, sessions map[events.SessionID]*Session, report *Report) error {
	seen := map[events.SessionID]bool{}
	for after := events.SessionID(""); ; {
		page, err := view.Sessions(ctx, after, archivePage)
		if err != nil {
			return err
		}
		for _, got := range page {
			after, seen[got.Session] = got.Session, true
			s := sessions[got.Session]
			if s == nil {
				report.problem("the archive has a session %s that is not in the log", got.Session)
				continue
			}
			h := s.Head
			if got.Title != h.Title || got.Closed != h.Closed || got.Base != h.Base || got.Head != h.Seq || got.Messages != h.Index || got.Notice != s.Facts.Info.Notice {
				report.problem("%s: archived as %+v, must be %+v with notice %q", s.ID, got, h, s.Facts.Info.Notice)
			}
			custom := map[string]string{}
			for _, f := range s.Facts.Info.Custom {
				custom[f.Name] = f.Value
			}
			if !maps.Equal(got.Custom, custom) {
				report.problem("%s: archived with the fields %v, must be %v", s.ID, got.Custom, custom)
			}
		}
		if len(page) < archivePage {
			break
		}
	}
	for id, s := range sessions {
		if s.Head.Seq > 0 && !seen[id] {
			report.problem("%s: not archived", id)
		}
	}
	return nil
}

func compareOutcomes(ctx context.Context, view archive.View, s *Session, report *Report) error {
	found := map[events.Seq]bool{}
	for after := int64(-1); ; {
		page, err := view.Outcomes(ctx, s.ID, after, archivePage)
		if err != nil {
			return err
		}
		for _, o := range page {
			if int64(o.Offset) <= after {
				report.problem("%s: the archive lists offset %d after %d", s.ID, o.Offset, after)
			}
			after = int64(o.Offset)
			if o.Seq == 0 {
				continue
			}
			if found[o.Seq] {
				report.problem("%s: the archive has seq %d twice", s.ID, o.Seq)
			}
			found[o.Seq] = true
			if o.Bytes != string(s.Timeline[o.Seq]) {
				report.problem("%s: the archive's seq %d is not byte for byte the log's", s.ID, o.Seq)
			}
		}
		if len(page) < archivePage {
			break
		}
	}
	if len(found) != len(s.Timeline) {
		report.problem("%s: the archive has %d events of the timeline, must have %d", s.ID, len(found), len(s.Timeline))
	}
	return nil
}

func compareMessages(ctx context.Context, view archive.View, s *Session, report *Report) error {
	n := 0
	for after := events.Seq(0); ; {
		page, err := view.Messages(ctx, s.ID, after, archivePage)
		if err != nil {
			return err
		}
		for _, got := range page {
			after = got.Seq
			n++
			compareMessage(s, got, report)
		}
		if len(page) < archivePage {
			break
		}
	}
	if n != len(s.Messages) {
		report.problem("%s: the archive has %d messages, must have %d", s.ID, n, len(s.Messages))
	}
	return nil
}

func compareMessage(s *Session, got archive.MessageNow, report *Report) {
	m := s.Messages[got.Seq]
	o, err := events.DecodeOutcomeValue(s.Timeline[got.Seq])
	accepted, _ := o.Result.(events.Accepted)
	sent, ok := accepted.Event.(events.Sent)
	if m == nil || err != nil || !ok {
		report.problem("%s: the archive has a message %d that is none", s.ID, got.Seq)
		return
	}
	body := sent.Body
	if m.State.Overridden != 0 {
		body = m.State.Body
	}
	want := archive.MessageNow{
		Seq: got.Seq, Index: m.Index, Time: o.Time, Origin: o.Origin, Sender: o.Actor.User, Kind: got.Kind, Text: plain(body), Versions: uint64(1 + m.overrides),
		Revoked: m.State.Revoked != 0, Deleted: m.State.Deleted != 0, RevokedBy: got.RevokedBy, DeletedBy: got.DeletedBy, Reason: got.Reason,
		Pinned: slices.Contains(s.Facts.Pins, got.Seq), Reports: got.Reports,
	}
	if want.Origin > 65_535*86_400_000 { // no day there has
		want.Origin = 0
	}
	reactions := map[string]uint64{}
	if want.Revoked || want.Deleted {
		want.Text = ""
	} else {
		for emoji, users := range m.reactions {
			reactions[emoji] = uint64(len(users))
		}
	}
	if !maps.Equal(got.Reactions, reactions) {
		report.problem("%s: message %d is archived with the reactions %v, must be %v", s.ID, got.Seq, got.Reactions, reactions)
	}
	got.Reactions = nil
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		report.problem("%s: message %d is archived as %+v, must be %+v", s.ID, got.Seq, got, want)
	}
}

// plain is what there is to read in a body.
func plain(b events.Body) string {
	for _, text := range readings(b.Plain) {
		if text != "" {
			return text
		}
	}
	return ""
}

func readings(c events.Content) []string {
	switch c := c.(type) {
	case events.Text:
		return []string{string(c)}
	case events.Media:
		return []string{c.Caption, c.Name}
	case events.Location:
		return []string{c.Name, c.Address}
	case events.Card:
		return []string{c.Name, string(c.User), string(c.Session)}
	case events.Forward:
		return []string{c.Title}
	case events.Custom:
		return []string{c.JSON}
	case nil:
	}
	return nil
}

func compareMarkers(ctx context.Context, view archive.View, s *Session, report *Report) error {
	markers, err := view.Markers(ctx, s.ID)
	if err != nil {
		return err
	}
	for _, got := range markers {
		if m := s.Members[got.User]; m == nil || got.Read != m.Marker || got.Delivered != m.Delivered {
			report.problem("%s: markers are archived as %+v, must be those of %+v", s.ID, got, m)
		}
	}
	if len(markers) != len(s.Members) {
		report.problem("%s: markers of %d people are archived, must be of %d", s.ID, len(markers), len(s.Members))
	}
	return nil
}

// compareStays looks at the stays that a fold keeps: of each person the last ones.
func compareStays(ctx context.Context, view archive.View, s *Session, report *Report) error {
	stays, err := view.Stays(ctx, s.ID)
	if err != nil {
		return err
	}
	of := map[events.UserID][]events.Stay{}
	for _, got := range stays {
		of[got.User] = append(of[got.User], events.Stay{From: got.From, To: got.To})
	}
	for u, m := range s.Members {
		got := of[u]
		if len(got) > len(m.Stays) {
			got = got[len(got)-len(m.Stays):]
		}
		var want []events.Stay
		for _, stay := range m.Stays {
			want = append(want, events.Stay{From: stay.From, To: stay.To})
		}
		if !slices.Equal(got, want) {
			report.problem("%s: stays of %s are archived as %v, must be %v", s.ID, u, got, want)
		}
		delete(of, u)
	}
	for u := range of {
		report.problem("%s: %s has an archived stay and was never in", s.ID, u)
	}
	return nil
}

func compareContact(ctx context.Context, view archive.View, s *Session, report *Report) error {
	if s.Head.Kind != events.KindDirect {
		return nil
	}
	got, found, err := view.Contact(ctx, s.ID)
	if err != nil {
		return err
	}
	people := slices.Sorted(maps.Keys(s.Members))
	if !found || len(people) != 2 {
		report.problem("%s: archived as a contact: %t, of %d people", s.ID, found, len(people))
		return nil
	}
	want := archive.ContactNow{
		A: people[0], B: people[1], State: s.Head.Contact, AskedBy: s.Head.ContactBy, ABlocks: s.Members[people[0]].Blocks, BBlocks: s.Members[people[1]].Blocks,
	}
	if got != want {
		report.problem("%s: the contact is archived as %+v, must be %+v", s.ID, got, want)
	}
	return nil
}
