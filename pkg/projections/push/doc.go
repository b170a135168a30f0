// Package push tells the phones of people who aren't looking. It follows the log, and says of every message and device whether
// a notification is to be brought, and why; notifications are brought by services, one a vendor (pkg/connectors/apns and others).
//
// A notification is a side effect: it can't be taken back by rebuilding. So nothing old is told, and what was decided once stands.
package push
