package e2e

import (
	"annal/internal/annaltest"

	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"annal/internal/app"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// TestQuarantine puts a command that nobody can decode and an event that nobody counts
// into the log, and looks at what became of them with the tool.
func TestQuarantine(t *testing.T) {
	s := dev(t, "embedded")
	ctx, cancel := context.WithTimeout(t.Context(), annaltest.Patience)
	defer cancel()
	opened, err := app.Open(ctx, app.Target{Kafka: s.At.Kafka, Cluster: s.At.Cluster})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	garbage := events.Record{Key: []byte("g_nowhere"), Value: []byte("\xff\xfe"), Headers: []events.Header{{Name: "x", Value: []byte("y")}}}
	places := map[eventlog.Topic]string{}
	for _, topic := range []eventlog.Topic{eventlog.Commands, eventlog.Events} {
		place := make(chan string, 1)
		opened.Log.Append(ctx, topic, eventlog.ByKey, garbage, func(p int32, o int64, err error) {
			if err != nil {
				t.Error(err)
			}
			place <- fmt.Sprintf("%s/%d/%d", topic, p, o)
		})
		places[topic] = <-place
	}
	annaltest.Eventually(t, annaltest.Patience, func() error {
		out := annaltest.Run(t, "quarantine", "list", "--json", "--endpoints", s.File)
		for _, place := range places {
			if !strings.Contains(out, fmt.Sprintf(`"place":%q`, place)) {
				return fmt.Errorf("%s is not in the list: %s", place, out)
			}
		}
		return nil
	})
	if out := annaltest.Run(t, "quarantine", "list", "--reason", "headers", "--endpoints", s.File); strings.Count(out, "\n") != 0 || !strings.Contains(out, places[eventlog.Events]) {
		t.Errorf("by reason: %s", out)
	}
	if out := annaltest.Run(t, "quarantine", "show", places[eventlog.Commands], "--endpoints", s.File); !strings.Contains(out, "ff fe") || !strings.Contains(out, `"g_nowhere"`) {
		t.Errorf("show prints %s", out)
	}
	// Neither can be retried, and each says why, under a word of its own.
	cmd := exec.CommandContext(ctx, annaltest.Binary(), "quarantine", "retry", places[eventlog.Commands], places[eventlog.Events], "--json", "--endpoints", s.File)
	out, err := cmd.Output()
	if err == nil {
		t.Error("the retry ended well; want an error")
	}
	results := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var r struct{ Place, Result string }
		if err := dec.Decode(&r); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		results[r.Place] = r.Result
	}
	if results[places[eventlog.Commands]] != "COMMAND_DECIDED" || results[places[eventlog.Events]] != "NOT_COUNTED" {
		t.Errorf("the retry says %v of %v", results, places)
	}
}
