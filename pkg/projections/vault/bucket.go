package vault

import (
	"context"
	"errors"
)

// Errors of a Bucket. All others may pass.
var (
	// ErrExists: the name is taken. What stands there was not touched.
	ErrExists = errors.New("vault: an object of this name exists")
	// ErrNoObject: there is none of this name.
	ErrNoObject = errors.New("vault: no such object")
	// ErrNoBucket: there is no bucket of that name.
	ErrNoBucket = errors.New("vault: the bucket is missing")
	// ErrDenied: the store refuses these credentials, or what they ask for.
	ErrDenied = errors.New("vault: the store denies access")
)

// MaxObjectBytes is the most that a Bucket takes in one object.
const MaxObjectBytes = 128 << 20

// Object is an object as it is listed.
type Object struct {
	Name  string
	Bytes int64
}

// Bucket is an object store's place for immutable objects. Its methods may be called from many goroutines, and return once
// done, failed (after bounded retries of their own) or when ctx ends.
type Bucket interface {
	// Put stores an object, which is not empty, whole, durably, under a name that is free, or gives ErrExists; of several at once one wins. After any
	// other error the object may be there. A retry of its own may meet what it stored: ErrExists then too.
	Put(ctx context.Context, name string, content []byte) error
	// Get gives length bytes from offset, and no more where the object ends; all from offset when length is negative. ErrNoObject.
	Get(ctx context.Context, name string, offset, length int64) ([]byte, error)
	// List calls each for the objects whose names begin with prefix and are above after, ascending by name's bytes. It ends with
	// each's first error. An object is listed once its Put has returned.
	List(ctx context.Context, prefix, after string, each func(Object) error) error
}
