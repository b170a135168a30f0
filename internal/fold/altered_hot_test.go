package fold_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// kept is a hot view in Redis, of a log.
type kept struct {
	*testing.T
	client *goredis.Client
	store  *redis.Redis
	log    *eventlog.Memory
	prefix string
}

// engines are the Redises that the view is altered in.
func engines(t *testing.T) map[string]func(t *testing.T) (addr string, embedded bool) {
	t.Helper()
	return map[string]func(t *testing.T) (string, bool){
		"miniredis": func(t *testing.T) (string, bool) {
			server, err := devstack.StartMiniredis()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			return server.Addr(), true
		},
		"redis": func(t *testing.T) (string, bool) { return devstack.RedisForTest(t).Addr(), false },
	}
}

func newKept(t *testing.T, addr string, embedded bool, said []hottest.Said) *kept {
	t.Helper()
	o := redis.Defaults()
	o.Addrs, o.Embedded, o.Partitions, o.Window, o.Log, o.Prefix = []string{addr}, embedded, partitions, window, slog.New(slog.DiscardHandler), devstack.UniqueName(t)+":"
	o.TallyFrom = 3
	store, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{T: t, client: goredis.NewClient(&goredis.Options{Addr: addr}), store: store, log: logOf(t, said), prefix: o.Prefix}
	t.Cleanup(func() {
		_ = k.client.Close()
		_ = store.Close()
		k.log.Close()
	})
	setViews(t, store, false)
	apply(t, store, said)
	setViews(t, store, true)
	return k
}

// key is a key of a session.
func (k *kept) key(s events.SessionID, part string) string {
	return k.prefix + "annal:{" + string(s) + "}:" + part
}

func (k *kept) list(u events.UserID, part string) string {
	return k.prefix + "annal:{u:" + string(u) + "}:" + part
}

func (k *kept) do(args ...any) {
	k.Helper()
	if err := k.client.Do(k.Context(), args...).Err(); err != nil {
		k.Fatalf("%v: %v", args, err)
	}
}

// move puts another field in the place of one, so that the head's counts stay right.
func (k *kept) move(key, from, to, value string) {
	k.Helper()
	k.do("HDEL", key, from)
	k.do("HSET", key, to, value)
}

func (k *kept) moveEntry(key, from, to string) {
	k.Helper()
	k.do("ZREM", key, from)
	k.do("ZADD", key, "0", to)
}

func (k *kept) differences() []fold.Difference {
	k.Helper()
	var report fold.Report
	if err := fold.Verify(context.WithoutCancel(k.Context()), fold.Options{Log: k.log, Hot: k.store.Reader(), Window: window}, &report); err != nil {
		k.Fatal(err)
	}
	return report.Differences
}

// everything is a group, the user's own session and a direct one, with something of everything that a view keeps.
func everything(t *testing.T) (s, self, direct events.SessionID, said []hottest.Said) {
	a := newAuthor(t)
	s = a.open(0, "bob", "cid") // 1
	for range 4 {
		a.must(s, "ann", events.Send{Body: events.TextBody("hello"), Refs: events.Refs{Mentions: []events.UserID{"bob"}}}) // 2–5
	}
	a.must(s, "ann", events.Override{Seq: 5, Body: events.TextBody("hello again")}) // 6
	a.must(s, "ann", events.Revoke{Seq: 4})                                         // 7
	a.must(s, "bob", events.React{Seq: 3, Emoji: "👍"})                              // 8
	a.must(s, "ann", events.Pin{Seq: 3})                                            // 9
	text := "a notice"
	a.must(s, "ann", events.SetInfo{Info: events.InfoChange{Notice: &text, Custom: []events.CustomField{{Name: "color", Value: "red"}}}}) // 10
	a.must(s, "ann", events.Mute{Users: []events.UserID{"cid"}, Until: a.now + 1_000_000})                                                // 11
	a.must(s, "bob", events.MarkRead{Seq: 3})
	a.must(s, "bob", events.MarkDelivered{Seq: 5})
	self = events.NewSelfID("bob")
	a.must(self, "bob", events.Create{Kind: events.KindSelf, Policy: policy})
	a.must(self, "bob", events.Hide{Session: s, Messages: []events.Numbers{{Seq: 3, Index: 2}}})
	yes := true
	a.must(self, "bob", events.SetSession{Session: s, Settings: events.SettingsChange{Pinned: &yes}})
	a.mustBy(events.Actor{User: "bob", Service: "login"}, self, events.SignIn{Login: "l1", Device: "phone", Kind: "phone", Client: "an app"})
	a.mustBy(events.Actor{User: "bob", Service: "login"}, self, events.SignIn{Login: "l2", Device: "pad", Kind: "tablet"})
	a.must(self, "bob", events.SetProfile{Profile: events.ProfileChange{Name: new("Bob")}})
	a.must(self, "bob", events.SetPrivacy{Privacy: events.Privacy{AddMe: events.AudienceContacts}})
	a.now = max(a.now, events.Millis(time.Now().UnixMilli())) // a token of long ago may be known no more
	a.must(self, "bob", events.SetDevice{Device: "phone", Push: events.PushToken{Service: "fcm", Token: "k1"}})
	a.must(self, "bob", events.SetNotifications{Notifications: events.Notifications{Messages: events.NotifyMentions}})
	two := policy
	two.MemberLimit, two.Joining = 2, events.JoiningApproval
	direct = events.NewDirectID("ann", "bob")
	a.must(direct, "ann", events.Create{Kind: events.KindDirect, Policy: two, Members: []events.NewMember{{User: "bob", Role: events.RoleMember}}, Text: "me"})
	a.must(direct, "bob", events.Contact{Step: events.ContactBlock})
	return s, self, direct, a.said
}

