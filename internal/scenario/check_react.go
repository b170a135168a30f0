package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
)

// reactions compares what a page shows on a message.
func (r *run) reactions(ctx context.Context, s *Step, who Who) error {
	seq, err := s.seq(1)
	if err != nil {
		return err
	}
	expected := slices.Sorted(slices.Values(s.Args[2:]))
	frame := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{
		Session: r.names.session(s.Args[0]), After: new(seq - 1), Limit: 1,
	}}}
	return r.eventually(ctx, s, fmt.Sprint(expected), func(ctx context.Context) (string, error) {
		m, err := r.ask(ctx, who, frame)
		if err != nil || m.GetError() != nil {
			return m.GetError().GetCode(), err
		}
		got := []string{}
		for _, e := range m.GetHistory().GetEvents() {
			for _, reaction := range e.GetSent().GetReactions() {
				word := fmt.Sprintf("%s:%d", reaction.GetEmoji(), reaction.GetCount())
				if reaction.GetMine() {
					word += ":mine"
				}
				got = append(got, word)
			}
		}
		slices.SortFunc(got, strings.Compare)
		return fmt.Sprint(got), nil
	})
}
