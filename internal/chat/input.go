package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/client"
)

const help = `  text              say it
  /edit [SEQ] TEXT  change a message, your last one unless told otherwise
  /revoke [SEQ]     take a message back
  /delete SEQ       delete a message for all
  /read             mark all as read, and show who has read how far
  /history [SEQ]    show what came before, or what was said around a message
  /search TEXT      show the newest messages here that say it; /history SEQ shows what is around one
  /who              show who is here
  /info             show what the conversation says of itself
  /reply SEQ TEXT   reply to a message; @USER in a text calls somebody, @all everybody
  /react SEQ EMOJI  react to a message, or take it back with /unreact
  /pin SEQ          pin a message, or /unpin it
  /hide SEQ…        hide messages from yourself, on all your devices
  /report SEQ [WHY] tell the admins of a message
  /name TEXT        give the conversation a name, or a /notice
  /policy KEY=VALUE change what the rules go by; /policy alone says which there are
  /add USER…        let people in; /accept or /refuse who asked
  /remove USER…     put people out
  /invite [USES] [DURATION]
                    make a code that lets people in
  /join SESSION [CODE]
                    come in elsewhere, or /ask SESSION [TEXT] to be let in
  /role USER ROLE   make somebody member, admin or owner
  /mute USER|all DURATION
                    keep somebody from writing, until /unmute USER|all
  /contact ask|accept|refuse|remove|block|unblock
                    with one person: be contacts, or not
  /iam NAME         call yourself so, for everybody; /status TEXT says how you are
  /privacy WHAT WHO whom you let see last-seen, add-me and write-first: everyone, contacts or nobody
  /notify WHAT [SHOWING] [WHERE]
                    be notified of all, mentions or none, showing all, sender or nothing, while active: quiet or others
  /device NAME SERVICE PACKAGE TOKEN
                    have a device of yours notified there (docs/push.md); /device NAME off ends it
  /leave            leave the conversation; its owner may /dismiss it
  /typing           tell the others that you are typing
  /quit             leave the chat (not the conversation)`

// read takes what the person types until there is no more.
func (c *Chat) read(ctx context.Context) error {
	for {
		typed, err := c.screen.ReadLine()
		switch {
		case errors.Is(err, io.EOF):
			return errQuit
		case err != nil:
			return fmt.Errorf("chat: input: %w", err)
		}
		if err := c.line(ctx, typed); err != nil {
			return err
		}
	}
}

func (c *Chat) line(ctx context.Context, typed string) error {
	command, rest, _ := strings.Cut(strings.TrimSpace(typed), " ")
	rest = strings.TrimSpace(rest)
	switch command {
	case "":
	case "/quit":
		return errQuit
	case "/help":
		c.screen.Print(help)
	case "/edit":
		seq, text := c.target(ctx, rest)
		if seq == 0 || text == "" {
			c.screen.Print("* /edit [SEQ] TEXT: there is nothing to edit, or no text")
			return nil
		}
		c.send(ctx, client.Override{Session: c.session, Seq: seq, Text: text}, fmt.Sprintf("#%d is not edited", seq))
	case "/revoke":
		seq, more := c.target(ctx, rest)
		if seq == 0 || more != "" {
			c.screen.Print("* /revoke [SEQ]: there is nothing to revoke")
			return nil
		}
		c.send(ctx, client.Revoke{Session: c.session, Seq: seq}, fmt.Sprintf("#%d is not revoked", seq))
	case "/delete":
		seq, more := c.target(ctx, rest)
		if rest == "" || seq == 0 || more != "" {
			c.screen.Print("* /delete SEQ")
			return nil
		}
		c.send(ctx, client.Delete{Session: c.session, Seq: seq}, fmt.Sprintf("#%d is not deleted", seq))
	case "/read":
		c.readAll(ctx)
	case "/history":
		c.history(ctx, rest)
	case "/search":
		c.search(ctx, rest)
	case "/who":
		c.who(ctx)
	case "/typing":
		c.conn.Typing(c.session)
	case "/info":
		c.tell(ctx)
	case "/reply":
		c.reply(ctx, rest)
	case "/invite":
		c.invite(ctx, rest)
	default:
		if c.ask(ctx, command, rest) {
			return nil
		}
		if strings.HasPrefix(command, "/") && command != "/me" {
			c.screen.Print("* no such command; /help names them all")
			return nil
		}
		c.say(ctx, typed, 0)
	}
	return nil
}

