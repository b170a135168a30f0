package events

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	logv1 "annal/gen/annal/log/v1"
)

// SchemaVersion is the newest version of stored bytes this program reads, and the
// one it writes.
const SchemaVersion = 1

// Types of records, as in ce_type.
const (
	TypeFence       = "annal.fence"
	TypeRejected    = "annal.rejected"
	TypeAnswered    = "annal.answered"
	TypeQuarantined = "annal.quarantined"
	// TypeCommandPrefix comes before an operation's name.
	TypeCommandPrefix = "annal.command."
	// TypeEventPrefix comes before an accepted event's name.
	TypeEventPrefix = "annal.event."
)

// VersionError is a record of a schema version newer than this program.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("events: schema version %d is newer than %d", e.Version, SchemaVersion)
}

// TypeError is a record whose type this program does not know.
type TypeError struct{ Type string }

func (e *TypeError) Error() string { return fmt.Sprintf("events: unknown record type %q", e.Type) }

// DecodeError is a record whose bytes do not hold what its type says.
type DecodeError struct{ Err error }

func (e *DecodeError) Error() string { return "events: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Envelope is what a record carries besides its value.
type Envelope struct {
	// Source is the CloudEvents source: who wrote it, as a URI reference.
	Source string
	// TraceParent is W3C Trace Context, empty if there is none.
	TraceParent string
}

var (
	headerVersion = Header{Name: HeaderSchemaVersion, Value: []byte(strconv.Itoa(SchemaVersion))}
	headerSpec    = Header{Name: HeaderSpecVersion, Value: []byte("1.0")}
	headerContent = Header{Name: HeaderContentType, Value: []byte("application/protobuf")}
)

func headers(e Envelope, typ, id, subject string, t Millis, more ...Header) []Header {
	hs := make([]Header, 0, 9+len(more))
	hs = append(hs, headerSpec, headerContent, headerVersion,
		Header{HeaderType, []byte(typ)},
		Header{HeaderID, []byte(id)},
		Header{HeaderSource, []byte(e.Source)},
		Header{HeaderSubject, []byte(subject)})
	if t != 0 {
		hs = append(hs, Header{HeaderTime, t.appendRFC3339(nil)})
	}
	if e.TraceParent != "" {
		hs = append(hs, Header{HeaderTraceParent, []byte(e.TraceParent)})
	}
	return append(hs, more...)
}

const rfc3339Millis = "2006-01-02T15:04:05.000Z"

func (t Millis) appendRFC3339(b []byte) []byte {
	return time.UnixMilli(int64(t)).UTC().AppendFormat(b, rfc3339Millis)
}

// String gives RFC 3339 in UTC with milliseconds.
func (t Millis) String() string { return string(t.appendRFC3339(nil)) }

// checkType refuses what this program cannot read, by its headers.
func checkType(rec Record, prefixes ...string) (string, error) {
	v, _ := rec.Header(HeaderSchemaVersion)
	version, err := strconv.Atoi(v)
	if err != nil || version < 1 {
		return "", &DecodeError{fmt.Errorf("schema version %q", v)}
	}
	if version > SchemaVersion {
		return "", &VersionError{Version: version}
	}
	typ, _ := rec.Header(HeaderType)
	for _, p := range prefixes {
		if strings.HasPrefix(typ, p) {
			return typ, nil
		}
	}
	return "", &TypeError{Type: typ}
}

// EncodeCommand writes a command as a record of annal.commands. Its ce_id is
// unique within its source: the number the gateway gave it.
func EncodeCommand(c Command, e Envelope) (Record, error) {
	w := newWireWriter(opBody(c.Op))
	w.command(&c)
	value, err := w.done()
	if err != nil {
		return Record{}, err
	}
	id := c.ReplyTo.Instance + "/" + strconv.FormatUint(c.ReplyTo.Request, 10)
	return Record{
		Key:     []byte(c.Session),
		Value:   value,
		Headers: headers(e, TypeCommandPrefix+c.Op.Name(), id, string(c.Session), 0),
	}, nil
}

// DecodeCommand reads a record of annal.commands. Errors are *VersionError,
// *TypeError or *DecodeError.
func DecodeCommand(rec Record) (Command, error) {
	typ, err := checkType(rec, TypeCommandPrefix)
	if err != nil {
		return Command{}, err
	}
	r := readWire(rec.Value)
	c := r.command()
	switch {
	case r.err != nil:
		return Command{}, &DecodeError{r.err}
	case c.Op == nil:
		return Command{}, &TypeError{Type: typ}
	case string(c.Session) != string(rec.Key):
		return Command{}, &DecodeError{fmt.Errorf("session %q under key %q", c.Session, rec.Key)}
	}
	return c, nil
}

// EncodeOutcome writes an outcome as a record of annal.events.
func EncodeOutcome(o Outcome, s Stamp, e Envelope) (Record, error) {
	w := newWireWriter(resultBody(o.Result))
	w.outcome(&o)
	value, err := w.done()
	if err != nil {
		return Record{}, err
	}
	return Record{
		Key:   []byte(o.Session),
		Value: value,
		Headers: headers(e, o.Type(), o.ID.String(), string(o.Session), o.Time,
			Header{HeaderOwner, []byte(s.Owner.String())},
			Header{HeaderCommand, strconv.AppendInt(nil, s.Command, 10)},
			Header{HeaderPrev, strconv.AppendInt(nil, s.Prev, 10)}),
	}, nil
}

// Type gives the outcome's ce_type.
func (o *Outcome) Type() string {
	switch r := o.Result.(type) {
	case Accepted:
		return TypeEventPrefix + r.Event.Name()
	case Rejected:
		return TypeRejected
	case Answered:
		return TypeAnswered
	}
	return ""
}

// DecodeOutcome reads a record of annal.events that is not a fence. Errors are
// *VersionError, *TypeError or *DecodeError.
func DecodeOutcome(rec Record) (Outcome, error) {
	if _, err := checkType(rec, TypeEventPrefix, TypeRejected, TypeAnswered); err != nil {
		return Outcome{}, err
	}
	return DecodeOutcomeValue(rec.Value)
}

// DecodeOutcomeValue reads an outcome from its stored bytes alone, as they stand
// in the hot window and in published batches. Errors are *TypeError or *DecodeError.
func DecodeOutcomeValue(value []byte) (Outcome, error) {
	r := readWire(value)
	o := r.outcome()
	if err := r.done(); err != nil {
		return Outcome{}, err
	}
	return o, nil
}

// parseStamp reads the headers that the reader's rule looks at, and log time.
func parseStamp(rec Record) (Stamp, Millis, error) {
	var s Stamp
	var t time.Time
	var found int
	var errs [4]error
	for _, h := range rec.Headers {
		switch h.Name {
		case HeaderOwner:
			s.Owner, errs[0] = ParseOwner(string(h.Value))
		case HeaderCommand:
			s.Command, errs[1] = strconv.ParseInt(string(h.Value), 10, 64)
		case HeaderPrev:
			s.Prev, errs[2] = strconv.ParseInt(string(h.Value), 10, 64)
		case HeaderTime:
			t, errs[3] = time.Parse(rfc3339Millis, string(h.Value))
		default:
			continue
		}
		found++
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Stamp{}, 0, err
	}
	if found != 4 {
		return Stamp{}, 0, errors.New("events: owner, command, prev and ce_time must stand once each")
	}
	return s, Millis(t.UnixMilli()), nil
}

// EncodeFence writes a fence as a record of annal.events.
func EncodeFence(f Fence, e Envelope) (Record, error) {
	var w wireWriter
	w.owner(1, f.Owner)
	w.owner(2, f.After)
	value, err := w.done()
	if err != nil {
		return Record{}, err
	}
	return Record{Value: value, Headers: headers(e, TypeFence, f.Owner.String(), "", 0)}, nil
}

// DecodeFence reads a fence.
func DecodeFence(rec Record) (Fence, error) {
	if _, err := checkType(rec, TypeFence); err != nil {
		return Fence{}, err
	}
	var f Fence
	r := readWire(rec.Value)
	for r.next() {
		switch r.field {
		case 1:
			f.Owner = r.owner()
		case 2:
			f.After = r.owner()
		}
	}
	if err := r.done(); err != nil {
		return Fence{}, err
	}
	return f, nil
}

// owner leaves out who is none.
func (w *wireWriter) owner(field protowire.Number, o Owner) {
	if o == (Owner{}) {
		return
	}
	m := w.begin(field)
	w.uint(1, o.N)
	w.bytes(2, o.Random[:])
	w.end(m)
}

func (r *wireReader) owner() (o Owner) {
	whole := false
	r.within(func() {
		switch r.field {
		case 1:
			o.N = r.number
		case 2:
			copy(o.Random[:], r.data)
			whole = len(r.data) == len(o.Random)
		}
	})
	if !whole {
		r.fail(errors.New("an owner's random part is not whole"))
	}
	return o
}

// Quarantined is a record put aside, with where it stood and why.
type Quarantined struct {
	Topic     string
	Partition int32
	Offset    int64
	Reason    PoisonReason
	Detail    string
	Record    Record
}

// EncodeQuarantined writes a record of annal.quarantine.
func EncodeQuarantined(q Quarantined, e Envelope) (Record, error) {
	m := &logv1.Quarantined{
		Topic: q.Topic, Partition: q.Partition, Offset: q.Offset,
		Reason: string(q.Reason), Detail: strings.ToValidUTF8(q.Detail, "\uFFFD"),
		Key: q.Record.Key, Value: q.Record.Value, Headers: map[string][]byte{},
	}
	for _, h := range q.Record.Headers {
		m.Headers[strings.ToValidUTF8(h.Name, "\uFFFD")] = h.Value
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return Record{}, &DecodeError{err}
	}
	id := fmt.Sprintf("%s/%d/%d", q.Topic, q.Partition, q.Offset)
	return Record{Key: q.Record.Key, Value: value, Headers: headers(e, TypeQuarantined, id, string(q.Reason), 0)}, nil
}

// EncodeBatch packs stored outcome values for publishing.
func EncodeBatch(outcomes [][]byte) []byte {
	n := 0
	for _, o := range outcomes {
		n += protowire.SizeTag(1) + protowire.SizeBytes(len(o))
	}
	b := make([]byte, 0, n)
	for _, o := range outcomes {
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), o)
	}
	return b
}

// DecodeBatch unpacks what EncodeBatch packed; the values are parts of b.
func DecodeBatch(b []byte) ([][]byte, error) {
	var values [][]byte
	r := readWire(b)
	for r.next() {
		if r.field == 1 {
			values = append(values, r.data)
		}
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return values, nil
}
