package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/app"
	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/steward"
)

func openSteward(p *process, l *life) (func(context.Context) error, error) {
	view := p.w.plant.stewardView(app.StewardView{View: netView{netHot{l.link, p.w.hot}}, Store: netHot{l.link, p.w.hot}})
	logger := p.w.logger.With("process", l.name)
	handler := p.w.plant.handler(steward.New(l.log, view, l.name, logger, prometheus.NewRegistry()))
	f, err := follow.New(context.Background(), follow.Options{
		Log: l.log, Group: steward.Group, Role: "steward", Instance: p.name, Handler: handler, CommitEvery: time.Second,
		Logger: logger, Metrics: follow.NewMetrics(prometheus.NewRegistry(), "steward"),
	})
	if err != nil {
		return nil, err
	}
	return f.Run, nil
}

func (p Plant) handler(h follow.Handler) follow.Handler {
	if p.Handler == nil {
		return h
	}
	return p.Handler(h)
}

func (p Plant) stewardView(v steward.View) steward.View {
	if p.StewardView == nil {
		return v
	}
	return p.StewardView(v)
}

// closeAccount has a client close its account, once at most. The lock is held.
func (c *client) closeAccount() {
	c.closes = true
	c.want(events.NewSelfID(c.user), &clientv1.ClientFrame{Op: &clientv1.ClientFrame_CloseAccount{CloseAccount: &clientv1.CloseAccount{}}})
}

// unstewarded is the first thing that a closed account has left to be done, or that was done to one that isn't closed.
func unstewarded(sessions map[events.SessionID]*fold.Session) string {
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		if s.Head.Kind == events.KindSelf {
			continue
		}
		in := 0
		for _, u := range slices.Sorted(maps.Keys(s.Members)) {
			if !s.Members[u].In() {
				continue
			}
			in++
			switch self := sessions[events.NewSelfID(u)]; {
			case self == nil || !self.Head.Closed:
			case s.Head.Kind == events.KindDirect && s.Head.Contact == events.NoContacts,
				s.Head.Kind == events.KindDirect && s.Head.Contact == events.ContactAsked && s.Head.ContactBy != u:
			default:
				return fmt.Sprintf("the account of %s is closed, who is in %s", u, id)
			}
		}
		if in == 0 && !s.Head.Closed {
			return fmt.Sprintf("nobody is in %s, which is open", id)
		}
		for _, seq := range slices.Sorted(maps.Keys(s.Timeline)) {
			o, err := events.DecodeOutcomeValue(s.Timeline[seq])
			if err != nil || o.Actor.Service != steward.Service {
				continue
			}
			if self := sessions[events.NewSelfID(o.Actor.User)]; self == nil || !self.Head.Closed {
				return fmt.Sprintf("%s was let out of %s at %d without having closed the account", o.Actor.User, id, seq)
			}
		}
	}
	return ""
}
