package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/hot"
)

// A token says who somebody was when it was made out. Whether they still are is in the view of their self session: it is looked at when a
// connection begins and when its token is renewed; and when a login ends, the user's gateways hear of that.

// account is what the view says of a user's account.
type account struct {
	// begun is false for who has no self session yet.
	begun, closed, banned bool
	logins                map[string]events.LoginRow
}

// account reads it; logins too where a token names one.
func (g *Gateway) account(ctx context.Context, u events.UserID, logins bool) (account, error) {
	ctx, cancel := context.WithTimeout(ctx, g.config.ReadTimeout)
	defer cancel()
	self := events.NewSelfID(u)
	p, err := g.ports.View.Person(ctx, self, u)
	if errors.Is(err, hot.ErrNoSession) {
		return account{}, nil
	}
	if err != nil {
		return account{}, fmt.Errorf("gateway: read an account: %w", err)
	}
	a := account{begun: true, closed: p.Head.Closed, banned: p.Head.Banned}
	if !logins {
		return a, nil
	}
	facts, err := g.ports.View.Facts(ctx, self)
	if err != nil {
		return account{}, fmt.Errorf("gateway: read logins: %w", err)
	}
	a.logins = facts.Logins
	return a, nil
}

// ends gives the code that a connection with the token ends with, empty for none. A service is its own.
func (a *account) ends(identity *auth.Identity) events.Code {
	switch {
	case identity.Service != "":
		return ""
	case a.closed:
		return events.CodeAccountClosed
	case a.banned:
		return events.CodeAccountBanned
	case identity.Login == "":
		return ""
	}
	for device, row := range a.logins {
		if row.Login == identity.Login && (identity.Device == "" || identity.Device == device) {
			return ""
		}
	}
	if _, other := a.logins[identity.Device]; other {
		return events.CodeLoginReplaced
	}
	return events.CodeLoginEnded
}

// endsBy gives the code that a connection with the token ends with by an event of the user's.
func endsBy(e events.Event, identity *auth.Identity) events.Code {
	code := events.CodeLoginEnded
	switch e.Name() {
	case events.AccountClosed{}.Name():
		return (&account{closed: true}).ends(identity)
	case events.Banned{}.Name():
		return (&account{banned: true}).ends(identity)
	case events.SignedIn{}.Name():
		code = events.CodeLoginReplaced
	}
	if out, ok := e.(events.SignedOut); ok && out.Reason == events.SignOutReplaced {
		code = events.CodeLoginReplaced
	}
	named := func(l events.EndedLogin) bool { return l.Login == identity.Login }
	if identity.Service == "" && identity.Login != "" && slices.ContainsFunc(events.EndedBy(e), named) {
		return code
	}
	return ""
}

// isOfAccounts says whether an event on a user's channel is about their logins or account, and no membership.
func isOfAccounts(e events.Event) bool {
	switch e.Name() {
	case events.SignedIn{}.Name(), events.SignedOut{}.Name(), events.Banned{}.Name(), events.AccountClosed{}.Name():
		return true
	}
	return false
}

// end closes the user's connections for which code gives one.
func (a *audience) end(code func(*auth.Identity) events.Code) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		identity := c.token()
		if end := code(&identity); end != "" {
			c.end(end)
		}
	}
}

// hasLogins says whether a connection's token could end before it expires, and whether one names a login.
func (a *audience) tokens() (own, logins bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		identity := c.token()
		own = own || identity.Service == ""
		logins = logins || identity.Login != ""
	}
	return own, logins
}

func (c *Conn) token() auth.Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// lastWords is for how long a connection that is to end may still get the answers it waits for: who signs themselves out hears that it is done.
// With a tick more it is within two seconds.
const lastWords = 500 * time.Millisecond

// ending is why a connection ends, and since when that is known.
type ending struct {
	code  events.Code
	since time.Time
}

// end has the connection accept nothing and hear of nothing any more, and closes it once it has its answers.
func (c *Conn) end(code events.Code) {
	c.ending.CompareAndSwap(nil, &ending{code, c.gw.ports.Now()})
	c.leave(c.gw.ports.Now())
}

