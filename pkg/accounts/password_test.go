package accounts

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// light is a cost for tests.
var light = Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

func newPasswords(t testing.TB, c Cost, atOnce int) *Passwords {
	t.Helper()
	p, err := NewPasswords(c, atOnce, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswords(t *testing.T) {
	p := newPasswords(t, light, 2)
	hash, err := p.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") || CheckHash(hash) != nil {
		t.Fatalf("%s, %v", hash, err)
	}
	other, err := p.Hash(t.Context(), "correct horse")
	if err != nil || other == hash {
		t.Errorf("the same password twice is %s and %s, %v", hash, other, err)
	}
	check := func(what, hash, password string, ok, renew bool) {
		t.Helper()
		if gotOK, gotRenew, err := p.Check(t.Context(), hash, password); gotOK != ok || gotRenew != renew || err != nil {
			t.Errorf("%s: %v, %v, %v", what, gotOK, gotRenew, err)
		}
	}
	check("right", hash, "correct horse", true, false)
	check("wrong", hash, "correct horsE", false, false)
	check("empty", hash, "", false, false)
	check("nobody's", "", "correct horse", false, false)
	check("too long", hash, strings.Repeat("x", MaxPassword+1), false, false)
	cheaper := newPasswords(t, Cost{MemoryKiB: 32, Passes: 1, Lanes: 1}, 1)
	old, err := cheaper.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	check("of another cost", old, "correct horse", true, true)
	// The PHC string of argon2id's reference implementation: argon2 somesalt -id -t 2 -m 16 -p 1, for "password".
	check("of the reference", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password", true, true)
}

func TestHashesThatAreNone(t *testing.T) {
	p := newPasswords(t, light, 1)
	good := "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if err := CheckHash(good); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"x", "$2y$10$abcdefghijklmnopqrstuv", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=64", "m=9999999", 1), strings.Replace(good, "m=64", "m=1", 1), strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=100", 1),
		strings.Replace(good, "p=1", "p=99", 1), good + "$x", good[:len(good)-30], strings.Replace(good, "c29tZXNhbHQ", "eA", 1), strings.Replace(good, "m=64", "m=064", 1), "$$$$$",
	} {
		if _, _, err := p.Check(t.Context(), hash, "password"); !errors.Is(err, ErrHash) {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

func TestPasswordsThatAreNone(t *testing.T) {
	for _, password := range []string{"", "short", "annannann", "ANNANNANN", strings.Repeat("x", MaxPassword+1), "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"} {
		if err := CheckPassword("annannann", password); !errors.Is(err, ErrPassword) {
			t.Errorf("%.20q: %v", password, err)
		}
	}
	if err := CheckPassword("ann", "correct horse"); err != nil {
		t.Error(err)
	}
	for _, c := range []Cost{{}, {MemoryKiB: 1, Passes: 1, Lanes: 1}, {MemoryKiB: 8, Passes: 1, Lanes: 2}, {MemoryKiB: 64, Lanes: 1}, {MemoryKiB: 64, Passes: 1}, {MemoryKiB: 2 << 20, Passes: 1, Lanes: 1}} {
		if _, err := NewPasswords(c, 1, prometheus.NewRegistry()); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestNoMoreThanThereIsRoomFor(t *testing.T) {
	p := newPasswords(t, light, 1)
	p.slots <- struct{}{} // somebody's turn
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	outcomes := make(chan error, 3*waitingEach)
	for range cap(outcomes) {
		wg.Go(func() {
			_, err := p.Hash(ctx, "correct horse")
			outcomes <- err
		})
	}
	for range cap(outcomes) - waitingEach {
		if err := <-outcomes; !errors.Is(err, ErrBusy) {
			t.Fatalf("beyond those who may wait: %v", err)
		}
	}
	cancel()
	wg.Wait()
	for range waitingEach {
		if err := <-outcomes; !errors.Is(err, context.Canceled) {
			t.Fatalf("who waited: %v", err)
		}
	}
	<-p.slots
	if _, err := p.Hash(t.Context(), "correct horse"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What one sign-in costs its server, at the cost that deployments have.
func BenchmarkPassword(b *testing.B) {
	p := newPasswords(b, DefaultCost(), 1)
	hash, err := p.Hash(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, _, err := p.Check(b.Context(), hash, "correct horse"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
