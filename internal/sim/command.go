package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// command is what a client wants done, once.
type command struct {
	session  events.SessionID
	clientID string
	frame    *clientv1.ClientFrame
	// sent is when it last went out on the present connection; again when it goes out
	// once more.
	sent, again time.Time
	answer      *answer
	answeredAt  time.Time
	// repeats are how often it is to be sent again though it has its answer.
	repeats int
}

// answer is an outcome as a client hears it, whether it was the first or a repeat's.
type answer struct {
	code       events.Code
	seq, index uint64
	id         string
	time       int64
}

// want opens a command. The lock is held.
func (c *client) want(s events.SessionID, frame *clientv1.ClientFrame) *command {
	k := &command{session: s, clientID: fmt.Sprintf("%s-%d", c.user, len(c.commands)), frame: frame}
	if c.dice.n(4) == 0 {
		k.repeats = 1 + c.dice.n(2)
	}
	c.commands = append(c.commands, k)
	c.open = append(c.open, k)
	return k
}

func (c *client) send(k *command, now time.Time) {
	k.sent, k.again = now, now.Add(c.dice.between(2*time.Second, 18*time.Second))
	f := &clientv1.ClientFrame{Op: k.frame.Op, ClientId: k.clientID}
	c.ask(f, func(f *clientv1.ServerFrame) { c.answered(k, f) })
}

func (c *client) answered(k *command, f *clientv1.ServerFrame) {
	got := answer{}
	switch ack, refusal := f.GetAck(), f.GetError(); {
	case ack != nil:
		got = answer{events.Code(ack.GetAnswered()), ack.GetSeq(), ack.GetIndex(), ack.GetMessageId(), ack.GetTimeMs()}
		if got.code == events.CodeDuplicate {
			got.code = ""
		}
	case refusal != nil && events.Code(refusal.GetCode()).Info().Kind == events.KindRejected:
		got = answer{code: events.Code(refusal.GetCode()), seq: refusal.GetSeq()}
	case refusal != nil && events.Code(refusal.GetCode()).Info().Retry == events.RetryLater:
		k.again = time.Now().Add(c.dice.between(50*time.Millisecond, 500*time.Millisecond))
		return
	default:
		c.w.violate("%s: command %s was answered with %v", c.user, k.clientID, f)
		return
	}
	if k.answer == nil {
		k.answer, k.answeredAt = &got, time.Now()
		if t := k.frame.GetSetDevice().GetPush().GetToken(); t != "" {
			c.w.vendors.renew(t)
		}
	} else if *k.answer != got {
		c.w.violate("%s: command %s was answered with %+v, and then with %+v", c.user, k.clientID, *k.answer, got)
	}
	if k.repeats > 0 {
		k.repeats--
		k.again = time.Now().Add(c.dice.between(0, 3*time.Second))
		return
	}
	c.open = slices.DeleteFunc(c.open, func(o *command) bool { return o == k })
}

// maxOpen is how many commands of a client are without an answer at most.
const maxOpen = 4

// decide thinks of something to do.
func (c *client) decide(now time.Time) {
	if c.toDo == 0 || now.Before(c.actAt) || len(c.open) >= maxOpen {
		return
	}
	c.actAt = now.Add(c.dice.between(100*time.Millisecond, 3*time.Second))
	for _, s := range c.w.channels() {
		if sub := c.subs[s]; (sub == nil || !sub.member) && c.dice.n(4) == 0 {
			c.toDo--
			c.want(s, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Join{Join: &clientv1.Join{Session: string(s)}}})
			return
		}
	}
	var known []*sub
	for _, id := range slices.Sorted(maps.Keys(c.subs)) {
		if s := c.subs[id]; s.kind != events.KindSelf {
			known = append(known, s)
		}
	}
	if len(known) > 0 {
		c.toDo--
		if !c.closes && c.subs[events.NewSelfID(c.user)] != nil && c.dice.n(80) == 0 {
			c.closeAccount()
			return
		}
		if !c.closes && c.subs[events.NewSelfID(c.user)] != nil && c.dice.n(10) == 0 {
			c.register()
			return
		}
		s := pick(c.dice, known)
		c.want(s.session, c.operation(s))
	}
}

