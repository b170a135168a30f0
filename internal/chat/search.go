package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	clientv1 "annal/gen/annal/client/v1"
)

// shownHits is how many hits are shown.
const shownHits = 10

// search shows the newest messages here that say a text, oldest of them first, as all else on the screen.
func (c *Chat) search(ctx context.Context, text string) {
	if text == "" {
		c.screen.Print("* /search TEXT")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pageWait)
	defer cancel()
	page, err := c.conn.Search(ctx, c.session, text, "", shownHits)
	if err != nil {
		c.screen.Print(fmt.Sprintf("! nothing searched: %v", err))
		return
	}
	hits := page.GetHits()
	switch {
	case len(hits) == 0:
		c.screen.Print("* nobody says that here")
	case page.GetNext() != "":
		c.screen.Print(fmt.Sprintf("* the newest %d; there may be more", len(hits)))
	}
	users := make([]string, len(hits))
	for i, h := range hits {
		users[i] = h.GetUser()
	}
	k := c.know(ctx, users...)
	for i := len(hits) - 1; i >= 0; i-- {
		c.screen.Print(c.hitLine(hits[i], k))
	}
}

// hitLine shows where a message says it.
func (c *Chat) hitLine(h *clientv1.SearchHit, k knowing) string {
	at := time.UnixMilli(h.GetTimeMs()).In(c.zone).Format("2006-01-02 15:04")
	return fmt.Sprintf("%s #%d %s: %s", at, h.GetSeq(), name(h.GetUser(), k), marked(h))
}

// marked is a snippet in one line, with what was looked for in brackets.
func marked(h *clientv1.SearchHit) string {
	runes := []rune(h.GetSnippet())
	var out strings.Builder
	at := 0
	for _, m := range h.GetMarks() {
		first, last := min(int(m.GetFirst()), len(runes)), min(int(m.GetFirst())+int(m.GetCount()), len(runes))
		if first < at || first == last {
			continue // not of this snippet
		}
		out.WriteString(string(runes[at:first]) + "[" + string(runes[first:last]) + "]")
		at = last
	}
	out.WriteString(string(runes[at:]))
	return clean(strings.Join(strings.Fields(out.String()), " "))
}
