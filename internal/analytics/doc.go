// Package analytics tests what docs/analytics.md tells analysts: clients that others wrote, in Python, JavaScript and Go, ask its questions of an archive of
// the sample and must get its answers.
package analytics
