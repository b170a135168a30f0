package chat

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

const (
	// namedFor is for how long a name is shown before it is asked for again, and namedMost of how many people one is kept.
	namedFor  = time.Minute
	namedMost = 10_000
	// nameWait is how long a line waits for names: without them ids are shown.
	nameWait = 2 * time.Second
)

// knowing is what is known of people when a line is made: who reads it, and what others call themselves.
type knowing struct {
	me    string
	names map[string]named
}

// name is how a person is shown: as they call themselves, with the id where that could be taken for another's.
func name(user string, k knowing) string {
	if user == k.me {
		return "you"
	}
	called := k.names[user].name
	if called == "" {
		return clean(user)
	}
	for other, n := range k.names {
		if other != user && (n.name == called || other == called) {
			return fmt.Sprintf("%s (%s)", clean(called), clean(user))
		}
	}
	return clean(called)
}

// whole is a name with the id, by which commands call a person.
func whole(user string, k knowing) string {
	if shown := name(user, k); user == k.me || shown == clean(user) || k.names[user].name == "" {
		return shown
	}
	return fmt.Sprintf("%s (%s)", clean(k.names[user].name), clean(user))
}

// named is a name, and when it was asked for.
type named struct {
	name string
	at   time.Time
}

// know gives what is known of people, who are asked for where that is nothing, or old.
func (c *Chat) know(ctx context.Context, users ...string) knowing {
	now := time.Now()
	var ask []string
	c.mu.Lock()
	for _, u := range users {
		if n, ok := c.names[u]; u != c.me && u != "" && (!ok || now.Sub(n.at) > namedFor) {
			ask = append(ask, u)
		}
	}
	c.mu.Unlock()
	if len(ask) > 0 {
		ctx, cancel := context.WithTimeout(ctx, nameWait)
		defer cancel()
		profiles, err := c.conn.Profiles(ctx, ask...)
		if err != nil {
			profiles = nil // ids do
		}
		c.learn(now, ask, profiles)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return knowing{me: c.me, names: c.names}
}

// learn keeps what people call themselves; of whom nothing was told, that too.
func (c *Chat) learn(now time.Time, asked []string, profiles map[string]*logv1.Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make(map[string]named, len(c.names)+len(asked)) // lines are made of the old one
	if len(c.names)+len(asked) <= namedMost {
		maps.Copy(names, c.names)
	}
	for _, u := range asked {
		names[u] = named{profiles[u].GetName(), now}
	}
	c.names = names
}

// peopleOf are those whom a line about the event names.
func peopleOf(all ...*clientv1.Event) (users []string) {
	for _, e := range all {
		users = append(users, e.GetUser(), e.GetRemoved().GetPromoted(), e.GetLeft().GetPromoted(), e.GetRoleSet().GetUser())
		users = append(users, e.GetRemoved().GetUsers()...)
		users = append(users, e.GetRefused().GetUsers()...)
		users = append(users, e.GetMuted().GetUsers()...)
		for _, members := range [][]*logv1.NewMember{e.GetAdded().GetMembers(), e.GetCreated().GetMembers()} {
			for _, m := range members[:min(len(members), peopleShown)] {
				users = append(users, m.GetUser())
			}
		}
	}
	return users
}

// profile changes what one says of oneself.
func profile(change func(text *string) *logv1.ProfileChange) func(*Chat, string) client.Op {
	return func(_ *Chat, rest string) client.Op { return client.SetProfile{Profile: change(&rest)} }
}

var audiences = map[string]logv1.Audience{
	"everyone": logv1.Audience_AUDIENCE_EVERYONE, "contacts": logv1.Audience_AUDIENCE_CONTACTS, "nobody": logv1.Audience_AUDIENCE_NOBODY,
}

const notifyUsage = "/notify all|mentions|none [all|sender|nothing] [quiet|others]"

// notify says which notifications one wants: of which messages, what they show, and on which devices while one is active.
func notify(_ *Chat, rest string) client.Op {
	words := strings.Fields(rest)
	if len(words) == 0 {
		return nil
	}
	unsaid := []string{"all", "all", "quiet"}
	if words = append(words, unsaid[min(len(words), len(unsaid)):]...); len(words) > len(unsaid) {
		return nil
	}
	messages, ok := map[string]logv1.NotifiedMessages{
		"all": 0, "mentions": logv1.NotifiedMessages_NOTIFIED_MESSAGES_MENTIONS, "none": logv1.NotifiedMessages_NOTIFIED_MESSAGES_NONE,
	}[words[0]]
	shown, shows := map[string]logv1.ShownContent{
		"all": 0, "sender": logv1.ShownContent_SHOWN_CONTENT_SENDER, "nothing": logv1.ShownContent_SHOWN_CONTENT_NOTHING,
	}[words[1]]
	active, is := map[string]logv1.WhileActive{"quiet": 0, "others": logv1.WhileActive_WHILE_ACTIVE_OTHERS}[words[2]]
	if !ok || !shows || !is {
		return nil
	}
	return client.SetNotifications{Notifications: &logv1.Notifications{Messages: messages, Content: shown, Active: active}}
}

const deviceUsage = "/device NAME SERVICE PACKAGE TOKEN, or /device NAME off"

// device registers where notifications for one of one's devices go, or forgets it.
func device(_ *Chat, rest string) client.Op {
	name, rest, _ := strings.Cut(rest, " ")
	service, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	app, token, _ := strings.Cut(strings.TrimSpace(rest), " ")
	switch token = strings.TrimSpace(token); {
	case name == "":
		return nil
	case service == "off" && app == "":
		return client.SetDevice{Device: name, Off: true}
	case token == "":
		return nil
	}
	return client.SetDevice{Device: name, Push: &logv1.PushToken{Service: service, Package: app, Token: token}}
}

const privacyUsage = "/privacy last-seen|add-me|write-first everyone|contacts|nobody"

// privacy changes whom one lets do what.
func privacy(what, whom string) client.Op {
	audience, ok := audiences[whom]
	p := &logv1.Privacy{}
	to := map[string]*logv1.Audience{"last-seen": &p.LastSeen, "add-me": &p.AddMe, "write-first": &p.WriteFirst}[what]
	if !ok || to == nil {
		return nil
	}
	*to = audience
	return client.SetPrivacy{Privacy: p}
}
