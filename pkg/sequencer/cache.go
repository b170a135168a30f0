package sequencer

import "annal/pkg/events"

// rowOverhead is roughly what a cached row takes besides its key and bytes.
const rowOverhead = 160

// cache holds decoded rows of the store within a budget of bytes; a budget of 0 holds
// nothing. It has two generations: when the young one has filled half the budget it
// becomes the old one and what was not used since is let go, which needs no list to
// keep and costs no more than a map.
//
// Rows come in when they are loaded, not when they are written: most written rows are
// messages and client ids that nobody asks for again.
type cache struct {
	budget     int
	young, old map[rowKey]cachedRow
	bytes      int // of young
}

type cachedRow struct {
	row  events.Row
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

// put remembers a row that was loaded, of size stored bytes.
func (c *cache) put(k rowKey, row events.Row, size int) {
	// A decoded row takes about twice its stored bytes.
	c.add(k, cachedRow{row: row, size: rowOverhead + len(k.session) + len(k.key) + 2*size})
}

// update replaces a row, if it is here, by what is stored now; nil: removed.
func (c *cache) update(k rowKey, row events.Row, size int) {
	was, young := c.young[k]
	if young {
		c.bytes -= was.size
		delete(c.young, k)
	} else if _, old := c.old[k]; old {
		delete(c.old, k)
	} else {
		return
	}
	if row != nil {
		c.put(k, row, size)
	}
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
