package gateway

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/hot"
)

// On the socket and in the log, what is said has the same names and types. So everything set on
// the one side has to be there on the other, but for what these tests name.

// filled sets every field, each to something else; of a oneof the one of that number, or the first.
func filled(m protoreflect.Message, serial *int, pick int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() && f != one.Fields().Get(min(pick, one.Fields().Len()-1)) {
			continue
		}
		if !f.IsList() {
			m.Set(f, value(m.NewField(f), f, serial, pick))
			continue
		}
		for range 2 {
			var empty protoreflect.Value
			if f.Message() != nil {
				empty = m.Mutable(f).List().NewElement()
			}
			m.Mutable(f).List().Append(value(empty, f, serial, pick))
		}
	}
}

func value(empty protoreflect.Value, f protoreflect.FieldDescriptor, serial *int, pick int) protoreflect.Value {
	*serial++
	n := *serial
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("%s-number-%04d", f.Name(), n))
	case protoreflect.BytesKind:
		b := make([]byte, len(events.Hash{}))
		b[0] = byte(n)
		return protoreflect.ValueOfBytes(b)
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(1 + n%(f.Enum().Values().Len()-1)))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.MessageKind:
		if f.ContainingMessage().Name() == "Forwarded" {
			pick = 1 // a forward holds no other
		}
		filled(empty.Message(), serial, pick)
		return empty
	}
	panic("no value for " + string(f.FullName()))
}

// sameFields compares what both have by the names of from, and wants all others to be among
// those apart, which the test looks at itself.
func sameFields(t *testing.T, from, to protoreflect.Message, apart ...protoreflect.Name) {
	t.Helper()
	for i := range from.Descriptor().Fields().Len() {
		f := from.Descriptor().Fields().Get(i)
		if slices.Contains(apart, f.Name()) {
			continue
		}
		g := to.Descriptor().Fields().ByName(f.Name())
		if g == nil {
			t.Errorf("%s has no %s", to.Descriptor().FullName(), f.Name())
			continue
		}
		if !from.Get(f).Equal(to.Get(g)) {
			t.Errorf("%s: %v became %v", f.FullName(), from.Get(f), to.Get(g))
		}
	}
}

// saidAs compares a text, or content, with the body it is in the log.
func saidAs(t *testing.T, text string, content *logv1.Content, body *logv1.Body) {
	t.Helper()
	if content == nil {
		content = &logv1.Content{Kind: &logv1.Content_Text{Text: &logv1.Text{Text: text}}}
	}
	if !proto.Equal(content, body.GetPlain()) {
		t.Errorf("%v is in the log as %v", content, body)
	}
}

