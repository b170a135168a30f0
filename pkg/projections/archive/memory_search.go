package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

var _ Searches = (*Memory)(nil)

// Search implements Searches. It knows the last version of a message alone.
func (m *Memory) Search(_ context.Context, s Search) ([]Found, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Found
	for key, r := range m.messages {
		found := Found{r.Time, key.session, key.seq}
		if r.Index > 0 && slices.Contains(s.Sessions, key.session) && strings.Contains(strings.ToLower(r.Body.Text), s.Text) &&
			(s.Before == Found{} || compareFound(found, s.Before) > 0) {
			all = append(all, found)
		}
	}
	slices.SortFunc(all, compareFound)
	return all[:min(s.Limit, len(all))], nil
}

// compareFound puts the newest first.
func compareFound(a, b Found) int {
	return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Session, a.Session), cmp.Compare(b.Seq, a.Seq))
}
