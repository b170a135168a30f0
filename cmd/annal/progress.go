package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far long work is, with its rate and the time that is left, when somebody looks: w is a terminal. step takes what is
// done of how much; end gives the line back.
func progress(w io.Writer, what, unit string) (step func(done, total int64), end func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int64, int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(unit), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
	return func(done, total int64) {
			bar.ChangeMax64(max(total, 1))
			_ = bar.Set64(done) // a bar that cannot be drawn stops nothing
		}, func() {
			_ = bar.Finish() // the line is given back
			fmt.Fprintln(f)
		}
}
