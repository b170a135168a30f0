package chat

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/pkg/client"
	"annal/pkg/client/clienttest"
	"annal/pkg/gateway/protocol"
)

// terminal is a person at a pipe.
type terminal struct {
	t     *testing.T
	who   string
	in    *io.PipeWriter
	done  chan error
	mu    sync.Mutex
	lines []string
	more  chan struct{}
	at    int
}

// open starts a chat of who with whom.
func open(t *testing.T, s *clienttest.Server, who string, p Place) *terminal {
	t.Helper()
	return openOn(t, s, who, p, func(c Conn) Conn { return c })
}

// openOn opens a chat over what wrap makes of the connection.
func openOn(t *testing.T, s *clienttest.Server, who string, p Place, wrap func(Conn) Conn) *terminal {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	states := make(chan client.State, 64)
	opts := s.Options(who)
	if who == "bob" {
		opts.Codec = protocol.ProtoCodec // who speaks what is nobody else's concern
	}
	opts.OnState = func(s client.State) { states <- s }
	c := s.Dial(opts)
	session, err := Open(ctx, Connect(c), p)
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	in, write := io.Pipe()
	read, out := io.Pipe()
	screen, restore, err := OpenScreen(in, out)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, who: who, in: write, done: make(chan error, 1), more: make(chan struct{}, 1)}
	var gone sync.WaitGroup
	gone.Go(func() { term.watch(read) })
	chat := New(wrap(Connect(c)), screen, session, c.User(), time.UTC)
	gone.Go(func() {
		for {
			select {
			case s := <-states:
				chat.State(ctx, s)
			case <-ctx.Done():
				return
			}
		}
	})
	gone.Go(func() {
		term.done <- chat.Run(ctx)
		restore()
	})
	t.Cleanup(func() {
		cancel()
		_ = write.Close()
		c.Close()
		_ = out.Close()
		gone.Wait()
	})
	return term
}

func (x *terminal) watch(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		x.mu.Lock()
		x.lines = append(x.lines, lines.Text())
		x.mu.Unlock()
		select {
		case x.more <- struct{}{}:
		default:
		}
	}
}

func (x *terminal) types(lines ...string) {
	x.t.Helper()
	for _, l := range lines {
		if _, err := fmt.Fprintln(x.in, l); err != nil {
			x.t.Fatal(err)
		}
	}
}

// sees waits for lines that contain these, in this order, after what was seen before.
func (x *terminal) sees(want ...string) {
	x.t.Helper()
	for _, w := range want {
		x.wait(w)
	}
}

func (x *terminal) wait(want string) {
	x.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		x.mu.Lock()
		for x.at < len(x.lines) {
			found := strings.Contains(x.lines[x.at], want)
			x.at++
			if found {
				x.mu.Unlock()
				return
			}
		}
		all := strings.Join(x.lines, "\n")
		x.mu.Unlock()
		select {
		case <-x.more:
		case <-deadline.C:
			x.t.Fatalf("%s does not see %q after what was seen before; all of it:\n%s", x.who, want, all)
		}
	}
}

// count says how many lines contain what.
func (x *terminal) count(what string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, l := range x.lines {
		if strings.Contains(l, what) {
			n++
		}
	}
	return n
}

func TestTwoTerminals(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{With: []string{"bob"}})
	bob := open(t, s, "bob", Place{With: []string{"alice"}})
	alice.types("hello bob")
	alice.sees("#2 you: hello bob", "✓ read by bob up to #2")
	bob.sees("#2 alice: hello bob")
	bob.types("hi", "/edit hi alice")
	alice.sees("#3 bob: hi", "#4 * bob edited #3: hi alice")
	bob.sees("#3 you: hi", "#4 * you edited #3: hi alice", "✓ read by alice up to #4")
	alice.types("/revoke 2")
	bob.sees("#5 * alice revoked #2")
	alice.sees("* you revoked #2")
	alice.types("/edit too late")
	alice.sees("! #2 is not edited: MESSAGE_REVOKED")
	alice.types("/who", "/nonsense", "/read")
	alice.sees("  you, member since", "  bob, member since", "* no such command", "bob has read up to #")
	bob.types("/typing")
	alice.sees("… bob is typing")
	bob.types("/quit")
	if err := <-bob.done; err != nil {
		t.Errorf("bob's chat ends with %v", err)
	}
}

