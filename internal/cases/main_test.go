package cases

import (
	"testing"

	"annal/internal/annaltest"
)

func TestMain(m *testing.M) { annaltest.Main(m) }
