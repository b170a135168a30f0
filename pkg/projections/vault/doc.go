// Package vault keeps the events topic for ever in object storage, and reads it there.
//
// A Vaulter (the role vault) follows the log and seals what counts into segments: an object of compressed blocks and, written
// behind it, a manifest that says what it covers, with hashes, and names the manifest before it. docs/vault-format.md has the
// bytes. Nothing is ever replaced or removed: the bucket alone says how far the vault is.
//
// A Log goes on below Kafka's first offset in those segments. Tools and roles get it from internal/app wherever a vault is
// configured (app.Open's Opened.Log, and what all roles are given), so whoever reads the events from offset 0 needs to know
// nothing of the vault: Bounds says that the log begins at 0, and a cursor passes from segments to Kafka without a repeat or a
// hole. What does not count is not in the vault; its offsets are absent there, as in a compacted topic. Session reads one
// session by the manifests' index, and Kafka's tail.
package vault
