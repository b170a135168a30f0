package gateway

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

// Bounds of what is kept of users.
const (
	// mostKept is of how many users.
	mostKept = 50_000
	// mostKeptBytes is what they take.
	mostKeptBytes = 32 << 20
	// keptFor is for how long what was read is told: so long a change that this gateway does not hear of goes unseen.
	keptFor = 3 * time.Second
	// mostProfileBytes bounds a reply; one profile has far less.
	mostProfileBytes = 256 << 10
	// namesAtOnce is of how many sessions the names are looked up together: two each.
	namesAtOnce = 500
)

// owns keeps what users say of themselves and let others do, as it was read from the view a moment ago. Who was asked
// for least lately goes first.
type owns struct {
	view    hot.View
	now     func() time.Time
	metrics *Metrics

	mu    sync.Mutex
	kept  map[events.UserID]*list.Element // of *keptOwn
	order *list.List                      // latest first
	bytes int
	// changes counts what was heard of: what was read before may be older.
	changes uint64
}

type keptOwn struct {
	user  events.UserID
	own   hot.Own
	until time.Time
}

// size is about what an entry takes.
func (k *keptOwn) size() int { return 256 + len(k.user) + k.own.Profile.Size() }

func newOwns(view hot.View, now func() time.Time, m *Metrics) *owns {
	return &owns{view: view, now: now, metrics: m, kept: map[events.UserID]*list.Element{}, order: list.New()}
}

// of gives it of users, 1,000 at most; the zero value for who says nothing, be there such a user or not. What is not kept
// is read at once.
func (o *owns) of(ctx context.Context, users []events.UserID) (map[events.UserID]hot.Own, error) {
	found, missing, changes := o.lookUp(users)
	if len(missing) == 0 {
		return found, nil
	}
	read, err := o.view.Own(ctx, missing)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	until := o.now().Add(keptFor)
	for _, u := range missing {
		found[u] = read[u]
		if o.changes == changes {
			o.keep(&keptOwn{user: u, own: read[u], until: until})
		}
	}
	return found, nil
}

// lookUp gives what is kept of the users, whose is not, and how many changes were heard of by then.
func (o *owns) lookUp(users []events.UserID) (found map[events.UserID]hot.Own, missing []events.UserID, changes uint64) {
	found = make(map[events.UserID]hot.Own, len(users))
	named := make(map[events.UserID]bool, len(users))
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, u := range users {
		if named[u] {
			continue
		}
		named[u] = true
		e := o.kept[u]
		if e == nil {
			missing = append(missing, u)
			continue
		}
		k, _ := e.Value.(*keptOwn)
		if !now.Before(k.until) {
			o.drop(e)
			missing = append(missing, u)
			continue
		}
		o.order.MoveToFront(e)
		found[u] = k.own
	}
	o.metrics.profiles.WithLabelValues("kept").Add(float64(len(found)))
	o.metrics.profiles.WithLabelValues("read").Add(float64(len(missing)))
	return found, missing, o.changes
}

// keep adds an entry, and drops others until there is room. The lock is held.
func (o *owns) keep(k *keptOwn) {
	if e := o.kept[k.user]; e != nil {
		o.drop(e)
	}
	o.kept[k.user] = o.order.PushFront(k)
	o.bytes += k.size()
	for o.order.Len() > mostKept || o.bytes > mostKeptBytes {
		o.drop(o.order.Back())
	}
	o.tell()
}

// drop removes an entry. The lock is held.
func (o *owns) drop(e *list.Element) {
	k, _ := o.order.Remove(e).(*keptOwn)
	delete(o.kept, k.user)
	o.bytes -= k.size()
	o.tell()
}

func (o *owns) tell() {
	o.metrics.profilesKept.Set(float64(o.order.Len()))
	o.metrics.profileBytes.Set(float64(o.bytes))
}

