// Package endpoints is the file by which a running server tells clients where it is.
package endpoints

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// File is its content. Fields that the process has not are left out.
type File struct {
	// HTTP is the base URL of health, readiness and metrics.
	HTTP string `json:"http,omitempty"`
	// WS is the URL chat clients connect to.
	WS    string   `json:"ws,omitempty"`
	Kafka []string `json:"kafka,omitempty"`
	Redis string   `json:"redis,omitempty"`
	// ClickHouse is the archive's URL, and ClickHouseDatabase its database there.
	ClickHouse         string `json:"clickhouse,omitempty"`
	ClickHouseDatabase string `json:"clickhouse_database,omitempty"`
	// Vault is where the log goes on below Kafka's start.
	Vault *Vault `json:"vault,omitempty"`
	// PushApps is the file of the apps that are notified.
	PushApps string `json:"push_apps,omitempty"`
	// Token is the development service token; production servers write none.
	Token string `json:"token,omitempty"`
	// Prefix goes before topic and group names, empty in production.
	Prefix string `json:"prefix,omitempty"`
	// Data is the server's data directory, where `annal token` finds the development key.
	Data string `json:"data,omitempty"`
	PID  int    `json:"pid"`
	// Cluster is the log's id where the engine's own does not tell; Embedded says that
	// the engines are those of annal dev.
	Cluster  string `json:"cluster,omitempty"`
	Embedded bool   `json:"embedded,omitempty"`
}

// Vault names an object store, and files of what it is asked with.
type Vault struct {
	URL           string `json:"url"`
	Bucket        string `json:"bucket"`
	Region        string `json:"region"`
	AccessKey     string `json:"access_key"`
	SecretKeyFile string `json:"secret_key_file"`
	CAFile        string `json:"ca_file,omitempty"`
}

// Write replaces the file at once: a reader sees the old or the new one. It is for
// the owner's eyes, since it may hold a token.
func Write(path string, f File) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	next := path + ".next"
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	return nil
}

// Read reads what Write wrote.
func Read(path string) (File, error) {
	var f File
	data, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("endpoints: %w (is the server running?)", err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("endpoints: %s: %w", path, err)
	}
	return f, nil
}
