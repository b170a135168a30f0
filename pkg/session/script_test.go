package session

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"annal/pkg/events"
)

// TestScripts runs testdata: people, time and commands in, outcomes and rows out.
// Each file is a world of its own; afterwards its log is replayed.
//
//	run    a command a line: [+SPAN] USER[/SERVICE] OP ARGS… [id=CLIENTID] [in=LABEL];
//	       +SPAN moves log time on first (+0.1s, +24h), id is fresh unless given,
//	       in is the session last created unless given; _ in an id is a space. Ops:
//	         create KIND LABEL [MEMBER[:ROLE]…] [base=] [title=] [limit=] [write=]
//	           [add=] [info=] [pin=] [all=] [joining=open|closed|approval] [text=]
//	           [history=all|stay] [revoke=] [override=]
//	         add MEMBER[:ROLE]… · remove MEMBER… · join [invite=CODE] · leave
//	         send TEXT [reply=] [thread=] [mention=USER,…] [all=true]
//	         revoke SEQ · override SEQ TEXT · delete SEQ [REASON] · mark_read SEQ · nothing
//	         mark_delivered SEQ · react SEQ EMOJI [off] · pin SEQ [off] · report SEQ [TEXT]
//	         set_info [name=] [avatar=] [notice=] [description=] [f.FIELD=]
//	         set_policy [limit=] [write=] [pin=] [joining=] [history=] [revoke=]
//	         set_role MEMBER ROLE · mute [MEMBER…] until=SPAN · dismiss
//	         ask [TEXT] · refuse USER… · invite CODE [expires=SPAN] [uses=] · uninvite CODE
//	         contact ask|accept|refuse|remove|block|unblock [TEXT]
//	         hide SESSION SEQ… · set_session SESSION [mute=SPAN] [pinned=] [hidden=] [draft=]
//	           [unread=] · set_device NAME [token=] [off] · close_account
//	         sign_up METHOD · sign_in LOGIN DEVICE KIND [client=] [most=] · ban [REASON] · unban
//	         sign_out [DEVICE…] [login=LOGIN,…] [all=true] [except=LOGIN] [reason=]
//	         set_profile [name=] [avatar=] [status=] [f.FIELD=] · set_privacy [last_seen=] [add_me=] [write_first=]
//	         set_notifications [content=sender|nothing] [messages=mentions|none] [active=others] [pause=SPAN] [rest=FROM-TO zone=ZONE]
//	         forget_push DEVICE token= until=SPAN reason=
//	       What gateways read of people goes with a command as [wish=USER:everyone|contacts|nobody[!],…], ! for contacts.
//	       A text may be "in quotes", x*70000, or sealed:MAC*BYTES; m*3 is m1 m2 m3.
//	       "bytes" instead of a command is a record that cannot be decoded.
//	rows   the session's head, members, messages (in=LABEL)
//	ids    the session's client id rows (in=LABEL)
//
// Outcomes are numbered (#1 …) as in the log. After a change of a rule:
// go test ./pkg/session -run TestScripts -rewrite, and read the difference.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := &script{world: newWorld(), labels: map[string]events.SessionID{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.directive(t, d)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return out
		})
		if err := s.world.checkReplay(); err != nil {
			t.Error(err)
		}
	})
}

type script struct {
	world  *world
	labels map[string]events.SessionID
	// last is the label of the session last created.
	last string
}

func (s *script) directive(t *testing.T, d *datadriven.TestData) (string, error) {
	label := s.last
	d.MaybeScanArgs(t, "in", &label)
	switch d.Cmd {
	case "run":
		var b strings.Builder
		for line := range strings.Lines(d.Input) {
			o, err := s.line(strings.TrimSpace(line))
			if err != nil {
				return "", fmt.Errorf("%s: %w", line, err)
			}
			fmt.Fprintf(&b, "#%d %s\n", len(s.world.log), s.printOutcome(o))
		}
		return b.String(), nil
	case "rows":
		return printRows(s.world.tables[s.labels[label]]), nil
	case "ids":
		return printIDs(s.world.tables[s.labels[label]]), nil
	}
	return "", fmt.Errorf("no directive %q", d.Cmd)
}

var token = regexp.MustCompile(`[^\s"]*"(?:[^"\\]|\\.)*"|\S+`)

func (s *script) line(line string) (events.Outcome, error) {
	words := token.FindAllString(line, -1)
	if span, ok := strings.CutPrefix(words[0], "+"); ok {
		d, err := time.ParseDuration(span)
		if err != nil {
			return events.Outcome{}, err
		}
		s.world.now += events.Millis(d.Milliseconds())
		words = words[1:]
	}
	if words[0] == "bytes" {
		return s.malformed()
	}
	args, options := split(words[2:])
	op, err := s.parseOp(words[1], args, options)
	if err != nil {
		return events.Outcome{}, err
	}
	who, service, _ := strings.Cut(words[0], "/")
	c := events.Command{Actor: events.Actor{User: events.UserID(who), Service: service}, Op: op}
	c.ClientID = "auto-" + strconv.Itoa(len(s.world.log)+1)
	if id, ok := options["id"]; ok {
		c.ClientID = strings.ReplaceAll(id, "_", " ")
	}
	c.Wishes = parseWishes(options["wish"])
	label := s.last
	if create, ok := op.(events.Create); ok {
		label = args[1]
		if id := events.NewSessionID(create, c.Actor.User, c.ClientID); id != "" {
			s.labels[label], s.last = id, label
		}
	}
	if in, ok := options["in"]; ok {
		label = in
	}
	if c.Session = s.labels[label]; c.Session == "" {
		c.Session = events.SessionID(label)
	}
	return s.world.run(c)
}

// malformed takes in a record that nobody can decode, under the last session's key.
func (s *script) malformed() (events.Outcome, error) {
	if err := s.world.malformed(s.labels[s.last], "no message at all"); err != nil {
		return events.Outcome{}, err
	}
	return s.world.log[len(s.world.log)-1].outcome, nil
}

func split(words []string) (args []string, options map[string]string) {
	options = map[string]string{}
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok && !strings.HasPrefix(w, `"`) {
			options[k] = v
		} else {
			args = append(args, w)
		}
	}
	return args, options
}
