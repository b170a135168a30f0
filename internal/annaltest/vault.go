package annaltest

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"annal/internal/app"
	"annal/internal/devstack"
)

// StoreVault gives it an object store of its own, with a bucket, until the test ends.
func (d *Deployment) StoreVault(t *testing.T) {
	t.Helper()
	secret := rand.Text()
	store, err := devstack.StartS3(t.Context(), devstack.S3Options{AccessKey: "annaltest", SecretKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Stop(); err != nil {
			t.Error(err)
		}
	})
	d.Vault = app.DefaultVault()
	d.Vault.URL, d.Vault.AccessKey, d.Vault.SecretKeyFile = store.URL(), "annaltest", filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(d.Vault.SecretKeyFile, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Vault.Make(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}

func (d *Deployment) vaultFlags() []string {
	return []string{
		"--vault", d.Vault.URL, "--vault-bucket", d.Vault.Bucket, "--vault-access-key", d.Vault.AccessKey,
		"--vault-secret-key-file", d.Vault.SecretKeyFile, "--vault-seal-every", "1s",
	}
}