// contents are how many kinds of content there are.
var contents = (&logv1.Content{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields().Len()

type silent struct{ Transport }

func (silent) RemoteAddress() string { return "192.0.2.7" }

func TestEveryOperationIsTheSameInTheLog(t *testing.T) {
	c := &Conn{gw: &Gateway{config: DefaultConfig()}, transport: silent{}, user: "alice", identity: auth.Identity{Service: "s"}}
	ops := (&clientv1.ClientFrame{}).ProtoReflect().Descriptor().Oneofs().ByName("op").Fields()
	logOps := (&logv1.Command{}).ProtoReflect().Descriptor().Oneofs().ByName("op").Fields()
	built := 0
	for i := range ops.Len() {
		op := ops.Get(i)
		logOp := logOps.ByName(op.Name())
		if logOp == nil {
			continue // it reads
		}
		built++
		for pick := range contents {
			t.Run(fmt.Sprint(op.Name(), pick), func(t *testing.T) {
				serial := 0
				frame := &clientv1.ClientFrame{ClientId: "c"}
				m := frame.ProtoReflect()
				m.Set(op, value(m.NewField(op), op, &serial, pick))
				if frame.GetCreate() != nil {
					// It has a base for service tokens alone, and two people.
					frame.GetCreate().Base, frame.GetCreate().Kind = 0, logv1.Kind_KIND_GROUP
				}
				text := ""
				switch op := frame.GetOp().(type) {
				case *clientv1.ClientFrame_Send:
					text, op.Send.Text = op.Send.Text, ""
				case *clientv1.ClientFrame_Override:
					text, op.Override.Text = op.Override.Text, ""
				}
				compareOp(t, c, frame, op, logOp)
				// A text instead of content.
				switch op := frame.GetOp().(type) {
				case *clientv1.ClientFrame_Send:
					op.Send.Text, op.Send.Content = text, nil
				case *clientv1.ClientFrame_Override:
					op.Override.Text, op.Override.Content = text, nil
				}
				compareOp(t, c, frame, op, logOp)
			})
		}
	}
	if built != logOps.Len()-2 { // auditors ask the log themselves, and only roles forget where notifications go
		t.Errorf("%d of the log's %d operations can be asked for", built, logOps.Len())
	}
}

func compareOp(t *testing.T, c *Conn, frame *clientv1.ClientFrame, op, logOp protoreflect.FieldDescriptor) {
	t.Helper()
	cmd, perr := c.build(frame)
	if perr != nil {
		t.Fatal(perr)
	}
	rec, err := events.EncodeCommand(cmd, events.Envelope{})
	if err != nil {
		t.Fatal(err)
	}
	stored := &logv1.Command{}
	if err := proto.Unmarshal(rec.Value, stored); err != nil {
		t.Fatal(err)
	}
	if !stored.ProtoReflect().Has(logOp) {
		t.Fatalf("%s became %v", op.Name(), stored)
	}
	from, to := frame.ProtoReflect().Get(op).Message(), stored.ProtoReflect().Get(logOp).Message()
	apart := []protoreflect.Name{"session", "text", "content", "code", "invite"}
	switch {
	case frame.GetSend() != nil:
		saidAs(t, frame.GetSend().GetText(), frame.GetSend().GetContent(), stored.GetSend().GetBody())
	case frame.GetOverride() != nil:
		saidAs(t, frame.GetOverride().GetText(), frame.GetOverride().GetContent(), stored.GetOverride().GetBody())
	default:
		apart = []protoreflect.Name{"code", "invite"}
		if logOp.Message().Fields().ByName("session") == nil {
			apart = append(apart, "session")
		}
	}
	sameFields(t, from, to, apart...)
	session := from.Descriptor().Fields().ByName("session")
	own := []protoreflect.Name{"set_device", "set_profile", "set_privacy", "set_notifications", "close_account", "sign_up", "sign_in", "sign_out", "ban", "unban"}
	switch own := logOp.Message().Fields().ByName("session") != nil || slices.Contains(own, op.Name()); {
	case own && stored.GetSession() != string(events.NewSelfID("alice")):
		t.Errorf("it goes to %s, want the user's own session", stored.GetSession())
	case !own && session != nil && stored.GetSession() != from.Get(session).String():
		t.Errorf("it goes to %s, want %s", stored.GetSession(), from.Get(session))
	}
	for _, hashed := range []struct {
		code string
		as   []byte
	}{
		{frame.GetJoin().GetInvite(), stored.GetJoin().GetInvite()},
		{frame.GetInvite().GetCode(), stored.GetInvite().GetCodeSha256()},
		{frame.GetUninvite().GetCode(), stored.GetUninvite().GetCodeSha256()},
	} {
		if want := codeHash(hashed.code); hashed.code != "" && !slices.Equal(hashed.as, want[:]) {
			t.Errorf("the code %s is in the log as %x, want %x", hashed.code, hashed.as, want)
		}
	}
}

func TestEveryEventIsToldAsInTheLog(t *testing.T) {
	kinds := (&clientv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("event").Fields()
	logKinds := (&logv1.Accepted{}).ProtoReflect().Descriptor().Oneofs().ByName("event").Fields()
	for i := range logKinds.Len() {
		logKind := logKinds.Get(i)
		kind := kinds.ByName(logKind.Name())
		switch {
		case logKind.Name() == "audited":
			if kind != nil {
				t.Error("clients are told of audits")
			}
			continue
		case kind == nil:
			t.Errorf("clients are not told of %s", logKind.Name())
			continue
		}
		for pick := range contents {
			t.Run(fmt.Sprint(kind.Name(), pick), func(t *testing.T) {
				serial := 0
				accepted := &logv1.Accepted{Seq: 9}
				m := accepted.ProtoReflect()
				m.Set(logKind, value(m.NewField(logKind), logKind, &serial, pick))
				content := &logv1.Content{}
				filled(content.ProtoReflect(), &serial, pick)
				body := &logv1.Body{Form: &logv1.Body_Plain{Plain: content}}
				switch e := accepted.GetEvent().(type) {
				case *logv1.Accepted_Sent:
					e.Sent.Body = body
				case *logv1.Accepted_Overridden:
					e.Overridden.Body = body
				}
				stored, err := proto.Marshal(&logv1.Outcome{
					Id: make([]byte, len(events.ID{})), Session: "s", Actor: &logv1.Actor{User: "alice"}, ClientId: "c",
					Client: &logv1.ClientContext{Device: "phone"}, OriginTimeMs: 5, TimeMs: 6, Digest: make([]byte, len(events.Digest{})),
					PrevHash: make([]byte, len(events.Hash{})), Result: &logv1.Outcome_Accepted{Accepted: accepted},
				})
				if err != nil {
					t.Fatal(err)
				}
				o, err := events.DecodeOutcomeValue(stored)
				if err != nil {
					t.Fatal(err)
				}
				told := EventOf(&o, hot.State{})
				if told.GetSession() != "s" || told.GetSeq() != 9 || told.GetUser() != "alice" || told.GetDevice() != "phone" || told.GetClientId() != "c" ||
					told.GetOriginTimeMs() != 5 || told.GetTimeMs() != 6 || !told.ProtoReflect().Has(kind) {
					t.Fatalf("%v is told as %v", accepted, told)
				}
				// Who was passed over is in the answer, and by which invite somebody came is the log's.
				apart := []protoreflect.Name{"skipped", "body"}
				if accepted.GetJoined() != nil {
					apart = append(apart, "invite")
				}
				sameFields(t, m.Get(logKind).Message(), told.ProtoReflect().Get(kind).Message(), apart...)
				switch e := told.GetEvent().(type) {
				case *clientv1.Event_Sent:
					saidAs(t, e.Sent.GetText(), e.Sent.GetContent(), body)
				case *clientv1.Event_Overridden:
					saidAs(t, e.Overridden.GetText(), e.Overridden.GetContent(), body)
				}
			})
		}
	}
}

// TestNoClientSpeaksOfWishes: what others let them do is the gateway's to say, so a client has no field for it.
func TestNoClientSpeaksOfWishes(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var look func(d protoreflect.MessageDescriptor)
	look = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			if m := d.Fields().Get(i).Message(); m != nil {
				look(m)
			}
		}
	}
	look((&clientv1.ClientFrame{}).ProtoReflect().Descriptor())
	if wish := (&logv1.Wish{}).ProtoReflect().Descriptor().FullName(); seen[wish] || !seen["annal.client.v1.Add"] {
		t.Errorf("clients can send %s: %v", wish, seen)
	}
}
