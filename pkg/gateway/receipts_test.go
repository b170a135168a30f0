package gateway_test

import (
	"fmt"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

func readers(page *clientv1.ReceiptsPage) string {
	out := fmt.Sprintf("%d of %d, %d got it:", page.GetRead(), page.GetTotal(), page.GetDelivered())
	for _, r := range page.GetReceipts() {
		out += fmt.Sprintf(" %s %v %v;", r.GetUser(), r.GetRead(), r.GetDelivered())
	}
	if page.GetNext() != "" {
		out += " more after " + page.GetNext()
	}
	return out
}

// Who has read a message, of those who may see it, without its sender: by name up to the policy's
// limit, above it by number.
func TestReceipts(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.ReceiptsLimit = 5 }, "u2", "u3", "u4")
		b.say(s, 2)
		b.add(s, "u5") // 3: may not see 2
		b.read(s, "u3", 2)
		b.does("u4", s, events.MarkDelivered{Seq: 3})
		c := b.hello("u1")
		ask := func(more string) *clientv1.ServerFrame {
			return c.ask(fmt.Sprintf(`{"id":"r","receipts":{"session":%q,%s}}`, s, more))
		}
		want(b, "all", readers(ask(`"seq":"2"`).GetReceipts()), "1 of 3, 2 got it: u2 false false; u3 true true; u4 false true;")
		want(b, "a page", readers(ask(`"seq":"2","limit":2`).GetReceipts()), "1 of 3, 2 got it: u2 false false; u3 true true; more after u3")
		want(b, "the next", readers(ask(`"seq":"2","limit":2,"cursor":"u3"`).GetReceipts()), "1 of 3, 2 got it: u4 false true;")
		want(b, "no message", ask(`"seq":"3"`).GetError().GetCode(), "NO_SUCH_MESSAGE")
		want(b, "none there", ask(`"seq":"9"`).GetError().GetCode(), "NO_SUCH_MESSAGE")
		b.add(s, "u6")
		want(b, "above the limit", readers(ask(`"seq":"2"`).GetReceipts()), "1 of 3, 2 got it:")
		newcomer := b.hello("u5")
		want(b, "who may not see it", newcomer.ask(fmt.Sprintf(`{"id":"r","receipts":{"session":%q,"seq":"2"}}`, s)).GetError().GetCode(), "NO_SUCH_MESSAGE")
	})
}

// What a tally says is what counting says, and who is named stays so.
func TestReceiptsByTally(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.ReceiptsLimit = 5 }, "u2", "u3", "u4")
		b.say(s, 2)
		b.add(s, "u5")
		b.read(s, "u3", 2)
		b.does("u4", s, events.MarkDelivered{Seq: 3})
		c := b.hello("u1")
		ask := func(more string) *clientv1.ReceiptsPage {
			return c.ask(fmt.Sprintf(`{"id":"r","receipts":{"session":%q,%s}}`, s, more)).GetReceipts()
		}
		for _, from := range []int{100, 1} {
			b.world.Tallies(from)
			want(b, "all", readers(ask(`"seq":"2"`)), "1 of 3, 2 got it: u2 false false; u3 true true; u4 false true;")
			want(b, "a page", readers(ask(`"seq":"2","limit":2`)), "1 of 3, 2 got it: u2 false false; u3 true true; more after u3")
			want(b, "the next", readers(ask(`"seq":"2","limit":2,"cursor":"u3"`)), "1 of 3, 2 got it: u4 false true;")
		}
		b.add(s, "u6")
		want(b, "above the limit", readers(ask(`"seq":"2"`)), "1 of 3, 2 got it:")
	})
}

// Who is to be named is looked for among so many members at a time, however few of them may see the
// message.
func TestReceiptsAmongMany(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.ReceiptsLimit, p.MemberLimit = 20_000, 20_000 }, "z")
		b.say(s, 2)
		for i := range 11 {
			var comers []events.NewMember
			for n := range 1000 {
				comers = append(comers, events.NewMember{User: events.UserID(fmt.Sprintf("a%05d", 1000*i+n)), Role: events.RoleMember})
			}
			b.does("u1", s, events.Add{Members: comers})
		}
		c := b.hello("u1")
		ask := func(cursor string) string {
			return readers(c.ask(fmt.Sprintf(`{"id":"r","receipts":{"session":%q,"seq":"2","cursor":%q}}`, s, cursor)).GetReceipts())
		}
		want(b, "the first page", ask(""), "0 of 1, 0 got it: more after a09999")
		want(b, "the second page", ask("a09999"), "0 of 1, 0 got it: z false false;")
	})
}
