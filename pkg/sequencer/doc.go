// Package sequencer decides commands: one owner per partition, without transactions.
//
// Machine is the core: pure and deterministic, it takes records that were read and
// gives records to append. It decides on rows that hold everything decided so far,
// but stores only what counts by the reader's rule (events.Reader), so a turn that is
// lost leaves nothing behind. Role is the shell around it: the consumer group, the
// cursors, the clock and the metrics, over the log's port.
//
// The first change to a rule is in pkg/session. To find out why a turn was lost, look
// at annal_sequencer_turns_lost_total and the log line with the same reason.
package sequencer
