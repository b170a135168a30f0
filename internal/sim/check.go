package sim

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/fold"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// restTime is how long everything may take to come to rest once nothing goes wrong: the
// longest backoffs and timeouts there are, several times over.
const restTime = 3 * time.Minute

// settle waits until all is as it must be, and says what is not when that takes too long.
func (w *World) settle(ctx context.Context) {
	w.doNoMore()
	problem, began := "nothing", time.Now()
	for end := began.Add(restTime); time.Now().Before(end) && !w.failed(); {
		// To look at everything takes a while, by the wall's clock: less and less often.
		w.pass(max(500*time.Millisecond, time.Since(began)/8))
		if problem = w.unsettled(ctx); problem == "" {
			w.checkAnswers(ctx)
			w.checkPush(ctx)
			w.checkChains(ctx)
			return
		}
	}
	if !w.failed() {
		w.violate("%v after the last fault: %s", restTime, problem)
	}
}

// doNoMore has the clients think of nothing new.
func (w *World) doNoMore() {
	for _, c := range w.clients {
		c.mu.Lock()
		c.toDo = 0
		c.mu.Unlock()
	}
}

// unsettled is the first thing that is not as it must be.
func (w *World) unsettled(ctx context.Context) string {
	for _, c := range w.clients {
		if waits := c.idle(); waits != "" {
			return fmt.Sprintf("%s waits for %s", c.user, waits)
		}
	}
	var report fold.Report
	sessions, err := fold.Log(ctx, w.log, &report)
	if err == nil {
		err = fold.Compare(ctx, w.hot, w.hot.window, sessions, &report)
	}
	if err == nil {
		err = fold.CompareArchive(ctx, w.archive, sessions, &report)
	}
	switch {
	case err != nil:
		return err.Error()
	case report.Found > 0:
		return report.Problems[0]
	case report.Undecided > 0:
		return fmt.Sprintf("%d commands are undecided", report.Undecided)
	}
	if problem := cmp.Or(unstewarded(sessions), misheld(sessions)); problem != "" {
		return problem
	}
	if problem, err := w.undelivered(ctx); err != nil || problem != "" {
		return cmp.Or(problem, fmt.Sprint(err))
	}
	if problem, err := w.unsealed(ctx); err != nil || problem != "" {
		return cmp.Or(problem, fmt.Sprint(err))
	}
	if problem := w.hot.unrebuilt(); problem != "" {
		return problem
	}
	for _, c := range w.clients {
		if problem := c.incomplete(sessions); problem != "" {
			return fmt.Sprintf("%s: %s", c.user, problem)
		}
	}
	return ""
}

// incomplete compares what the client received with what its stays hold.
func (c *client) incomplete(sessions map[events.SessionID]*fold.Session) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		m := s.Members[c.user]
		sub := c.subs[id]
		if m == nil {
			if sub != nil && len(sub.have) > 0 {
				return fmt.Sprintf("has events of %s and never was in", id)
			}
			continue
		}
		if sub == nil {
			return fmt.Sprintf("does not know %s", id)
		}
		if problem := sub.compare(s, m); problem != "" {
			return fmt.Sprintf("%s: %s", id, problem)
		}
	}
	return ""
}

func (s *sub) compare(folded *fold.Session, m *events.Member) string {
	visible := 0
	for _, stay := range m.Stays {
		last := stay.To
		if last == 0 {
			last = folded.Head.Seq
		}
		for seq := stay.From; seq <= last; seq++ {
			visible++
			id, ok := s.have[seq]
			if !ok && !s.cut {
				return fmt.Sprintf("seq %d was not received", seq)
			}
			if o, err := events.DecodeOutcomeValue(folded.Timeline[seq]); ok && (err != nil || o.ID.String() != id) {
				return fmt.Sprintf("seq %d is %s, not %s: %v", seq, o.ID, id, err)
			}
			if !ok {
				visible--
			}
		}
	}
	if len(s.have) != visible {
		return fmt.Sprintf("%d events received of %d that the stays hold", len(s.have), visible)
	}
	return ""
}

