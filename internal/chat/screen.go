package chat

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// maxTyped is the longest line taken from a pipe, in bytes.
const maxTyped = 1 << 20

// OpenScreen makes a screen of in and out: with a line editor when both are a
// terminal, line by line otherwise. restore puts the terminal back.
func OpenScreen(in io.Reader, out io.Writer) (s Screen, restore func(), err error) {
	inFile, _ := in.(*os.File)
	outFile, _ := out.(*os.File)
	if inFile == nil || outFile == nil || !term.IsTerminal(int(inFile.Fd())) || !term.IsTerminal(int(outFile.Fd())) {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxTyped)
		return &plain{in: lines, out: out}, func() {}, nil
	}
	before, err := term.MakeRaw(int(inFile.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("chat: terminal: %w", err)
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{inFile, outFile}, "> ")
	if width, height, err := term.GetSize(int(outFile.Fd())); err == nil && width > 0 && height > 0 {
		err = t.SetSize(width, height)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("chat: terminal: %w", err), term.Restore(int(inFile.Fd()), before))
		}
	}
	restore = func() {
		if err := term.Restore(int(inFile.Fd()), before); err != nil {
			fmt.Fprintln(out, "chat: terminal:", err)
		}
	}
	return &edited{t}, restore, nil
}

// edited is a terminal: what is printed goes above the line being typed.
type edited struct{ terminal *term.Terminal }

func (e *edited) ReadLine() (string, error) {
	line, err := e.terminal.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return line, err
}

func (e *edited) Print(line string) {
	fmt.Fprintln(e.terminal, line)
}

// OnKey implements Screen. The terminal asks at each key how to complete the line.
func (e *edited) OnKey(typed func(line string)) {
	e.terminal.AutoCompleteCallback = func(line string, _ int, _ rune) (string, int, bool) {
		typed(line)
		return "", 0, false
	}
}

// plain is a pipe or a file.
type plain struct {
	in  *bufio.Scanner
	mu  sync.Mutex
	out io.Writer
}

func (p *plain) ReadLine() (string, error) {
	if p.in.Scan() {
		return p.in.Text(), nil
	}
	if err := p.in.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

// OnKey implements Screen: a pipe has lines only.
func (p *plain) OnKey(func(string)) {}

func (p *plain) Print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.out, line)
}
