package sequencer_test

import (
	"testing"

	"annal/pkg/sequencer"
	"annal/pkg/sequencer/storetest"
)

func TestMemoryStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(int32) sequencer.Store {
		d := newDisk()
		return func(p int32) sequencer.Store {
			s, err := d.open(p)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
