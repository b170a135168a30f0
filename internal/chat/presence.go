package chat

import (
	"context"
	"fmt"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// showPresence shows when the other one of a direct session comes and goes, until ctx ends. Where that can't be told, nothing is shown.
func (c *Chat) showPresence(ctx context.Context) {
	info, err := c.conn.Info(ctx, c.session)
	if err != nil || info.GetKind() != logv1.Kind_KIND_DIRECT {
		return
	}
	members, err := c.conn.Members(ctx, c.session, "", peopleShown)
	if err != nil {
		return
	}
	var others []string
	for _, m := range members.GetMembers() {
		if m.GetUser() != c.me {
			others = append(others, m.GetUser())
		}
	}
	if len(others) == 0 {
		return
	}
	watching := c.conn.WatchPresence(others)
	for online := map[string]bool{}; ; {
		s, err := watching.Next(ctx)
		if err != nil {
			return
		}
		was, known := online[s.GetUser()]
		if text := c.presenceLine(s); text != "" && (!known || was != s.GetOnline()) {
			c.screen.Print(text)
		}
		online[s.GetUser()] = s.GetOnline()
	}
}

// presenceLine is how somebody is; empty when nothing is known.
func (c *Chat) presenceLine(s *clientv1.PresenceState) string {
	switch {
	case s.GetOnline():
		return fmt.Sprintf("* %s is online", clean(s.GetUser()))
	case s.GetLastSeenMs() > 0:
		return fmt.Sprintf("* %s was last seen at %s", clean(s.GetUser()), time.UnixMilli(s.GetLastSeenMs()).In(c.zone).Format("2006-01-02 15:04:05"))
	}
	return ""
}
