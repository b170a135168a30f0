package people

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"annal/pkg/events"
	"annal/pkg/login"
)

// Columns are those that an import may have, by the names in its first line; user is required.
func Columns() []string { return []string{"user", "password", "password_hash", "name", "status"} }

// Row is one of an import's.
type Row struct {
	Line                               int
	User, Password, Hash, Name, Status string
}

// Tally is what came of an import.
type Tally struct {
	Created int `json:"created"`
	// There were those who had an account: it is left as it is.
	There   int `json:"there"`
	Refused int `json:"refused"`
}

// ErrColumns says what an import begins with.
var ErrColumns = fmt.Errorf("people: the first line names the columns, some of %s, user among them", strings.Join(Columns(), ", "))

// Import makes accounts of a CSV (RFC 4180, UTF-8), whose first line names the columns. Who is there is left as they are, so that an import that
// was cut off may be run again. Each hears of every line that was refused.
func (a *Admin) Import(ctx context.Context, r io.Reader, refused func(line int, err error)) (Tally, error) {
	var t Tally
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrColumns, err)
	}
	columns := slices.Clone(header)
	if len(columns) > 0 {
		columns[0] = strings.TrimPrefix(columns[0], "\ufeff") // spreadsheets begin so
	}
	for i, c := range columns {
		if !slices.Contains(Columns(), c) || slices.Contains(columns[:i], c) {
			return t, fmt.Errorf("%w; not %q", ErrColumns, c)
		}
	}
	if !slices.Contains(columns, "user") {
		return t, ErrColumns
	}
	for ctx.Err() == nil {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			// Where one line ends and the next begins is not known any more.
			return t, fmt.Errorf("people: %w", err)
		}
		row := Row{}
		row.Line, _ = reader.FieldPos(0)
		for i, c := range columns {
			switch c {
			case "user":
				row.User = fields[i]
			case "password":
				row.Password = fields[i]
			case "password_hash":
				row.Hash = fields[i]
			case "name":
				row.Name = fields[i]
			case "status":
				row.Status = fields[i]
			}
		}
		err = a.importOne(ctx, row)
		switch {
		case err == nil:
			t.Created++
		case errors.Is(err, login.ErrExists):
			t.There++
			// The run before may have ended between the two.
			if err := login.TellSignUp(ctx, a.Table, a.Self, row.User); err != nil {
				return t, err
			}
		default:
			t.Refused++
			refused(row.Line, err)
		}
	}
	return t, ctx.Err()
}

func (a *Admin) importOne(ctx context.Context, row Row) error {
	if row.Password != "" && row.Hash != "" {
		return errors.New("people: want a password or its hash, not both")
	}
	if err := a.Create(ctx, row.User, row.Password, row.Hash); err != nil {
		return err
	}
	if row.Name == "" && row.Status == "" {
		return nil
	}
	return failed(a.Self.SetProfile(ctx, events.UserID(row.User), row.Name, row.Status))
}