// hear takes note of an event in somebody's own session.
func (o *owns) hear(u events.UserID, e events.Event) {
	_, profile := e.(events.ProfileSet)
	if _, privacy := e.(events.PrivacySet); !profile && !privacy {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes++
	if e := o.kept[u]; e != nil {
		o.drop(e)
	}
}

// profiles tells what users say of themselves.
func (c *Conn) profiles(ctx context.Context, op *clientv1.Profiles) (*clientv1.ServerFrame, *events.Error) {
	if n := len(op.GetUsers()); n == 0 || n > protocol.MaxProfiles {
		return nil, events.Errorf(events.CodeInvalidField, "users are not 1 to %d", protocol.MaxProfiles)
	}
	users := userIDs(op.GetUsers())
	for _, u := range users {
		if !events.ValidName(string(u)) {
			return nil, events.Errorf(events.CodeInvalidField, "%q is not a user id", u)
		}
	}
	owns, err := c.gw.owns.of(ctx, users)
	if err != nil {
		return nil, c.gw.readError(err)
	}
	page, size := &clientv1.ProfilesPage{}, 0
	for _, u := range users {
		own := owns[u]
		if size += own.Profile.Size(); size > mostProfileBytes {
			page.Left = append(page.Left, string(u))
			continue
		}
		page.Profiles = append(page.Profiles, &clientv1.UserProfile{User: string(u), Profile: clientProfile(&own.Profile)})
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Profiles{Profiles: page}}, nil
}

// addNames tells the names of members.
func (g *Gateway) addNames(ctx context.Context, page *clientv1.MembersPage) *events.Error {
	users := make([]events.UserID, len(page.GetMembers()))
	for i, m := range page.GetMembers() {
		users[i] = events.UserID(m.GetUser())
	}
	owns, err := g.owns.of(ctx, users)
	if err != nil {
		return g.readError(err)
	}
	for _, m := range page.GetMembers() {
		m.Name = owns[events.UserID(m.GetUser())].Profile.Name
	}
	return nil
}

// addPeers tells who the others of direct sessions are, and names.
func (g *Gateway) addPeers(ctx context.Context, u events.UserID, page *clientv1.SyncPage) error {
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(syncAtOnce)
	for _, s := range page.GetSessions() {
		if s.GetKind() != logv1.Kind_KIND_DIRECT {
			continue
		}
		group.Go(func() error {
			others, err := otherOf(reading, g.ports.View, events.SessionID(s.GetSession()), u)
			if len(others) > 0 {
				s.Peer = string(others[0])
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for sessions := range slices.Chunk(page.GetSessions(), namesAtOnce) {
		var users []events.UserID
		for _, s := range sessions {
			for _, name := range []string{s.GetPeer(), s.GetPreview().GetUser()} {
				if name != "" {
					users = append(users, events.UserID(name))
				}
			}
		}
		owns, err := g.owns.of(ctx, users)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			s.PeerName = owns[events.UserID(s.GetPeer())].Profile.Name
			s.PreviewName = owns[events.UserID(s.GetPreview().GetUser())].Profile.Name
		}
	}
	return nil
}

func profileChangeOf(m *logv1.ProfileChange) events.ProfileChange {
	if m == nil {
		return events.ProfileChange{}
	}
	c := events.ProfileChange{Name: m.Name, Avatar: m.Avatar, Status: m.Status}
	for _, f := range m.GetCustom() {
		c.Custom = append(c.Custom, events.CustomField{Name: f.GetName(), Value: f.GetValue()})
	}
	return c
}

func privacyOf(m *logv1.Privacy) events.Privacy {
	return events.Privacy{
		LastSeen: events.Audience(m.GetLastSeen()), AddMe: events.Audience(m.GetAddMe()), WriteFirst: events.Audience(m.GetWriteFirst()),
	}
}

func clientProfile(p *events.Profile) *logv1.Profile {
	m := &logv1.Profile{Name: p.Name, Avatar: p.Avatar, Status: p.Status}
	for _, f := range p.Custom {
		m.Custom = append(m.Custom, &logv1.CustomField{Name: f.Name, Value: f.Value})
	}
	return m
}

func clientPrivacy(p events.Privacy) *logv1.Privacy {
	return &logv1.Privacy{LastSeen: logv1.Audience(p.LastSeen), AddMe: logv1.Audience(p.AddMe), WriteFirst: logv1.Audience(p.WriteFirst)}
}
