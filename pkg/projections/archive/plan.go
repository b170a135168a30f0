package archive

import (
	"crypto/sha256"

	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// Plan gives the rows of outcomes of a partition: of each by itself alone, so that neither what came before nor how they
// are put together matters.
func Plan(partition int32, outcomes []follow.Outcome) Rows {
	r := Rows{Events: make([]Event, 0, len(outcomes))}
	p := planner{rows: &r, sessions: map[events.SessionID]int{}}
	for i := range outcomes {
		p.add(partition, &outcomes[i])
	}
	return r
}

// planner collects rows. Rows of one session come together here already: most outcomes have one.
type planner struct {
	rows     *Rows
	sessions map[events.SessionID]int
}

func (p *planner) add(partition int32, o *follow.Outcome) {
	e := Event{
		Session: string(o.Record.Key), Partition: partition, Offset: uint64(o.Offset), Command: uint64(o.Stamp.Command), Owner: o.Stamp.Owner,
		Kind: KindUnreadable, Time: o.Time, Hash: sha256.Sum256(o.Record.Value), Bytes: o.Record.Value,
	}
	if o.Err == nil {
		p.readable(&e, o)
	}
	p.rows.Events = append(p.rows.Events, e)
}

func (p *planner) readable(e *Event, o *follow.Outcome) {
	e.Form, e.ID, e.Actor, e.Service = Form, o.ID, o.Actor.User, o.Actor.Service
	e.ClientID, e.Device, e.ClientVersion, e.Address = o.ClientID, o.Client.Device, o.Client.Version, o.Client.Address.Plain
	e.Origin, e.PrevHash = origin(o.Origin), o.PrevHash
	switch result := o.Result.(type) {
	case events.Accepted:
		e.Kind, e.Event, e.Seq = KindAccepted, result.Event.Name(), result.Seq
		f := fact{planner: p, outcome: &o.Outcome, row: e, seq: result.Seq}
		f.tell(result.Event)
	case events.Rejected:
		e.Kind, e.Code, e.Detail, e.Target = KindRejected, result.Code, result.Detail, result.Seq
		if result.Command != nil && result.Command.Op != nil {
			e.Event = result.Command.Op.Name()
		}
		e.People = skippedOf(result.Skipped)
	case events.Answered:
		e.Kind, e.Code, e.Target = KindAnswered, result.Code, result.Earlier.Seq
	}
}

// maxOrigin is where ClickHouse's days end, in 2149. Somebody's word of a later time is as good as none.
const maxOrigin events.Millis = 65_535 * 24 * 60 * 60 * 1000

func origin(t events.Millis) events.Millis {
	if t > maxOrigin {
		return 0
	}
	return t
}

// session gives the row of a session, which is there once.
func (p *planner) session(s events.SessionID) *Session {
	i, ok := p.sessions[s]
	if !ok {
		i = len(p.rows.Sessions)
		p.sessions[s] = i
		p.rows.Sessions = append(p.rows.Sessions, Session{Session: s})
	}
	return &p.rows.Sessions[i]
}

func skippedOf(skipped []events.Skipped) []string {
	people := make([]string, len(skipped))
	for i, s := range skipped {
		people[i] = string(s.User)
	}
	return people
}

func namesOf(users []events.UserID) []string {
	people := make([]string, len(users))
	for i, u := range users {
		people[i] = string(u)
	}
	return people
}
