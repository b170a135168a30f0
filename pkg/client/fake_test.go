package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs a test once per subprotocol, with a fake that speaks it alone.
func each(t *testing.T, test func(t *testing.T, f *fake)) {
	t.Helper()
	for codec := range protocol.Codecs {
		t.Run(codec.String(), func(t *testing.T) { test(t, newFake(t, codec)) })
	}
}

// fate is what the fake does with a frame.
type fate uint8

const (
	serve fate = iota
	// dropBefore loses the frame with the connection.
	dropBefore
	// dropAfter does what was asked, and loses the answer with the connection.
	dropAfter
	// hold leaves the frame without an answer.
	hold
	// refuse answers BUSY.
	refuse
	// mute goes half-open: nothing is read or said on the connection any more.
	mute
)

// fake is a gateway with the whole of Annal behind it, in a few lines: it numbers
// events, answers resends, publishes, and does to frames and events what the test says.
type fake struct {
	t     *testing.T
	srv   *httptest.Server
	codec protocol.Codec

	mu        sync.Mutex
	heartbeat time.Duration
	expires   time.Time
	// most is what the welcome says of commands in flight; flying counts them.
	most int
	// window is the first seq history still has.
	window uint64
	hidden []*clientv1.Range
	log    map[string][]*clientv1.Event
	acks   map[string]*clientv1.Ack
	// taken are the commands besides sent texts, by client id.
	taken map[string]*clientv1.ClientFrame
	conns map[*fakeConn]bool
	// frames lists what came in, by operation and client id.
	frames []string
	tokens []string
	// fates decides over each frame but hello; nil serves all.
	fates func(m *clientv1.ClientFrame) fate
	// publish decides how often an event goes to a connection; nil once each.
	publish func(e *clientv1.Event) int
	// admit judges a hello by its token; a close code refuses it.
	admit func(token string) int
}

type fakeConn struct {
	ws    *websocket.Conn
	codec protocol.Codec
	wmu   sync.Mutex
	subs  map[string]bool
	muted bool
}

func newFake(t *testing.T, codec protocol.Codec) *fake {
	f := &fake{
		t: t, codec: codec, heartbeat: 10 * time.Second, window: 1,
		log: map[string][]*clientv1.Event{}, acks: map[string]*clientv1.Ack{},
		taken: map[string]*clientv1.ClientFrame{}, conns: map[*fakeConn]bool{},
	}
	f.srv = httptest.NewServer(http.HandlerFunc(f.accept))
	t.Cleanup(func() {
		f.dropAll()
		f.srv.Close()
	})
	return f
}

func (f *fake) url() string { return "ws" + strings.TrimPrefix(f.srv.URL, "http") }

// dial connects a client that is closed with the test.
func (f *fake) dial(change func(*Options)) *Client {
	f.t.Helper()
	opts := Options{URL: f.url(), Codec: f.codec, Token: StaticToken("token of alice"), Device: "test", Version: "1", backoffMost: 20 * time.Millisecond}
	if change != nil {
		change(&opts)
	}
	c, err := Dial(within(f.t), opts)
	if err != nil {
		f.t.Fatalf("dial: %v", err)
	}
	f.t.Cleanup(c.Close)
	return c
}

// within is a context for what must not take long.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (f *fake) accept(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{Subprotocols: []string{f.codec.String()}}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	n := &fakeConn{ws: ws, codec: f.codec, subs: map[string]bool{}}
	f.mu.Lock()
	f.conns[n] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.conns, n)
		f.mu.Unlock()
		ws.Close()
	}()
	for {
		kind, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
		m, perr := f.codec.ParseClient(b)
		if perr != nil || kind != n.kind() {
			f.t.Errorf("the client sends what cannot be read: %q, of kind %d: %v", b, kind, perr)
			return
		}
		if !f.take(n, m) {
			return
		}
	}
}

// take handles a frame; false ends the connection.
func (f *fake) take(n *fakeConn, m *clientv1.ClientFrame) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.muted {
		return true
	}
	if h := m.GetHello(); h != nil {
		return f.hello(n, m.GetId(), h)
	}
	f.frames = append(f.frames, fmt.Sprintf("%T %s", m.GetOp(), m.GetClientId()))
	what := serve
	if f.fates != nil {
		what = f.fates(m)
	}
	switch what {
	case dropBefore:
		return false
	case mute:
		n.muted = true
		return true
	case hold:
		return true
	case refuse:
		n.say(&clientv1.ServerFrame{Id: m.GetId(), Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{
			Code: string(events.CodeBusy), Retry: string(events.RetryLater), RetryAfterMs: 1,
		}}})
		return true
	}
	reply := f.do(n, m)
	if what == dropAfter {
		return false
	}
	reply.Id = m.GetId()
	n.say(reply)
	return true
}

func (f *fake) hello(n *fakeConn, id string, h *clientv1.Hello) bool {
	f.tokens = append(f.tokens, h.GetToken())
	if f.admit != nil {
		if code := f.admit(h.GetToken()); code != 0 {
			n.close(code)
			return false
		}
	}
	w := &clientv1.Welcome{User: "alice", Connection: "c", HeartbeatMs: f.heartbeat.Milliseconds(), MaxInFlight: uint32(f.most)}
	if !f.expires.IsZero() {
		w.TokenExpiresMs = f.expires.UnixMilli()
	}
	n.say(&clientv1.ServerFrame{Id: id, Kind: &clientv1.ServerFrame_Welcome{Welcome: w}})
	return true
}

