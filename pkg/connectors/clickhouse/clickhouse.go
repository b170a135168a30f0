// Package clickhouse keeps the archive in ClickHouse, by clickhouse-go over HTTP.
package clickhouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/projections/archive"
)

// Options say which ClickHouse, and what of it.
type Options struct {
	// URL is http://host:port or https://host:port.
	URL string
	// User and Password; the user is "default" when empty.
	User     string
	Password string
	// Database holds the archive; the analysts' views are in one of the same name with _v1 behind it.
	Database string
	// Cluster is the name of a cluster whose servers all keep the archive; empty: one server does.
	Cluster string
	// Timeout bounds an insertion into one table, and a question.
	Timeout time.Duration
	// HolderGone is after how much silence the process that builds the archive anew is taken for gone.
	HolderGone time.Duration
}

// Defaults are the settings where nothing else is said.
func Defaults() Options {
	return Options{Database: "annal", Timeout: time.Minute, HolderGone: 15 * time.Second}
}

// Errors of Open.
var (
	ErrURL  = errors.New("clickhouse: want http://host:port or https://host:port, without user and password")
	ErrName = errors.New("clickhouse: a name has letters, digits and _ only, begins with a letter and has 64 bytes at most")
)

var name = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,63}$`)

// Validate refuses what can't work.
func (o Options) Validate() error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return ErrURL
	case !name.MatchString(o.Database):
		return fmt.Errorf("%w: the database's is %q", ErrName, o.Database)
	case o.Cluster != "" && !name.MatchString(o.Cluster):
		return fmt.Errorf("%w: the cluster's is %q", ErrName, o.Cluster)
	}
	return nil
}

// ClickHouse is an archive. Its methods may be called by many at once.
type ClickHouse struct {
	opts   Options
	conn   conn.Conn
	writer *writer
}

var (
	_ archive.Store = (*ClickHouse)(nil)
	_ archive.View  = (*ClickHouse)(nil)

	_ archive.Builder = (*ClickHouse)(nil)
)

// maxConns is enough for all that a gateway asks at once by its own bounds: sixteen pages, each two questions, and four searches.
const maxConns = 36

// Open makes the connections, when they are needed: the server need not be there yet.
func Open(o Options) (*ClickHouse, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, ErrURL
	}
	if o.User == "" {
		o.User = "default"
	}
	d := &driver.Options{
		Addr: []string{u.Host}, Protocol: driver.HTTP, Auth: driver.Auth{Username: o.User, Password: o.Password},
		Compression: &driver.Compression{Method: driver.CompressionLZ4}, DialTimeout: 5 * time.Second, ReadTimeout: o.Timeout,
		MaxOpenConns: maxConns, MaxIdleConns: 4, ConnMaxLifetime: 10 * time.Minute,
		// Where rows are doubled by a retry they come together; what the server would do about that is not needed, and takes
		// equal blocks of different partitions for one.
		Settings: driver.Settings{"insert_deduplicate": 0, "async_insert": 0},
	}
	if o.Cluster != "" {
		d.Settings["insert_quorum"] = "auto"
	}
	if u.Scheme == "https" {
		d.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	c, err := driver.Open(d)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	return &ClickHouse{opts: o, conn: c, writer: newWriter()}, nil
}

// Close says that nothing more is written, and ends the connections.
func (c *ClickHouse) Close() error {
	c.withdraw()
	return c.conn.Close()
}

// codeOf is ClickHouse's code of an error, 0 when there is none.
func codeOf(err error) int32 {
	var e *driver.Exception
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// refused are codes of ClickHouse's about the rows themselves, which no waiting mends.
var refused = map[int32]bool{
	6:   true, // CANNOT_PARSE_TEXT
	26:  true, // CANNOT_PARSE_QUOTED_STRING
	27:  true, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	38:  true, // CANNOT_PARSE_DATE
	41:  true, // CANNOT_PARSE_DATETIME
	53:  true, // TYPE_MISMATCH
	69:  true, // ARGUMENT_OUT_OF_BOUND
	70:  true, // CANNOT_CONVERT_TYPE
	72:  true, // CANNOT_PARSE_NUMBER
	117: true, // INCORRECT_DATA
	131: true, // TOO_LARGE_STRING_SIZE
	376: true, // CANNOT_PARSE_UUID
	469: true, // VIOLATED_CONSTRAINT
	691: true, // UNKNOWN_ELEMENT_OF_ENUM
}

// failed says what failed.
func (c *ClickHouse) failed(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case refused[codeOf(err)]:
		return fmt.Errorf("clickhouse: %s: %w: %w", what, archive.ErrRefused, err)
	}
	return fmt.Errorf("clickhouse: %s: %w", what, err)
}
