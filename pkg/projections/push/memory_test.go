package push_test

import (
	"testing"

	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushstoretest"
)

func TestMemory(t *testing.T) {
	pushstoretest.Run(t, func(*testing.T) push.Store { return push.NewMemory() })
}
