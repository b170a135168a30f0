package chdb

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrMissing says that the library is not where it was looked for. `make engines` fetches it.
var ErrMissing = errors.New("chdb: libchdb.so is missing, run make engines")

// Handles of libchdb's. They point into the library's own memory.
type (
	connection *unsafe.Pointer
	result     unsafe.Pointer
)

// Library is libchdb, loaded, with its functions. A process can't unload it.
type Library struct {
	connect func(argc int, argv **byte) connection
	close   func(connection)
	query   statementFunc
	stream  statementFunc
	fetch   func(c unsafe.Pointer, stream result) result
	cancel  func(c unsafe.Pointer, stream result)
	destroy func(result)

	buffer       func(result) *byte
	length       func(result) uintptr
	rowsRead     func(result) uint64
	readRows     func(result) uint64
	readBytes    func(result) uint64
	writtenRows  func(result) uint64
	writtenBytes func(result) uint64
	elapsed      func(result) float64
	failure      func(result) *byte

	setSignalHandlers func(on bool)
}

// statementFunc runs a statement: text, the format of its result, and parameters by name, all with their lengths.
type statementFunc func(
	c unsafe.Pointer, text *byte, textLen int, format *byte, formatLen int,
	names **byte, nameLens *int, values **byte, valueLens *int, n int,
) result

// Load loads the library at path, ErrMissing if there is none. It is half a GiB of code, most of which is
// never read from the disk.
func Load(path string) (l *Library, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("chdb: load %s: %w", path, err)
	}
	l = &Library{}
	for name, to := range map[string]any{
		"chdb_connect": &l.connect, "chdb_close_conn": &l.close, "chdb_query_with_params_n": &l.query,
		"chdb_stream_query_with_params_n": &l.stream, "chdb_stream_fetch_result": &l.fetch, "chdb_stream_cancel_query": &l.cancel,
		"chdb_destroy_query_result": &l.destroy, "chdb_result_buffer": &l.buffer, "chdb_result_length": &l.length,
		"chdb_result_rows_read": &l.rowsRead, "chdb_result_storage_rows_read": &l.readRows, "chdb_result_storage_bytes_read": &l.readBytes,
		"chdb_result_rows_written": &l.writtenRows, "chdb_result_bytes_written": &l.writtenBytes, "chdb_result_elapsed": &l.elapsed,
		"chdb_result_error": &l.failure, "chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("chdb: %s is not the version that is expected: %w", path, err)
		}
		purego.RegisterFunc(to, symbol)
	}
	// Signals are the program's own, not the engine's.
	l.setSignalHandlers(false)
	return l, nil
}

// Open connects to the data directory dir, which is made when it is not there. All connections of a process
// name the same one, and one stays open for as long as the engine is needed: closing the last stops it.
func (l *Library) Open(dir string) (*Conn, error) {
	args := [][]byte{append([]byte("chdb"), 0), append([]byte("--path="+dir), 0)}
	argv := []*byte{&args[0][0], &args[1][0]}
	handle := l.connect(len(argv), &argv[0])
	runtime.KeepAlive(args)
	if handle == nil {
		return nil, fmt.Errorf("chdb: cannot open %s: in use by another process, or not writable", dir)
	}
	return &Conn{l: l, handle: handle}, nil
}
