package push

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
		{"pt", "mention", "Ann mencionou você: hi"}, {"ja-JP", "video", "動画"}, {"fr-CA", "message", "hi"},
		{"ja_JP.UTF-8", "video", "動画"}, {"de@euro", "image", "Foto"}, {"zh_TW.Big5", "image", "[圖片]"}, {"C.UTF-8", "group", "Group"},
	} {
		if got := texts.say(c.locale, c.key, said{Sender: "Ann", Text: "hi"}); got != c.want {
			t.Errorf("%s in %q: %q, must %q", c.key, c.locale, got, c.want)
		}
	}
	if _, err := NewTexts(fstest.MapFS{"..data/en.yaml": {Data: []byte("nothing: x\n")}, "de.yaml": {Data: []byte("# nothing yet\n")}}); err != nil {
		t.Errorf("a folder that Kubernetes mounts, or a file that says nothing: %v", err)
	}
	if _, err := NewTexts(os.DirFS(filepath.Join(t.TempDir(), "nowhere"))); !errors.Is(err, ErrTexts) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	for name, files := range map[string]fstest.MapFS{
		"a wrong ending":             {"de.yml": {Data: []byte("group: Runde\n")}},
		"a folder":                   {"de/texts.yaml": {Data: []byte("group: Runde\n")}},
		"a language twice":           {"de.yaml": {Data: []byte("group: Runde\n")}, "DE.yaml": {Data: []byte("group: Runde\n")}},
		"a text twice":               {"de.yaml": {Data: []byte("group: Runde\ngroup: Kreis\n")}},
		"a text that is none":        {"de.yaml": {Data: []byte("group: [Runde]\n")}},
		"an empty text":              {"en.yaml": {Data: []byte("message: ''\n")}},
		"a text of spaces":           {"en.yaml": {Data: []byte("group: ' '\n")}},
		"no text at all":             {"en.yaml": {Data: []byte("group:\n")}},
		"empty without a title":      {"en.yaml": {Data: []byte("group_message: '{{with .Session}}{{.}}{{end}}'\n")}},
		"empty without a name":       {"en.yaml": {Data: []byte("file: '{{.Text}}'\n")}},
		"wrong with a text":          {"en.yaml": {Data: []byte("message: '{{if .Text}}{{.Nope}}{{end}}'\n")}},
		"wrong without a session":    {"en.yaml": {Data: []byte("message: '{{if .Session}}{{.Text}}{{else}}{{.Nope}}{{end}}'\n")}},
		"wrong without a sender":     {"en.yaml": {Data: []byte("message: '{{if .Sender}}{{.Text}}{{else}}{{.Nope}}{{end}}'\n")}},
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
	style := &Style{Name: "Annal", Link: "annal://{session}/{seq}/{kind}", Keep: time.Hour, Texts: texts}
	body := func(c events.Content) *alert { return &alert{kind: Message, body: events.Body{Plain: c}} }
	mention := body(events.Text("you there?"))
	mention.refs.Mentions = []events.UserID{"bob"}
	everyone := body(events.Text("tea?"))
	everyone.refs.MentionAll = true
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
		{"everyone", everyone, group, events.ShowAll, "", "Club", "Ann mentioned everyone: tea?"},
		{"everyone, in French", everyone, group, events.ShowAll, "fr", "Club", "Ann mentionne tout le monde\u00a0: tea?"},
		{"everyone, sender alone", everyone, group, events.ShowSender, "", "Club", "Ann: New message"},
		{"blanks", body(events.Text(" \n")), direct, events.ShowAll, "", "Ann", "New message"},
		{"voice", body(events.Media{Kind: events.MediaAudio}), direct, events.ShowAll, "", "Ann", "Voice message"},
		{"a song", body(events.Media{Kind: events.MediaAudio, Name: "song.mp3"}), direct, events.ShowAll, "", "Ann", "Audio: song.mp3"},
		{"a file without a name", body(events.Media{Kind: events.MediaFile}), direct, events.ShowAll, "de", "Ann", "Datei"},
		{"a card without a name", body(events.Card{Name: " "}), direct, events.ShowAll, "", "Ann", "Contact"},
		{"a place without a name", body(events.Location{}), direct, events.ShowAll, "zh-CN", "Ann", "[位置]"},
		{"a forward without a title", body(events.Forward{}), direct, events.ShowAll, "", "Ann", "Forwarded messages"},
		{"image", body(events.Media{Kind: events.MediaImage, Name: "x.png", Caption: "look"}), direct, events.ShowAll, "", "Ann", "Photo look"},
		{"file", body(events.Media{Kind: events.MediaFile, Name: "x.pdf"}), direct, events.ShowAll, "", "Ann", "File: x.pdf"},
		{"location", body(events.Location{Name: "Home"}), direct, events.ShowAll, "", "Ann", "Location: Home"},
		{"card", body(events.Card{Name: "Cid"}), direct, events.ShowAll, "", "Ann", "Contact: Cid"},
		{"forward", body(events.Forward{Title: "Chat of Ann and Cid"}), direct, events.ShowAll, "", "Ann", "Forwarded messages: Chat of Ann and Cid"},
		{"custom", body(events.Custom{Type: "poll"}), direct, events.ShowAll, "", "Ann", "Message"},
		{"sealed", &alert{kind: Message, body: events.Body{Sealed: &events.Sealed{}}}, direct, events.ShowAll, "", "Ann", "New message"},
		{"long", body(events.Text(strings.Repeat("字", 600))), direct, events.ShowAll, "", "Ann", strings.Repeat("字", 499) + "…"},
		{"request", &alert{kind: Contact, text: "it's me"}, direct, events.ShowSender, "", "Ann", "Ann wants to be your contact"},
	} {
		a := &about{&matter{Session: "s_1", Seq: 7, Actor: "ann", At: 1000, alert: c.alert}, c.session, Became{}}
		n := style.note(a, "id", &person{user: "bob", content: c.content, push: events.PushToken{Locale: c.locale}, badge: 2}, "Ann")
		if n.Title != c.title || n.Body != c.body {
			t.Errorf("%s: %q, %q", c.name, n.Title, n.Body)
		}
		if !utf8.ValidString(n.Body) || n.Badge != 2 || n.Link != "annal://s_1/7/"+string(c.alert.kind) || n.Data["seq"] != "7" || !n.Urgent || len(n.Collapse) != 32 {
			t.Errorf("%s: %+v", c.name, n)
		}
		if sender, there := n.Data["sender"]; there != (c.content != events.ShowNothing) || there && sender != "ann" {
			t.Errorf("%s: the vendor is told %q", c.name, sender)
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