func TestChatGoesOnAfterTheServerIsKilled(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{With: []string{"bob"}})
	bob := open(t, s, "bob", Place{With: []string{"alice"}})
	alice.types("before")
	bob.sees("#2 alice: before")
	s.Kill()
	alice.sees("* reconnecting…")
	bob.sees("* reconnecting…")
	alice.types("while it is away 1", "while it is away 2")
	s.Start()
	alice.sees("#3 you: while it is away 1", "#4 you: while it is away 2")
	bob.sees("#3 alice: while it is away 1", "#4 alice: while it is away 2")
	bob.types("after")
	alice.sees("#5 bob: after")
	for _, x := range []*terminal{alice, bob} {
		if n := x.count("while it is away"); n != 2 {
			t.Errorf("%s sees %d of the two lines", x.who, n)
		}
		if x.count("* connected again") == 0 {
			t.Errorf("%s is not told that the connection is back", x.who)
		}
	}
}

func TestLinesOfAPipeAreSentBeforeItEnds(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{Group: "friends", With: []string{"bob", "carol"}})
	alice.types("one", "two", "three")
	if err := alice.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-alice.done; err != nil {
		t.Fatal(err)
	}
	alice.sees("#2 you: one", "#3 you: two", "#4 you: three")
	carol := open(t, s, "carol", Place{Group: "friends"})
	carol.sees("#1 * alice opened this", "#2 alice: one", "#4 alice: three")
	alice2 := open(t, s, "alice", Place{Group: "friends", With: []string{"dave"}})
	alice2.sees("#4 you: three")
}

func TestRemovedFromTheGroup(t *testing.T) {
	s := clienttest.Serve(t)
	open(t, s, "alice", Place{Group: "friends", With: []string{"bob"}})
	bob := open(t, s, "bob", Place{Group: "friends"})
	bob.sees("#1 * alice opened this")
	admin := s.Dial(s.Options("alice"))
	session, err := Open(t.Context(), Connect(admin), Place{Group: "friends"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Remove(t.Context(), session, []string{"bob"}); err != nil {
		t.Fatal(err)
	}
	bob.sees("* you are no longer a member here")
	if err := <-bob.done; err != nil {
		t.Errorf("bob's chat ends with %v", err)
	}
}

// removedFirst has the user put out just before they subscribe.
type removedFirst struct {
	Conn
	remove func()
}

func (c removedFirst) Subscribe(ctx context.Context, session string, after uint64) (Stream, error) {
	c.remove()
	return c.Conn.Subscribe(ctx, session, after)
}

func TestRemovedBeforeSubscribing(t *testing.T) {
	s := clienttest.Serve(t)
	open(t, s, "alice", Place{Group: "friends", With: []string{"bob"}})
	admin := s.Dial(s.Options("alice"))
	bob := openOn(t, s, "bob", Place{Group: "friends"}, func(c Conn) Conn {
		return removedFirst{c, func() {
			session, err := Open(t.Context(), Connect(admin), Place{Group: "friends"})
			if err == nil {
				_, err = admin.Remove(t.Context(), session, []string{"bob"})
			}
			if err != nil {
				t.Error(err)
			}
		}}
	})
	bob.sees("#1 * alice opened this", "* you are no longer a member here")
	if err := <-bob.done; err != nil {
		t.Errorf("bob's chat ends with %v", err)
	}
}

func TestHistory(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{With: []string{"bob"}})
	for i := range 50 {
		alice.types(fmt.Sprintf("line %d.", i))
	}
	alice.sees("line 49.")
	bob := open(t, s, "bob", Place{With: []string{"alice"}})
	bob.sees("#32 alice: line 30.", "#51 alice: line 49.")
	bob.types("/history")
	bob.sees("#12 alice: line 10.", "#31 alice: line 29.")
	bob.types("/history", "/history")
	bob.sees("#1 * alice opened this", "#11 alice: line 9.", "* this is the beginning")
	alice.types("/history 12", "/history x", "/history 500")
	alice.sees("#3 you: line 1.", "#22 you: line 20.", "* /history SEQ", "! no history: NO_SUCH_MESSAGE")
}

// The new things that a group of people does, as two of them type and see it.
func TestGroupCommands(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{Group: "friends", With: []string{"bob"}})
	bob := open(t, s, "bob", Place{Group: "friends"})
	alice.types("hello @bob, look")
	bob.sees("#2 alice (calls you): hello @bob, look")
	bob.types("/reply 2 what?", "/react 2 👍", "/report 2 rude")
	alice.sees("#3 bob (to #2): what?", "#4 * bob 👍 #2", "! bob reported #2: rude")
	bob.types("/unreact 2 👍")
	bob.sees("#5 * you took 👍 back from #2")
	bob.types("/pin 2")
	bob.sees("! /pin came to nothing: NOT_ALLOWED")
	if n := bob.count("reported #2"); n != 0 {
		t.Errorf("a member is shown %d reports", n)
	}
	alice.types("/pin 2", "/name best friends", "/notice be kind", "/mute bob 1h")
	bob.sees("#6 * alice pinned #2", `#7 * alice changed what this says of itself: name "best friends"`, `#8 * alice changed what this says of itself: notice "be kind"`,
		"#9 * alice muted you until")
	bob.types("may I?")
	bob.sees("! not sent: may I?: MUTED")
	alice.types("/unmute bob", "/role bob admin", "/role bob king")
	bob.sees("#10 * alice let you write again", "#11 * alice made you admin")
	alice.sees("* /role USER member|admin|owner")
	bob.types("/info", "/invite 1 1h", "/dismiss")
	bob.sees("  name: best friends", "  notice: be kind", "  pinned: #2", "* who has this may come in: annal chat --session", "! /dismiss came to nothing: NOT_ALLOWED")
	code := bob.after("--invite ")
	session, err := Open(t.Context(), Connect(s.Dial(s.Options("alice"))), Place{Group: "best friends"})
	if err != nil {
		t.Fatal(err)
	}
	carol := open(t, s, "carol", Place{Session: session, Invite: code})
	carol.sees("#13 * you joined")
	alice.sees("#12 * bob made an invite", "#13 * carol joined")
	if _, err := Open(t.Context(), Connect(s.Dial(s.Options("dan"))), Place{Session: session, Invite: code}); err == nil {
		t.Error("an invite for one let in two")
	}
	alice.types("/dismiss")
	bob.sees("* alice closed this for all")
	bob.types("too late")
	bob.sees("! not sent: too late: SESSION_CLOSED")
	bob.types("/leave")
	bob.sees("* you are no longer a member here")
}

