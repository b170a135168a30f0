package audit

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// block is a tar's.
const block = 512

// header is the one block that stands before a file of a bundle.
func header(name string, size int64) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644})
	return b.Bytes(), err
}

// untar reads a bundle's files. It takes nothing but what Export writes, bit for bit: what a lenient reader passes over could be
// changed unseen.
type untar struct {
	in   io.Reader
	left int64 // of the present file
	pad  int64 // of zeros behind it
}

// next goes to the file of that name, whose predecessor was read whole, and gives its size.
func (u *untar) next(name string) (int64, error) {
	if err := u.zeros(u.pad); err != nil {
		return 0, err
	}
	var got [block]byte
	if _, err := io.ReadFull(u.in, got[:]); err != nil {
		return 0, bad("%s is not there: the bundle is cut", name)
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(got[124:136]), "\x00 "), 8, 64)
	if err != nil || size < 0 {
		return 0, bad("%s: its header has no size", name)
	}
	want, err := header(name, size)
	if err != nil || !bytes.Equal(got[:], want) {
		return 0, bad("the header of %s is not as it must be", name)
	}
	u.left, u.pad = size, -size&(block-1)
	return size, nil
}

// Read reads the present file.
func (u *untar) Read(b []byte) (int, error) {
	if u.left == 0 {
		return 0, io.EOF
	}
	n, err := u.in.Read(b[:min(int64(len(b)), u.left)])
	u.left -= int64(n)
	if err == io.EOF && u.left > 0 {
		return n, errors.New("the bundle is cut")
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// end is two blocks of zeros, and nothing behind them.
func (u *untar) end() error {
	if err := u.zeros(u.pad + 2*block); err != nil {
		return err
	}
	if n, err := io.ReadFull(u.in, make([]byte, 1)); n != 0 || err != io.EOF {
		return bad("there is more behind its end")
	}
	return nil
}

func (u *untar) zeros(n int64) error {
	b := make([]byte, n)
	if _, err := io.ReadFull(u.in, b); err != nil {
		return bad("it is cut")
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return bad("there is something between its files or at its end")
	}
	return nil
}

// pack writes a tar of files; their contents have the sizes that are said.
func pack(out io.Writer, files []packed) error {
	for _, f := range files {
		h, err := header(f.name, f.size)
		if err != nil {
			return fmt.Errorf("audit: write bundle: %w", err)
		}
		if _, err := out.Write(h); err != nil {
			return fmt.Errorf("audit: write bundle: %w", err)
		}
		if n, err := io.Copy(out, f.from); err != nil || n != f.size {
			return fmt.Errorf("audit: write bundle: %d of %d bytes of %s: %w", n, f.size, f.name, err)
		}
		if _, err := out.Write(make([]byte, -f.size&(block-1))); err != nil {
			return fmt.Errorf("audit: write bundle: %w", err)
		}
	}
	if _, err := out.Write(make([]byte, 2*block)); err != nil {
		return fmt.Errorf("audit: write bundle: %w", err)
	}
	return nil
}

// packed is a file to be packed.
type packed struct {
	name string
	size int64
	from io.Reader
}
