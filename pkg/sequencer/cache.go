package sequencer

import "annal/pkg/events"

// rowOverhead is roughly what a cached row takes besides its key and bytes.
const rowOverhead = 160

// cache holds decoded rows of the store, and the absence of rows, within a budget of
// bytes; a budget of 0 holds nothing. It has two generations: when the young one has
// filled half the budget it becomes the old one and what was not used since is let
// go, which needs no list to keep and costs no more than a map.
type cache struct {
	budget     int
	young, old map[rowKey]cachedRow
	bytes      int // of young
}

type cachedRow struct {
	row  events.Row // nil: absent
	size int
}

func newCache(budget int) cache {
	return cache{budget: budget, young: map[rowKey]cachedRow{}}
}

func (c *cache) get(k rowKey) (events.Row, bool) {
	if r, ok := c.young[k]; ok {
		return r.row, true
	}
	r, ok := c.old[k]
	if ok {
		delete(c.old, k)
		c.add(k, r)
	}
	return r.row, ok
}

// put remembers a row of size stored bytes.
func (c *cache) put(k rowKey, row events.Row, size int) {
	delete(c.old, k)
	if was, ok := c.young[k]; ok {
		c.bytes -= was.size
		delete(c.young, k)
	}
	// A decoded row takes about twice its stored bytes.
	c.add(k, cachedRow{row: row, size: rowOverhead + len(k.session) + len(k.key) + 2*size})
}

func (c *cache) add(k rowKey, r cachedRow) {
	if r.size > c.budget/2 {
		return
	}
	if c.bytes+r.size > c.budget/2 {
		c.old, c.young = c.young, make(map[rowKey]cachedRow, len(c.young))
		c.bytes = 0
	}
	c.young[k] = r
	c.bytes += r.size
}