// target reads an optional seq before the rest; without it, one's own last message,
// also when it was only just typed.
func (c *Chat) target(ctx context.Context, rest string) (uint64, string) {
	first, more, _ := strings.Cut(rest, " ")
	if seq, err := strconv.ParseUint(strings.TrimPrefix(first, "#"), 10, 64); err == nil {
		return seq, strings.TrimSpace(more)
	}
	c.settle(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mine, rest
}

// send asks for something, and says when it came to nothing.
func (c *Chat) send(ctx context.Context, op client.Op, otherwise string, opts ...client.CommandOption) {
	c.mu.Lock()
	c.unsent++
	c.mu.Unlock()
	c.conn.Go(ctx, op, func(a client.Ack, err error) {
		var refusal *client.Error
		switch {
		case errors.As(err, &refusal):
			c.screen.Print(fmt.Sprintf("! %s: %v", otherwise, refusal))
		case err != nil && ctx.Err() == nil:
			c.screen.Print(fmt.Sprintf("! %s: %v", otherwise, err))
		case err == nil && a.GetAnswered() != "" && !a.GetDuplicate():
			c.screen.Print(fmt.Sprintf("* nothing to do: %s", a.GetAnswered()))
		case err == nil && a.GetSession() != c.session:
			c.screen.Print("* done") // the event is shown elsewhere
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unsent--
		if a.GetSession() == c.session { // other sessions' seqs are not shown here
			c.acked = max(c.acked, a.GetSeq())
		}
		c.signal()
	}, opts...)
}

// history shows the page before the oldest event on the screen, or the one around an event.
func (c *Chat) history(ctx context.Context, rest string) {
	if rest != "" {
		c.around(ctx, rest)
		return
	}
	c.mu.Lock()
	oldest := c.oldest
	c.mu.Unlock()
	if oldest <= 1 {
		c.screen.Print("* this is the beginning")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pageWait)
	defer cancel()
	page, err := c.conn.History(ctx, c.session, client.Before(oldest), shownAtFirst)
	if err != nil {
		c.screen.Print(fmt.Sprintf("! no history: %v", err))
		return
	}
	c.showPage(ctx, page)
	if len(page.GetEvents()) == 0 {
		c.screen.Print("* there is nothing before")
	}
}

// around shows what was said before and after an event, which is not where the screen goes on.
func (c *Chat) around(ctx context.Context, rest string) {
	seq, err := strconv.ParseUint(strings.TrimPrefix(rest, "#"), 10, 64)
	if err != nil || seq == 0 {
		c.screen.Print("* /history SEQ")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pageWait)
	defer cancel()
	page, err := c.conn.History(ctx, c.session, client.Around(seq), shownAtFirst)
	if err != nil {
		c.screen.Print(fmt.Sprintf("! no history: %v", err))
		return
	}
	c.printPage(ctx, page)
}

// printPage prints a page as things stand now: messages with their present text.
func (c *Chat) printPage(ctx context.Context, page *clientv1.HistoryPage) {
	k := c.know(ctx, peopleOf(page.GetEvents()...)...)
	for _, e := range page.GetEvents() {
		switch e.GetEvent().(type) {
		case *clientv1.Event_Revoked, *clientv1.Event_Overridden, *clientv1.Event_Deleted, *clientv1.Event_Read:
			continue // the messages show it
		}
		c.screen.Print(line(e, k, c.zone))
	}
}

// showPage shows a page, and takes it for part of what is on the screen.
func (c *Chat) showPage(ctx context.Context, page *clientv1.HistoryPage) {
	c.printPage(ctx, page)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range page.GetEvents() {
		if c.oldest == 0 || e.GetSeq() < c.oldest {
			c.oldest = e.GetSeq()
		}
		c.noteIndex(e)
		if e.GetSent() != nil && e.GetUser() == c.me {
			c.mine = max(c.mine, e.GetSeq())
		}
		c.shown = max(c.shown, e.GetSeq())
	}
	c.signal()
	if page.GetWindowEnd() {
		c.screen.Print("* what came before is no longer kept")
	}
}
