// Package cases holds the acceptance tests of faults that users of other messengers reported, by the number each has in
// docs/verification.md. Every role runs in a process of its own (internal/annaltest), on Apache Kafka and Redis.
//
// Archive, push and presence come with later issues, and with them the parts of cases that speak of them; each test says
// which. Waits that take minutes are shortened here by settings; where a case stands and falls with the time itself, its
// comment names the test on fake time that has it in full.
package cases
