package push

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"annal/pkg/events"
)

// maxBodyRunes is how much of a text a notification shows; connectors cut further to what their vendor takes.
const maxBodyRunes = 500

// Style is what notes have of the deployment.
type Style struct {
	// Name is the title of what may not say whom it is from.
	Name string
	// Link is where a note leads, an absolute URL once {session}, {seq} and {kind} are replaced; empty: nowhere.
	Link string
	// Keep is for how long a message is worth showing on a phone that was off.
	Keep  time.Duration
	Texts *Texts
}

// noteID names the note of what is said to a device: a UUID (RFC 9562, version 8) of SHA-256, so that whoever decides again gives the same.
func noteID(kind Kind, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{string(kind)}, parts...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	id := h.Sum(nil)[:16]
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// collapseOf is what notes of a session have in common; calls have a place of their own, so that what is said meanwhile does not end the ringing.
func collapseOf(s events.SessionID, call bool) string {
	if call {
		s += "\x00call"
	}
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// person is whom a note is for, and on what.
type person struct {
	user    events.UserID
	device  string
	push    events.PushToken
	content events.ShownContent
	badge   int
}

// note writes what a device is told.
func (s *Style) note(a *about, id string, p *person, sender string) Note {
	n := Note{
		ID: id, Kind: a.alert.kind, Badge: p.badge, Collapse: collapseOf(a.Session, a.alert.kind == Call), Thread: string(a.Session),
		Urgent:  a.alert.kind != Message || a.alert.refs.Priority != events.PriorityLow,
		Expires: a.expires(s.Keep), Data: map[string]string{
			"kind": string(a.alert.kind), "session": string(a.Session), "seq": fmt.Sprint(a.Seq), "event": a.ID.String(),
		},
	}
	if p.content != events.ShowNothing {
		n.Data["sender"] = string(a.Actor)
	}
	if s.Link != "" {
		n.Link = linkTo(s.Link, string(a.Session), fmt.Sprint(a.Seq), string(a.alert.kind))
	}
	n.Title, n.Body = s.words(a, p, sender)
	return n
}

// quiet writes what shows nothing: a badge, or a withdrawal.
func (s *Style) quiet(kind Kind, id string, session events.SessionID, call bool, badge int, brought string, until time.Time) Note {
	n := Note{ID: id, Kind: kind, Badge: badge, Expires: until, Data: map[string]string{"kind": string(kind)}}
	if kind == Withdraw {
		n.Collapse, n.Thread, n.Brought = collapseOf(session, call), string(session), brought
		n.Data["session"] = string(session)
	}
	return n
}

// expires is when it is no longer worth showing: a call when it rings no more.
func (a *about) expires(keep time.Duration) time.Time {
	if a.alert.kind == Call {
		keep = RingFor
	}
	return a.happened(time.Now()).Add(keep)
}

// happened is when it was said, by log time, and not later than now, whatever the log's clock says.
func (m *matter) happened(now time.Time) time.Time {
	if at := time.UnixMilli(int64(m.At)); at.Before(now) {
		return at
	}
	return now
}

// words are what is shown.
func (s *Style) words(a *about, p *person, sender string) (title, body string) {
	say := func(key, text string) string {
		return s.Texts.say(p.push.Locale, key, said{Sender: sender, Session: a.session.Title, Text: text})
	}
	if p.content == events.ShowNothing {
		return s.Name, say("new_message", "")
	}
	direct := a.session.Kind == events.KindDirect
	title = sender
	if !direct {
		if title = a.session.Title; title == "" {
			title = say("group", "")
		}
	}
	if a.alert.kind == Contact {
		return title, cut(say(a.contactText(p.content), oneLine(a.alert.text)))
	}
	text := say("new_message", "")
	if p.content == events.ShowAll {
		text = preview(a.body(), say)
	}
	key := "message"
	switch {
	case p.content == events.ShowAll && slices.Contains(a.alert.refs.Mentions, p.user):
		key = "mention"
	case p.content == events.ShowAll && a.alert.refs.MentionAll:
		key = "mention_all"
	case !direct:
		key = "group_message"
	}
	return title, cut(say(key, text))
}

func (a *about) contactText(c events.ShownContent) string {
	switch {
	case a.alert.accepted:
		return "contact_accepted"
	case a.alert.text != "" && c == events.ShowAll:
		return "contact_asked_with"
	}
	return "contact_asked"
}

// body is the newest that the message has.
func (a *about) body() events.Body {
	if a.became.Body != nil {
		return *a.became.Body
	}
	return a.alert.body
}

// preview is what a body is in few words, never none.
func preview(b events.Body, say func(key, text string) string) string {
	switch c := b.Plain.(type) {
	case events.Text:
		if strings.TrimSpace(string(c)) != "" {
			return string(c)
		}
	case events.Media:
		kind := map[events.MediaKind]string{events.MediaImage: "image", events.MediaVideo: "video", events.MediaAudio: "audio"}[c.Kind]
		if kind == "" {
			kind = "file"
		}
		return strings.TrimSpace(say(kind, oneLine(c.Name)) + " " + c.Caption)
	case events.Location:
		return say("location", oneLine(c.Name))
	case events.Card:
		return say("card", oneLine(c.Name))
	case events.Forward:
		return say("forward", oneLine(c.Title))
	case events.Custom:
		switch {
		case c.Type == CallType && isVideo(c):
			return say("video_call", "")
		case c.Type == CallType:
			return say("call", "")
		}
		return say("custom", "")
	case nil: // sealed: nobody here can read it
	}
	return say("new_message", "")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxBodyRunes {
		return s
	}
	return string([]rune(s)[:maxBodyRunes-1]) + "…"
}
