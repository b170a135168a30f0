// Package app wires the parts of Annal into processes. It is the only place that
// knows all of them.
package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// The roles a process may have.
const (
	RoleGateway   = "gateway"
	RoleSequencer = "sequencer"
	RoleHot       = "hot"
)

// Roles are all roles.
func Roles() []string { return []string{RoleGateway, RoleSequencer, RoleHot} }

// Config is what a server process is told.
type Config struct {
	// HTTP is the address to listen on, host:port; port 0 takes a free one.
	HTTP string
	// EndpointsFile is written once the process is ready; empty: none.
	EndpointsFile string
	// Data is the directory of everything the process keeps.
	Data  string
	Roles []string
	// Kafka are bootstrap addresses.
	Kafka []string
	// Redis is an address, or those of several nodes of a cluster with commas between.
	Redis string
	// Prefix goes before the names of topics, groups and view keys.
	Prefix string
	// AuthKeys is the file of public keys that tokens are checked with.
	AuthKeys string

	Version string
	Log     *slog.Logger

	// The rest is set by Dev.
	clusterID string
	embedded  bool
	minISR    int
	token     string

	announce func(httpURL string)
}

// Errors of Validate.
var (
	ErrNoRoles = errors.New("app: --roles is empty")
	ErrNoKafka = errors.New("app: --kafka is missing")
	ErrNoRedis = errors.New("app: --redis is missing: roles gateway and hot need it")
	ErrNoKeys  = errors.New("app: --auth-keys is missing: role gateway checks tokens with it")
	ErrNoData  = errors.New("app: --data is empty")
)

// Validate refuses what can't work.
func (c Config) Validate() error {
	if len(c.Roles) == 0 {
		return ErrNoRoles
	}
	for _, r := range c.Roles {
		if !slices.Contains(Roles(), r) {
			return fmt.Errorf("app: unknown role %q: want some of %s", r, strings.Join(Roles(), ", "))
		}
	}
	switch {
	case len(c.Kafka) == 0:
		return ErrNoKafka
	case c.Redis == "" && (c.has(RoleGateway) || c.has(RoleHot)):
		return ErrNoRedis
	case c.AuthKeys == "" && c.has(RoleGateway):
		return ErrNoKeys
	case c.Data == "":
		return ErrNoData
	}
	return nil
}

func (c Config) has(role string) bool { return slices.Contains(c.Roles, role) }