// TestAlteredInRedis: each part of each key altered, a row dropped, a row doubled: it names each.
func TestAlteredInRedis(t *testing.T) {
	s, self, direct, said := everything(t)
	head := func(field, value string) func(*kept) {
		return func(k *kept) { k.do("HSET", k.key(s, "head"), field, value) }
	}
	index := func(n int) string { return fmt.Sprintf("%020d", n) }
	cases := map[string]struct {
		alter func(*kept)
		what  string
	}{
		"nothing":        {func(*kept) {}, ""},
		"head kind":      {head("kind", "4"), "head.kind"},
		"head title":     {head("title", "other"), "head.title"},
		"head base":      {head("base", "1"), "head.base"},
		"head policy":    {head("policy", "1 600000 1 4 1 1 2 100 0 0 0"), "head.policy.revoke_window"},
		"head closed":    {head("closed", "1"), "head.closed"},
		"head seq":       {head("seq", "12"), "head.seq"},
		"head index":     {head("index", "5"), "head.index"},
		"head first":     {head("first", "1"), "head.window_start"},
		"head at":        {head("at", "5"), "head.time"},
		"head counts":    {head("counts", "3 3 1 10 9"), "reading"},
		"head facts":     {head("facts", "0 0 0"), "reading"},
		"head tally":     {head("tally", "1"), "reading"},
		"head reacted":   {head("reacted", "5 5"), "reading"},
		"head view":      {head("view", "0"), "reading"},
		"head broken":    {func(k *kept) { k.do("HSET", k.key(s, "head"), "broken", "1", "view", "") }, "reading"},
		"head lost":      {func(k *kept) { k.do("DEL", k.key(s, "head")) }, "reading"},
		"a key lost":     {func(k *kept) { k.do("DEL", k.key(s, "members")) }, "reading"},
		"an event lost":  {func(k *kept) { k.do("XDEL", k.key(s, "window"), "5-0") }, "reading"},
		"window v":       {func(k *kept) { k.again(s, "v") }, "event"},
		"window t":       {func(k *kept) { k.again(s, "t") }, "became.revoked"},
		"window doubled": {func(k *kept) { k.do("XADD", k.key(s, "window"), "12-0", "v", "x", "t", "") }, "reading"},
		"states r":       {func(k *kept) { k.do("HSET", k.key(s, "states"), "4", "8 0 0") }, "became.revoked"},
		"states d":       {func(k *kept) { k.do("HSET", k.key(s, "states"), "4", "7 8 0") }, "became.deleted"},
		"states o":       {func(k *kept) { k.do("HSET", k.key(s, "states"), "5", "0 0 0") }, "became.overridden"},
		"states key":     {func(k *kept) { k.move(k.key(s, "states"), "4", "3", "7 0 0") }, "became.revoked"},
		"member role":    {func(k *kept) { k.do("HSET", k.key(s, "members"), "bob", "2 3 2 1 1,0,") }, "member.role"},
		"member marker":  {func(k *kept) { k.do("HSET", k.key(s, "members"), "bob", "1 4 2 1 1,0,") }, "member.marker"},
		"member marker's index": {
			func(k *kept) { k.do("HSET", k.key(s, "members"), "bob", "1 3 1 1 1,0,") }, "member.marker_index",
		},
		"member stays":   {func(k *kept) { k.do("HSET", k.key(s, "members"), "bob", "1 3 2 1 2,0,") }, "member.stays"},
		"member dropped": {func(k *kept) { k.do("HDEL", k.key(s, "members"), "bob") }, "reading"},
		"member doubled": {func(k *kept) { k.do("HSET", k.key(s, "members"), "zed", "1 3 2 1 1,0,") }, "reading"},
		"roster":         {func(k *kept) { k.moveEntry(k.key(s, "roster"), "bob", "zed") }, "reading"},
		"gone":           {func(k *kept) { k.moveEntry(k.key(s, "gone"), index(3), index(1)) }, "gone"},
		"mentions":       {func(k *kept) { k.moveEntry(k.key(s, "mentions"), "bob "+index(1), "zed "+index(1)) }, "mentioned"},
		"hidden": {func(k *kept) {
			k.moveEntry(k.key(self, "mentions"), "\x01"+string(s)+" "+index(2), "\x01"+string(s)+" "+index(4))
		}, "hidden"},
		"reactions": {
			func(k *kept) { k.moveEntry(k.key(s, "reactions"), index(3)+" 👍\x00bob", index(3)+" 👍\x00cid") }, "reacted",
		},
		"emojis":         {func(k *kept) { k.do("HSET", k.key(s, "emojis"), index(3), "2 👍\x00") }, "became.reactions"},
		"tally":          {func(k *kept) { k.do("HINCRBY", k.key(s, "tally"), "m3", "1") }, "tally"},
		"fact i: notice": {func(k *kept) { k.do("HSET", k.key(s, "facts"), "i:notice", "other") }, "facts.info.notice"},
		"fact c: custom": {func(k *kept) { k.do("HSET", k.key(s, "facts"), "c:color", "blue") }, "facts.info.custom"},
		"fact p: pin":    {func(k *kept) { k.move(k.key(s, "facts"), "p:3", "p:2", "1") }, "facts.pins"},
		"fact o: settings": {func(k *kept) {
			k.move(k.key(self, "facts"), "o:"+string(s)+"\x00pinned", "o:"+string(s)+"\x00hidden", "1")
		}, "facts.settings"},
		"fact u: profile":       {func(k *kept) { k.do("HSET", k.key(self, "facts"), "u:profile", "\n\x05\n\x03Rob") }, "facts.own.profile.name"},
		"fact u: privacy":       {func(k *kept) { k.do("HSET", k.key(self, "facts"), "u:privacy", "\n\x06\b\x01\x10\x03\x18\x01") }, "facts.own.privacy.add_me"},
		"fact h: hides":         {func(k *kept) { k.move(k.key(self, "facts"), "h:"+string(s), "h:g_other", "1") }, "facts.hides"},
		"fact l: login":         {func(k *kept) { k.move(k.key(self, "facts"), "l:phone", "l:web", "4 1764000000000 phone l1 an app") }, "facts.logins"},
		"fact banned":           {func(k *kept) { k.move(k.key(self, "facts"), "h:"+string(s), "banned", "1") }, "head.banned"},
		"fact n: notifications": {func(k *kept) { k.do("HSET", k.key(self, "facts"), "n:", "\n\x02\b\x01") }, "reach.notifications.content"},
		"trait d: device":       {func(k *kept) { k.move(k.key(self, "traits"), "@d:phone", "@d:pad", "\n\x09\n\x03fcm\x1a\x02k1") }, "reach.devices"},
		"trait d: token":        {func(k *kept) { k.do("HSET", k.key(self, "traits"), "@d:phone", "\n\x09\n\x03fcm\x1a\x02k2") }, "reach.devices"},
		"holders lost":          {func(k *kept) { k.do("DEL", k.holders("fcm", "k1")) }, "holder"},
		"holders later":         {func(k *kept) { k.do("ZADD", k.holders("fcm", "k1"), 1<<50, "bob\x00phone") }, "holder"},
		"fact contact":          {func(k *kept) { k.do("HSET", k.key(direct, "facts"), "contact", "2 bob") }, "head.contact_by"},
		"fact blocks":           {func(k *kept) { k.do("HSET", k.key(direct, "facts"), "blocks", "2") }, "head.blocks"},
		"trait m: muted":        {func(k *kept) { k.do("HSET", k.key(s, "traits"), "@m:cid", "5") }, "member.muted_until"},
		"trait g: got":          {func(k *kept) { k.do("HSET", k.key(s, "traits"), "@g:bob", "4 3") }, "member.delivered"},
		"trait b: blocks":       {func(k *kept) { k.move(k.key(direct, "traits"), "@b:bob", "@b:ann", "1") }, "member.blocks"},
		"list": {func(k *kept) {
			k.moveEntry(k.list("cid", "sessions"), string(s), "g_other")
		}, "list of sessions"},
		"list's count": {func(k *kept) { k.do("SET", k.list("cid", "count"), "5") }, "list of sessions"},
		"view":         {func(k *kept) { k.eachView("HSET", "id", "0") }, "reading"},
		"view's whole": {func(k *kept) { k.eachView("HSET", "whole", "0") }, "reading"},
		"view's run":   {func(k *kept) { k.eachView("HSET", "run", "x") }, "reading"},
		"view's lost":  {func(k *kept) { k.eachView("HSET", "lost", "x") }, "list of sessions"},
	}
	for name, engine := range engines(t) {
		t.Run(name, func(t *testing.T) {
			addr, embedded := engine(t)
			for name, c := range cases {
				t.Run(name, func(t *testing.T) {
					k := newKept(t, addr, embedded, said)
					c.alter(k)
					d := k.differences()
					if c.what == "" && len(d) > 0 || c.what != "" && !named(d, c.what) {
						t.Errorf("got %v, want %q", d, c.what)
					}
				})
			}
		})
	}
	t.Run("every key", func(t *testing.T) {
		addr, embedded := engines(t)["miniredis"](t)
		k := newKept(t, addr, embedded, said)
		k.allAltered(strings.Join(slices.Collect(func(yield func(string) bool) {
			for name := range cases {
				if !yield(name) {
					return
				}
			}
		}), "\n"))
	})
}

