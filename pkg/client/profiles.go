package client

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// SetProfile changes what the user says of themselves: what is unset stays, what is empty is removed.
func (c *Client) SetProfile(ctx context.Context, change *logv1.ProfileChange, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetProfile{change}, opts...)
}

// SetPrivacy changes whom the user lets see and do what: what is unset stays.
func (c *Client) SetPrivacy(ctx context.Context, privacy *logv1.Privacy, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetPrivacy{privacy}, opts...)
}

// SetNotifications says which notifications the user wants, all of it.
func (c *Client) SetNotifications(ctx context.Context, n *logv1.Notifications, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SetNotifications{n}, opts...)
}

// maxProfiles is how many users a gateway tells of at once.
const maxProfiles = 100

// Profiles tells what users say of themselves, of any number; an empty profile of who says nothing, be there such a user or
// not. It may be some seconds old.
func (c *Client) Profiles(ctx context.Context, users ...string) (map[string]*logv1.Profile, error) {
	profiles := make(map[string]*logv1.Profile, len(users))
	for len(users) > 0 {
		some := users[:min(len(users), maxProfiles)]
		m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Profiles{Profiles: &clientv1.Profiles{Users: some}}}
		page, err := query(ctx, c, m, (*clientv1.ServerFrame).GetProfiles)
		if err != nil {
			return nil, err
		}
		for _, p := range page.GetProfiles() {
			profiles[p.GetUser()] = p.GetProfile()
		}
		users = users[len(some):]
		if len(page.GetProfiles()) > 0 { // else it would be asked for ever
			users = append(page.GetLeft(), users...)
		}
	}
	return profiles, nil
}

// NamedMembers gives a page of a session's members with their names.
func (c *Client) NamedMembers(ctx context.Context, session, cursor string, limit uint32) (*clientv1.MembersPage, error) {
	op := &clientv1.Members{Session: session, Cursor: cursor, Limit: limit, Names: true}
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Members{Members: op}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetMembers)
}
