package importer

import (
	"context"
	"fmt"
	"sync"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

// server is Annal in a few lines: members, messages, and an outcome per client id.
type server struct {
	mu       sync.Mutex
	clock    int64
	outcomes map[string]outcome
	in       map[string]bool
	// log lists what took effect, in order: "session user what".
	log []string
	// origins are the origin times, by "user client id".
	origins map[string]int64
	// cut, when set, ends a command without an outcome.
	cut func(clientID string) error
	// resent marks answers as of a command sent twice.
	resent func(clientID string) bool
}

type outcome struct {
	ack *clientv1.Ack
	err *client.Error
}

func newServer() *server {
	return &server{clock: 1000, outcomes: map[string]outcome{}, in: map[string]bool{}, origins: map[string]int64{}}
}

func (s *server) Ping(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	return s.clock, nil
}

func (s *server) Do(ctx context.Context, op client.Op, opts ...client.CommandOption) (client.Ack, error) {
	return s.command(ctx, op, opts)
}

func (s *server) Go(ctx context.Context, op client.Op, done func(client.Ack, error), opts ...client.CommandOption) {
	done(s.command(ctx, op, opts))
}

func (s *server) command(ctx context.Context, op client.Op, opts []client.CommandOption) (client.Ack, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := client.Frame(op, opts...)
	// What is not a frame the protocol takes is a fault of the importer.
	if _, err := protocol.ParseClientJSON(protocol.AppendClientJSON(nil, m)); err != nil {
		return client.Ack{}, err
	}
	if err := ctx.Err(); err != nil {
		return client.Ack{}, err
	}
	id := m.GetClientId()
	if s.cut != nil {
		if err := s.cut(id); err != nil {
			return client.Ack{}, err
		}
	}
	resent := s.resent != nil && s.resent(id)
	session, key := s.key(m)
	first, ok := s.outcomes[key]
	if !ok {
		s.clock++
		s.origins[m.GetAsUser()+" "+id] = m.GetOriginTimeMs()
		first = s.decide(session, m)
		s.outcomes[key] = first
		if !resent {
			return answerOf(first, resent)
		}
	}
	return answerOf(repeated(first), resent)
}

func answerOf(o outcome, resent bool) (client.Ack, error) {
	if o.err != nil {
		e := *o.err
		e.Resent = resent
		return client.Ack{}, &e
	}
	return client.Ack{Ack: o.ack, Resent: resent}, nil
}

func repeated(o outcome) outcome {
	if o.err != nil {
		e := *o.err
		e.Duplicate = true
		return outcome{err: &e}
	}
	// A repeat of what had no effect names no time.
	a := &clientv1.Ack{Session: o.ack.Session, Seq: o.ack.Seq, Answered: o.ack.Answered, Duplicate: true}
	if a.Answered == "" {
		a.Answered, a.TimeMs = string(events.CodeDuplicate), o.ack.TimeMs
	}
	return outcome{ack: a}
}

func (s *server) key(m *clientv1.ClientFrame) (session, key string) {
	switch op := m.GetOp().(type) {
	case *clientv1.ClientFrame_Create:
		session = "c_" + op.Create.GetName()
	case *clientv1.ClientFrame_Join:
		session = op.Join.GetSession()
	case *clientv1.ClientFrame_Leave:
		session = op.Leave.GetSession()
	case *clientv1.ClientFrame_Send:
		session = op.Send.GetSession()
	}
	return session, session + " " + m.GetAsUser() + " " + m.GetClientId()
}

func (s *server) decide(session string, m *clientv1.ClientFrame) outcome {
	user := session + " " + m.GetAsUser()
	switch op := m.GetOp().(type) {
	case *clientv1.ClientFrame_Create:
		s.in[user] = true
		return s.accept(session, m, "create")
	case *clientv1.ClientFrame_Join:
		if s.in[user] {
			return s.answer(session, events.CodeAlreadyMember)
		}
		s.in[user] = true
		return s.accept(session, m, "join")
	case *clientv1.ClientFrame_Leave:
		if !s.in[user] {
			return s.answer(session, events.CodeAlreadyOut)
		}
		delete(s.in, user)
		return s.accept(session, m, "leave")
	case *clientv1.ClientFrame_Send:
		switch {
		case !s.in[user]:
			return outcome{err: &client.Error{Code: events.CodeNotAMember, Retry: events.RetryNever}}
		case op.Send.GetText() == "":
			return outcome{err: &client.Error{Code: events.CodeInvalidText, Retry: events.RetryChanged}}
		}
		return s.accept(session, m, op.Send.GetText())
	}
	return outcome{err: &client.Error{Code: events.CodeNotAllowed, Retry: events.RetryNever}}
}

func (s *server) accept(session string, m *clientv1.ClientFrame, what string) outcome {
	s.log = append(s.log, fmt.Sprintf("%s %s %s", session, m.GetAsUser(), what))
	return outcome{ack: &clientv1.Ack{Session: session, Seq: uint64(len(s.log)), TimeMs: s.clock}}
}

func (s *server) answer(session string, code events.Code) outcome {
	return outcome{ack: &clientv1.Ack{Session: session, TimeMs: s.clock, Answered: string(code)}}
}
