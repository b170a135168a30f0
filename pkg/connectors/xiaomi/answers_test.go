package xiaomi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

func TestAnswers(t *testing.T) {
	refused, wrong := push.Answer{Result: push.Refused}, push.Answer{Result: push.Misconfigured}
	later, alone := push.Answer{Result: push.Retry, All: true}, push.Answer{Result: push.Retry}
	r := newRig(t)
	for _, c := range []struct {
		name string
		want push.Answer
	}{
		{"-1", later}, {"1", later}, {"10001", later}, {"10002", later}, {"10003", later}, {"10008", refused}, {"10012", refused}, {"10016", refused},
		{"10017", refused}, {"10027", later}, {"10029", refused}, {"10031", wrong}, {"10034", later}, {"10036", wrong}, {"10037", alone}, {"20301", refused},
		{"20607", later}, {"21301", wrong}, {"21302", wrong}, {"21303", wrong}, {"21305", refused}, {"22000", wrong}, {"22006", wrong}, {"22007", wrong},
		{"22022", wrong}, {"22102", alone}, {"26003", later}, {"26006", refused}, {"27001", wrong}, {"65003", refused}, {"65009", refused}, {"65011", refused},
		{"65014", refused}, {"65015", refused}, {"65028", refused}, {"65029", later}, {"65030", alone}, {"99999", refused},
		{"HTTP401", wrong}, {"HTTP403", wrong}, {"HTTP404", wrong}, {"HTTP429", later}, {"HTTP500", later}, {"HTTP503", later}, {"HTTP418", refused}, {"HTTP302", refused},
	} {
		token := r.token()
		r.fail(token, c.name, 1)
		got := r.send(letter(token))
		if c.want.After = time.Minute; c.name == "10034" {
			c.want.After = 10 * time.Minute
		}
		c.want.Code, c.want.Text = strings.TrimPrefix(c.name, "HTTP"), got.Text
		if got != c.want || got.Text == "" {
			t.Errorf("%s: %+v, not %+v", c.name, got, c.want)
		}
	}
	if a := r.send(letter("nobody")); a.Result != push.Gone || a.Code != "20301" {
		t.Errorf("%+v", a)
	}
	if a := r.send(letter(r.token())); a.Result != push.Delivered || a.Code != "0" || a.VendorID == "" {
		t.Errorf("%+v", a)
	}
}

func TestTaken(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":0,"data":{"id":"a","bad_regids":"x, y"}}`:           "a map[x:true y:true]",
		`{"code":0,"data":"{\"id\":\"a\",\"bad_regids\":\"x\"}"}`:    "a map[x:true]",
		`{"code":0,"data":{"id":"a"}}`:                               "a map[]",
		`{"code":0}`:                                                 " map[]",
		`{"code":20301,"data":{"id":"a"},"reason":"No such thing."}`: " map[]",
	} {
		a, bad := verdict(push.Reply{Status: 200, Body: []byte(body)}, time.Now())
		if got := fmt.Sprint(a.VendorID, " ", bad); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
}

