package gateway

import (
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// Content and what goes with it has the same form in the log and on the socket.

// bodyOf is what a client says: other content instead of the text, where there is any.
func bodyOf(text string, content *logv1.Content) (events.Body, *events.Error) {
	if content == nil {
		return events.TextBody(text), nil
	}
	if text != "" {
		return events.Body{}, events.Errorf(events.CodeInvalidField, "text and content exclude each other")
	}
	c, ok := contentOf(content)
	if !ok {
		return events.Body{}, events.Errorf(events.CodeInvalidField, "content is of no kind")
	}
	return events.Body{Plain: c}, nil
}

// contentOf reads content; false for one of no kind, or with a part of no kind.
func contentOf(m *logv1.Content) (events.Content, bool) {
	switch c := m.GetKind().(type) {
	case *logv1.Content_Text:
		return events.Text(c.Text.GetText()), true
	case *logv1.Content_Media:
		m := c.Media
		return events.Media{
			Kind: events.MediaKind(m.GetKind()), URL: m.GetUrl(), Name: m.GetName(), MIMEType: m.GetMimeType(), Bytes: m.GetBytes(), Width: m.GetWidth(),
			Height: m.GetHeight(), Duration: m.GetDurationMs(), Preview: m.GetPreview(), Caption: m.GetCaption(),
		}, true
	case *logv1.Content_Location:
		m := c.Location
		return events.Location{LatitudeE7: m.GetLatitudeE7(), LongitudeE7: m.GetLongitudeE7(), Name: m.GetName(), Address: m.GetAddress()}, true
	case *logv1.Content_Card:
		m := c.Card
		return events.Card{User: events.UserID(m.GetUser()), Session: events.SessionID(m.GetSession()), Name: m.GetName(), Avatar: m.GetAvatar()}, true
	case *logv1.Content_Forward:
		return forwardOf(c.Forward)
	case *logv1.Content_Custom:
		return events.Custom{Type: c.Custom.GetType(), JSON: c.Custom.GetJson()}, true
	}
	return nil, false
}

func forwardOf(m *logv1.Forward) (events.Content, bool) {
	f := events.Forward{Title: m.GetTitle()}
	for _, one := range m.GetMessages() {
		c, ok := contentOf(one.GetContent())
		if _, nested := c.(events.Forward); !ok || nested {
			return nil, false
		}
		f.Messages = append(f.Messages, events.Forwarded{
			User: events.UserID(one.GetUser()), Name: one.GetName(), Time: events.Millis(one.GetTimeMs()), Content: c,
		})
	}
	return f, true
}

// said is a body as clients get it: a text, or other content. Of a sealed one they get nothing.
func said(b events.Body) (text string, content *logv1.Content) {
	if t, ok := b.Plain.(events.Text); ok {
		return string(t), nil
	}
	return "", clientContent(b.Plain)
}

func clientContent(c events.Content) *logv1.Content {
	switch c := c.(type) {
	case events.Text:
		return &logv1.Content{Kind: &logv1.Content_Text{Text: &logv1.Text{Text: string(c)}}}
	case events.Media:
		return &logv1.Content{Kind: &logv1.Content_Media{Media: &logv1.Media{
			Kind: logv1.MediaKind(c.Kind), Url: c.URL, Name: c.Name, MimeType: c.MIMEType, Bytes: c.Bytes, Width: c.Width, Height: c.Height,
			DurationMs: c.Duration, Preview: c.Preview, Caption: c.Caption,
		}}}
	case events.Location:
		return &logv1.Content{Kind: &logv1.Content_Location{Location: &logv1.Location{
			LatitudeE7: c.LatitudeE7, LongitudeE7: c.LongitudeE7, Name: c.Name, Address: c.Address,
		}}}
	case events.Card:
		return &logv1.Content{Kind: &logv1.Content_Card{Card: &logv1.Card{User: string(c.User), Session: string(c.Session), Name: c.Name, Avatar: c.Avatar}}}
	case events.Forward:
		f := &logv1.Forward{Title: c.Title}
		for _, m := range c.Messages {
			f.Messages = append(f.Messages, &logv1.Forwarded{User: string(m.User), Name: m.Name, TimeMs: int64(m.Time), Content: clientContent(m.Content)})
		}
		return &logv1.Content{Kind: &logv1.Content_Forward{Forward: f}}
	case events.Custom:
		return &logv1.Content{Kind: &logv1.Content_Custom{Custom: &logv1.Custom{Type: c.Type, Json: c.JSON}}}
	case nil:
	}
	return nil
}

func refsOf(m *logv1.Refs) events.Refs {
	r := events.Refs{
		ReplyTo: events.Seq(m.GetReplyTo()), Thread: events.Seq(m.GetThread()), MentionAll: m.GetMentionAll(), Priority: events.Priority(m.GetPriority()),
	}
	if mentions := m.GetMentions(); len(mentions) > 0 {
		r.Mentions = userIDs(mentions)
	}
	return r
}

func clientRefs(r *events.Refs) *logv1.Refs {
	if r.IsZero() {
		return nil
	}
	m := &logv1.Refs{ReplyTo: uint64(r.ReplyTo), Thread: uint64(r.Thread), MentionAll: r.MentionAll, Priority: logv1.Priority(r.Priority)}
	if len(r.Mentions) > 0 {
		m.Mentions = userNames(r.Mentions)
	}
	return m
}

func infoOf(m *logv1.InfoChange) events.InfoChange {
	if m == nil {
		return events.InfoChange{}
	}
	c := events.InfoChange{Title: m.Name, Avatar: m.Avatar, Notice: m.Notice, Description: m.Description}
	for _, f := range m.GetCustom() {
		c.Custom = append(c.Custom, events.CustomField{Name: f.GetName(), Value: f.GetValue()})
	}
	return c
}

func clientInfo(c *events.InfoChange) *logv1.InfoChange {
	m := &logv1.InfoChange{Name: c.Title, Avatar: c.Avatar, Notice: c.Notice, Description: c.Description}
	for _, f := range c.Custom {
		m.Custom = append(m.Custom, &logv1.CustomField{Name: f.Name, Value: f.Value})
	}
	return m
}

func policyChangeOf(m *logv1.PolicyChange) events.PolicyChange {
	if m == nil {
		return events.PolicyChange{}
	}
	return events.PolicyChange{
		RevokeWindow: (*events.Millis)(m.RevokeWindowMs), OverrideWindow: (*events.Millis)(m.OverrideWindowMs), ReceiptsLimit: m.ReceiptsLimit,
		History: events.History(m.GetHistory()), MemberLimit: m.GetMemberLimit(), AddRole: events.Role(m.GetAddRole()),
		WriteRole: events.Role(m.GetWriteRole()), Joining: events.Joining(m.GetJoining()), InfoRole: events.Role(m.GetInfoRole()),
		PinRole: events.Role(m.GetPinRole()), MentionAllRole: events.Role(m.GetMentionAllRole()),
	}
}

func settingsOf(m *logv1.SessionSettings) events.SettingsChange {
	if m == nil {
		return events.SettingsChange{}
	}
	return events.SettingsChange{MuteUntil: (*events.Millis)(m.MuteUntilMs), Pinned: m.Pinned, Hidden: m.Hidden, Draft: m.Draft, Unread: m.Unread}
}

func clientSettings(c *events.SettingsChange) *logv1.SessionSettings {
	return &logv1.SessionSettings{MuteUntilMs: (*int64)(c.MuteUntil), Pinned: c.Pinned, Hidden: c.Hidden, Draft: c.Draft, Unread: c.Unread}
}

func pushOf(m *logv1.PushToken) events.PushToken {
	return events.PushToken{
		Service: m.GetService(), Package: m.GetPackage(), Token: m.GetToken(), AppVersion: m.GetAppVersion(), Locale: m.GetLocale(),
	}
}

func clientPush(p events.PushToken) *logv1.PushToken {
	if p == (events.PushToken{}) {
		return nil
	}
	return &logv1.PushToken{Service: p.Service, Package: p.Package, Token: p.Token, AppVersion: p.AppVersion, Locale: p.Locale}
}
