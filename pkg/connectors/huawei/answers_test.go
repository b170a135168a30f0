package huawei

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
	later := push.Answer{Result: push.Retry, All: true}
	r := newRig(t)
	for _, c := range []struct {
		name string
		want push.Answer
	}{
		{"80100001", refused}, {"80100003", refused}, {"80100004", refused}, {"80100013", refused}, {"80100016", refused}, {"80100017", later},
		{"80100018", refused}, {"80200001", wrong}, {"80200003", wrong}, {"80200005", wrong}, {"80300002", wrong}, {"80300007", push.Answer{Result: push.Gone}},
		{"80300008", refused}, {"80300010", refused}, {"80300011", refused}, {"80300013", refused}, {"80600003", wrong}, {"81000001", later},
		{"401", wrong}, {"404", wrong}, {"429", later}, {"500", later}, {"502", later}, {"503", later}, {"599", later}, {"418", refused}, {"80999999", refused},
	} {
		token := r.token()
		r.fail(token, c.name, 2) // twice, since once is mended by another access token
		got := r.send(letter(token))
		if c.want.After = time.Minute; c.name == "80300007" {
			c.want.After = 0
		}
		c.want.Code, c.want.Text = c.name, got.Text
		if got != c.want || got.Text == "" {
			t.Errorf("%s: %+v, not %+v", c.name, got, c.want)
		}
		r.fake.Faults().Clear()
	}
	token := r.token()
	if a := r.send(letter(token)); a.Result != push.Delivered || a.Code != codeSuccess || a.VendorID == "" {
		t.Errorf("%+v", a)
	}
}

// TestUnreadableParts: who was left out cannot be read, so nobody is said to have been.
func TestUnreadableParts(t *testing.T) {
	reply := push.Reply{Status: 200, Body: []byte(`{"code":"80100000","msg":"?","requestId":"1"}`)}
	if a, illegal := verdict(reply, time.Now()); a.Result != push.Retry || !a.Unsure || len(illegal) != 0 {
		t.Errorf("%+v %v", a, illegal)
	}
	if a, _ := verdict(push.Reply{Status: 503, Header: http.Header{}, Body: []byte("<html>")}, time.Now()); a.Result != push.Retry || a.Code != "503" {
		t.Errorf("%+v", a)
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
	// All of them unknown.
	for i, a := range r.Send(t.Context(), []push.Letter{letters[1], letters[1]}) {
		if a.Result != push.Gone || a.Code != "80300007" {
			t.Errorf("letter %d: %+v", i, a)
		}
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
	for code, change := range map[string]func(*push.Note){
		"UNSUPPORTED": func(n *push.Note) { n.Kind = push.Withdraw },
		"EXPIRED":     func(n *push.Note) { n.Expires = time.Now().Add(-time.Second) },
		"TOO_BIG":     func(n *push.Note) { n.Data = map[string]string{"x": string(make([]byte, 5000))} },
	} {
		l := letter(r.token())
		change(&l.Note)
		if a := r.send(l); a.Result != push.Refused || a.Code != code {
			t.Errorf("%s: %+v", code, a)
		}
	}
	for _, token := range []string{"", "a,b", strings.Repeat("x", 513)} {
		if a := r.send(letter(token)); a.Result != push.Refused || a.Code != "BAD_TOKEN" {
			t.Errorf("%q: %+v", token, a)
		}
	}
	if r.times(sendPath)+r.times(tokenPath) != 0 {
		t.Errorf("asked %v", r.asked)
	}
	nobody := r.serve(map[string]string{"endpoint": "https://127.0.0.1:1"})
	nobody.client = r.server.Client()
	if a := nobody.Send(t.Context(), []push.Letter{letter(r.token())})[0]; a.Result != push.Retry || !a.All || a.Unsure {
		t.Errorf("%+v", a)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if a := r.Send(ended, []push.Letter{letter(r.token())})[0]; a.Result != push.Retry {
		t.Errorf("%+v", a)
	}
}

// TestUnreadable: an answer that is not the vendor's, or only its beginning, says nothing of what came of a letter.
func TestUnreadable(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"code":"80100000","msg":"{\"illegal_tokens\":[\"`, `{"msg":"no code"}`} {
		a, bad := verdict(push.Reply{Status: 200, Body: []byte(body)}, time.Now())
		if want := (push.Answer{Result: push.Retry, Unsure: true, Text: "unreadable: " + body}); a != want || len(bad) != 0 {
			t.Errorf("%q: %+v", body, a)
		}
	}
	r := newRig(t)
	s := r.serve(nil)
	s.client = &http.Client{Transport: long{}}
	if a := s.Send(t.Context(), []push.Letter{letter(r.token())})[0]; a.Result != push.Retry || !a.Unsure || !strings.HasPrefix(a.Text, "unreadable") {
		t.Errorf("%+v", a)
	}
}

// long answers with more than is read.
type long struct{}

func (long) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"code":"80100000","msg":"{\"illegal_tokens\":[\"` + strings.Repeat("x", maxAnswer) + `\"]}"}`
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}
