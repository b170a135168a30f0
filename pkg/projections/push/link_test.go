package push

import (
	"errors"
	"net/url"
	"testing"
	"time"
)

func TestLink(t *testing.T) {
	for _, link := range []string{
		"", "https://chat.example/", "https://chat.example/{session}/{seq}?kind={kind}", "annal://{session}/{seq}", "annal:{session}", "https://chat.example/#/s/{session}",
	} {
		o := Options{Style: Style{Name: "Annal", Keep: time.Hour, Link: link}}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", link, err)
		}
	}
	for _, link := range []string{
		"nonsense {sesion}", "https://chat.example/{sesion}", "https://chat.example/{session", "https://chat.example/{}", "/{session}", "chat.example/{session}",
		"{session}", "https:", "https:///{session}", "annal:", "https://chat example/", "https://chat.example/%zz", "://{session}",
	} {
		o := Options{Style: Style{Name: "Annal", Keep: time.Hour, Link: link}}
		if err := o.Validate(); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", link, err)
		}
	}
	const odd = "a/b?c=d&e+f#g%h{seq}"
	u, err := url.Parse(linkTo("https://chat.example/s/{session}/{seq}?s={session}", odd, "7", "message"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Path != "/s/"+odd+"/7" || u.Query().Get("s") != odd || len(u.Query()) != 1 || u.Fragment != "" {
		t.Errorf("%s: %+v", u, u)
	}
}
