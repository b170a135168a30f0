// Package archtest keeps the shape of the code: which package may import which, what the pure core must not do, how
// packages are named, how long a file gets. The rules are the table in rules.go, each with its reason; the test runs
// them over this module (`go list -json ./...` and the syntax of each file), and each of them over a planted violation.
//
// Rules are about places (pkg/session), not about what exists: a rule for a package yet to come waits for it.
package archtest
