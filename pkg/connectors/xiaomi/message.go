package xiaomi

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"annal/pkg/projections/push"
)

// Limits of a message (https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559). Lengths of texts are in characters, of which those beyond the first
// plane count as two here: Mi Push runs on a language where they do.
const (
	maxTitle, maxDescription = 49, 127
	maxKeyword               = 128
	// maxData is how long what goes to the app can be, in bytes, and maxIntent an intent: all that is extra has 1024 characters.
	maxData, maxIntent = 4000, 400
	// longestTTL is what private messages are kept for at most.
	longestTTL = 10 * 24 * time.Hour
)

// compose writes a note as a form, without whom it is for; or says why not.
func (s *Service) compose(n *push.Note, left time.Duration) (form url.Values, bad *push.Answer) {
	title, body := cut(n.Title, maxTitle), cut(n.Body, maxDescription)
	// Neither may be blank.
	if strings.TrimSpace(body) == "" {
		body = cut(n.Title, maxDescription)
	}
	if strings.TrimSpace(title) == "" {
		title = cut(n.Body, maxTitle)
	}
	payload := data(n)
	switch {
	case strings.TrimSpace(title) == "":
		return nil, refused(codeEmpty, "neither title nor body")
	case len(payload) > maxData:
		return nil, refused(codeTooBig, "what is not shown is too long")
	}
	form = url.Values{
		"payload": {payload}, "restricted_package_name": {s.app}, "pass_through": {"0"}, "title": {title}, "description": {body}, "notify_type": {"-1"},
		"notify_id":    {notifyID(n.Collapse)},
		"time_to_live": {fmt.Sprint(max(min(left, longestTTL), time.Second).Milliseconds())},
		// A phone shows the first of a jobkey alone: what is sent again since nobody knows what came of it.
		"extra.jobkey":        {jobKey(n)},
		"extra.notify_effect": {"1"},
	}
	if intent := s.intent(n.Link); intent != "" {
		form.Set("extra.notify_effect", "2")
		form.Set("extra.intent_uri", intent)
	}
	s.classify(form, n)
	return form, nil
}

// classify names the channel and, where it has one, the template with what fills it.
func (s *Service) classify(form url.Values, n *push.Note) {
	channel, template := s.config.ChannelID, s.config.TemplateID
	if n.Kind == push.Call && s.config.CallChannelID != "" {
		channel, template = s.config.CallChannelID, s.config.CallTemplateID
	}
	if channel != "" {
		form.Set("extra.channel_id", channel)
	}
	if template == "" {
		return
	}
	keywords := map[string]string{}
	if s.config.TitleKeyword != "" {
		keywords[s.config.TitleKeyword] = keyword(n.Title)
	}
	if s.config.BodyKeyword != "" {
		keywords[s.config.BodyKeyword] = keyword(n.Body)
	}
	form.Set("extra.template_id", template)
	form.Set("extra.template_param", written(keywords))
}

// keyword makes a text what a template takes: 1 to 128 characters, no symbols such as emoji, none that Unicode does not have, and not only spaces.
func keyword(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.So, r) || emojiPart(r) || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S):
			return -1
		}
		return r
	}, text)
	if text = cut(strings.TrimSpace(text), maxKeyword); text == "" {
		return "…"
	}
	return text
}

// emojiPart says whether a character only changes an emoji before it, and would be left bare: a skin tone, how it is drawn, a keycap. What joins emoji is of no
// category that a template takes.
func emojiPart(r rune) bool {
	return r >= 0x1F3FB && r <= 0x1F3FF || r == 0xFE0E || r == 0xFE0F || r == 0x20E3
}

func cut(text string, most int) string {
	_, short, _ := push.Fit("", text, func(_, s string) bool { return len(utf16.Encode([]rune(s))) <= most })
	return short
}

// notifyID is the number under which notes of a Collapse take each other's place: 31 bits of it.
func notifyID(collapse string) string {
	sum := sha256.Sum256([]byte(collapse))
	return fmt.Sprint(binary.BigEndian.Uint32(sum[:]) & 0x7fffffff)
}

// jobKey names what a note is about in the 20 characters that a jobkey has at most, the first of which may not be an underscore: the same for all phones, and
// when it is sent again.
func jobKey(n *push.Note) string {
	about := n.Data["event"]
	if about == "" {
		about = n.ID
	}
	sum := sha256.Sum256([]byte(string(n.Kind) + " " + about))
	return hex.EncodeToString(sum[:10])
}

// data is what the app gets: the note's own, its thread and its link; nothing that is of one device, so that one request may be for many.
func data(n *push.Note) string {
	d := maps.Clone(n.Data)
	if d == nil {
		d = map[string]string{}
	}
	if n.Thread != "" {
		d["thread"] = n.Thread
	}
	if n.Link != "" {
		d["link"] = n.Link
	}
	return written(d)
}

func written(values map[string]string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(values) // strings can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// intent opens a link in the app, as Android writes intents
// (https://developer.android.com/reference/android/content/Intent#toUri(int)); "" opens the app alone.
func (s *Service) intent(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" {
		return ""
	}
	intent := "intent:" + strings.TrimPrefix(link[len(u.Scheme):], ":") + "#Intent;scheme=" + u.Scheme + ";package=" + s.app + ";launchFlags=0x4000000;end"
	if len(intent) > maxIntent {
		return ""
	}
	return intent
}