// leave closes the connection if it is to end and waits for no answer any more, or has waited long enough; it says whether it is to end.
func (c *Conn) leave(now time.Time) bool {
	e := c.ending.Load()
	if e == nil {
		return false
	}
	if c.inFlight.Load() == 0 || now.Sub(e.since) >= lastWords {
		c.close(e.code, "")
	}
	return true
}

// admit says whether the token is good for a connection, as far as the view knows, and begins the account of who has none.
// It gives the login that the token names.
func (c *Conn) admit(identity *auth.Identity, user events.UserID, first bool) (events.LoginRow, *events.Error) {
	a, err := c.gw.account(c.ctx, user, identity.Login != "")
	switch {
	case err != nil && identity.Login != "" && identity.Service == "":
		// A login that cannot be looked at may have ended.
		return events.LoginRow{}, c.gw.readError(err)
	case err != nil:
		// A view being built says nothing; it is asked again until it does.
		if identity.Service == "" {
			c.gw.rechecks.add(user)
		}
		return events.LoginRow{}, nil
	}
	if code := a.ends(identity); code != "" {
		return events.LoginRow{}, &events.Error{Code: code}
	}
	if first && !a.begun {
		c.createSelf(user)
	}
	return a.logins[identity.Device], nil
}

// rechecks are the users whose tokens are to be held against the view: something of theirs may have gone unheard.
type rechecks struct {
	mu    sync.Mutex
	users map[events.UserID]struct{}
	wake  chan struct{}
}

func newRechecks() *rechecks {
	return &rechecks{users: map[events.UserID]struct{}{}, wake: make(chan struct{}, 1)}
}

// add has a user looked at, soon. Those waiting are no more than are connected.
func (r *rechecks) add(u events.UserID) {
	r.mu.Lock()
	r.users[u] = struct{}{}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // somebody is to be looked at already
	}
}

func (r *rechecks) take() map[events.UserID]struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.users
	r.users = map[events.UserID]struct{}{}
	return all
}

// recheckEach looks at the users that are to be looked at, and at those that could not be read again, until ctx ends.
func (g *Gateway) recheckEach(ctx context.Context) {
	wait := healWait
	for {
		select {
		case <-g.rechecks.wake:
		case <-ctx.Done():
			return
		}
		failed := false
		for u := range g.rechecks.take() {
			if err := g.recheck(ctx, u); err != nil && ctx.Err() == nil {
				g.log.Warn("cannot look at a user's logins; trying again", "user", u, "error", err)
				g.ports.Metrics.retries.Inc()
				g.rechecks.add(u)
				failed = true
			}
		}
		if !failed {
			wait = healWait
			continue
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, maxHealWait)
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gateway) recheck(ctx context.Context, u events.UserID) error {
	home, ok := g.users.get(u)
	if !ok {
		return nil
	}
	own, logins := home.tokens()
	if !own {
		return nil
	}
	a, err := g.account(ctx, u, logins)
	if err != nil {
		return err
	}
	home.end(a.ends)
	return nil
}

// logins tells a user where they are signed in.
func (c *Conn) logins(ctx context.Context, u events.UserID) (*clientv1.ServerFrame, *events.Error) {
	facts, err := c.settings(ctx, u)
	if err != nil {
		return nil, err
	}
	identity := c.token()
	page := &clientv1.LoginsPage{}
	rows := facts.Logins
	devices := make([]string, 0, len(rows))
	for device := range rows {
		devices = append(devices, device)
	}
	slices.SortFunc(devices, func(a, b string) int { return cmp.Compare(rows[a].Seq, rows[b].Seq) })
	for _, device := range devices {
		row := rows[device]
		page.Logins = append(page.Logins, &clientv1.Login{
			Login: row.Login, Device: device, Kind: row.Kind, Client: row.Client, SinceMs: int64(row.Since),
			This: identity.Service == "" && identity.Login == row.Login,
		})
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Logins{Logins: page}}, nil
}
