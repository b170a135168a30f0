package hot_test

import (
	"errors"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// TestNotesWhatItTold: once, before it commits, and nothing that it does not tell.
func TestNotesWhatItTold(t *testing.T) {
	s := newStage(t)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.plan("note", errors.New("an outage"))
	s.say(5)
	s.chat.Accept(group, "ann", events.Read{Marker: 3, MarkerIndex: 2})
	s.wantTold(6, ended)
	// What is told is noted by the next commit only.
	s.settled(ended)
	stop()
	part := hot.Part{Session: group, User: "ann"}
	if c := s.noted; c.Len() != 4 || !c.All || c.Heads[group] != 5 || c.Markers[part].Marker != 3 || c.Parts[part] != 1 {
		t.Errorf("noted are %+v, want head 5, marker 3, the membership of seq 1, and that the view is whole", c)
	}

	// What is not noted is not committed: the next one tells it again.
	s.noted = hot.NewChanged()
	p, stop, ended = s.run()
	s.ready(p, ended)
	s.failNotes(true)
	s.say(1)
	s.wantTold(7, ended)
	stop()
	s.failNotes(false)
	p, stop, ended = s.run()
	s.ready(p, ended)
	s.wantTold(8, ended)
	s.settled(ended)
	stop()
	if s.noted.Heads[group] != 6 || s.noted.All {
		t.Errorf("noted are %+v, want head 6, and nothing of a view that is as it was", s.noted)
	}

	s.noted, s.view = hot.NewChanged(), hot.ViewState{}
	p, stop, ended = s.run()
	s.ready(p, ended)
	stop()
	if s.noted.Len() != 1 || !s.noted.All {
		t.Errorf("noted while rebuilding in silence are %+v, want only that the view is whole again", s.noted)
	}
}

// TestNotesWhatItToldCatchingUp: what is new in the log while a view is built is told,
// and noted like everything that is.
func TestNotesWhatItToldCatchingUp(t *testing.T) {
	s := newStage(t)
	s.say(5)
	p, stop, ended := s.run()
	s.ready(p, ended)
	s.wantTold(5, ended)
	s.settled(ended)
	stop()
	if s.noted.Heads[group] != 5 {
		t.Errorf("noted are %+v, want head 5", s.noted)
	}
}

func (s *stage) failNotes(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = on
}
