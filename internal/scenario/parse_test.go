package scenario_test

import (
	"context"
	"strings"
	"testing"

	"annal/internal/fuzzcorpus"
	"annal/internal/scenario"
)

// TestWrongFiles: what is wrong is told with its line.
func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "there is no scenario",
		"u1 send S x":                              "f:1: a step before the first scenario",
		"scenario A\nu1 sing S":                    `f:2: there is no verb "sing"`,
		"scenario A\nu1":                           "f:2: a person who does nothing",
		"scenario A\nsend S x":                     `f:2: there is no verb "S"`,
		"scenario A\n!x send S x":                  "f:2: \"!x\" is no person",
		"scenario A\nu1@0 leave S":                 "f:2: \"0\" is no gateway",
		"scenario A\nu1 revoke S":                  "f:2: revoke has 1 arguments",
		"scenario A\nu1 leave S a=b":               "f:2: leave has no option a",
		"scenario A\nu1 wait 5s":                   "f:2: wait is nothing that a person does",
		"scenario A\nu1 send S \"x":                "f:2: a quote has no end",
		"scenario A\nu1 send S \"\\q\"":            `f:2: "\q" is not quoted as in Go`,
		"scenario A\nu1 send S \"x\"*99999999":     "f:2: \"x\" times 99999999 is too much",
		"scenario A\nu1 leave S ->":                "f:2: -> says nothing",
		"scenario A\nu1 leave S -> FINE":           "f:2: FINE is no code",
		"scenario A\nu1 leave S -> seq x":          "f:2: seq needs a number",
		"scenario A\nu1 unread S 1 -> ok":          "f:2: unread has no answer",
		"scenario A\nu1 archived S 2":              "f:2: archived is nothing that a person does",
		"scenario A\nverify all":                   `f:2: there is no "all" to verify`,
		"scenario A\nu1 phone K1 came 1":           "f:2: phone is nothing that a person does",
		"scenario A\nend":                          "f:2: there is nothing to end",
		"scenario A\nrepeat 2\nu1 leave S":         "f:2: repeat has no end",
		"scenario A\ntogether\nu1 unread S 0\nend": "f:4: line 3: only commands happen together",
		"scenario A\nrepeat 2\nscenario B":         "f:3: a block has no end before this scenario",
	} {
		_, err := scenario.Parse("f", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// story is one in which every check can be wrong.
const story = `scenario Story
u1 create group S u2
u1 send S hello
u1 send S bye
u2 mark_read S 2
u1 revoke S 3
u1 create direct D u3 joining=approval
`

// TestChecks: each check is content with what is so, and says what is otherwise.
func TestChecks(t *testing.T) {
	for step, wrong := range map[string]string{
		"u2 unread S 0":            "u2 unread S 1",
		"u2 unread S 0 mentions=0": "u2 unread S 0 mentions=1",
		"u2 preview S 2":           "u2 preview S none",
		"u2 totals 0":              "u2 totals 1",
		"u2 state S seq=4 role=member closed=false":      "u2 state S seq=4 role=owner closed=false",
		"u3 state D contact=asked":                       "u3 state D contact=friends",
		"u2 history S 1-4":                               "u2 history S 1-3",
		"u2 history S 1 2:hello 3:revoked 4":             "u2 history S 1 2:hello 3:bye 4",
		"u3 history S -> NOT_A_MEMBER":                   "u3 history S -> NO_SUCH_SESSION",
		"u2 pages S back 2 1-4":                          "u2 pages S forward 2 2-4",
		"u2 pages S back 2 1-4 cursors=true":             "u2 pages S back 2 1-3 cursors=true",
		"u2 around S 2 2 2-3":                            "u2 around S 2 2 1-2",
		"u2 around S 9 2 -> NO_SUCH_MESSAGE":             "u2 around S 9 2",
		"u2 history S kind=card":                         "u2 history S 2 kind=card",
		"u2 history S cursor=x -> INVALID_CURSOR":        "u2 history S cursor=x -> ok",
		"u2 shows S 2:hello 3:revoked":                   "u2 shows S 2:hello",
		"u2 members S u1:owner u2":                       "u2 members S u1 u2",
		"u2 owner S u1":                                  "u2 owner S u2",
		"u1 receipts S 2 read=u2":                        "u1 receipts S 2 read=",
		"u1 receipts S 2 delivered=1":                    "u1 receipts S 2 delivered=0",
		"u3 out S":                                       "u2 out S",
		"u1 revoke S 3 -> ALREADY_REVOKED seq 4":         "u1 revoke S 3 -> ALREADY_REVOKED seq 5",
		"u1 send S x -> ok or NOT_A_MEMBER":              "u1 send S x -> again",
		"u1 add S u2 u3 -> ok skipped u2:ALREADY_MEMBER": "u1 add S u2 u3 -> ok skipped u3:ALREADY_MEMBER",
	} {
		if r := tell(t, step); r.Failed != nil || r.NotRun != "" {
			t.Errorf("%s: %v %s", step, r.Failed, r.NotRun)
		}
		if r := tell(t, wrong); r.Failed == nil || r.Failed.Text != wrong {
			t.Errorf("%s: got %+v, want a failure of it", wrong, r)
		}
	}
}

func tell(t *testing.T, step string) scenario.Result {
	t.Helper()
	all, err := scenario.Parse("story", story+step)
	if err != nil {
		t.Fatal(err)
	}
	return scenario.Run(context.Background(), &all[0], scenario.NewRules(), "x-")
}

// TestBadSteps: what can only be seen to be wrong when it is run is told as the step's failure.
func TestBadSteps(t *testing.T) {
	for _, step := range []string{
		"u1 create heap T", "u1 create group T u2:king", "u1 create group T limit=many", "u1 create group T revoke=soon",
		"u1 send S x reply=first", "u1 send S x content=`{}{`", "u1 revoke S first", "u1 mute S for=ever", "wait long", "u1 history S a-b",
		"u1 history S 5-4", "u1 pages S up 5 1-4", "u1 contact D hug", "u1 invite S abcdefghijklmnop uses=few", "u1 add S u*99999",
		"u1 told S everything", "archived S first", "u1 around S first 2", "u1 history S kind=gossip", "u1 history S since=soon",
		"u1 history S thread=first", "u1 pages S back many 1",
		"repeat 0\nend",
	} {
		if r := tell(t, step); r.Failed == nil {
			t.Errorf("%s: got %+v, want a failure", step, r)
		}
	}
}

// FuzzParse: a file is scenarios, or an error with its name; and what it says can be run against the
// rules to an end.
func FuzzParse(f *testing.F) {
	f.Add(story)
	f.Add("scenario A\nrepeat 2\ntogether\nu1 create group S u2 -> seq 1 or SESSION_EXISTS\nend\nend\nrestart all\n")
	f.Add("scenario A\nu1/a@2 send S \"x\"*3`y` mention=u2,u3 -> again NOT_A_MEMBER seq 3\n")
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := scenario.Parse("file", text)
		if err != nil {
			if !strings.Contains(err.Error(), "file") {
				t.Errorf("an error without a place: %v", err)
			}
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range all {
			if !strings.Contains(text, "repeat") { // which may be long
				scenario.Run(ctx, &all[i], scenario.NewRules(), "")
			}
		}
	})
}
