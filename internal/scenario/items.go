package scenario

import (
	"fmt"
	"strconv"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
)

// item is an event as somebody is shown it: its seq, and what it says.
type item struct {
	seq  uint64
	what string
	// any: what it says does not matter.
	any bool
}

// maxItems bounds what a line of a scenario can ask for.
const maxItems = 1_000_000

// parseItems reads 1-20, 7 and 8:"hello".
func parseItems(words []string) ([]item, error) {
	var out []item
	for _, w := range words {
		seqs, what, said := strings.Cut(w, ":")
		from, to, ranged := strings.Cut(seqs, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 64)
		last, err2 := strconv.ParseUint(to, 10, 64)
		if err != nil || err2 != nil || last < first || last-first > maxItems {
			return nil, fmt.Errorf("%q is no seq, such as 7, 1-20 or 8:\"hello\"", w)
		}
		for n := uint64(0); n <= last-first; n++ {
			out = append(out, item{seq: first + n, what: what, any: !said})
		}
	}
	return out, nil
}

// render writes items, those that say something by what they say, and the others as ranges.
func render(items []item) string {
	var words []string
	for i := 0; i < len(items); i++ {
		if !items[i].any {
			words = append(words, fmt.Sprintf("%d:%q", items[i].seq, items[i].what))
			continue
		}
		first := items[i].seq
		for i+1 < len(items) && items[i+1].any && items[i+1].seq == items[i].seq+1 {
			i++
		}
		if items[i].seq == first {
			words = append(words, strconv.FormatUint(first, 10))
			continue
		}
		words = append(words, fmt.Sprintf("%d-%d", first, items[i].seq))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " ")
}

// like renders what there is, saying of an event what it says where that is expected.
func like(got, expected []item) string {
	said := map[uint64]bool{}
	for _, i := range expected {
		said[i.seq] = said[i.seq] || !i.any
	}
	out := make([]item, len(got))
	for n, i := range got {
		out[n] = item{seq: i.seq, what: i.what, any: !said[i.seq]}
	}
	return render(out)
}

// itemOf says what an event says.
func itemOf(e *clientv1.Event) item {
	i := item{seq: e.GetSeq()}
	switch m := e.GetEvent().(type) {
	case *clientv1.Event_Sent:
		i.what = sentAs(m.Sent)
	case *clientv1.Event_Revoked:
		i.what = fmt.Sprint("revokes ", m.Revoked.GetTarget())
	case *clientv1.Event_Deleted:
		i.what = fmt.Sprint("deletes ", m.Deleted.GetTarget())
	case *clientv1.Event_Overridden:
		i.what = fmt.Sprint("overrides ", m.Overridden.GetTarget())
	default:
		m2 := e.ProtoReflect()
		if field := m2.WhichOneof(m2.Descriptor().Oneofs().ByName("event")); field != nil {
			i.what = string(field.Name())
		}
	}
	return i
}

func sentAs(m *clientv1.Sent) string {
	switch {
	case m.GetRevoked() > 0:
		return "revoked"
	case m.GetDeleted() > 0:
		return "deleted"
	case m.GetHidden():
		return "hidden"
	case m.GetContent() != nil:
		c := m.GetContent().ProtoReflect()
		if field := c.WhichOneof(c.Descriptor().Oneofs().ByName("kind")); field != nil {
			return string(field.Name())
		}
	}
	return m.GetText()
}

// shown folds a device's events into the messages that it shows.
func shown(events []*clientv1.Event) []item {
	var out []item
	at := map[uint64]int{}
	set := func(seq uint64, what string) {
		if i, ok := at[seq]; ok && out[i].what != "revoked" && out[i].what != "deleted" {
			out[i].what = what
		}
	}
	for _, e := range events {
		switch m := e.GetEvent().(type) {
		case *clientv1.Event_Sent:
			at[e.GetSeq()] = len(out)
			out = append(out, itemOf(e))
		case *clientv1.Event_Revoked:
			set(m.Revoked.GetTarget(), "revoked")
		case *clientv1.Event_Deleted:
			set(m.Deleted.GetTarget(), "deleted")
		case *clientv1.Event_Overridden:
			if m.Overridden.GetText() != "" {
				set(m.Overridden.GetTarget(), m.Overridden.GetText())
			}
		}
	}
	return out
}