// checkReadable: what is acked can be read (P1).
func (w *World) checkReadable(ack *clientv1.Ack) {
	if code := events.Code(ack.GetAnswered()); ack.GetSeq() == 0 || code != "" && code != events.CodeDuplicate {
		return
	}
	seq, is := w.hot.peek(events.SessionID(ack.GetSession()))
	if is == absent || is == there && uint64(seq) < ack.GetSeq() {
		w.violate("seq %d of %s is acked and the view ends at %d", ack.GetSeq(), ack.GetSession(), seq)
	}
}

// commandPlace names a command in the log.
type commandPlace struct {
	session  events.SessionID
	user     events.UserID
	clientID string
}

// checkAnswers: every command took effect once, and its answer is what the log says.
func (w *World) checkAnswers(ctx context.Context) {
	first, asked := map[commandPlace]*events.Outcome{}, followUps{}
	for p := range w.partitions {
		if err := w.outcomes(ctx, p, first, asked); err != nil {
			w.violate("reading the log: %v", err)
			return
		}
	}
	for _, c := range w.clients {
		for _, k := range c.commands {
			o := first[commandPlace{k.session, c.user, k.clientID}]
			switch {
			case o == nil:
				w.violate("%s: command %s was answered with %+v and is not in the log", c.user, k.clientID, *k.answer)
			case *k.answer != answerOf(o):
				w.violate("%s: command %s was answered with %+v, the log says %+v", c.user, k.clientID, *k.answer, answerOf(o))
			}
		}
	}
}

// outcomes notes what came of commands first, and what stewards asked for.
func (w *World) outcomes(ctx context.Context, partition int32, first map[commandPlace]*events.Outcome, asked followUps) error {
	_, end, err := w.log.Bounds(ctx, eventlog.Events, partition)
	if err != nil || end == 0 {
		return err
	}
	cursor, err := w.log.Read(ctx, eventlog.Events, partition, 0)
	if err != nil {
		return err
	}
	defer cursor.Close()
	rule := events.NewReader(events.Start())
	for rule.Progress().Offset < end {
		records, err := cursor.Next(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			verdict, _, _ := rule.Read(records[i].Offset, records[i].Record)
			if verdict == events.Poison {
				w.violate("offset %d of partition %d is poison", records[i].Offset, partition)
			}
			if verdict != events.Counted {
				continue
			}
			o, err := events.DecodeOutcome(records[i].Record)
			if err != nil {
				return err
			}
			if problem := asked.take(&o); problem != "" {
				w.violate("%s", problem)
			}
			place := commandPlace{o.Session, o.Actor.User, o.ClientID}
			again, is := o.Result.(events.Answered)
			repeat := is && again.Code == events.CodeDuplicate
			switch was := first[place]; {
			case was == nil && repeat:
				w.violate("%s of %s is a repeat of nothing", o.ClientID, o.Actor.User)
			case was == nil:
				first[place] = &o
			case !repeat && o.Actor.User != "" && o.ClientID != "self":
				w.violate("%s of %s took effect twice: %+v and %+v", o.ClientID, o.Actor.User, was.Result, o.Result)
			}
		}
	}
	return nil
}

// answerOf is what a client must hear of an outcome.
func answerOf(o *events.Outcome) answer {
	switch r := o.Result.(type) {
	case events.Accepted:
		a := answer{seq: uint64(r.Seq), id: o.ID.String(), time: int64(o.Time)}
		if e, ok := r.Event.(events.Sent); ok {
			a.index = uint64(e.Index)
		}
		return a
	case events.Rejected:
		return answer{code: r.Code, seq: uint64(r.Seq)}
	case events.Answered:
		a := answer{code: r.Code, seq: uint64(r.Earlier.Seq), index: uint64(r.Earlier.Index), time: int64(r.Earlier.Time)}
		if r.Earlier.ID != (events.ID{}) {
			a.id = r.Earlier.ID.String()
		}
		return a
	}
	return answer{}
}
