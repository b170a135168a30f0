package archive_test

import (
	"testing"

	"annal/pkg/projections/archive"
	"annal/pkg/projections/archive/archivetest"
)

func TestMemoryConforms(t *testing.T) {
	archivetest.Run(t, func(*testing.T) archivetest.Archive { return archive.NewMemory() })
}
