package scenario_test

import (
	"context"
	"strings"
	"testing"

	"annal/internal/bubble"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/scenario"
	"annal/internal/sim"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// tampered is a cluster whose archive has rows that nobody archived, from the second look at it on.
type tampered struct {
	inProcess
	rows  func(events.SessionID) archive.Rows
	looks *int
}

// Archive implements scenario.Cluster.
func (c tampered) Archive() (archive.View, error) {
	return c.Cluster.Archive(), c.look()
}

// World implements scenario.Cluster.
func (c tampered) World(ctx context.Context, s *scenario.Step) (*clientv1.ServerFrame, error) {
	if err := c.look(); err != nil {
		return nil, err
	}
	return c.inProcess.World(ctx, s)
}

func (c tampered) look() error {
	if *c.looks++; *c.looks != 2 {
		return nil
	}
	ctx, view := context.Background(), c.Cluster.Archive()
	sessions, err := view.Sessions(ctx, "g_", 1)
	if err != nil {
		return err
	}
	rows := c.rows(sessions[0].Session)
	return view.(archive.Store).Insert(ctx, &rows)
}

// TestTamperedArchive: what is not in the archive as it is in the log is seen by both checks.
func TestTamperedArchive(t *testing.T) {
	message := func(m archive.Message) func(events.SessionID) archive.Rows {
		return func(s events.SessionID) archive.Rows {
			m.Session = s
			return archive.Rows{Messages: []archive.Message{m}}
		}
	}
	for name, c := range map[string]struct {
		rows             func(events.SessionID) archive.Rows
		archived, verify string // what they say
	}{
		"nothing": {message(archive.Message{Seq: 2}), "", ""},
		"twice":   {message(archive.Message{Seq: 9, Index: 3, Body: archive.Body{Seq: 9, Kind: "text", Text: "bye"}}), `2:"hello" 3:"bye" 9`, "message of seq 9 is"},
		"revoked": {message(archive.Message{Seq: 3, Revoked: archive.Fate{Seq: 4}}), `2:"hello" 3:"revoked"`, "message.text of seq 3 is"},
		"other":   {message(archive.Message{Seq: 2, Body: archive.Body{Seq: 4, Kind: "text", Text: "bye"}}), `2:"bye" 3:"bye"`, "message.text of seq 2 is"},
		"outcome": {func(s events.SessionID) archive.Rows {
			return archive.Rows{Events: []archive.Event{{Session: string(s), Offset: 99, Kind: archive.KindRejected}}}
		}, "", "event of partition 0 offset 99 is"},
	} {
		for step, want := range map[string]string{"archived S 2:hello 3:bye": c.archived, "verify archive": c.verify} {
			t.Run(name+"/"+step, func(t *testing.T) {
				all, err := scenario.Parse("tampered", "scenario Tampered\nu1 create group S u2\nu1 send S hello\nu1 send S bye\nverify archive\n"+step+"\n")
				if err != nil {
					t.Fatal(err)
				}
				bubble.Test(t, func(t *testing.T) {
					cluster, err := sim.NewCluster()
					if err != nil {
						t.Fatal(err)
					}
					way := scenario.NewSystem(tampered{inProcess{cluster}, c.rows, new(int)})
					result := scenario.Run(t.Context(), &all[0], way, "")
					way.Close()
					cluster.Stop()
					switch {
					case want == "" && result.Failed != nil:
						t.Error(result.Failed)
					case want != "" && (result.Failed == nil || result.Failed.Text != step || !strings.Contains(result.Failed.Got, want)):
						t.Errorf("got %v, want a failure that says %q", result.Failed, want)
					}
				})
			})
		}
	}
}
