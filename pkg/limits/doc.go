// Package limits says how often people, devices, addresses and services may do what, over all gateways together. It protects the product, and
// people from each other; it decides no rule of a session, so none of it is in the log.
package limits
