package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
)

// walk is a way through a session's history.
type walk struct {
	session string
	limit   uint32
	back    bool
	// around is a seq: one page that has it, and no others.
	around uint64
	filter *clientv1.HistoryFilter
	// cursors: goes on by what pages name, and not by seqs.
	cursors bool
	// between is who says something between any two pages, and revokes one of those messages.
	between  string
	revoking []string
}

// walkOf reads a step of history, pages or around; items are the arguments that say what is expected.
func (r *run) walkOf(s *Step) (w walk, items []string, err error) {
	w = walk{session: r.names.session(s.Args[0]), limit: 200, between: s.Options["between"], cursors: s.Options["cursors"] == "true"}
	if w.filter, err = r.filterOf(s); err != nil {
		return w, nil, err
	}
	w.revoking = listed(s.Options["revoking"])
	switch s.Verb {
	case "history":
		return w, s.Args[1:], nil
	case "around":
		if w.around, err = s.seq(1); err != nil {
			return w, nil, err
		}
	default:
		if w.back = s.Args[1] == "back"; !w.back && s.Args[1] != "forward" {
			return w, nil, fmt.Errorf("pages go back or forward, not %q", s.Args[1])
		}
	}
	w.limit, err = small(s.Args[2])
	return w, s.Args[3:], err
}

var messageKinds = func() map[string]clientv1.MessageKind {
	all := map[string]clientv1.MessageKind{}
	for n, name := range clientv1.MessageKind_name {
		all[strings.ToLower(strings.TrimPrefix(name, "MESSAGE_KIND_"))] = clientv1.MessageKind(n)
	}
	delete(all, "unspecified")
	return all
}()

// filterOf reads what is picked, nil for all.
func (r *run) filterOf(s *Step) (*clientv1.HistoryFilter, error) {
	f, now := &clientv1.HistoryFilter{}, r.way.Now()
	for _, word := range listed(s.Options["kind"]) {
		kind, err := enum(word, messageKinds)
		if err != nil {
			return nil, err
		}
		f.Kinds = append(f.Kinds, kind)
	}
	for _, person := range listed(s.Options["author"]) {
		f.Authors = append(f.Authors, r.names.user(person))
	}
	for name, at := range map[string]*int64{"since": &f.FromMs, "until": &f.UntilMs} {
		if text, ok := s.Options[name]; ok {
			ago, err := span(text)
			if err != nil {
				return nil, err
			}
			*at = now.Add(-ago).UnixMilli()
		}
	}
	if text, ok := s.Options["thread"]; ok {
		var err error
		if f.Thread, err = s.number(text); err != nil {
			return nil, err
		}
	}
	if proto.Size(f) == 0 {
		return nil, nil
	}
	return f, nil
}

func (r *run) history(ctx context.Context, s *Step, who Who) error {
	w, words, err := r.walkOf(s)
	if err != nil {
		return err
	}
	if len(s.Wants) > 0 {
		op := w.first()
		if op.Cursor, err = r.cursor(ctx, s, who); err != nil {
			return err
		}
		if op.Cursor != "" {
			op.After = nil
		}
		return r.refusal(ctx, s, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: op}})
	}
	expected, err := parseItems(words)
	if err != nil {
		return err
	}
	ask := func(ctx context.Context) (string, error) {
		got, code, err := r.walk(ctx, who, w)
		if err != nil || code != "" {
			return code, err
		}
		return like(got, expected), nil
	}
	if w.between != "" { // which says more each time
		got, err := ask(ctx)
		if err == nil && got != render(expected) {
			err = &Failure{Line: s.Line, Text: s.Text, Expected: render(expected), Got: got}
		}
		return err
	}
	return r.eventually(ctx, s, render(expected), ask)
}

// ofPage is before the label of a session one of whose pages names the cursor that is asked with.
const ofPage = "of/"

// cursor is what a step asks with: of/S is one of a page of another session, everything else stands for itself.
func (r *run) cursor(ctx context.Context, s *Step, who Who) (string, error) {
	label, of := strings.CutPrefix(s.Options["cursor"], ofPage)
	if !of {
		return s.Options["cursor"], nil
	}
	m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{Session: r.names.session(label), Limit: 1}}})
	if err == nil && m.GetHistory().GetOlder() == "" {
		err = fmt.Errorf("no page of %s goes on", label)
	}
	return m.GetHistory().GetOlder(), err
}

