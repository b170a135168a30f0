package e2e

import (
	"testing"

	"annal/internal/annaltest"
)

func TestMain(m *testing.M) { annaltest.Main(m) }
