package protocol

import (
	"github.com/go-faster/jx"
)

// writer appends JSON. Fields at their zero value are left out, as in ProtoJSON.
type writer struct{ jx jx.Writer }

// key begins a field: a comma where one is due, then the name.
func (w *writer) key(name string) {
	if last := w.jx.Buf[len(w.jx.Buf)-1]; last != '{' && last != '[' {
		w.jx.Comma()
	}
	// Names are this package's own and need no escapes.
	w.jx.RawStr(`"`)
	w.jx.RawStr(name)
	w.jx.RawStr(`":`)
}

// open begins a field that is an object; end it with close.
func (w *writer) open(name string) {
	w.key(name)
	w.jx.ObjStart()
}

func (w *writer) close() { w.jx.ObjEnd() }

func (w *writer) str(name, v string) {
	if v != "" {
		w.always(name, v)
	}
}

// always writes a string even when it is empty.
func (w *writer) always(name, v string) {
	w.key(name)
	w.jx.Str(v)
}

func (w *writer) uint64(name string, v uint64) {
	if v != 0 {
		w.alwaysUint64(name, v)
	}
}

// alwaysUint64 writes a number even when it is 0.
func (w *writer) alwaysUint64(name string, v uint64) {
	w.key(name)
	w.jx.RawStr(`"`)
	w.jx.UInt64(v)
	w.jx.RawStr(`"`)
}

// optionalUint64 writes a number, also 0, where there is one.
func (w *writer) optionalUint64(name string, v *uint64) {
	if v != nil {
		w.alwaysUint64(name, *v)
	}
}

func (w *writer) int64(name string, v int64) {
	if v == 0 {
		return
	}
	w.key(name)
	w.jx.RawStr(`"`)
	w.jx.Int64(v)
	w.jx.RawStr(`"`)
}

func (w *writer) uint32(name string, v uint32) {
	if v != 0 {
		w.key(name)
		w.jx.UInt32(v)
	}
}

func (w *writer) boolean(name string, v bool) {
	if v {
		w.key(name)
		w.jx.True()
	}
}

// enum writes a value by name, or as a number where it has none.
func (w *writer) enum(name string, v int32, names map[int32]string) {
	if v != 0 {
		w.alwaysEnum(name, v, names)
	}
}

// alwaysEnum writes an enum even when it is unspecified.
func (w *writer) alwaysEnum(name string, v int32, names map[int32]string) {
	w.key(name)
	if text, ok := names[v]; ok {
		w.jx.Str(text)
		return
	}
	w.jx.Int32(v)
}

// list writes an array, leaving it out when it is empty.
func writeList[E any](w *writer, name string, all []E, write func(w *writer, e E)) {
	if len(all) > 0 {
		alwaysList(w, name, all, write)
	}
}

// alwaysList writes an array even when it is empty.
func alwaysList[E any](w *writer, name string, all []E, write func(w *writer, e E)) {
	w.key(name)
	w.jx.ArrStart()
	for i, e := range all {
		if i > 0 {
			w.jx.Comma()
		}
		write(w, e)
	}
	w.jx.ArrEnd()
}

func writeString(w *writer, s string) { w.jx.Str(s) }