// first asks for the first page.
func (w walk) first() *clientv1.History {
	op := &clientv1.History{Session: w.session, Limit: w.limit, Around: w.around, Filter: w.filter}
	if !w.back && w.around == 0 {
		op.After = new(uint64)
	}
	return op
}

// next asks for the page after one; nil when there is none.
func (w walk) next(page *clientv1.HistoryPage) *clientv1.History {
	op := &clientv1.History{Session: w.session, Limit: w.limit, Filter: w.filter}
	if w.cursors {
		if op.Cursor = page.GetNewer(); w.back {
			op.Cursor = page.GetOlder()
		}
		if op.Cursor == "" {
			return nil
		}
		return op
	}
	var ends []uint64
	for _, e := range page.GetEvents() {
		ends = append(ends, e.GetSeq())
	}
	for _, hidden := range page.GetHidden() {
		ends = append(ends, hidden.GetFirst(), hidden.GetLast())
	}
	switch {
	case !page.GetMore() || len(ends) == 0:
		return nil
	case w.back:
		op.Before = slices.Min(ends)
	default:
		op.After = new(slices.Max(ends))
	}
	return op
}

// walk gives the events of all pages in seq order, and the code of an error.
func (r *run) walk(ctx context.Context, who Who, w walk) ([]item, string, error) {
	var pages [][]item
	for op := w.first(); op != nil; {
		m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: op}})
		if err != nil || m.GetError() != nil {
			return nil, m.GetError().GetCode(), err
		}
		var items []item
		for _, e := range m.GetHistory().GetEvents() {
			items = append(items, itemOf(e))
		}
		pages = append(pages, items)
		if w.around > 0 {
			break
		}
		if op = w.next(m.GetHistory()); op == nil {
			break
		}
		if err := r.interrupt(ctx, &w); err != nil {
			return nil, "", err
		}
	}
	if w.back {
		slices.Reverse(pages)
	}
	return slices.Concat(pages...), "", nil
}

// interrupt has somebody say something, and revoke the next.
func (r *run) interrupt(ctx context.Context, w *walk) error {
	if w.between == "" {
		return nil
	}
	step := Step{
		Line: r.at.Line, Text: r.at.Text, Who: Who{Person: w.between, Device: mainDevice}, Verb: "send",
		Args: []string{r.names.label(w.session), "between pages"}, Options: map[string]string{},
	}
	if err := r.command(ctx, &step, func() {}); err != nil || len(w.revoking) == 0 {
		return err
	}
	step.Verb, step.Args[1] = "revoke", w.revoking[0]
	w.revoking = w.revoking[1:]
	return r.command(ctx, &step, func() {})
}

func listed(words string) []string {
	return strings.FieldsFunc(words, func(c rune) bool { return c == ',' })
}

// search compares what is found, newest first, as SESSION/SEQ.
func (r *run) search(ctx context.Context, s *Step, who Who) error {
	op := &clientv1.Search{Text: s.Args[0], Cursor: s.Options["cursor"]}
	if in := s.Options["in"]; in != "" {
		op.Session = r.names.session(in)
	}
	if len(s.Wants) > 0 {
		return r.refusal(ctx, s, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Search{Search: op}})
	}
	expected := "nothing"
	if len(s.Args) > 1 {
		expected = strings.Join(s.Args[1:], " ")
	}
	return r.eventually(ctx, s, expected, func(ctx context.Context) (string, error) {
		var found []string
		for op.Cursor = ""; ; {
			m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Search{Search: op}})
			if err != nil || m.GetError() != nil {
				return m.GetError().GetCode(), err
			}
			for _, hit := range m.GetSearch().GetHits() {
				found = append(found, fmt.Sprintf("%s/%d", r.names.label(hit.GetSession()), hit.GetSeq()))
			}
			if op.Cursor = m.GetSearch().GetNext(); op.Cursor == "" {
				break
			}
		}
		if len(found) == 0 {
			return "nothing", nil
		}
		return strings.Join(found, " "), nil
	})
}
