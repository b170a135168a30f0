package chat

import (
	"context"
	"errors"
	"fmt"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

// Place says where to chat: in a session, in a group by name, or with one person.
type Place struct {
	Session string
	// Group is looked for among the user's sessions, and opened with With when there
	// is none.
	Group string
	With  []string
	// Invite is a code by which to join Session first.
	Invite string
}

// Open gives the session of a place, opened if need be.
func Open(ctx context.Context, conn Conn, p Place) (string, error) {
	switch {
	case p.Session != "" && p.Invite != "":
		if _, err := conn.Do(ctx, client.Join{Session: p.Session, Invite: p.Invite}); err != nil {
			return "", fmt.Errorf("chat: join: %w", err)
		}
		return p.Session, nil
	case p.Session != "":
		return p.Session, nil
	case p.Group != "":
		found, err := find(ctx, conn, p.Group)
		if err != nil || found != "" {
			return found, err
		}
		return create(ctx, conn, client.Create{Kind: logv1.Kind_KIND_GROUP, Name: p.Group, Members: members(p.With)})
	case len(p.With) == 1:
		return create(ctx, conn, client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: members(p.With)})
	}
	return "", errors.New("chat: a session, a group, or one person to chat with is needed")
}

func members(users []string) []*logv1.NewMember {
	var all []*logv1.NewMember
	for _, u := range users {
		all = append(all, &logv1.NewMember{User: u, Role: logv1.Role_ROLE_MEMBER})
	}
	return all
}

// create opens a session; one that is there already is as good.
func create(ctx context.Context, conn Conn, op client.Create) (string, error) {
	ack, err := conn.Do(ctx, op)
	if err != nil {
		return "", fmt.Errorf("chat: open: %w", err)
	}
	return ack.GetSession(), nil
}

// find looks through the user's sessions for a group of that name.
func find(ctx context.Context, conn Conn, group string) (string, error) {
	cursor := ""
	for {
		page, err := conn.Sync(ctx, cursor, 0)
		if err != nil {
			return "", fmt.Errorf("chat: find group %q: %w", group, err)
		}
		for _, s := range page.GetSessions() {
			if s.GetKind() == logv1.Kind_KIND_GROUP && s.GetName() == group && s.GetMember() && !s.GetClosed() {
				return s.GetSession(), nil
			}
		}
		if cursor = page.GetNext(); cursor == "" {
			return "", nil
		}
	}
}
