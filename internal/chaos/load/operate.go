package load

import (
	"fmt"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/chaos/check"
)

// kind is what a session is, as its id tells.
type kind byte

const (
	direct  kind = 'd'
	group   kind = 'g'
	channel kind = 'c'
)

func kindOf(id string) kind {
	if id == "" {
		return 0
	}
	return kind(id[0])
}

// answeredKept is how many answered commands a client remembers to send again.
const answeredKept = 64

// weights are how often each operation is tried, in 1,000.
var weights = []struct {
	of int
	do func(*client)
}{
	{640, (*client).say}, {90, (*client).mark}, {60, (*client).override}, {45, (*client).revoke}, {40, (*client).remove},
	{25, (*client).deleteOne}, {40, (*client).add}, {15, (*client).join}, {15, (*client).leave}, {2, (*client).create},
	{28, (*client).askAgain},
}

func (c *client) operate() {
	total := 0
	for _, w := range weights {
		total += w.of
	}
	n := c.rng.IntN(total)
	for _, w := range weights {
		if n -= w.of; n < 0 {
			w.do(c)
			return
		}
	}
}

// command asks and records. done may be nil.
func (c *client) command(session string, frame *clientv1.ClientFrame, done func(*clientv1.ServerFrame)) {
	c.cm.Lock()
	c.serial++
	frame.ClientId = fmt.Sprintf("%s-%d", c.device, c.serial)
	k := &ask{frame: frame, command: &check.Command{User: c.user, Session: session, ClientID: frame.ClientId}}
	c.commands = append(c.commands, k.command)
	c.cm.Unlock()
	k.done = func(m *clientv1.ServerFrame) {
		if done != nil {
			done(m)
		}
		c.cm.Lock()
		defer c.cm.Unlock()
		k.done = nil
		if len(c.answered) < answeredKept {
			c.answered = append(c.answered, k)
		} else {
			c.answered[c.serial%len(c.answered)] = k
		}
	}
	c.push(k)
}

// pick gives a session of one of the kinds that the client is in.
func (c *client) pick(kinds ...kind) (string, *room) {
	c.cm.Lock()
	defer c.cm.Unlock()
	for range 8 {
		if len(c.order) == 0 {
			break
		}
		id := c.order[c.rng.IntN(len(c.order))]
		r := c.rooms[id]
		for _, k := range kinds {
			if r.in && r.kind == k {
				return id, r
			}
		}
	}
	return "", nil
}

var words = strings.Fields("the log is what was said and in which order everything else can be thrown away and built again 你好 今天 见 🙂")

func (c *client) text() string {
	n := 2 + c.rng.IntN(12)
	if c.rng.IntN(100) == 0 {
		n = 800
	}
	out := make([]string, n)
	for i := range out {
		out[i] = words[c.rng.IntN(len(words))]
	}
	return strings.Join(out, " ")
}

func (c *client) say() {
	id, r := c.pick(direct, group, channel)
	if r == nil || c.refused(&r.mute) {
		return
	}
	c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: id, Text: c.text()}}}, func(m *clientv1.ServerFrame) {
		c.cm.Lock()
		defer c.cm.Unlock()
		r.mute = m.GetError().GetCode() == "NOT_ALLOWED"
		if seq := m.GetAck().GetSeq(); seq > 0 {
			if r.mine = append(r.mine, seq); len(r.mine) > ownKept {
				r.mine = r.mine[1:]
			}
		}
	})
}

// refused says whether to leave what was refused before; now and then it is tried again.
func (c *client) refused(before *bool) bool {
	c.cm.Lock()
	defer c.cm.Unlock()
	return *before && c.rng.IntN(20) > 0
}

// standing remembers whether the client may let people in and out.
func (c *client) standing(r *room) func(*clientv1.ServerFrame) {
	return func(m *clientv1.ServerFrame) {
		c.cm.Lock()
		defer c.cm.Unlock()
		r.plain = m.GetError().GetCode() == "NOT_ALLOWED"
	}
}

