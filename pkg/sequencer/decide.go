package sequencer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/session"
)

// maxRefusals is how often the log may refuse a command's outcome for the record
// itself before the command is rejected for it.
const maxRefusals = 2

// maxKeyBytes bounds the key under which a command that cannot be decoded is rejected.
const maxKeyBytes = 1 << 10

// RefusedError is a command of which the log takes no outcome at all, not even a
// bare rejection: its limits are set too low for any work.
type RefusedError struct{ Command int64 }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("sequencer: the log refuses every outcome of command %d", e.Command)
}

// Command decides a record of commands[p], the next one above Last, and gives its
// outcome to append. A command of a newer schema version is a *events.VersionError: a
// newer program must decide it.
func (m *Machine) Command(rec eventlog.Record) (Append, error) {
	if m.state != Deciding {
		return Append{}, fmt.Errorf("sequencer: command while %v", m.state)
	}
	if rec.Offset <= m.last {
		return Append{}, fmt.Errorf("sequencer: command %d after %d", rec.Offset, m.last)
	}
	if m.refused[rec.Offset] > 2*maxRefusals {
		return Append{}, &RefusedError{Command: rec.Offset}
	}
	t := max(m.time, rec.Time)
	at := session.At{Time: t, ID: events.NewID(t, m.config.Cluster, m.config.Partition, rec.Offset)}
	d, err := m.decide(rec, at)
	if err != nil {
		return Append{}, err
	}
	writes, err := m.evolve(&d.outcome, sha256.Sum256(d.record.Value))
	if err != nil {
		return Append{}, err
	}
	size := len(d.record.Value)
	m.steps = append(m.steps, step{
		command: rec.Offset, session: d.outcome.Session, writes: writes, label: labelOf(d.outcome.Result), bytes: size,
	})
	m.overlay.put(d.outcome.Session, writes, rec.Offset)
	m.bytes += size
	m.last, m.time = rec.Offset, t
	return Append{Owner: m.owner, Command: rec.Offset, Record: d.record, Quarantine: d.quarantine}, nil
}

// decision is an outcome with its record.
type decision struct {
	outcome    events.Outcome
	record     events.Record
	quarantine *events.Quarantined
}

// decide gives the outcome, at a size that the log takes.
func (m *Machine) decide(rec eventlog.Record, at session.At) (decision, error) {
	c, err := events.DecodeCommand(rec.Record)
	var version *events.VersionError
	switch {
	case errors.As(err, &version):
		return decision{}, fmt.Errorf("sequencer: command %d: %w", rec.Offset, err)
	case err != nil:
		return m.malformed(rec, at, err)
	case m.refused[rec.Offset] >= maxRefusals:
		return m.tooLarge(rec, at, &c)
	}
	m.rows.reset(c.Session)
	err = m.load(func() []session.Need { return m.config.Rules.Needs(&m.rows, &c, at) })
	if err != nil {
		return decision{}, err
	}
	d := decision{outcome: m.config.Rules.Decide(&m.rows, &c, at)}
	if err := m.encode(&d, rec); err != nil {
		return decision{}, err
	}
	if len(d.record.Value) <= events.MaxEventBytes {
		return d, nil
	}
	d.outcome.Result = events.Rejected{Code: events.CodeEventTooLarge, Command: &c}
	if err := m.encode(&d, rec); err != nil {
		return decision{}, err
	}
	if len(d.record.Value) <= events.MaxEventBytes {
		return d, nil
	}
	d.outcome.Result = events.Rejected{Code: events.CodeEventTooLarge}
	if err := m.encode(&d, rec); err != nil {
		return decision{}, err
	}
	if len(d.record.Value) <= events.MaxEventBytes {
		return d, nil
	}
	// What is too large is who asked, or from where.
	return m.bare(rec, at, bareRejection{
		code: events.CodeEventTooLarge, session: c.Session, replyTo: c.ReplyTo, reason: events.PoisonValue,
		detail: "the command is too large even without its operation",
	})
}

// encode writes the decision's record; prev is the command decided before.
func (m *Machine) encode(d *decision, rec eventlog.Record) error {
	trace, _ := rec.Header(events.HeaderTraceParent)
	stamp := events.Stamp{Owner: m.owner, Command: rec.Offset, Prev: m.last}
	r, err := events.EncodeOutcome(d.outcome, stamp, events.Envelope{Source: m.config.Source, TraceParent: trace})
	if err != nil {
		return fmt.Errorf("sequencer: outcome of command %d: %w", rec.Offset, err)
	}
	d.record = r
	return nil
}

// tooLarge rejects a command whose outcome the log refused, still naming who asked.
func (m *Machine) tooLarge(rec eventlog.Record, at session.At, c *events.Command) (decision, error) {
	reject := bareRejection{
		code: events.CodeEventTooLarge, session: c.Session, replyTo: c.ReplyTo, reason: events.PoisonRefused,
		detail: "the log refused what would be written",
	}
	if m.refused[rec.Offset] >= 2*maxRefusals {
		reject.replyTo = events.ReplyTo{}
	}
	return m.bare(rec, at, reject)
}

func (m *Machine) malformed(rec eventlog.Record, at session.At, cause error) (decision, error) {
	return m.bare(rec, at, bareRejection{
		code: events.CodeMalformed, session: events.SessionID(rec.Key), reason: events.PoisonValue, detail: cause.Error(),
	})
}

// bareRejection is a rejection that holds nothing of the command but where to answer,
// since the rest can't be read or can't be kept.
type bareRejection struct {
	code    events.Code
	session events.SessionID
	replyTo events.ReplyTo
	reason  events.PoisonReason
	detail  string
}

func (m *Machine) bare(rec eventlog.Record, at session.At, r bareRejection) (decision, error) {
	if len(r.session) > maxKeyBytes || !utf8.ValidString(string(r.session)) {
		r.session = "" // can be no session's; the record's key says it as far as it goes
	}
	if len(r.replyTo.Instance) > maxKeyBytes {
		r.replyTo = events.ReplyTo{} // no gateway's name
	}
	// A cause may quote what it complains of, however long.
	r.detail = strings.ToValidUTF8(r.detail[:min(len(r.detail), maxKeyBytes)], "\uFFFD")
	m.rows.reset(r.session)
	if _, err := m.loadNeeds([]session.Need{{Key: events.HeadKey}}); err != nil {
		return decision{}, err
	}
	o := m.config.Rules.Malformed(&m.rows, r.session, at, r.detail)
	o.ReplyTo = r.replyTo
	o.Result = events.Rejected{Code: r.code, Detail: r.detail}
	d := decision{outcome: o, quarantine: &events.Quarantined{
		Topic: string(rec.Topic), Partition: rec.Partition, Offset: rec.Offset, Reason: r.reason, Detail: r.detail, Record: rec.Record,
	}}
	if err := m.encode(&d, rec); err != nil {
		return decision{}, err
	}
	d.record.Key = rec.Key[:min(len(rec.Key), maxKeyBytes)]
	return d, nil
}

func labelOf(r events.Result) Label {
	switch r := r.(type) {
	case events.Accepted:
		return Label{Kind: "accepted"}
	case events.Rejected:
		return Label{Kind: "rejected", Code: r.Code}
	case events.Answered:
		return Label{Kind: "answered", Code: r.Code}
	}
	return Label{Kind: "none"}
}
