package devstack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrEngineMissing says that an engine is not installed on this machine. `make engines` installs it.
var ErrEngineMissing = errors.New("engine missing, run make engines")

const loopback = "127.0.0.1"

// ports are those of loopback that an engine listens on. Each stays the engine's own from the choice to release, while
// the engine is down too: another test process that took it then would keep the engine from coming back.
type ports struct{ held []*os.File }

// choose takes one more port. Ports come from below the range that the kernel hands out to outgoing connections.
func (p *ports) choose() (int, error) {
	const low, high, attempts = 20000, 32000, 100
	for range attempts {
		port := low + rand.IntN(high-low)
		f, err := hold(port)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("devstack: hold port %d: %w", port, err)
		}
		p.held = append(p.held, f)
		return port, nil
	}
	return 0, fmt.Errorf("devstack: no free port among %d tried between %d and %d", attempts, low, high)
}

func (p *ports) release() error {
	var errs []error
	for _, f := range p.held {
		errs = append(errs, f.Close())
	}
	p.held = nil
	return errors.Join(errs...)
}

// hold binds a socket to port and never listens on it. The bind fails when anybody has the port, bound or listening,
// as it doesn't ask to share. Sharing is allowed afterwards, so that an engine, which asks for it as servers do,
// can listen there.
func hold(port int) (*os.File, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), hostport(port))
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), f.Close())
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return nil, errors.Join(os.NewSyscallError("setsockopt", err), f.Close())
	}
	return f, nil
}

func hostport(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

const tempPrefix = "annal-devstack-"

// tempDir makes a directory for one engine of this process, and removes those of processes that are gone: a killed
// test run can't clean up after itself.
func tempDir(engine string) (string, error) {
	if old, err := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*")); err == nil {
		for _, dir := range old {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), tempPrefix), "-")
			if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
				_ = os.RemoveAll(dir) // somebody else's leftovers: the next start tries again
			}
		}
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-%s-", tempPrefix, os.Getpid(), engine))
	if err != nil {
		return "", fmt.Errorf("devstack: %w", err)
	}
	return dir, nil
}

// placeFor returns the directory an engine works in (made if needed, absolute) and whether it is a temporary one.
func placeFor(dir, engine string) (abs string, temporary bool, err error) {
	if dir == "" {
		abs, err = tempDir(engine)
		return abs, true, err
	}
	abs, err = filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(abs, 0o755)
	}
	if err != nil {
		return "", false, fmt.Errorf("devstack: directory for %s: %w", engine, err)
	}
	return abs, false, nil
}

// lockDir takes dir for this process until the returned file is closed, or the process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "devstack.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("devstack: %s is in use by another process: %w", dir, err), f.Close())
	}
	return f, nil
}

// Cached finds path (such as kafka/libs) in the nearest .cache above the working directory, where `make engines`
// puts things: tests run in their package's directory, `annal dev` at the root.
func Cached(path string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("devstack: %w", err)
	}
	for {
		found := filepath.Join(dir, ".cache", path)
		if _, err := os.Stat(found); err == nil {
			return found, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("devstack: no .cache/%s here or above: %w", path, ErrEngineMissing)
		}
		dir = parent
	}
}
