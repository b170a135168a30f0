// Package presence says which connections each user has, over all gateways, and when a user who has none was last seen. It is about the
// moment, so none of it is in the log: what is lost of it is put back by the gateways that have the connections.
//
// A connection is put once and taken away when it ends, so one that is idle costs nothing. What makes it count in between is its node's sign:
// every node gives one every few seconds, and with a node that is killed all its connections end. A node also says up to which of its rounds
// it has put everything that it has: what was put before, and not since, was taken away without anybody hearing of it.
package presence