// Who asks is let in or not, as the policy says; and what is hidden is hidden from oneself.
func TestAskingAndPolicy(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{Group: "friends", With: []string{"bob"}})
	bob := open(t, s, "bob", Place{Group: "friends"})
	session, err := Open(t.Context(), Connect(s.Dial(s.Options("alice"))), Place{Group: "friends"})
	if err != nil {
		t.Fatal(err)
	}
	carol := open(t, s, "carol", Place{Group: "other"})
	alice.types("/policy joining=approval history=all receipts=0", "/policy", "/policy joining=maybe", "/policy colour=red")
	bob.sees("#2 * alice changed the policy: history=all joining=approval limit=10000 receipts=0 revoke=2m0s override=15m0s add=admin write=member")
	alice.sees("* /policy KEY=VALUE…", "* /policy KEY=VALUE…", "* /policy KEY=VALUE…")
	carol.types("/ask "+session+" it is me", "/join "+session)
	carol.sees("* done", "! /join came to nothing: APPROVAL_REQUIRED")
	alice.sees("#3 * carol asked to be let in: it is me (/accept or /refuse)")
	bob.sees("#3 * carol asked to be let in (/accept or /refuse)")
	alice.types("/refuse carol")
	bob.sees("#4 * alice refused carol")
	carol.types("/ask " + session)
	alice.sees("#5 * carol asked to be let in (/accept or /refuse)")
	alice.types("/accept carol", "welcome @carol, says @bob!", "/policy mention_all=member")
	bob.sees("#6 * alice added carol", "#7 alice (calls you): welcome @carol, says @bob!", "#8 * alice changed the policy")
	bob.types("hello @all", "/hide 7")
	alice.sees("#9 bob (calls all): hello @all")
	bob.sees("* done")
	bob.types("/hide", "/info")
	bob.sees("* /hide SEQ… (messages that were shown)", "policy: history=all joining=approval")
	carol.types("/quit")
	select {
	case err := <-carol.done:
		if err != nil {
			t.Errorf("carol's chat ends with %v", err)
		}
	case <-time.After(patience / 2):
		t.Error("carol, who asked elsewhere, waits here for what is shown there")
	}
}

// after gives the rest of the last line that contains what.
func (x *terminal) after(what string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range slices.Backward(x.lines) {
		if _, rest, ok := strings.Cut(l, what); ok {
			return rest
		}
	}
	x.t.Fatalf("%s sees no %q", x.who, what)
	return ""
}

func TestContacts(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{With: []string{"bob"}})
	bob := open(t, s, "bob", Place{With: []string{"alice"}})
	alice.types("hello")
	bob.sees("#2 alice: hello")
	bob.types("/contact block")
	alice.sees("#3 * bob blocked the other")
	alice.types("why?")
	alice.sees("! not sent: why?: BLOCKED")
	bob.types("/contact unblock", "/contact hug")
	bob.sees("* /contact ask|accept|refuse|remove|block|unblock")
	alice.sees("#4 * bob unblocked the other")
	alice.types("thanks")
	bob.sees("#5 alice: thanks")
}
