package hottest

import (
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// RunFailover runs what only an engine that can fail over has to pass; f.Copy is set.
func RunFailover(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s, late = "g_copied", "g_late"
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
	b.apply(b.send(s, "ann", 3)...)
	before := b.life()
	b.declare(hot.ViewState{ID: whole, Whole: true, Run: before, Reached: 4}, nil)
	failOver := f.Copy(t)
	lost := b.send(s, "ann", 2)
	created := b.Accept(late, "ann", group(0, "ann", "bob"))
	b.apply(append(lost, created)...)
	b.declare(hot.ViewState{ID: whole, Whole: true, Run: before, Reached: 7}, nil)
	wantEqual(b, "head before", b.person(s, "ann").Head.Seq, 6)

	failOver()
	after := b.life()
	if after == before {
		t.Fatalf("the life is %s still after a failover", after)
	}
	for _, id := range []events.SessionID{s, late} {
		_, err := b.View.Person(b.ctx, id, "ann")
		b.wantErr("person of "+string(id)+" in a copy", err, hot.ErrRebuilding)
		_, err = b.View.Forward(b.ctx, id, 1, 9, 9)
		b.wantErr("forward "+string(id)+" in a copy", err, hot.ErrRebuilding)
		_, err = b.View.Members(b.ctx, id, "", 9)
		b.wantErr("members of "+string(id)+" in a copy", err, hot.ErrRebuilding)
	}
	_, err := b.View.Sessions(b.ctx, "ann", "", 9)
	b.wantErr("sessions in a copy", err, hot.ErrRebuilding)
	if heads, err := b.View.Heads(b.ctx, []events.SessionID{s, late}); err != nil || len(heads) != 0 {
		t.Errorf("heads in a copy are %v, %v; want none", heads, err)
	}
	b.declare(hot.ViewState{ID: whole, Whole: true, Run: before, Reached: 7}, hot.ErrMoved)
	v, err := b.Store.View(b.ctx, b.Partition(s))
	if want := (hot.ViewState{ID: whole, Whole: true, Run: before, Reached: 4}); err != nil || v != want {
		t.Errorf("the copy's view is %+v, %v; want %+v", v, err, want)
	}

	b.apply(append(lost, created)...)
	b.declare(hot.ViewState{ID: whole, Whole: true, Run: after, Reached: 7}, nil)
	wantEqual(b, "head after a replay", b.person(s, "ann").Head.Seq, 6)
	wantEqual(b, "head of what the copy had not", b.person(late, "bob").Head.Seq, 1)
	ids, err := b.View.Sessions(b.ctx, "ann", "", 9)
	if err != nil || len(ids) != 2 {
		t.Errorf("sessions after a replay are %v, %v; want two", ids, err)
	}
}

// declare sets the state of all partitions.
func (b *bench) declare(v hot.ViewState, want error) {
	b.Helper()
	for p := range b.Partitions {
		b.wantErr("declaring a view whole", b.Store.SetView(b.ctx, p, v), want)
	}
}