// holders is the key of a token's.
func (k *kept) holders(service, token string) string {
	return k.prefix + "annal:{t:" + hot.TokenKey(events.PushToken{Service: service, Token: token}) + "}:holders"
}

// again writes the window's entry 5 again with another value, or target.
func (k *kept) again(s events.SessionID, part string) {
	k.Helper()
	key := k.key(s, "window")
	all, err := k.client.XRange(k.Context(), key, "-", "+").Result()
	if err != nil {
		k.Fatal(err)
	}
	k.do("DEL", key)
	for _, e := range all {
		v, _ := e.Values["v"].(string)
		target, _ := e.Values["t"].(string)
		if e.ID == "6-0" && part == "v" {
			v = v[:len(v)-1] + "x"
		}
		if e.ID == "6-0" && part == "t" {
			target = "4"
		}
		k.do("XADD", key, e.ID, "v", v, "t", target)
	}
}

func (k *kept) eachView(command string, args ...any) {
	k.Helper()
	for p := range partitions {
		k.do(append([]any{command, fmt.Sprintf("%sannal:{view:%d}", k.prefix, p)}, args...)...)
	}
}

// unaltered are parts of keys that nothing is to be compared with, with the reason.
var unaltered = map[string]string{
	"holes": "outcomes that no program could read stand there only", "hole_at": "likewise", "by": "which call put a session aside", "reached": "from where a replay would go on",
}

