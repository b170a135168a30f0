//go:build race

package annaltest

// buildFlags are those that annal is built with: as the tests are.
var buildFlags = []string{"-race"}
