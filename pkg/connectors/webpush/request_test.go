package webpush

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"annal/pkg/projections/push"
)

func TestRequest(t *testing.T) {
	r := vendor.Open(t)
	for i, c := range []struct {
		change       func(*push.Note)
		urgency, ttl string
		size         int
	}{
		{func(*push.Note) {}, "high", "60", 512}, {func(n *push.Note) { n.Urgent = false }, "normal", "60", 512},
		{func(n *push.Note) { n.Urgent, n.Kind = false, push.Call }, "high", "60", 512},
		{func(n *push.Note) { n.Expires = r.Now().Add(time.Millisecond * 900) }, "high", "1", 512},
		{func(n *push.Note) { n.Expires = r.Now().AddDate(1, 0, 0) }, "high", "2419200", 512},
		{func(n *push.Note) { n.Body = strings.Repeat("x", 300) }, "high", "60", 768},
		{func(n *push.Note) { n.Body = strings.Repeat("世", 5000) }, "high", "60", 3070},
	} {
		l := r.Write("Hello")
		l.Note.Expires = r.Now().Add(time.Minute + 900*time.Millisecond)
		c.change(&l.Note)
		if a := r.Send(t.Context(), []push.Letter{l})[0]; a.Result != push.Delivered || a.VendorID == "" {
			t.Fatalf("%d: %+v", i, a)
		}
		all := r.Fake.Requests.All()
		got := all[len(all)-1]
		if h := got.Header; h.Get("Urgency") != c.urgency || h.Get("TTL") != c.ttl || h.Get("Topic") != l.Note.Collapse || len(got.Body) != c.size {
			t.Errorf("%d: %d bytes, %v", i, len(got.Body), h)
		}
		shown := r.Phone(l.Token).Shown
		if len(shown) != 1 {
			t.Fatalf("%d: shows %+v", i, shown)
		}
		s := shown[0]
		if s.ID != l.Note.ID || s.Title != "Ann" || s.Collapse != l.Note.Collapse || s.Thread != "g-1" || s.Link != l.Note.Link || s.Urgent != (c.urgency == "high") ||
			fmt.Sprint(s.Data) != "map[event:"+l.Note.ID+" kind:message seq:7 session:g-1]" {
			t.Errorf("%d: %+v", i, s)
		}
		if r.Phone(l.Token).Badge != 3 {
			t.Errorf("%d: badge %d", i, r.Phone(l.Token).Badge)
		}
	}
	silent := r.Write("Hello")
	silent.Note.Badge, silent.Note.Data = -1, nil
	if a := r.Send(t.Context(), []push.Letter{silent})[0]; a.Result != push.Delivered || r.Phone(silent.Token).Badge != -1 {
		t.Errorf("%+v, badge %d", a, r.Phone(silent.Token).Badge)
	}
}

// TestSubject: an address is said once to be one, and a page is said as it is.
func TestSubject(t *testing.T) {
	r := vendor.Open(t)
	for _, subject := range []string{"mailto:push@example.com", "https://chat.example/about"} {
		if a := r.Serve(map[string]string{"subject": subject}).Send(t.Context(), []push.Letter{r.Write("Hello")})[0]; a.Result != push.Delivered {
			t.Errorf("%s: %+v", subject, a)
		}
	}
}

// TestKeyForms: pages write keys in any of base64's forms.
func TestKeyForms(t *testing.T) {
	r := vendor.Open(t)
	for range 20 {
		token := r.Token()
		l := r.Letter(token, "Ann", "x")
		for _, form := range []func(string) string{
			func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) },
			func(s string) string { return s + strings.Repeat("=", (4-len(s)%4)%4) },
		} {
			at := strings.Index(token, `"auth":"`) + len(`"auth":"`)
			end := at + strings.Index(token[at:], `"`)
			l.Token = token[:at] + form(token[at:end]) + token[end:]
			if a := r.Send(t.Context(), []push.Letter{l})[0]; a.Result != push.Delivered {
				t.Errorf("%s: %+v", l.Token, a)
			}
		}
		if r.Phone(token).Came != 2 {
			t.Fatalf("%d came", r.Phone(token).Came)
		}
	}
}