// allAltered fails for a key, or a field of a hash, that the cases don't name.
func (k *kept) allAltered(cases string) {
	k.Helper()
	keys, err := k.client.Keys(k.Context(), k.prefix+"*").Result()
	if err != nil || len(keys) < 20 {
		k.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		part := key[strings.LastIndex(key, "}")+1:]
		part = strings.TrimPrefix(part, ":")
		names := map[string]string{"members": "member ", "sessions": "list", "count": "list's count", "": "view", "facts": "fact ", "traits": "trait "}
		name := part
		if known, ok := names[part]; ok {
			name = known
		}
		if !strings.Contains(cases, name) {
			k.Errorf("the key %q (%s) is not altered by any case", key, name)
		}
		if kind, err := k.client.Type(k.Context(), key).Result(); err != nil || kind != "hash" || !slices.Contains([]string{"head", "facts", "traits", ""}, part) {
			continue
		}
		fields, err := k.client.HKeys(k.Context(), key).Result()
		if err != nil {
			k.Fatal(err)
		}
		for _, field := range fields {
			of := name + " " + field
			switch {
			case unaltered[field] != "":
				continue
			case part == "":
				of = "view's " + field
				if field == "id" {
					continue // the view
				}
			case part == "facts" && len(field) > 1 && field[1] == ':':
				of = "fact " + field[:2]
			case part == "facts":
				of = "fact " + field
			case part == "traits":
				of = "trait " + field[1:3]
			}
			if !strings.Contains(cases, of) {
				k.Errorf("%s of %s is not altered by any case (%q)", field, key, of)
			}
		}
	}
}
