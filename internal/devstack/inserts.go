package devstack

import (
	"bytes"
	"sync"
)

// inserts knows of an INSERT on one connection to a ClickHouse server over HTTP, whose text stands in the request's first line.
// Nobody asks anything else there before it is answered.
type inserts struct {
	mu      sync.Mutex
	tail    []byte
	pending bool
}

var insertQuery = []byte("query=INSERT")

// see looks at what is sent, however it is cut into pieces.
func (i *inserts) see(b []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tail = append(i.tail, b...)
	i.pending = i.pending || bytes.Contains(i.tail, insertQuery)
	i.tail = append(i.tail[:0], i.tail[max(0, len(i.tail)-len(insertQuery)+1):]...)
}

// answersInsert says whether what comes answers an INSERT.
func (i *inserts) answersInsert() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	answers := i.pending
	i.pending = false
	return answers
}
