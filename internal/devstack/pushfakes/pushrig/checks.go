package pushrig

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

// RawCase is what an answer comes to for a letter to the token "me".
type RawCase struct {
	Raw
	Want push.Answer
}

// Raw checks what comes of answers that no fake gives.
func (v Vendor[F, C, S]) Raw(t *testing.T, cases []RawCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %s %.60s", c.Status, c.RetryAfter, c.Body), func(t *testing.T) {
			r := v.Open(t)
			r.Instead = c.Answer
			if got := r.One(t, r.Letter("me", "Ann", "x")); got != c.Want {
				t.Errorf("%+v, must be %+v", got, c.Want)
			}
		})
	}
}

// Unreadable checks that an answer that is not the vendor's, or only its beginning, says nothing of what came of a letter.
func (v Vendor[F, C, S]) Unreadable(t *testing.T, bodies ...string) {
	var cases []RawCase
	for _, body := range append(bodies, "", "<html>") {
		cases = append(cases, RawCase{Raw{Status: http.StatusOK, Body: body}, push.Answer{Result: push.Retry, Unsure: true, Text: push.Clip("unreadable: " + body)}})
	}
	v.Raw(t, cases)
}

// Undocumented checks statuses of which a vendor says nothing, by what HTTP says of them.
func (v Vendor[F, C, S]) Undocumented(t *testing.T) {
	at := func(r *Rig[F, C, S], d time.Duration) string { return r.now().Add(d).UTC().Format(http.TimeFormat) }
	later := push.Answer{Result: push.Retry, All: true}
	for _, c := range []struct {
		status     int
		retryAfter string
		at         time.Duration
		after      time.Duration
		want       push.Answer
	}{
		{429, "17", 0, 17 * time.Second, later}, {503, "", time.Minute, time.Minute, later}, {503, "", -time.Minute, 0, later}, {500, "soon", 0, 0, later},
		{401, "", 0, 0, push.Answer{Result: push.Misconfigured}}, {403, "", 0, 0, push.Answer{Result: push.Misconfigured}}, {404, "", 0, 0, push.Answer{Result: push.Refused}},
	} {
		t.Run(fmt.Sprint(c.status, c.retryAfter, c.at), func(t *testing.T) {
			r := v.Open(t)
			r.began = r.began.Truncate(time.Second) // HTTP's dates have no more
			raw := Raw{Status: c.status, RetryAfter: c.retryAfter, Body: strings.Repeat("é", 150)}
			if c.at != 0 {
				raw.RetryAfter = at(r, c.at)
			}
			r.Instead = raw.Answer
			c.want.Code, c.want.Text, c.want.After = fmt.Sprint(c.status), strings.Repeat("é", 100), c.after
			if got := r.One(t, r.Write("x")); got != c.want {
				t.Errorf("%+v, must be %+v", got, c.want)
			}
		})
	}
}

// Wrong is a change of settings that the vendor notices, and the code that it says then.
type Wrong struct {
	Why, Code string
	Change    map[string]string
}

// WrongSettings checks that with wrong settings no letter is taken, and that this is our affair.
func (v Vendor[F, C, S]) WrongSettings(t *testing.T, all []Wrong) {
	for _, c := range all {
		t.Run(c.Why, func(t *testing.T) {
			r := v.Open(t)
			l := r.Write("x")
			if a := r.Serve(c.Change).Send(t.Context(), []push.Letter{l})[0]; a.Result != push.Misconfigured || a.Code != c.Code {
				t.Errorf("%+v, must be %s", a, c.Code)
			}
			if s := r.Phone(l.Token); s.Came != 0 {
				t.Errorf("came all the same: %+v", s)
			}
		})
	}
}

// Lack is what a vendor has no place for, or what the phone decides by itself. Quiet: all that is shown is urgent.
type Lack struct{ Urgent, Quiet, Collapse, Thread, Vendor bool }

// Carried checks that what goes with a note comes to the phone, but for what a vendor lacks.
func (v Vendor[F, C, S]) Carried(t *testing.T, lacks Lack) {
	r := v.Open(t)
	loud, quiet := r.Write("Hello <b>&</b>"), r.Write("Later")
	quiet.Note.Urgent, quiet.Note.Badge, quiet.Note.Link = false, -1, ""
	for _, l := range []push.Letter{loud, quiet} {
		a := r.One(t, l)
		s := r.Phone(l.Token)
		if a.Result != push.Delivered || len(s.Shown) != 1 {
			t.Fatalf("%+v: %+v", a, s)
		}
		n := s.Shown[0]
		if n.ID != l.Note.Data["event"] || n.Title != l.Note.Title || n.Body != l.Note.Body || n.Link != l.Note.Link {
			t.Errorf("%+v", n)
		}
		data := maps.Clone(n.Data)
		maps.DeleteFunc(data, func(key, value string) bool { return l.Note.Data[key] != value })
		if !maps.Equal(data, l.Note.Data) {
			t.Errorf("has the data %v, not %v", n.Data, l.Note.Data)
		}
		for what, is := range map[string]bool{
			"vendor's id": lacks.Vendor || a.VendorID != "" && n.Vendor == a.VendorID, "collapse key": lacks.Collapse || n.Collapse != "",
			"thread": lacks.Thread || n.Thread == l.Note.Thread, "urgency": lacks.Urgent || n.Urgent == (l.Note.Urgent || lacks.Quiet), "badge": s.Badge == -1 && !v.Badges || s.Badge == l.Note.Badge,
		} {
			if !is {
				t.Errorf("the %s is not what it was: %+v, badge %d", what, n, s.Badge)
			}
		}
	}
}

// Configs checks what is said of settings that are wrong: each change of good ones comes to the error that it is under, nil for what may be.
func (v Vendor[F, C, S]) Configs(t *testing.T, good C, changes map[error][]func(*C)) {
	t.Helper()
	changes[nil] = append(changes[nil], func(*C) {})
	for want, all := range changes {
		for i, change := range all {
			c := good
			change(&c)
			validator, is := any(c).(interface{ Validate() error })
			if !is {
				t.Fatal("a Config says whether it is valid")
			}
			_, err := v.New(v.App, c, http.DefaultClient)
			if said := validator.Validate(); !errors.Is(said, want) || !errors.Is(err, want) {
				t.Errorf("change %d: Validate says %v, and New %v, must %v", i, said, err, want)
			}
		}
	}
}
