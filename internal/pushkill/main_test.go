package pushkill

import (
	"flag"
	"testing"
	"time"

	"annal/internal/annaltest"
)

func TestMain(m *testing.M) { annaltest.Main(m) }

// How much of it there is.
var (
	people    = flag.Int("people", 200, "how many people there are")
	messages  = flag.Int("messages", 600, "how many messages are sent")
	rate      = flag.Int("rate", 50, "how many messages are sent a second")
	killEvery = flag.Duration("kill-every", 2*time.Second, "how often a process is killed")
	seed      = flag.Uint64("seed", 7, "what people and messages are chosen by")
)
