package fold

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// archivePage is how many rows of the archive are read at once, and keysPage how many keys.
const (
	archivePage = 5000
	keysPage    = 50_000
)

// CompareArchive holds the archive against the folded sessions, field by field: every outcome, messages with what became of them,
// markers, stays, members, contact and what the session says of itself; and looks for what the archive has of sessions that the log
// does not have. The log must be at rest, and the archive have come to its end.
func CompareArchive(ctx context.Context, view archive.View, sessions map[events.SessionID]*Session, report *Report) error {
	for _, all := range []map[events.SessionID]*Session{sessions, report.strays} {
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if err := compareArchived(ctx, view, all[id], report); err != nil {
				return err
			}
		}
	}
	known := func(key string) bool {
		return sessions[events.SessionID(key)] != nil || report.strays[events.SessionID(key)] != nil
	}
	unknown, err := unknownKeys(ctx, view, known)
	if err != nil {
		return err
	}
	report.unknown(unknown)
	return nil
}

// compareArchived compares one session, or what came under a key that was none. Outcomes are compared if they were kept.
func compareArchived(ctx context.Context, view archive.View, s *Session, report *Report) error {
	comparisons := []func(context.Context, archive.View, *Session, *Report) error{
		compareArchivedSession, compareMessages, compareMarkers, compareStays, compareMembers, compareContact,
	}
	if len(s.outcomes) > 0 {
		comparisons = append(comparisons, compareOutcomes)
	}
	for _, compare := range comparisons {
		if err := compare(ctx, view, s, report); err != nil {
			return fmt.Errorf("fold: the archive of %s: %w", s.ID, err)
		}
	}
	return nil
}

// unknownKeys are those that something is archived under and the log has nothing of, by the parts that have them.
func unknownKeys(ctx context.Context, view archive.View, known func(string) bool) (map[string][]archive.Part, error) {
	unknown := map[string][]archive.Part{}
	for _, part := range archive.Parts() {
		for after := ""; ; {
			keys, err := view.Keys(ctx, part, after, keysPage)
			if err != nil {
				return nil, fmt.Errorf("fold: %w", err)
			}
			for _, key := range keys {
				if after = key; !known(key) {
					unknown[key] = append(unknown[key], part)
				}
			}
			if len(keys) < keysPage {
				break
			}
		}
	}
	return unknown, nil
}

func (r *Report) unknown(keys map[string][]archive.Part) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, part := range keys[key] {
			r.differ(events.SessionID(key), string(part), "", archived, none)
		}
	}
}

// rows compares two lists of what has keys: what is missing, what is too many, what is there twice, and each field.
func rows[T any](report *Report, s events.SessionID, what string, key func(*T) string, got, want []T) {
	must := make(map[string]*T, len(want))
	for i := range want {
		must[key(&want[i])] = &want[i]
	}
	seen := make(map[string]bool, len(got))
	for i := range got {
		where := key(&got[i])
		switch w := must[where]; {
		case seen[where]:
			report.differ(s, what, where, twice, once)
		case w == nil:
			report.differ(s, what, where, got[i], none)
		default:
			report.fields(s, what, where, got[i], *w)
		}
		seen[where] = true
	}
	for i := range want {
		if where := key(&want[i]); !seen[where] {
			report.differ(s, what, where, none, want[i])
		}
	}
}

func compareArchivedSession(ctx context.Context, view archive.View, s *Session, report *Report) error {
	got, found, err := view.Session(ctx, s.ID)
	if err != nil {
		return err
	}
	var is, must []archive.SessionNow
	if found {
		if got.Policy, err = canonical(got.Policy); err != nil {
			report.problem(s.ID, "session.policy", "no JSON: %v", err)
		}
		for _, text := range []*string{&got.Profile, &got.Privacy} {
			if *text == "" {
				continue
			}
			if *text, err = canonical(*text); err != nil {
				report.problem(s.ID, "session.own", "no JSON: %v", err)
			}
		}
		is = append(is, got)
	}
	if s.Head.Seq > 0 {
		must = append(must, s.wantSession())
	}
	rows(report, s.ID, "session", func(*archive.SessionNow) string { return "" }, is, must)
	return nil
}

