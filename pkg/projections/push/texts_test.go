package push

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"annal/pkg/events"
)

func TestTexts(t *testing.T) {
	over := fstest.MapFS{
		"en.yaml": {Data: []byte("image: 'A picture of {{.Sender}}'\n")},
		"de.yaml": {Data: []byte("group: Runde\n")},
	}
	texts, err := NewTexts(over)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ locale, key, want string }{
		{"en", "group", "Group"}, {"", "group", "Group"}, {"xx", "group", "Group"}, {"not a locale", "group", "Group"},
		{"en-GB", "image", "A picture of Ann"}, {"de-AT", "group", "Runde"}, {"de", "image", "Foto"}, {"de_DE", "image", "Foto"},
		{"zh-CN", "image", "[图片]"}, {"zh-TW", "image", "[圖片]"}, {"zh-Hant-HK", "image", "[圖片]"}, {"zh", "image", "[图片]"},
		{"pt", "audio", "Mensagem de voz"}, {"ja-JP", "video", "動画"}, {"fr-CA", "message", "hi"},
	} {
		if got := texts.say(c.locale, c.key, said{Sender: "Ann", Text: "hi"}); got != c.want {
			t.Errorf("%s in %q: %q, must %q", c.key, c.locale, got, c.want)
		}
	}
	for name, files := range map[string]fstest.MapFS{
		"a key nobody says":          {"en.yaml": {Data: []byte("greeting: x\n")}},
		"a template that is none":    {"en.yaml": {Data: []byte("image: '{{.Sender'\n")}},
		"a field that there is not":  {"en.yaml": {Data: []byte("image: '{{.Price}}'\n")}},
		"a language that lacks some": {"it.yaml": {Data: []byte("image: Foto\n")}},
		"no language":                {"what-ever-this-is-not.yaml": {Data: []byte("image: Foto\n")}},
		"no YAML":                    {"en.yaml": {Data: []byte("[1, 2")}},
	} {
		if _, err := NewTexts(files); !errors.Is(err, ErrTexts) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What notifications say, by what the message is, how the user wants it, and where it is.
func TestWords(t *testing.T) {
	texts, err := NewTexts(nil)
	if err != nil {
		t.Fatal(err)
	}
	style := Style{Name: "Annal", Link: "annal://{session}/{seq}/{kind}", Keep: time.Hour, Texts: texts}
	body := func(c events.Content) *alert { return &alert{kind: Message, body: events.Body{Plain: c}} }
	mention := body(events.Text("you there?"))
	mention.refs.Mentions = []events.UserID{"bob"}
	group, direct := Session{Kind: events.KindGroup, Title: "Club"}, Session{Kind: events.KindDirect}
	for _, c := range []struct {
		name        string
		alert       *alert
		session     Session
		content     events.ShownContent
		locale      string
		title, body string
	}{
		{"text, two", body(events.Text("hi")), direct, events.ShowAll, "", "Ann", "hi"},
		{"text, group", body(events.Text("hi")), group, events.ShowAll, "", "Club", "Ann: hi"},
		{"a group without a title", body(events.Text("hi")), Session{Kind: events.KindGroup}, events.ShowAll, "de", "Gruppe", "Ann: hi"},
		{"sender alone", body(events.Text("hi")), direct, events.ShowSender, "", "Ann", "New message"},
		{"sender alone, group", body(events.Text("hi")), group, events.ShowSender, "de", "Club", "Ann: Neue Nachricht"},
		{"nothing", body(events.Text("hi")), group, events.ShowNothing, "de", "Annal", "Neue Nachricht"},
		{"mention", mention, group, events.ShowAll, "", "Club", "Ann mentioned you: you there?"},
		{"mention, sender alone", mention, group, events.ShowSender, "", "Club", "Ann: New message"},
		{"image", body(events.Media{Kind: events.MediaImage, Name: "x.png", Caption: "look"}), direct, events.ShowAll, "", "Ann", "Photo look"},
		{"file", body(events.Media{Kind: events.MediaFile, Name: "x.pdf"}), direct, events.ShowAll, "", "Ann", "File: x.pdf"},
		{"location", body(events.Location{Name: "Home"}), direct, events.ShowAll, "", "Ann", "Location Home"},
		{"card", body(events.Card{Name: "Cid"}), direct, events.ShowAll, "", "Ann", "Contact: Cid"},
		{"forward", body(events.Forward{Title: "x"}), direct, events.ShowAll, "", "Ann", "Forwarded messages"},
		{"custom", body(events.Custom{Type: "poll"}), direct, events.ShowAll, "", "Ann", "Message"},
		{"sealed", &alert{kind: Message, body: events.Body{Sealed: &events.Sealed{}}}, direct, events.ShowAll, "", "Ann", "New message"},
		{"long", body(events.Text(strings.Repeat("字", 600))), direct, events.ShowAll, "", "Ann", strings.Repeat("字", 499) + "…"},
		{"request", &alert{kind: Contact, text: "it's me"}, direct, events.ShowSender, "", "Ann", "Ann wants to be a contact"},
	} {
		a := &about{&matter{Session: "s_1", Seq: 7, Actor: "ann", At: 1000, alert: c.alert}, c.session, Became{}}
		n := style.note(a, "id", &person{user: "bob", content: c.content, push: events.PushToken{Locale: c.locale}, badge: 2}, "Ann")
		if n.Title != c.title || n.Body != c.body {
			t.Errorf("%s: %q, %q", c.name, n.Title, n.Body)
		}
		if !utf8.ValidString(n.Body) || n.Badge != 2 || n.Link != "annal://s_1/7/"+string(c.alert.kind) || n.Data["sender"] != "ann" || n.Data["seq"] != "7" || !n.Urgent || len(n.Collapse) != 32 {
			t.Errorf("%s: %+v", c.name, n)
		}
		for _, key := range []string{"from", "message_type"} {
			if _, is := n.Data[key]; is {
				t.Errorf("%s: FCM refuses notes whose data has %q", c.name, key)
			}
		}
	}
}

// An override before it leaves is what is shown.
func TestNewestBody(t *testing.T) {
	test(t, func(w *world) {
		w.group("d", events.KindDirect, "ann", "bob")
		seq := w.say("d", "ann", "tpyo")
		body := events.TextBody("typo")
		w.change(func() { w.became["d"] = map[events.Seq]Became{seq: {Body: &body}} })
		pass(3 * time.Second)
		w.took("token-bob", "message: Ann | typo")
		low := events.Sent{Index: 1, Body: body}
		low.Refs.Priority = events.PriorityLow
		w.happen("d", "ann", low)
		pass(3 * time.Second)
		if came := w.fcm().came; len(came) != 1 || came[0].Note.Urgent {
			t.Errorf("low priority: %+v", came)
		}
	})
}
