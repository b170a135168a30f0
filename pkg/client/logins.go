package client

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
)

// About logins. A connection whose login ended is closed with LOGIN_ENDED or LOGIN_REPLACED, or with ACCOUNT_BANNED or ACCOUNT_CLOSED: then the client
// ends too, since no connection would fare better. A user signs in again and dials anew.

type (
	// SignUp says that the user signed up; for services.
	SignUp struct{ Method string }
	// SignIn says that the user signed in on a device; for services.
	SignIn struct {
		Login, Device, Kind, Client string
		// Most is how many logins of the kind there may be; 0: as many as of all kinds.
		Most uint32
	}
	// SignOut ends logins: those of devices, those named, or All but one.
	SignOut struct {
		Devices, Logins []string
		All             bool
		Except          string
		// Reason is logout when empty; services have others.
		Reason string
	}
	// Ban ends all of the user's logins and connections, and lets nobody in as the user; for services.
	Ban struct{ Reason string }
	// Unban lets the user in again; for services.
	Unban struct{}
)

func (o SignUp) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SignUp{SignUp: &clientv1.SignUp{Method: o.Method}}
}

func (o SignIn) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SignIn{SignIn: &clientv1.SignIn{Login: o.Login, Device: o.Device, Kind: o.Kind, Client: o.Client, Most: o.Most}}
}

func (o SignOut) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SignOut{SignOut: &clientv1.SignOut{
		Devices: o.Devices, Logins: o.Logins, All: o.All, Except: o.Except, Reason: o.Reason,
	}}
}

func (o Ban) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Ban{Ban: &clientv1.Ban{Reason: o.Reason}}
}

func (Unban) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Unban{Unban: &clientv1.Unban{}}
}

func (SignUp) lane() string  { return selfLane }
func (SignIn) lane() string  { return selfLane }
func (SignOut) lane() string { return selfLane }
func (Ban) lane() string     { return selfLane }
func (Unban) lane() string   { return selfLane }

// SignUp says that the user signed up: open, invite, admin or outside.
func (c *Client) SignUp(ctx context.Context, method string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SignUp{method}, opts...)
}

// SignIn says that the user signed in on a device.
func (c *Client) SignIn(ctx context.Context, in SignIn, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, in, opts...)
}

// SignOut ends logins of the user's on these devices. Do takes a SignOut that names others, or all. Who ends their own login is answered first.
func (c *Client) SignOut(ctx context.Context, devices []string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, SignOut{Devices: devices}, opts...)
}

// Ban lets nobody in as the user.
func (c *Client) Ban(ctx context.Context, reason string, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Ban{reason}, opts...)
}

// Unban lets the user in again.
func (c *Client) Unban(ctx context.Context, opts ...CommandOption) (Ack, error) {
	return c.Do(ctx, Unban{}, opts...)
}

// Logins tells where the user is signed in, the oldest first.
func (c *Client) Logins(ctx context.Context) (*clientv1.LoginsPage, error) {
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Logins{Logins: &clientv1.Logins{}}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetLogins)
}
