// Package audit shows what was, proves that it was so, and says in the log itself that somebody looked: the state of a session
// at an instant, what became of a message, what somebody did, the chain of hashes, and bundles that others check without Annal.
package audit
