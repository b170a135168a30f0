package chdbd

import (
	"bytes"
	"strings"
)

// format is what has to be known of an output format.
type format struct {
	name string
	// pieces says that pieces of a result, one behind the other, are the result: nothing stands around rows.
	pieces bool
	// header is how many lines stand above the rows of each piece, to be shown once.
	header int
	mime   string
}

const (
	tsv       = "text/tab-separated-values; charset=UTF-8"
	csv       = "text/csv; charset=UTF-8; header=absent"
	plain     = "text/plain; charset=UTF-8"
	bytesType = "application/octet-stream"
	jsonType  = "application/json; charset=UTF-8"
	linesType = "application/x-ndjson; charset=UTF-8"
)

// formats are those that come in pieces, and the types of contents that clients look at. All others are
// made as a whole.
var formats = map[string]format{
	"TabSeparated": {pieces: true, mime: tsv}, "TSV": {pieces: true, mime: tsv}, "TabSeparatedRaw": {pieces: true, mime: tsv}, "TSVRaw": {pieces: true, mime: tsv},
	"TabSeparatedWithNames": {pieces: true, header: 1, mime: tsv}, "TSVWithNames": {pieces: true, header: 1, mime: tsv},
	"TabSeparatedWithNamesAndTypes": {pieces: true, header: 2, mime: tsv}, "TSVWithNamesAndTypes": {pieces: true, header: 2, mime: tsv},
	"CSV": {pieces: true, mime: csv}, "CSVWithNames": {pieces: true, header: 1, mime: "text/csv; charset=UTF-8; header=present"},
	"CSVWithNamesAndTypes": {pieces: true, header: 2, mime: "text/csv; charset=UTF-8; header=present"},
	"JSONEachRow":          {pieces: true, mime: linesType}, "JSONLines": {pieces: true, mime: linesType}, "NDJSON": {pieces: true, mime: linesType},
	"JSONStringsEachRow": {pieces: true, mime: linesType}, "JSONCompactEachRow": {pieces: true, mime: linesType},
	"JSONCompactStringsEachRow":   {pieces: true, mime: linesType},
	"JSONCompactEachRowWithNames": {pieces: true, header: 1, mime: linesType}, "JSONCompactEachRowWithNamesAndTypes": {pieces: true, header: 2, mime: linesType},
	"RowBinary": {pieces: true, mime: bytesType}, "Native": {pieces: true, mime: bytesType}, "TSKV": {pieces: true, mime: plain},
	"LineAsString": {pieces: true, mime: plain}, "RawBLOB": {pieces: true, mime: bytesType}, "MsgPack": {pieces: true, mime: bytesType},
	"Null": {pieces: true, mime: plain},
	"JSON": {mime: jsonType}, "JSONCompact": {mime: jsonType}, "JSONStrings": {mime: jsonType}, "JSONColumns": {mime: jsonType},
	"JSONCompactColumns": {mime: jsonType}, "JSONColumnsWithMetadata": {mime: jsonType}, "JSONObjectEachRow": {mime: jsonType},
	"XML": {mime: "application/xml; charset=UTF-8"}, "Parquet": {mime: bytesType}, "Arrow": {mime: bytesType}, "ArrowStream": {mime: bytesType},
	"ORC": {mime: bytesType}, "RowBinaryWithNames": {mime: bytesType}, "RowBinaryWithNamesAndTypes": {mime: bytesType},
}

// formatNamed gives what is known of a format; the engine refuses what there is not.
func formatNamed(name string) format {
	f := formats[name]
	f.name = name
	if f.mime == "" {
		f.mime = plain
	}
	return f
}

// withoutHeader cuts a piece's header off. A line ends where no string of CSV or JSON goes on.
func (f format) withoutHeader(piece []byte) []byte {
	quotes := strings.HasPrefix(f.name, "CSV")
	for range f.header {
		end := bytes.IndexByte(piece, '\n')
		for at := 0; quotes && end >= 0 && bytes.Count(piece[at:end], []byte{'"'})%2 == 1; {
			next := bytes.IndexByte(piece[end+1:], '\n')
			if next < 0 {
				end = -1
				break
			}
			end += 1 + next
		}
		if end < 0 {
			return nil
		}
		piece = piece[end+1:]
	}
	return piece
}
