package client

import (
	"context"
	"iter"

	clientv1 "annal/gen/annal/client/v1"
)

// Pages walks through a session's history page by page: up from After, and else down to what is older. It waits out whatever a
// later try may mend, such as an archive that is behind, until ctx ends; any other error is the last that it gives. Each page
// is read when it is asked for, and pages may have no events.
func (c *Client) Pages(
	ctx context.Context, session string, w Walk, limit uint32, filter *clientv1.HistoryFilter,
) iter.Seq2[*clientv1.HistoryPage, error] {
	_, up := w.(After)
	return func(yield func(*clientv1.HistoryPage, error) bool) {
		for {
			page, err := c.Filtered(ctx, session, w, limit, filter)
			if !yield(page, err) || err != nil {
				return
			}
			next := page.GetOlder()
			if up {
				next = page.GetNewer()
			}
			if next == "" {
				return
			}
			w = From(next)
		}
	}
}

// Search gives messages that say a text, newest first: in one session, or where that is empty in all of the user's; 20 hits when
// limit is 0, 50 at most. Cursor is empty for the first page, then the last page's next.
func (c *Client) Search(ctx context.Context, session, text, cursor string, limit uint32) (*clientv1.SearchPage, error) {
	op := &clientv1.Search{Session: session, Text: text, Cursor: cursor, Limit: limit}
	m := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Search{Search: op}}
	return query(ctx, c, m, (*clientv1.ServerFrame).GetSearch)
}
