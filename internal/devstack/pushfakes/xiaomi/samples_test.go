package xiaomifake

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

// alike compares an answer with one of testdata: the same fields of the same types, trace_id aside where that one is older, and the same words but for ids and counts.
func alike(t *testing.T, got, name string) {
	t.Helper()
	var said, must struct{ Result, Reason, Description string }
	want := printed.Sample(t, name)
	if err := json.Unmarshal([]byte(got), &said); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &must); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	shape := pushfakes.Shape(got)
	if !strings.Contains(want, "trace_id") {
		shape = slices.DeleteFunc(shape, func(line string) bool { return line == "/trace_id string" })
	}
	if said != must || !slices.Equal(shape, pushfakes.Shape(want)) {
		t.Errorf("%s: %s, must %s", name, got, want)
	}
}

// TestSamples: the form is taken for an id, an app and a channel that there are, and answered as testdata has it; without one of these, or its payload, it is refused
// as testdata has it.
func TestSamples(t *testing.T) {
	x := newFixture(t)
	form := strings.ReplaceAll(printed.Sample(t, "send.txt"), "\n", "") + "&extra.channel_id=100001"
	id := strings.NewReplacer("registration_id=123", "registration_id="+url.QueryEscape(x.token))
	pkg := strings.NewReplacer("com.xiaomi.mipushdemo", app)
	payload := strings.NewReplacer("payload=this+is+xiaomi+push", "payload=")
	for _, c := range []struct {
		form  string
		code  int
		names []string
	}{
		{id.Replace(pkg.Replace(form)), 0, []string{"sent.json", "sent_now.json"}}, {pkg.Replace(form), 20301, []string{"no_targets.json"}},
		{id.Replace(form), 10017, []string{"bad_package.json"}}, {id.Replace(pkg.Replace(payload.Replace(form))), 10016, []string{"no_payload.json"}},
	} {
		code, said := x.ask(sendPath, c.form, same)
		if code != c.code {
			t.Errorf("%s: %s, not %d", c.form, said, c.code)
		}
		for _, name := range c.names {
			alike(t, said, name)
		}
	}
	s := x.screen(x.token)
	if s.Came != 1 || s.Shown[0].Title != "notification title" || s.Shown[0].Body != "notification description" || s.Shown[0].Collapse != "notify 0" {
		t.Errorf("%+v", s)
	}
}
