package cases

import (
	"encoding/json"
	"fmt"
	"testing"

	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/pkg/projections/vault"
)

// TestF24TrimmedAndEmptied
//
// Given sends that go on, when all that is in the vault is deleted from Kafka, Redis is emptied, and all roles but the gateway are
// started anew without anything of their own: every message is acked and heard once, in order; reads are right or TRY_AGAIN; the
// view equals the log afterwards, the vault's part included; an archive that begins only then has everything; and views are built
// anew from there, where Kafka alone is refused.
func TestF24TrimmedAndEmptied(t *testing.T) {
	t.Parallel()
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	d := annaltest.NewDeploymentOn(t, redis.Addr())
	d.StoreVault(t)
	d.Archive(t)
	d.Serve(t, "sequencer", "hot", "gateway", "vault")
	p := annaltest.Meet(t, annaltest.Connect(t, d.File(), d.Token(t, "u1"), ""), annaltest.Connect(t, d.File(), d.Token(t, "u2"), ""))
	annaltest.Next(t, p.AtBob) // what opened it
	f := p.FlowEvery(t, pace)
	for round := range 2 {
		f.GoesOn(t, 100)
		trim(t, d)
		f.GoesOn(t, 10)
		flush(t, redis)
		f.GoesOn(t, 50)
		if round == 0 {
			continue
		}
		for _, role := range []string{"sequencer", "hot", "vault"} {
			d.Roles[role].Kill()
			d.Launch(t, role) // in a folder that is empty
		}
		f.GoesOn(t, 50)
	}
	f.Finish(t)
	annaltest.Verify(t, d.File())
	d.Serve(t, "archive")
	t.Logf("annal verify archive: %s", annaltest.Run(t, "verify", "archive", "--endpoints", d.File()))
	rebuiltFromThere(t, d)
	t.Logf("annal vault check: %s", annaltest.Run(t, "vault", "check", "--endpoints", d.File()))
	annaltest.Run(t, "audit", "chain", "--all", "--from", "vault", "--reason", "F24", "--auditor", "u1", "--endpoints", d.File())
}

// rebuiltFromThere has both views built anew from the vault. What can't be is refused, and begins nothing: who calls next would have
// to wait for its holder.
func rebuiltFromThere(t *testing.T, d *annaltest.Deployment) {
	t.Helper()
	for _, args := range [][]string{{"archive", "--from", "kafka"}, {"hot", "--from", "kafka"}, {"hot", "--from", "vault"}} {
		args = append([]string{"rebuild"}, append(args, "--endpoints", d.File())...)
		if err := annaltest.Start(t, "refused", nil, args...).Ended(annaltest.Patience); err == nil {
			t.Errorf("annal %q ended well", args)
		}
	}
	for _, args := range [][]string{{"archive", "--from", "vault"}, {"hot"}} {
		t.Logf("annal rebuild: %s", annaltest.Run(t, append([]string{"rebuild"}, append(args, "--endpoints", d.File())...)...))
	}
	annaltest.Verify(t, d.File())
	annaltest.Run(t, "verify", "archive", "--endpoints", d.File())
}

// trim waits until much is in the vault, and deletes that from Kafka.
func trim(t *testing.T, d *annaltest.Deployment) {
	t.Helper()
	annaltest.Eventually(t, annaltest.Patience, func() error {
		var did []vault.Trimmed
		out := annaltest.Run(t, "vault", "trim", "--keep", "0s", "--json", "--endpoints", d.File())
		if err := json.Unmarshal([]byte(out), &did); err != nil {
			return err
		}
		most := int64(0)
		for _, p := range did {
			most = max(most, p.NewStart-p.Start)
		}
		if most < 50 {
			return fmt.Errorf("no more than %d records of a partition were in the vault", most)
		}
		return nil
	})
}
