package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
)

// What a device is told of a session without having asked.
const (
	toldNothing = "nothing"
	toldRefused = "refused"
	toldIn      = "in"
	toldOut     = "out"
)

// toldBy is what a notice says of its session.
func toldBy(n *clientv1.Notice) string {
	switch {
	case n.GetRefused():
		return toldRefused
	case n.GetMember():
		return toldIn
	}
	return toldOut
}

// told compares what a device was last told of a session.
func (r *run) told(ctx context.Context, s *Step, who Who) error {
	session, expected := r.names.session(s.Args[0]), s.Args[1]
	if all := []string{toldNothing, toldRefused, toldIn, toldOut}; !slices.Contains(all, expected) {
		return fmt.Errorf("%q is none of %s", expected, strings.Join(all, ", "))
	}
	return r.eventually(ctx, s, expected, func(context.Context) (string, error) {
		live, err := r.way.Live(who)
		if got, ok := live.Told[session]; ok {
			return got, err
		}
		return toldNothing, err
	})
}
