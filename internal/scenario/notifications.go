package scenario

import (
	"cmp"
	"fmt"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

// setDevice registers a device, or forgets it. A token that is a phone's name is that phone's; else it is of the scenario's people alone, as they are of
// the run.
func (n *Names) setDevice(s *Step) client.Op {
	op := client.SetDevice{Device: s.Args[0], Off: s.argument(1) == "off"}
	token, ok := s.Options["token"]
	if p, known := n.phones[token]; known {
		op.Push = &logv1.PushToken{Service: p.Service, Package: p.Package, Token: p.Token, Locale: s.Options["locale"]}
	} else if ok {
		op.Push = &logv1.PushToken{
			Service: cmp.Or(s.Options["service"], "scenario"), Package: cmp.Or(s.Options["package"], "org.example"), Token: n.prefix + token, Locale: s.Options["locale"],
		}
	}
	return op
}

var (
	shownContents = map[string]logv1.ShownContent{
		"": 0, "all": 0, "sender": logv1.ShownContent_SHOWN_CONTENT_SENDER, "nothing": logv1.ShownContent_SHOWN_CONTENT_NOTHING,
	}
	notifiedMessages = map[string]logv1.NotifiedMessages{
		"": 0, "all": 0, "mentions": logv1.NotifiedMessages_NOTIFIED_MESSAGES_MENTIONS, "none": logv1.NotifiedMessages_NOTIFIED_MESSAGES_NONE,
	}
	whileActive = map[string]logv1.WhileActive{"": 0, "quiet": 0, "others": logv1.WhileActive_WHILE_ACTIVE_OTHERS}
)

// setNotifications says which notifications the person wants.
func (n *Names) setNotifications(s *Step) (client.Op, error) {
	m := &logv1.Notifications{}
	var err error
	if m.Content, err = enum(s.Options["content"], shownContents); err != nil {
		return nil, err
	}
	if m.Messages, err = enum(s.Options["messages"], notifiedMessages); err != nil {
		return nil, err
	}
	if m.Active, err = enum(s.Options["active"], whileActive); err != nil {
		return nil, err
	}
	if _, ok := s.Options["pause"]; ok {
		until, err := n.later(s, "pause")
		if err != nil {
			return nil, err
		}
		m.PauseUntilMs = until.UnixMilli()
	}
	if rest, ok := s.Options["rest"]; ok {
		m.Rest = &logv1.Rest{Zone: s.Options["zone"]}
		if _, err := fmt.Sscanf(rest, "%d-%d", &m.Rest.From, &m.Rest.To); err != nil {
			return nil, fmt.Errorf("%q is not MINUTE-MINUTE: %w", rest, err)
		}
	}
	return client.SetNotifications{Notifications: m}, nil
}
