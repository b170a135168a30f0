package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

const (
	defaultSearch = 20
	// minQuery and maxQuery are how many characters are looked for.
	minQuery, maxQuery = 2, 200
	// maxSearched is how many sessions are searched at once.
	maxSearched = 5000
	// firstLook is how many messages more than are wanted are asked for, and mostLook how many at once, each time twice as many: those
	// found may not be seen, or say something else now.
	firstLook, mostLook = 2, 1000
	// maxMarks is how often the text is marked in a snippet.
	maxMarks = 8
)

// search finds messages by what they say now, as far as the user may see them.
func (c *Conn) search(ctx context.Context, u events.UserID, op *clientv1.Search) (_ *clientv1.ServerFrame, err *events.Error) {
	began := c.gw.ports.Now()
	defer func() {
		code := "OK"
		if err != nil {
			code = string(err.Code)
		}
		c.gw.ports.Metrics.searches.WithLabelValues(code).Observe(c.gw.ports.Now().Sub(began).Seconds())
	}()
	l, before, err := c.seekerOf(op, u)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.gw.config.SearchTimeout)
	defer cancel()
	select {
	case c.gw.cold.searches <- struct{}{}:
		defer func() { <-c.gw.cold.searches }()
	case <-ctx.Done():
		return nil, &events.Error{Code: events.CodeSearchTimeout}
	}
	if err := l.run(ctx, before); err != nil {
		return nil, c.gw.searchError(ctx, err)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Search{Search: l.page}}, nil
}

// searchError is what a client is told of a failed search.
func (g *Gateway) searchError(ctx context.Context, err error) *events.Error {
	if wrong := (*events.Error)(nil); errors.As(err, &wrong) {
		return wrong
	}
	if errors.Is(err, archive.ErrTooMuch) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &events.Error{Code: events.CodeSearchTimeout}
	}
	return g.readError(err)
}

// seekerOf reads what is asked. Errors are NO_ARCHIVE, INVALID_FIELD, QUERY_TOO_LONG and INVALID_CURSOR.
func (c *Conn) seekerOf(op *clientv1.Search, u events.UserID) (l *seeker, before archive.Found, err *events.Error) {
	if c.gw.cold == nil {
		return nil, before, &events.Error{Code: events.CodeNoArchive}
	}
	limit, err := pageLimit(op.GetLimit(), defaultSearch, protocol.MaxSearch)
	if err != nil {
		return nil, before, err
	}
	text := op.GetText()
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, before, events.Errorf(events.CodeInvalidField, "text is UTF-8 without NUL")
	case n < minQuery:
		return nil, before, events.Errorf(events.CodeInvalidField, "text has fewer than %d characters", minQuery)
	case n > maxQuery:
		return nil, before, &events.Error{Code: events.CodeQueryTooLong}
	}
	if op.GetSession() != "" {
		if _, err := sessionOf(op.GetSession()); err != nil {
			return nil, before, err
		}
	}
	l = &seeker{
		gw: c.gw, user: u, one: events.SessionID(op.GetSession()), text: strings.ToLower(text), limit: limit,
		page: &clientv1.SearchPage{}, places: map[events.SessionID]*searched{},
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "search %q %q", l.one, l.text))
	l.question = question(sum[:8])
	if op.GetCursor() != "" {
		before, err = l.question.found(op.GetCursor())
	}
	return l, before, err
}

// seeker fills a page of hits.
type seeker struct {
	gw       *Gateway
	user     events.UserID
	one      events.SessionID
	text     string
	limit    int
	question question
	page     *clientv1.SearchPage
	places   map[events.SessionID]*searched
}

// searched is a session in which something was found.
type searched struct {
	person hot.Person
	sees   func(events.Seq) bool
	past   *archived
}

// run looks for hits after one until the page is full, there are no more, or its time is over. A cursor names a hit, and no other
// message: where somebody else's words are would tell that they were said. Errors are those of reading, and codes.
func (l *seeker) run(ctx context.Context, before archive.Found) error {
	sessions, err := l.sessions(ctx)
	if err != nil {
		return err
	}
	if l.page.UnsureFromMs, err = l.unsure(ctx); err != nil {
		return err
	}
	last := before // hit
	for wanted := firstLook * l.limit; ; wanted = min(2*wanted, mostLook) {
		found, err := l.find(ctx, archive.Search{Sessions: sessions, Text: l.text, Before: before, Limit: wanted})
		var hits map[archive.Found]*clientv1.SearchHit
		if err == nil {
			hits, err = l.hits(ctx, found)
		}
		switch {
		case err != nil && len(l.page.Hits) > 0 && (ctx.Err() != nil || errors.Is(err, archive.ErrTooMuch)):
			l.page.Next = l.question.foundCursor(last)
			return nil
		case err != nil:
			return err
		}
		for _, f := range found {
			hit := hits[f]
			if hit == nil {
				continue
			}
			if len(l.page.Hits) == l.limit {
				l.page.Next = l.question.foundCursor(last)
				return nil
			}
			l.page.Hits, last = append(l.page.Hits, hit), f
		}
		if len(found) < wanted {
			return nil
		}
		before = found[len(found)-1]
	}
}

