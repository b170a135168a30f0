// Package people is how an operator makes, shows and ends the accounts of people and services: what `annal user` and `annal service` do.
package people

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/login"
	"annal/pkg/projections/hot"
)

// Admin does it.
type Admin struct {
	Table     *accounts.Table
	Passwords *accounts.Passwords
	Self      login.Selves
	View      hot.View
	Now       func() time.Time
}

// Errors of this package, besides those of accounts and of the commands' outcomes.
var (
	ErrUser      = fmt.Errorf("people: a user's name has 1 to %d bytes without control characters", events.MaxNameBytes)
	ErrNoUser    = errors.New("people: there is no such user")
	ErrTaken     = errors.New("people: a user and a service cannot have one name: the service acts as the user")
	ErrNoClient  = errors.New("people: there is no such client")
	ErrInvite    = errors.New("people: an invitation is for 1 to 1000000 and lasts for a year at most")
	ErrOwnClient = errors.New("people: the client app is always there")
)

// failed makes an error of an outcome's.
func failed(err *events.Error) error {
	if err == nil {
		return nil
	}
	return err
}

// Create makes an account with a password, or with the hash of one.
func (a *Admin) Create(ctx context.Context, user, password, hash string) error {
	if !events.ValidName(user) {
		return ErrUser
	}
	switch {
	case hash != "":
		if err := accounts.CheckHash(hash); err != nil {
			return err
		}
	case password != "":
		if err := accounts.CheckPassword(user, password); err != nil {
			return err
		}
		var err error
		if hash, err = a.Passwords.Hash(ctx, password); err != nil {
			return err
		}
	}
	if _, client := a.Table.Get(accounts.KindClient, user); client || user == login.AppClient {
		return ErrTaken
	}
	if err := login.Create(ctx, a.Table, user, a.Now(), hash, login.ByAdmin); err != nil {
		return err
	}
	return login.TellSignUp(ctx, a.Table, a.Self, user)
}

// ResetPassword sets a password and ends all logins of the user.
func (a *Admin) ResetPassword(ctx context.Context, user, password string) error {
	if err := accounts.CheckPassword(user, password); err != nil {
		return err
	}
	hash, err := a.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	if err := login.SetPassword(ctx, a.Table, user, a.Now(), hash, ""); err != nil {
		return err
	}
	if err := a.Self.SignOutOthers(ctx, events.UserID(user), "", events.SignOutPassword); err != nil {
		return err
	}
	return a.forgetLogins(ctx, user)
}

// SignOut ends all logins of a user.
func (a *Admin) SignOut(ctx context.Context, user string) error {
	if err := a.known(ctx, user); err != nil {
		return err
	}
	if err := a.Self.SignOutOthers(ctx, events.UserID(user), "", events.SignOutAdmin); err != nil {
		return err
	}
	return a.forgetLogins(ctx, user)
}

// Ban ends all logins of a user and keeps them out, whoever issues their tokens.
func (a *Admin) Ban(ctx context.Context, user, reason string) error {
	if err := a.known(ctx, user); err != nil {
		return err
	}
	if err := a.Self.Ban(ctx, events.UserID(user), reason); err != nil {
		return err
	}
	return a.forgetLogins(ctx, user)
}

// Unban lets a user in again.
func (a *Admin) Unban(ctx context.Context, user string) error {
	if err := a.known(ctx, user); err != nil {
		return err
	}
	return failed(a.Self.Unban(ctx, events.UserID(user)))
}

// Close closes an account: the steward ends its user's part in all sessions, and of the account nothing is left but the name.
func (a *Admin) Close(ctx context.Context, user string) error {
	if err := a.known(ctx, user); err != nil {
		return err
	}
	if err := a.Self.Close(ctx, events.UserID(user)); err != nil {
		return err
	}
	if err := login.Close(ctx, a.Table, user); err != nil {
		return err
	}
	return a.forgetLogins(ctx, user)
}

// forgetLogins leaves nothing that the logins of a user could be renewed with.
func (a *Admin) forgetLogins(ctx context.Context, user string) error {
	for _, id := range a.Table.Logins(user) {
		if err := login.Forget(ctx, a.Table, id); err != nil {
			return err
		}
	}
	return nil
}

// known says whether there is such a user, with an account here or from elsewhere.
func (a *Admin) known(ctx context.Context, user string) error {
	if !events.ValidName(user) {
		return ErrUser
	}
	if _, here := a.Table.Get(accounts.KindAccount, user); here {
		return nil
	}
	_, err := a.View.Person(ctx, events.NewSelfID(events.UserID(user)), events.UserID(user))
	if errors.Is(err, hot.ErrNoSession) {
		return fmt.Errorf("%w as %q", ErrNoUser, user)
	}
	return err
}

// Login is a device that is signed in.
type Login struct {
	Device string    `json:"device"`
	Kind   string    `json:"kind"`
	Client string    `json:"client"`
	Since  time.Time `json:"since"`
}

