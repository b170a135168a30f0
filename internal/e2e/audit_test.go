package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
)

// TestAudit: every read shows what was and is in the log itself, with who and why; members hear nothing of it; what cannot be noted is
// not shown.
func TestAudit(t *testing.T) {
	d := annaltest.NewDeployment(t)
	d.Archive(t)
	d.Serve(t, "sequencer", "hot", "gateway", "archive")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	alice := annaltest.Connect(t, d.File(), d.Token(t, "alice"), "")
	bob := annaltest.Connect(t, d.File(), d.Token(t, "bob"), "")
	ack, err := alice.Create(ctx, client.Create{Kind: logv1.Kind_KIND_GROUP, Members: []*logv1.NewMember{{User: "bob"}}})
	if err != nil {
		t.Fatal(err)
	}
	session := ack.GetSession()
	heard, err := bob.Subscribe(ctx, session, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Send(ctx, session, "the first text"); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Override(ctx, session, 2, "the second text"); err != nil {
		t.Fatal(err)
	}
	audit := func(args ...string) []string {
		return append(append([]string{"audit"}, args...), "--endpoints", d.File(), "--auditor", "aud", "--reason", "case 7",
			"--clickhouse", d.ClickHouse.URL, "--clickhouse-database", d.ClickHouse.Database)
	}
	dir := t.TempDir()
	key, public, bundle := filepath.Join(dir, "key.json"), filepath.Join(dir, "public.json"), filepath.Join(dir, "bundle.tar")
	annaltest.Run(t, "audit", "key", "--new", key)
	if err := os.WriteFile(public, []byte(annaltest.Run(t, "audit", "key", "--public", key)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{audit("at", "--session", session, "--seq", "2", "--json"), `"text":"the first text"`},
		{audit("at", "--session", session, "--seq", "3", "--as", "bob"), "the second text"},
		{audit("history", "--session", session, "--message", "2"), "overrode 2"},
		{audit("trail", "--user", "alice"), "the first text"},
		{audit("chain", "--session", session), "chains whole"},
		{audit("chain", "--all", "--json"), `"found":0`},
		{audit("export", "--session", session, "--key", key, "--out", bundle), "records"},
		{[]string{"audit", "check", bundle, "--key", public}, "good: "},
		{[]string{"log", "tail", "--endpoints", d.File(), "--kind", "audited"}, "aud (by audit) audited: at"},
	} {
		if got := annaltest.Run(t, c.args...); !strings.Contains(got, c.want) {
			t.Errorf("annal %v: got %q, want %q in it", c.args, got, c.want)
		}
	}
	nothing := annaltest.Start(t, "nothing", nil, audit("at", "--session", "g_nothing", "--seq", "1")...)
	if err := nothing.Ended(time.Minute); err == nil || len(nothing.Output()) > 0 {
		t.Errorf("a session that is not there: got %v and %q, want an error and nothing shown", err, nothing.Output())
	}
	if got := annaltest.Run(t, "log", "tail", "--endpoints", d.File(), "--kind", "rejected"); !strings.Contains(got, "audit: rejected NO_SUCH_SESSION") {
		t.Errorf("got %q, want the refused read in it", got)
	}
	if _, err := alice.Send(ctx, session, "after all that"); err != nil {
		t.Fatal(err)
	}
	annaltest.Until(t, heard, func(e *clientv1.Event) bool {
		if e.GetEvent() == nil {
			t.Errorf("bob hears %v, want nothing of auditors", e)
		}
		return e.GetSent().GetText() == "after all that"
	})
	annaltest.Verify(t, d.File())
}