// TestSame: letters that say the same are one request, and each has its own answer.
func TestSame(t *testing.T) {
	r := newRig(t)
	one := letter("")
	var letters []push.Letter
	for i := range 5 {
		l := one
		l.Token, l.Note.ID = r.token(), fmt.Sprint("note ", i)
		if i == 1 {
			l.Token = "unknown"
		}
		letters = append(letters, l)
	}
	letters = append(letters, letters[0]) // the same again
	other := letter(r.token())
	other.Note.Body = "else"
	letters = append(letters, other)
	quiet := letter(r.token())
	quiet.Note.Kind = push.Badge
	letters = append(letters, quiet)
	want := map[int]push.Result{1: push.Gone, 7: push.Refused}
	for i, a := range r.Send(t.Context(), letters) {
		if w := want[i]; a.Result != w && (w != "" || a.Result != push.Delivered) {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if n := r.times(sendPath); n != 2 {
		t.Errorf("%d requests, not 2", n)
	}
	for i, l := range letters[:5] {
		if s := r.screen(l.Token); s.Came != map[bool]int{true: 0, false: 1}[i == 1] {
			t.Errorf("letter %d came %d times", i, s.Came)
		}
	}
	// Taken back from all of them at once.
	for i := range letters[:6] {
		letters[i].Note.Kind = push.Withdraw
	}
	for i, a := range r.Send(t.Context(), letters[:6]) {
		if w := want[i]; a.Result != w && (w != "" || a.Result != push.Delivered) {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
	if s := r.screen(letters[0].Token); len(s.Shown) != 0 || r.times(revokePath) != 1 {
		t.Errorf("%+v after %d requests", s.Shown, r.times(revokePath))
	}
}

// TestCutInABatch: what was on its way is unsure, the rest of the call is not.
func TestCutInABatch(t *testing.T) {
	r := newRig(t)
	var letters []push.Letter
	for i := range 12 {
		l := letter(r.token())
		l.Note.Body = fmt.Sprint("number ", i/3) // four requests of three
		letters = append(letters, l)
	}
	r.fail(letters[4].Token, "cut-after", 1)
	for i, a := range r.Send(t.Context(), letters) {
		if cut := i/3 == 1; cut != (a.Result == push.Retry && a.Unsure) || !cut && a.Result != push.Delivered {
			t.Errorf("letter %d: %+v", i, a)
		}
	}
}

func TestNotSent(t *testing.T) {
	r := newRig(t)
	for code, change := range map[string]func(*push.Letter){
		"UNSUPPORTED": func(l *push.Letter) { l.Note.Kind = push.Badge },
		"EXPIRED":     func(l *push.Letter) { l.Note.Expires = time.Now().Add(-time.Second) },
		"TOO_BIG":     func(l *push.Letter) { l.Note.Data = map[string]string{"x": strings.Repeat("x", 5000)} },
		"EMPTY":       func(l *push.Letter) { l.Note.Title, l.Note.Body = " ", "\n" },
		"BAD_TOKEN":   func(l *push.Letter) { l.Token += "," + r.token() }, // somebody else's, too
	} {
		l := letter(r.token())
		change(&l)
		if a := r.send(l); a.Result != push.Refused || a.Code != code {
			t.Errorf("%s: %+v", code, a)
		}
	}
	for _, token := range []string{"", "a b", strings.Repeat("x", 513)} {
		if a := r.send(letter(token)); a.Result != push.Refused || a.Code != "BAD_TOKEN" {
			t.Errorf("%q: %+v", token, a)
		}
	}
	if r.times(sendPath) != 0 {
		t.Errorf("asked %v", r.asked)
	}
	nobody := r.serve(map[string]string{"endpoint": "https://127.0.0.1:1"})
	nobody.client = r.server.Client()
	if a := nobody.Send(t.Context(), []push.Letter{letter(r.token())})[0]; a.Result != push.Retry || !a.All || a.Unsure {
		t.Errorf("%+v", a)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if a := r.Send(ended, []push.Letter{letter(r.token())})[0]; a.Result != push.Retry || !a.Unsure {
		t.Errorf("%+v", a)
	}
}

func TestWrongSettings(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		with map[string]string
		code string
	}{
		"the secret": {map[string]string{"app_secret": "x"}, "21301"}, "the channel": {map[string]string{"channel_id": "7"}, "27001"},
		"no channel":                   {map[string]string{"channel_id": ""}, "27001"},
		"no template":                  {map[string]string{"channel_id": "100002"}, "27001"},
		"a template of another":        {map[string]string{"channel_id": "100002", "template_id": "P1"}, "27001"},
		"a template without a keyword": {map[string]string{"channel_id": "100002", "template_id": "P10000", "title_keyword": "sender"}, "27001"},
	} {
		if a := r.serve(c.with).Send(t.Context(), []push.Letter{letter(r.token())})[0]; a.Result != push.Misconfigured || a.Code != c.code {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestPackage: an app that Mi Push does not know is a value that is wrong to it, and wrong for all.
func TestPackage(t *testing.T) {
	r := newRig(t)
	r.app = "another.chat"
	if a := r.send(letter(r.token())); a.Result != push.Misconfigured || a.Code != "10017" {
		t.Errorf("%+v", a)
	}
}

// TestUnreadable: an answer that is not the vendor's, or only its beginning, says nothing of what came of a letter.
func TestUnreadable(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"code":0,"data":{"bad_regids":"a,`, `{"msg":"no code"}`} {
		a, bad := verdict(push.Reply{Status: 200, Body: []byte(body)}, time.Now())
		if want := (push.Answer{Result: push.Retry, Unsure: true, Text: "unreadable: " + body}); a != want || len(bad) != 0 {
			t.Errorf("%q: %+v", body, a)
		}
	}
	r := newRig(t)
	r.client = &http.Client{Transport: long{}}
	if a := r.send(letter(r.token())); a.Result != push.Retry || !a.Unsure {
		t.Errorf("%+v", a)
	}
}

// long answers with more than is read.
type long struct{}

func (long) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"code":0,"data":{"bad_regids":"` + strings.Repeat("x,", maxAnswer/2) + `"}}`
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}
