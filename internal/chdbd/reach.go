package chdbd

import (
	"strings"

	"annal/internal/chdb"
)

// A ClickHouse server keeps a user who only reads from files, other machines and other programs by its grants. The
// library has no grants, so functions that leave the database are refused by name.

// within are the table functions that stay inside. What else there is reaches out.
var within = map[string]bool{
	"numbers": true, "numbers_mt": true, "zeros": true, "zeros_mt": true, "primes": true, "generate_series": true, "generateseries": true,
	"generaterandom": true, "values": true, "null": true, "view": true, "viewifpermitted": true, "viewexplain": true, "merge": true, "format": true,
	"mergetreeindex": true, "mergetreeprojection": true, "mergetreeanalyzeindexes": true, "dictionary": true, "loop": true,
}

// reaching lists the functions that leave the database, in small letters.
func reaching(c *chdb.Conn) (map[string]bool, error) {
	r, err := c.Query(chdb.Statement{Text: "SELECT lower(name) FROM system.table_functions", Format: "TSVRaw"})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// Functions of rows that read files.
	all := map[string]bool{"file": true, "catboostevaluate": true}
	for name := range strings.Lines(string(r.Bytes())) {
		if name = strings.TrimSuffix(name, "\n"); !within[name] {
			all[name] = true
		}
	}
	return all, nil
}

// allowed refuses a statement that reaches out of the database.
func allowed(text string, reaching map[string]bool) error {
	t := tokens{text: text, names: true}
	for word, _ := t.next(); word != ""; word, _ = t.next() {
		word = strings.ToLower(word)
		if reaching[word] && t.peek() == '(' || word == "outfile" || word == "infile" {
			return fail(codeDenied, "Not enough privileges: %s is not for a user who only reads", word)
		}
	}
	return nil
}