// sessions are those that are searched.
func (l *seeker) sessions(ctx context.Context) (all []events.SessionID, err error) {
	if l.one != "" {
		_, err := l.place(ctx, l.one)
		return []events.SessionID{l.one}, err
	}
	for after := events.SessionID(""); ; {
		some, err := l.gw.ports.View.Sessions(ctx, l.user, after, protocol.MaxPage)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); len(all) > maxSearched {
			return nil, events.Errorf(events.CodeLimitReached, "more than %d sessions are not searched at once; name one", maxSearched)
		}
		if len(some) < protocol.MaxPage {
			return all, nil
		}
		after = some[len(some)-1]
	}
}

// unsure is the log time from which on something may not be archived: of the partition that is furthest behind.
func (l *seeker) unsure(ctx context.Context) (ms int64, err error) {
	ctx, done, err := l.gw.cold.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer done(&err)
	progress, err := l.gw.cold.from.Progress(ctx)
	for i, p := range progress {
		till := int64(p.At)
		if p.Archived < p.LogEnd {
			till = int64(p.Time)
		}
		if i == 0 || till < ms {
			ms = till
		}
	}
	return ms, err
}

func (l *seeker) find(ctx context.Context, s archive.Search) (found []archive.Found, err error) {
	if l.gw.cold == nil || !l.gw.cold.open() {
		return nil, errColdAway
	}
	found, err = l.gw.cold.from.Search(ctx, s)
	if err != nil && ctx.Err() == nil && !errors.Is(err, archive.ErrTooMuch) {
		l.gw.cold.fail(err)
		err = errColdAway
	}
	return found, err
}

// place reads the user's part in a session, once. It is NOT_A_MEMBER when they have none.
func (l *seeker) place(ctx context.Context, s events.SessionID) (*searched, error) {
	if at := l.places[s]; at != nil {
		return at, nil
	}
	p, err := l.gw.ports.View.Person(ctx, s, l.user)
	if err != nil {
		return nil, err
	}
	spans := visible(&p)
	if len(spans) == 0 {
		return nil, &events.Error{Code: events.CodeNotAMember}
	}
	at := &searched{person: p, sees: within(spans), past: &archived{cold: l.gw.cold, view: l.gw.ports.View, session: s, user: l.user}}
	l.places[s] = at
	return at, nil
}

// hits are those of the found messages that the user may see and that say the text now.
func (l *seeker) hits(ctx context.Context, found []archive.Found) (map[archive.Found]*clientv1.SearchHit, error) {
	bySession := map[events.SessionID][]archive.Found{}
	for _, f := range found {
		bySession[f.Session] = append(bySession[f.Session], f)
	}
	hits := map[archive.Found]*clientv1.SearchHit{}
	for s, some := range bySession {
		at, err := l.place(ctx, s)
		if errors.Is(err, hot.ErrNoSession) || isNotAMember(err) {
			continue // the list was ahead of the session
		}
		if err != nil {
			return nil, err
		}
		if err := l.hitsIn(ctx, at, some, hits); err != nil {
			return nil, err
		}
	}
	return hits, nil
}

func isNotAMember(err error) bool {
	var wrong *events.Error
	return errors.As(err, &wrong) && wrong.Code == events.CodeNotAMember
}

// hitsIn adds the hits of one session.
func (l *seeker) hitsIn(ctx context.Context, at *searched, found []archive.Found, hits map[archive.Found]*clientv1.SearchHit) error {
	places := map[events.Seq]archive.Found{}
	var seqs []events.Seq
	for _, f := range found {
		if at.sees(f.Seq) {
			places[f.Seq] = f
			seqs = append(seqs, f.Seq)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	err := at.past.begin(ctx, at.person.Head.Seq, 0)
	if newest := slices.Max(seqs); errors.Is(err, errColdBehind) && at.past.reach < newest {
		if why, err := l.gw.cold.missing(ctx, at.past.session, newest); err != nil || why == archive.MissingDropped {
			return err
		}
	}
	if errors.Is(err, errColdBehind) {
		// What became of them is not known yet: they are among what may not be found.
		for _, f := range places {
			l.page.UnsureFromMs = min(l.page.UnsureFromMs, int64(f.Time))
		}
		return nil
	}
	if err != nil {
		return err
	}
	items, err := at.past.at(ctx, seqs)
	if err != nil {
		return err
	}
	page := make([]*clientv1.Event, len(items))
	for i, item := range items {
		_, page[i] = l.gw.itemEvent(at.past.session, item)
		withhold(page[i], at.sees, false)
	}
	hides, err := l.gw.hiddenOf(ctx, l.user, at.past.session, page)
	if err != nil {
		return err
	}
	for i, e := range page {
		hide(e, hides)
		snippet, marks := snippetOf(wordsOf(e.GetSent()), l.text)
		if len(marks) == 0 {
			continue
		}
		hits[places[items[i].Seq]] = &clientv1.SearchHit{
			Session: e.GetSession(), Seq: e.GetSeq(), Index: e.GetSent().GetIndex(), TimeMs: e.GetTimeMs(), User: e.GetUser(), Snippet: snippet, Marks: marks,
		}
	}
	return nil
}

// wordsOf is what a message says in words: a text, or a caption or name.
func wordsOf(m *clientv1.Sent) string {
	content := m.GetContent()
	for _, words := range []string{
		m.GetText(), content.GetMedia().GetCaption(), content.GetMedia().GetName(), content.GetLocation().GetName(), content.GetLocation().GetAddress(),
		content.GetCard().GetName(), content.GetForward().GetTitle(),
	} {
		if words != "" {
			return words
		}
	}
	return ""
}
