package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/pkg/accounts"
	"annal/pkg/login"
)

const (
	otherPassword = "another horse"
	// compactionTime is how long compaction may take where it is told to be quick.
	compactionTime = time.Minute
)

// TestOldHash: of a password that was changed no hash is left in any file of the broker, once compaction has passed; the account is there for
// whoever reads it anew.
func TestOldHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kafka, err := devstack.StartKafka(t.Context(), devstack.KafkaOptions{Dir: dir, HeapMiB: 256, Config: map[string]string{"log.cleaner.backoff.ms": "200"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kafka.Stop(); err != nil {
			t.Error(err)
		}
	})
	d := annaltest.NewDeploymentAt(t, kafka)
	hasten(t, d)
	s := signingOn(t, d, []string{"gateway", "login"}, "--limits", "device.login=off,user.login=off")
	s.mustSignUp(t, "ann")
	was := s.hashOf(t, "ann")
	if found := filesWith(t, dir, was); len(found) == 0 {
		t.Fatal("the hash of the password stands in no file: this test would not find it afterwards")
	}
	token := text(s.password(t, "ann", "phone"), "access_token")
	if status, body := s.asJSON(t, login.PathPassword, token, map[string]string{"old": testPassword, "new": otherPassword}); status != http.StatusNoContent {
		t.Fatalf("the password is changed: %d, %v", status, body)
	}
	is := s.hashOf(t, "ann")
	if is == was || is == "" {
		t.Fatalf("the hash is %q", is)
	}
	began := time.Now()
	var signedIn time.Time
	annaltest.Eventually(t, compactionTime, func() error {
		// Segments are closed by what comes after them: somebody signs in now and then.
		if time.Since(signedIn) > time.Second {
			signedIn = time.Now()
			s.passwordIs(t, otherPassword, http.StatusOK)
		}
		if found := filesWith(t, dir, was); len(found) > 0 {
			return fmt.Errorf("the old hash stands in %v", found)
		}
		return nil
	})
	t.Logf("the old hash was gone after %.1f s", time.Since(began).Seconds())
	if len(filesWith(t, dir, is)) == 0 {
		t.Error("the new hash is gone, too")
	}
	if now := s.hashOf(t, "ann"); now != is {
		t.Errorf("who reads it anew has %q, not %q", now, is)
	}
	s.Roles["login"].Crash(t)
	s.issuer = s.Roles["login"].At.HTTP
	s.passwordIs(t, otherPassword, http.StatusOK)
	s.passwordIs(t, testPassword, http.StatusBadRequest)
}

// passwordIs has ann sign in.
func (s *signing) passwordIs(t *testing.T, password string, want int) {
	t.Helper()
	if status, body := s.oauth(t, "grant_type", "password", "client_id", "app", "username", "ann", "password", password, "device", "phone"); status != want {
		t.Errorf("ann signs in: %d, %v; want %d", status, body, want)
	}
}

// hasten has the accounts compacted within seconds, where it is minutes.
func hasten(t *testing.T, d *annaltest.Deployment) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(d.Kafka...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var changes []kadm.AlterConfig
	for name, value := range map[string]int{"segment.ms": 1000, "max.compaction.lag.ms": 1000, "file.delete.delay.ms": 100} {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(strconv.Itoa(value))})
	}
	done, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), changes, d.Prefix+"annal.accounts")
	if err == nil {
		_, err = done.On(d.Prefix+"annal.accounts", func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hashOf reads the accounts from their start.
func (s *signing) hashOf(t *testing.T, user string) string {
	t.Helper()
	e, ok := s.accounts(t).Get(accounts.KindAccount, user)
	if !ok {
		t.Fatalf("there is no account of %s", user)
	}
	return e.GetAccount().GetPassword()
}

// filesWith are the files under a directory that hold a text.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.Contains(path, "index") {
			return nil //nolint:nilerr // what is gone by now holds nothing
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(text)) {
			found = append(found, strings.TrimPrefix(path, dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
