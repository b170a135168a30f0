package pushrig

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"annal/internal/devstack"
	"annal/internal/devstack/pushfakes"
)

// Program is a sender that others wrote.
type Program struct {
	// Name is a path among the clients of devstack, or a program of the system's, which finds those under CLIENTS. Script is what it runs.
	Name, Script string
	// Trusts is the variable of its environment that says whose certificates it trusts.
	Trusts string
}

// Do has it do a task, which it gets as JSON, at a fake, and gives what it says.
func (p Program) Do(t *testing.T, at *pushfakes.Server, task any) []byte {
	t.Helper()
	clients, err := devstack.Cached("clients")
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, at.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(p.Name) != p.Name {
		p.Name = filepath.Join(clients, p.Name)
	}
	cmd := exec.CommandContext(t.Context(), p.Name, p.Script)
	cmd.Stdin, cmd.Env = bytes.NewReader(in), append(os.Environ(), "CLIENTS="+clients, p.Trusts+"="+ca)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, complaints.Bytes())
	}
	return out
}