// operation draws one in a session.
func (c *client) operation(s *sub) *clientv1.ClientFrame {
	id := string(s.session)
	seq := uint64(1)
	if n := len(s.have); n > 0 {
		seq = uint64(pick(c.dice, s.seqs()))
	}
	other := string(pick(c.dice, c.w.clients).user)
	switch n := c.dice.n(100); {
	case n < 8:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Revoke{Revoke: &clientv1.Revoke{Session: id, Seq: seq}}}
	case n < 16:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Override{Override: &clientv1.Override{Session: id, Seq: seq, Text: c.text()}}}
	case n < 21:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Delete{Delete: &clientv1.Delete{Session: id, Seq: seq}}}
	case n < 31:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_MarkRead{MarkRead: &clientv1.MarkRead{Session: id, Seq: seq}}}
	case n < 35:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Leave{Leave: &clientv1.Leave{Session: id}}}
	case n < 46:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Add{Add: &clientv1.Add{Session: id, Members: []*logv1.NewMember{{User: other}}}}}
	case n < 52:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Remove{Remove: &clientv1.Remove{Session: id, Users: []string{other}}}}
	case n < 64:
		return c.seldom(id, seq, other)
	}
	return c.message(s.session)
}

// seldom draws an operation that is about neither messages nor who is in.
func (c *client) seldom(id string, seq uint64, other string) *clientv1.ClientFrame {
	text, off, code := c.text(), c.dice.n(3) == 0, fmt.Sprintf("an invite of chance %d", c.dice.n(2))
	switch c.dice.n(13) {
	case 0:
		role := logv1.Role(1 + c.dice.n(3))
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetRole{SetRole: &clientv1.SetRole{Session: id, User: other, Role: role}}}
	case 1:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Mute{Mute: &clientv1.Mute{Session: id, Users: []string{other}, UntilMs: soon(off)}}}
	case 2:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Mute{Mute: &clientv1.Mute{Session: id, UntilMs: soon(off)}}}
	case 3:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetInfo{SetInfo: &clientv1.SetInfo{Session: id, Info: &logv1.InfoChange{Name: &text, Notice: &text}}}}
	case 4:
		change := &logv1.PolicyChange{Joining: logv1.Joining(1 + c.dice.n(3)), PinRole: logv1.Role(1 + c.dice.n(2))}
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetPolicy{SetPolicy: &clientv1.SetPolicy{Session: id, Policy: change}}}
	case 5:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Ask{Ask: &clientv1.Ask{Session: id, Text: text}}}
	case 6:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Refuse{Refuse: &clientv1.Refuse{Session: id, Users: []string{other}}}}
	case 7:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Invite{Invite: &clientv1.Invite{Session: id, Code: code, Uses: uint32(c.dice.n(3))}}}
	case 8:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Uninvite{Uninvite: &clientv1.Uninvite{Session: id, Code: code}}}
	case 9:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_React{React: &clientv1.React{Session: id, Seq: seq, Emoji: "+", Off: off}}}
	case 10:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Pin{Pin: &clientv1.Pin{Session: id, Seq: seq, Off: off}}}
	case 11:
		step := logv1.ContactStep(1 + c.dice.n(6))
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Contact{Contact: &clientv1.Contact{Session: id, Step: step}}}
	default:
		return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_MarkDelivered{MarkDelivered: &clientv1.MarkDelivered{Session: id, Seq: seq}}}
	}
}

// soon is a time by which a mute is over, or one that ends it.
func soon(ends bool) int64 {
	if ends {
		return 0
	}
	return time.Now().Add(5 * time.Second).UnixMilli()
}

func (c *client) message(s events.SessionID) *clientv1.ClientFrame {
	return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: string(s), Text: c.text()}}}
}

func (c *client) text() string { return fmt.Sprintf("%s says %d", c.user, len(c.commands)) }

// create opens a session with others, and gives its id.
func (c *client) create(kind events.Kind, others ...events.UserID) events.SessionID {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := events.Create{Kind: kind}
	create := &clientv1.Create{Kind: logv1.Kind(kind)}
	for _, u := range others {
		op.Members = append(op.Members, events.NewMember{User: u, Role: events.RoleMember})
		create.Members = append(create.Members, &logv1.NewMember{User: string(u)})
	}
	k := c.want("", &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Create{Create: create}})
	k.session = events.NewSessionID(op, c.user, k.clientID)
	return k.session
}
