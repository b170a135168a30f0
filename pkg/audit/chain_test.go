package audit_test

import (
	"errors"
	"slices"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// TestChainNamesWhatIsWrong: what is done to a chain is named, with the record, whether one session is read or all.
func TestChainNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		want   string
		offset int64
		spoil  func(listed) listed
	}{
		"nothing": {"", 0, func(l listed) listed { return l }},
		"a bit of what nobody can read any more": {audit.Altered, 3, func(l listed) listed {
			l[3].Value[0] ^= 0x80
			return l
		}},
		"a bit of a text": {audit.AlteredOrMissing, 3, func(l listed) listed {
			l[3].Value[len(l[3].Value)-1] ^= 1
			return l
		}},
		"a bit of a text, the hash noted beside it": {audit.Altered, 3, func(l listed) listed {
			noted := l[3].Hash()
			l[3].Noted = &noted
			l[3].Value[len(l[3].Value)-1] ^= 1
			return l
		}},
		"a bit of the last text, the hash noted beside it blotted out": {audit.Altered, 9, func(l listed) listed {
			l[9].Noted = &events.Hash{}
			l[9].Value[len(l[9].Value)-1] ^= 1
			return l
		}},
		"a bit of a hash before": {audit.Altered, 3, func(l listed) listed {
			o, err := events.DecodeOutcomeValue(l[3].Value)
			if err != nil {
				t.Fatal(err)
			}
			o.PrevHash[0] ^= 1
			l[3].Value = encode(t, o, events.Stamp{}).Value
			return l
		}},
		"one with a seq removed":    {audit.Missing, 5, func(l listed) listed { return slices.Delete(l, 3, 5) }},
		"one without a seq removed": {audit.AlteredOrMissing, 3, func(l listed) listed { return slices.Delete(l, 4, 5) }},
		"the beginning removed":     {audit.Missing, 2, func(l listed) listed { return slices.Delete(l, 0, 2) }},
		"one doubled":               {audit.Doubled, 3, func(l listed) listed { return slices.Insert(l, 4, l[3]) }},
		"one doubled later":         {audit.Doubled, 3, func(l listed) listed { return append(l, l[3]) }},
		"two swapped": {audit.Moved, 4, func(l listed) listed {
			l[3], l[4] = l[4], l[3]
			return l
		}},
		"of another session": {audit.Altered, 3, func(l listed) listed {
			o, err := events.DecodeOutcomeValue(l[3].Value)
			if err != nil {
				t.Fatal(err)
			}
			o.Session = "g_2"
			l[3].Value = encode(t, o, events.Stamp{}).Value
			return l
		}},
	} {
		t.Run(name, func(t *testing.T) {
			source := c.spoil(recordsOf(t, story(t)))
			one, err := audit.CheckSession(t.Context(), source, group, nil)
			if err != nil {
				t.Fatal(err)
			}
			all, err := audit.CheckAll(t.Context(), source)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range []audit.Chains{one, all} {
				switch {
				case c.want == "" && got.Found != 0:
					t.Errorf("got %+v, want no fault", got)
				case c.want != "" && (got.Found != 1 || len(got.Faults) != 1 || got.Faults[0].Fault != c.want || got.Faults[0].Offset != c.offset):
					t.Errorf("got %+v, want one %s at offset %d", got, c.want, c.offset)
				}
			}
		})
	}
}

// TestSources: the log and the archive give the same chain, and a log that lacks an outcome says so.
func TestSources(t *testing.T) {
	log := logOf(t, story(t))
	for name, source := range map[string]audit.Source{"log": audit.Log{Log: log}, "archive": audit.Archive{View: archiveOf(t, log)}} {
		for _, check := range []func() (audit.Chains, error){
			func() (audit.Chains, error) { return audit.CheckSession(t.Context(), source, group, nil) },
			func() (audit.Chains, error) { return audit.CheckAll(t.Context(), source) },
		} {
			got, err := check()
			if err != nil || got.Found != 0 || got.Sessions != 1 || got.Records != 10 {
				t.Errorf("%s: got %+v, %v, want 10 records of one session, whole", name, got, err)
			}
		}
	}
	// What the log is known to have must be there: a chain that ends early, or was written anew up to its end, holds in itself.
	last := recordsOf(t, story(t))[9]
	last.Offset++ // a fence comes first
	for what, c := range map[string]struct {
		told audit.Told
		want string
	}{
		"as it is":              {audit.Told{Place: eventlog.Place{Offset: last.Offset}, Hash: last.Hash()}, ""},
		"one more":              {audit.Told{Place: eventlog.Place{Offset: last.Offset + 1}, Hash: last.Hash()}, audit.Missing},
		"another in that place": {audit.Told{Place: eventlog.Place{Offset: last.Offset}, Hash: events.Hash{1}}, audit.Altered},
	} {
		got, err := audit.CheckSession(t.Context(), audit.Log{Log: log}, group, &c.told)
		if err != nil || c.want == "" && got.Found != 0 || c.want != "" && (got.Found != 1 || got.Faults[0].Fault != c.want) {
			t.Errorf("the log is known to have %s: got %+v, %v, want %q", what, got, err, c.want)
		}
	}
	_, err := audit.CheckAll(t.Context(), audit.Log{Log: logOf(t, story(t), 5)})
	var lost *audit.LostError
	if !errors.As(err, &lost) || lost.Command != 5 || lost.Records != 4 {
		t.Errorf("without the outcome of command 5: got %v, want that it is missing and 4 records don't count", err)
	}
}
