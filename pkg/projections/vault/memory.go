package vault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a Bucket in memory, for tests and simulations.
type Memory struct {
	mu      sync.Mutex
	objects map[string][]byte
}

var _ Bucket = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{objects: map[string][]byte{}} }

// Put implements Bucket.
func (m *Memory) Put(ctx context.Context, name string, content []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[name]; taken {
		return fmt.Errorf("%w: %s", ErrExists, name)
	}
	m.objects[name] = slices.Clone(content)
	return nil
}

// Get implements Bucket.
func (m *Memory) Get(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.objects[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoObject, name)
	}
	from := min(max(offset, 0), int64(len(content)))
	to := int64(len(content))
	if length >= 0 {
		to = min(to, from+length)
	}
	return slices.Clone(content[from:to]), nil
}

// List implements Bucket.
func (m *Memory) List(ctx context.Context, prefix, after string, each func(Object) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	var listed []Object
	for _, name := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(name, prefix) && name > after {
			listed = append(listed, Object{Name: name, Bytes: int64(len(m.objects[name]))})
		}
	}
	m.mu.Unlock()
	for _, o := range listed {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}

// Damage replaces an object's content, or removes it when content is nil, as no writer may.
func (m *Memory) Damage(name string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if content == nil {
		delete(m.objects, name)
		return
	}
	m.objects[name] = slices.Clone(content)
}
