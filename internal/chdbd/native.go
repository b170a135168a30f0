package chdbd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	ch "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// A client that names its revision of the protocol (client_protocol_version) is answered in it. The engine writes
// revision 0 of the Native format whatever is asked; a later one has some bytes around each block, and around
// each column from revision 54454 on, so blocks are read and written again.

// transcode gives blocks of revision 0 as blocks of the revision.
func transcode(native []byte, revision uint64) ([]byte, error) {
	reader := ch.NewReader(bytes.NewReader(native))
	var out ch.Buffer
	for {
		block := proto.NewBlock()
		err := block.Decode(reader, 0)
		if errors.Is(err, io.EOF) && len(block.Columns) == 0 {
			return out.Buf, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a block: %w", err)
		}
		if err := encode(&out, block, revision); err != nil {
			return nil, fmt.Errorf("write a block: %w", err)
		}
	}
}

// encode writes a block. The driver leaves out the byte that stands for each value of Nothing, the type of a bare NULL.
func encode(out *ch.Buffer, block *proto.Block, revision uint64) error {
	if err := block.EncodeHeader(out, revision); err != nil {
		return err
	}
	for i, column := range block.Columns {
		if err := block.EncodeColumn(out, revision, i); err != nil {
			return err
		}
		switch kind := string(column.Type()); {
		case kind == "Nullable(Nothing)":
			out.PutRaw(make([]byte, column.Rows()))
		case strings.Contains(kind, "Nothing") && kind != "Array(Nothing)": // which is always empty
			return fmt.Errorf("%s is not supported", kind)
		}
	}
	return nil
}