func (f *fake) do(n *fakeConn, m *clientv1.ClientFrame) *clientv1.ServerFrame {
	switch op := m.GetOp().(type) {
	case *clientv1.ClientFrame_Ping:
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Pong{Pong: &clientv1.Pong{TimeMs: 1}}}
	case *clientv1.ClientFrame_Subscribe:
		return f.subscribe(n, op.Subscribe)
	case *clientv1.ClientFrame_Unsubscribe:
		delete(n.subs, op.Unsubscribe.GetSession())
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Unsubscribed{Unsubscribed: &clientv1.Unsubscribed{Session: op.Unsubscribe.GetSession()}}}
	case *clientv1.ClientFrame_History:
		return f.history(op.History)
	case *clientv1.ClientFrame_Send:
		if op.Send.GetContent() == nil {
			return f.send(m, op.Send)
		}
	}
	if m.GetClientId() != "" {
		return f.command(m)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{
		Code: string(events.CodeNotAllowed), Retry: string(events.RetryNever), Message: "the fake does not do this",
	}}}
}

func (f *fake) send(m *clientv1.ClientFrame, op *clientv1.Send) *clientv1.ServerFrame {
	key := op.GetSession() + "/" + m.GetClientId()
	if first, ok := f.acks[key]; ok {
		again := &clientv1.Ack{Session: first.Session, Seq: first.Seq, Answered: string(events.CodeDuplicate)}
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: again}}
	}
	if op.GetText() == "forbidden" {
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{
			Code: string(events.CodeNotAMember), Retry: string(events.RetryNever), Duplicate: true, Seq: 9,
		}}}
	}
	ack := &clientv1.Ack{Session: op.GetSession(), Seq: f.append(op.GetSession(), op.GetText())}
	f.acks[key] = ack
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: ack}}
}

// command takes any other command, once.
func (f *fake) command(m *clientv1.ClientFrame) *clientv1.ServerFrame {
	if _, ok := f.taken[m.GetClientId()]; ok {
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: &clientv1.Ack{Seq: 7, Duplicate: true}}}
	}
	f.taken[m.GetClientId()] = m
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: &clientv1.Ack{Seq: 7}}}
}

// append puts a message into the log and publishes it. The lock is held.
func (f *fake) append(session, text string) uint64 {
	seq := uint64(len(f.log[session])) + 1
	e := &clientv1.Event{Session: session, Seq: seq, User: "bob", Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Index: seq, Text: text}}}
	f.log[session] = append(f.log[session], e)
	copies := 1
	if f.publish != nil {
		copies = f.publish(e)
	}
	for n := range f.conns {
		for range copies {
			if n.subs[session] && !n.muted {
				n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: e}})
			}
		}
	}
	return seq
}

// say appends from outside.
func (f *fake) say(session, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.append(session, text)
}

func (f *fake) subscribe(n *fakeConn, op *clientv1.Subscribe) *clientv1.ServerFrame {
	s := op.GetSession()
	if s == "secret" {
		return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{
			Code: string(events.CodeNotAMember), Retry: string(events.RetryNever),
		}}}
	}
	head := uint64(len(f.log[s]))
	from := head
	if op.After != nil {
		from = max(*op.After, f.window-1)
	}
	n.subs[s] = true
	for _, e := range f.log[s][min(from, head):] {
		n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: e}})
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Subscribed{Subscribed: &clientv1.Subscribed{Session: s, Head: head, From: from}}}
}

func (f *fake) history(op *clientv1.History) *clientv1.ServerFrame {
	page := &clientv1.HistoryPage{Session: op.GetSession(), Hidden: f.hidden}
	after := max(op.GetAfter(), f.window-1)
	page.WindowEnd = after > op.GetAfter()
	all := f.log[op.GetSession()]
	for _, e := range all[min(after, uint64(len(all))):] {
		if f.isHidden(e.GetSeq()) {
			continue
		}
		if len(page.Events) == int(op.GetLimit()) {
			page.More = true
			break
		}
		page.Events = append(page.Events, e)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_History{History: page}}
}

func (f *fake) isHidden(seq uint64) bool {
	for _, r := range f.hidden {
		if r.First <= seq && seq <= r.Last {
			return true
		}
	}
	return false
}

func (n *fakeConn) say(m *clientv1.ServerFrame) {
	n.wmu.Lock()
	defer n.wmu.Unlock()
	_ = n.ws.SetWriteDeadline(time.Now().Add(5 * time.Second))
	// A client that is gone does not hear it.
	_ = n.ws.WriteMessage(n.kind(), n.codec.AppendServer(nil, m))
}

// kind is what frames come and go as.
func (n *fakeConn) kind() int {
	if n.codec == protocol.ProtoCodec {
		return websocket.BinaryMessage
	}
	return websocket.TextMessage
}

func (n *fakeConn) close(code int) {
	_ = n.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "as the test says"), time.Now().Add(time.Second))
}

// dropAll cuts every connection.
func (f *fake) dropAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.conns {
		n.ws.Close()
	}
}

// closeAll ends every connection with a close code.
func (f *fake) closeAll(code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.conns {
		n.close(code)
		n.ws.Close()
	}
}

// texts lists what was said in a session.
func (f *fake) texts(session string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, e := range f.log[session] {
		all = append(all, e.GetSent().GetText())
	}
	return all
}

// count says how many frames came in that contain what.
func (f *fake) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, s := range f.frames {
		if strings.Contains(s, what) {
			n++
		}
	}
	return n
}

// until waits for something the fake sees.
func (f *fake) until(what string, ok func() bool) {
	f.t.Helper()
	ctx := within(f.t)
	for {
		f.mu.Lock()
		done := ok()
		f.mu.Unlock()
		if done {
			return
		}
		if !wait(ctx, time.Millisecond) {
			f.t.Fatalf("never happened: %s", what)
		}
	}
}

// nowhere is an address nobody listens at.
func nowhere(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "ws://" + l.Addr().String()
}