// User is what is known of one.
type User struct {
	User string `json:"user"`
	// Account is whether they have one here: else they come from another issuer.
	Account bool       `json:"account"`
	Created *time.Time `json:"created,omitempty"`
	// PasswordSet is when the password was last set; absent where there is none.
	PasswordSet *time.Time `json:"password_set,omitempty"`
	Banned      bool       `json:"banned"`
	Closed      bool       `json:"closed"`
	Logins      []Login    `json:"logins"`
}

// Show gives what is known of a user.
func (a *Admin) Show(ctx context.Context, user string) (User, error) {
	if err := a.known(ctx, user); err != nil {
		return User{}, err
	}
	u := User{User: user, Logins: []Login{}}
	if e, here := a.Table.Get(accounts.KindAccount, user); here {
		u.Account, u.Closed = true, e.GetAccount().GetClosed()
		u.Created = moment(e.GetAccount().GetCreatedMs())
		if e.GetAccount().GetPassword() != "" {
			u.PasswordSet = moment(e.GetAccount().GetPasswordMs())
		}
	}
	self := events.NewSelfID(events.UserID(user))
	p, err := a.View.Person(ctx, self, events.UserID(user))
	if errors.Is(err, hot.ErrNoSession) {
		return u, nil
	}
	if err != nil {
		return User{}, err
	}
	u.Banned, u.Closed = p.Head.Banned, u.Closed || p.Head.Closed
	facts, err := a.View.Facts(ctx, self)
	if err != nil {
		return User{}, err
	}
	for device, row := range facts.Logins {
		u.Logins = append(u.Logins, Login{device, row.Kind, row.Client, *moment(int64(row.Since))})
	}
	slices.SortFunc(u.Logins, func(a, b Login) int { return a.Since.Compare(b.Since) })
	return u, nil
}

func moment(ms int64) *time.Time {
	t := time.UnixMilli(ms).UTC()
	return &t
}

// mostInvited is for how many an invitation may be, and longestInvitation for how long.
const (
	mostInvited       = 1_000_000
	longestInvitation = 366 * 24 * time.Hour
)

// Invite makes an invitation for so many, and gives what they sign up with.
func (a *Admin) Invite(ctx context.Context, uses uint32, lasts time.Duration) (string, error) {
	if uses < 1 || uses > mostInvited || lasts <= 0 || lasts > longestInvitation {
		return "", ErrInvite
	}
	secret := rand.Text()
	return secret, login.Invite(ctx, a.Table, secret, uses, a.Now().Add(lasts))
}

// AddClient makes or replaces a client; one that is not public gets a secret, which is told this once.
func (a *Admin) AddClient(ctx context.Context, n login.NewClient, public bool) (secret string, err error) {
	if !public {
		secret = rand.Text() + rand.Text()
	}
	c, err := n.Entry(secret)
	if err != nil {
		return "", err
	}
	if _, taken := a.Table.Get(accounts.KindAccount, n.ID); taken {
		return "", ErrTaken
	}
	return secret, a.Table.Change(ctx, accounts.KindClient, n.ID, func(e *accounts.Entry) error {
		e.Removed, e.Kind = false, &accountsv1.Entry_Client{Client: c}
		return nil
	})
}

// RemoveClient removes a client: nobody signs in with it any more, and its logins are not renewed.
func (a *Admin) RemoveClient(ctx context.Context, id string) error {
	if id == login.AppClient {
		return ErrOwnClient
	}
	return a.Table.Change(ctx, accounts.KindClient, id, func(e *accounts.Entry) error {
		if e.GetRemoved() {
			return ErrNoClient
		}
		e.Removed = true
		return nil
	})
}

// Client is one of the clients.
type Client struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Public    bool     `json:"public"`
	Redirects []string `json:"redirects"`
	Scopes    []string `json:"scopes"`
}

// Clients gives all clients, by their ids.
func (a *Admin) Clients() []Client {
	all := []Client{}
	a.Table.Each(accounts.KindClient, func(e *accounts.Entry) bool {
		c := e.GetClient()
		all = append(all, Client{e.GetId(), c.GetName(), len(c.GetSecret()) == 0, append([]string{}, c.GetRedirects()...), append([]string{}, c.GetScopes()...)})
		return true
	})
	slices.SortFunc(all, func(a, b Client) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Scopes reads scopes with commas between.
func Scopes(names []string) ([]auth.Scope, error) {
	var scopes []auth.Scope
	for _, name := range names {
		s := auth.Scope(strings.TrimSpace(name))
		if !slices.Contains(auth.Scopes(), s) {
			return nil, fmt.Errorf("people: there is no scope %q; there are %v", name, auth.Scopes())
		}
		scopes = append(scopes, s)
	}
	return scopes, nil
}