// own gives a message of the client's; taken ones are not given again.
func (c *client) own(take bool) (string, uint64) {
	id, r := c.pick(direct, group, channel)
	if r == nil {
		return "", 0
	}
	c.cm.Lock()
	defer c.cm.Unlock()
	if len(r.mine) == 0 {
		return "", 0
	}
	i := c.rng.IntN(len(r.mine))
	seq := r.mine[i]
	if take && c.rng.IntN(4) > 0 { // now and then somebody asks twice
		r.mine = append(r.mine[:i], r.mine[i+1:]...)
	}
	return id, seq
}

func (c *client) override() {
	if id, seq := c.own(false); id != "" {
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Override{Override: &clientv1.Override{Session: id, Seq: seq, Text: c.text()}}}, nil)
	}
}

func (c *client) revoke() {
	if id, seq := c.own(true); id != "" {
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Revoke{Revoke: &clientv1.Revoke{Session: id, Seq: seq}}}, nil)
	}
}

func (c *client) deleteOne() {
	if id, seq := c.own(true); id != "" {
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Delete{Delete: &clientv1.Delete{Session: id, Seq: seq}}}, nil)
	}
}

func (c *client) mark() {
	id, r := c.pick(direct, group, channel)
	if r == nil {
		return
	}
	c.cm.Lock()
	seq := r.last
	c.cm.Unlock()
	if seq > 0 {
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_MarkRead{MarkRead: &clientv1.MarkRead{Session: id, Seq: seq}}}, nil)
	}
}

func (c *client) add() {
	if id, r := c.pick(group, channel); r != nil && !c.refused(&r.plain) {
		members := []*logv1.NewMember{{User: c.load.anybody(c.rng)}, {User: c.load.anybody(c.rng)}}
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Add{Add: &clientv1.Add{Session: id, Members: members}}}, c.standing(r))
	}
}

func (c *client) remove() {
	if id, r := c.pick(group, channel); r != nil && !c.refused(&r.plain) {
		users := []string{c.load.anybody(c.rng)}
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Remove{Remove: &clientv1.Remove{Session: id, Users: users}}}, c.standing(r))
	}
}

func (c *client) join() {
	if id := c.load.channel(c.rng); id != "" {
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Join{Join: &clientv1.Join{Session: id}}}, nil)
	}
}

func (c *client) leave() {
	if id, r := c.pick(group, channel); r != nil {
		c.command(id, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Leave{Leave: &clientv1.Leave{Session: id}}}, nil)
	}
}

// create opens a session of any kind with some people in it.
func (c *client) create() {
	k := []logv1.Kind{logv1.Kind_KIND_DIRECT, logv1.Kind_KIND_GROUP, logv1.Kind_KIND_GROUP, logv1.Kind_KIND_CHANNEL}[c.rng.IntN(4)]
	n := 3 + c.rng.IntN(5)
	if k == logv1.Kind_KIND_DIRECT {
		n = 1
	}
	var members []*logv1.NewMember
	for len(members) < n {
		u, role := c.load.anybody(c.rng), logv1.Role_ROLE_MEMBER
		if u == c.user {
			continue
		}
		if k != logv1.Kind_KIND_DIRECT && c.rng.IntN(2) == 0 {
			role = logv1.Role_ROLE_ADMIN
		}
		members = append(members, &logv1.NewMember{User: u, Role: role})
	}
	c.open(&clientv1.Create{Kind: k, Members: members, Name: "chaos"})
}

func (c *client) open(op *clientv1.Create) {
	c.command("", &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Create{Create: op}}, func(m *clientv1.ServerFrame) {
		if id := m.GetAck().GetSession(); kindOf(id) == channel {
			c.load.addChannel(id)
		}
	})
}

// askAgain sends a command that has its answer once more.
func (c *client) askAgain() {
	c.cm.Lock()
	if len(c.answered) == 0 {
		c.cm.Unlock()
		return
	}
	i := c.rng.IntN(len(c.answered))
	k := c.answered[i]
	c.answered = append(c.answered[:i], c.answered[i+1:]...)
	c.cm.Unlock()
	c.push(k)
}
