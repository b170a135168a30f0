package chat

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// typingEvery is how often the others are told that the person goes on typing.
const typingEvery = 3 * time.Second

// typed hears of a key. The first of a line may begin a command, which is nobody's
// business; from the second on it shows.
func (c *Chat) typed(line string) {
	if line == "" || strings.HasPrefix(line, "/") || time.Since(c.typing) < typingEvery {
		return
	}
	c.typing = time.Now()
	c.conn.Typing(c.session)
}

// showTyping shows that somebody types, but not that the person does, on another device.
func (c *Chat) showTyping(ctx context.Context, user string) {
	if user != c.me {
		c.screen.Print(fmt.Sprintf("  … %s is typing", name(user, c.know(ctx, user))))
	}
}
