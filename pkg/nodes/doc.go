// Package nodes says which gateways there are, and which of them a login is to connect to. A gateway announces itself again and
// again, so one that is killed is gone after a while; none of it is in the log.
package nodes