func compareOutcomes(ctx context.Context, view archive.View, s *Session, report *Report) error {
	where := func(o *archive.Outcome) string { return fmt.Sprintf("partition %d offset %d", o.Partition, o.Offset) }
	left := s.outcomes
	for after := int64(-1); ; {
		page, err := view.Outcomes(ctx, s.ID, after, archivePage)
		if err != nil {
			return err
		}
		var want []archive.Outcome
		last := len(page) < archivePage
		if !last {
			after = int64(page[len(page)-1].Offset)
		}
		for len(left) > 0 && (last || left[0].offset <= after) {
			want = append(want, left[0].want())
			left = left[1:]
		}
		rows(report, s.ID, "event", where, page, want)
		if last {
			return nil
		}
	}
}

func compareMessages(ctx context.Context, view archive.View, s *Session, report *Report) error {
	left := slices.Sorted(maps.Keys(s.Messages))
	for after := events.Seq(0); ; {
		page, err := view.Messages(ctx, s.ID, after, archivePage)
		if err != nil {
			return err
		}
		var want []archive.MessageNow
		last := len(page) < archivePage
		if !last {
			after = page[len(page)-1].Seq
		}
		for len(left) > 0 && (last || left[0] <= after) {
			want = append(want, s.wantMessage(left[0]))
			left = left[1:]
		}
		rows(report, s.ID, "message", func(m *archive.MessageNow) string { return fmt.Sprint("seq ", m.Seq) }, page, want)
		if last {
			return nil
		}
	}
}

func compareMarkers(ctx context.Context, view archive.View, s *Session, report *Report) error {
	got, err := view.Markers(ctx, s.ID)
	if err != nil {
		return err
	}
	var want []archive.MarkersNow
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		m := s.Members[u]
		want = append(want, archive.MarkersNow{User: u, Read: m.Marker, Delivered: m.Delivered, ReadAt: s.rest.readAt[u], DeliveredAt: s.rest.deliveredAt[u]})
	}
	rows(report, s.ID, "markers", func(m *archive.MarkersNow) string { return string(m.User) }, got, want)
	return nil
}

func compareStays(ctx context.Context, view archive.View, s *Session, report *Report) error {
	got, err := view.Stays(ctx, s.ID)
	if err != nil {
		return err
	}
	var want []archive.Stay
	for _, u := range slices.Sorted(maps.Keys(s.rest.stays)) {
		want = append(want, s.rest.stays[u]...)
	}
	rows(report, s.ID, "stay", func(x *archive.Stay) string { return fmt.Sprintf("%s from seq %d", x.User, x.From) }, got, want)
	return nil
}

func compareMembers(ctx context.Context, view archive.View, s *Session, report *Report) error {
	got, err := view.Members(ctx, s.ID)
	if err != nil {
		return err
	}
	var want []archive.MemberNow
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		m := s.Members[u]
		if stays := s.rest.stays[u]; m.In() && len(stays) > 0 {
			last := stays[len(stays)-1]
			want = append(want, archive.MemberNow{User: u, Role: roleName(m.Role), Since: last.From, SinceTime: last.FromTime})
		}
	}
	rows(report, s.ID, "member", func(m *archive.MemberNow) string { return string(m.User) }, got, want)
	return nil
}

func compareContact(ctx context.Context, view archive.View, s *Session, report *Report) error {
	got, found, err := view.Contact(ctx, s.ID)
	if err != nil {
		return err
	}
	var is, must []archive.ContactNow
	if found {
		is = append(is, got)
	}
	if people := slices.Sorted(maps.Keys(s.Members)); s.Head.Kind == events.KindDirect && len(people) == 2 {
		must = append(must, s.wantContact(people[0], people[1]))
	}
	rows(report, s.ID, "contact", func(*archive.ContactNow) string { return "" }, is, must)
	return nil
}
