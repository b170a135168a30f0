package limits

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scope is whose doings are counted together.
type Scope string

// The scopes. What a service does for a user counts as the service's alone.
const (
	User    Scope = "user"
	Device  Scope = "device"
	Address Scope = "address"
	Service Scope = "service"
)

// Class is what is counted.
type Class string

// The classes: a hello, a command to the log, a reading of a view or the archive, what is told to others and kept nowhere, and a try of a password.
const (
	Connect Class = "connect"
	Write   Class = "write"
	Read    Class = "read"
	Light   Class = "light"
	Login   Class = "login"
)

// Rate is how often: Burst at once, and one more after each Each.
type Rate struct {
	Burst int
	Each  time.Duration
}

// Kind is a class of a scope.
type Kind struct {
	Scope Scope
	Class Class
}

func (k Kind) String() string { return string(k.Scope) + "." + string(k.Class) }

// Table has the rates; what is not in it is not limited.
type Table map[Kind]Rate

// Bounds of rates.
const (
	maxBurst = 10_000_000
	leastEach,
	mostEach = time.Microsecond, time.Hour
	// mostBurst is in what time a whole burst may come back.
	mostBurst = 30 * 24 * time.Hour
)

// ErrTable says what a table looks like.
var ErrTable = errors.New("limits: want SCOPE.CLASS=N/s:BURST or N/m:BURST, or SCOPE.CLASS=off; scopes user, device, address, service; classes connect, write, read, light, login")

// Defaults are far above what a person does, and let an address have many people.
func Defaults() Table {
	second := func(n, burst int) Rate { return Rate{Burst: burst, Each: time.Second / time.Duration(n)} }
	return Table{
		{User, Connect}: second(20, 1000), {Device, Connect}: second(10, 500), {Address, Connect}: second(2000, 50_000),
		// Tries of passwords: from an address twenty of one name and then two a minute, and ten a second of all names; of one name from everywhere
		// a hundred and then one in five seconds, so that many addresses guess no faster, and lock nobody out for long.
		{Device, Login}: {Burst: 20, Each: 30 * time.Second}, {User, Login}: {Burst: 100, Each: 5 * time.Second}, {Address, Login}: second(10, 1000),
		{User, Write}: second(1000, 20_000), {User, Read}: second(1000, 20_000), {User, Light}: second(100, 1000),
	}
}

// With gives a table in which some are otherwise, each as SCOPE.CLASS=N/s:BURST, with m for a minute, or SCOPE.CLASS=off. Errors are ErrTable.
func (t Table) With(changes ...string) (Table, error) {
	out := maps.Clone(t)
	for _, text := range changes {
		name, value, ok := strings.Cut(text, "=")
		scope, class, dotted := strings.Cut(name, ".")
		k := Kind{Scope(scope), Class(class)}
		if !ok || !dotted || !k.known() {
			return nil, fmt.Errorf("%w, not %q", ErrTable, text)
		}
		if value == "off" {
			delete(out, k)
			continue
		}
		r, err := parseRate(value)
		if err != nil {
			return nil, fmt.Errorf("%w, not %q", ErrTable, text)
		}
		out[k] = r
	}
	return out, nil
}

func (k Kind) known() bool {
	return slices.Contains([]Scope{User, Device, Address, Service}, k.Scope) && slices.Contains([]Class{Connect, Write, Read, Light, Login}, k.Class)
}

func parseRate(text string) (Rate, error) {
	often, burst, _ := strings.Cut(text, ":")
	count, unit, _ := strings.Cut(often, "/")
	span := map[string]time.Duration{"s": time.Second, "m": time.Minute}[unit]
	n, err := strconv.Atoi(count)
	b, err2 := strconv.Atoi(burst)
	if err != nil || err2 != nil || span == 0 || n < 1 || b < 1 || b > maxBurst {
		return Rate{}, ErrTable
	}
	r := Rate{Burst: b, Each: span / time.Duration(n)}
	if r.Each < leastEach || r.Each > mostEach || time.Duration(b) > mostBurst/r.Each {
		return Rate{}, ErrTable
	}
	return r, nil
}
