-- What the archive keeps. Every row may be inserted again, in any company: rows of one sorting key come together to the same row
-- (docs/decisions/0009-the-archive-only-inserts.md). Nobody reads these tables; the ordinary names are views with FINAL (0002).

CREATE TABLE IF NOT EXISTS {{.Database}}.event_rows{{.OnCluster}}
(
    session String COMMENT 'The record''s key',
    partition Int32 COMMENT 'Where the record stands in annal.events',
    offset UInt64 COMMENT 'Where the record stands in its partition' CODEC(Delta, ZSTD(1)),
    command UInt64 COMMENT 'The offset of its command in the same partition of annal.commands' CODEC(Delta, ZSTD(1)),
    owner LowCardinality(String) COMMENT 'The process that decided it, as its fence names it',
    outcome Enum8('accepted' = 1, 'rejected' = 2, 'answered' = 3, 'unreadable' = 4) COMMENT 'What came of the command',
    event LowCardinality(String) COMMENT 'What happened, or what was asked for where it was refused',
    code LowCardinality(String) COMMENT 'Why it was refused, or how it was answered',
    detail String COMMENT 'More about a refusal',
    seq UInt64 COMMENT 'The place in the timeline, 0 for none' CODEC(Delta, ZSTD(1)),
    `index` UInt64 COMMENT 'A message''s number among messages, 0 for none' CODEC(Delta, ZSTD(1)),
    target UInt64 COMMENT 'The seq that it is about, 0 for none',
    people Array(String) COMMENT 'Whom else it is about',
    id UUID COMMENT 'The outcome''s id, and for a message the message''s',
    actor String COMMENT 'Who asked',
    service LowCardinality(String) COMMENT 'The service that acted for them',
    client_id String COMMENT 'The asker''s own id of the command',
    device String COMMENT 'The asker''s device',
    client_version LowCardinality(String) COMMENT 'The version of the asker''s client',
    address String COMMENT 'The asker''s network address; empty where it is sealed',
    time DateTime64(3, 'UTC') COMMENT 'Log time' CODEC(Delta, ZSTD(1)),
    origin_time DateTime64(3, 'UTC') COMMENT 'When it was first said, of what was imported; 1970 for not given' CODEC(Delta, ZSTD(1)),
    prev_hash FixedString(32) COMMENT 'SHA-256 of the session''s outcome before',
    hash FixedString(32) COMMENT 'SHA-256 of bytes',
    bytes String COMMENT 'The record''s value as it stands in the log' CODEC(ZSTD(3)),
    archived_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the row was written' CODEC(Delta, ZSTD(1)),
    form UInt8 COMMENT 'How much the program that wrote the row understood: 0 nothing, else what there was to understand then',
    INDEX by_time time TYPE minmax GRANULARITY 1,
    INDEX by_actor actor TYPE bloom_filter(0.01) GRANULARITY 2,
    INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 2
)
ENGINE = {{engine "ReplacingMergeTree" "form"}}
PARTITION BY toYYYYMM(time)
ORDER BY (session, partition, offset)
COMMENT 'Counted outcomes, each once for every time it was written';

CREATE TABLE IF NOT EXISTS {{.Database}}.message_rows{{.OnCluster}}
(
    session String COMMENT 'The session',
    seq UInt64 COMMENT 'The message''s place in the timeline' CODEC(Delta, ZSTD(1)),
    `index` SimpleAggregateFunction(max, UInt64) COMMENT 'Its number among messages' CODEC(Delta, ZSTD(1)),
    id SimpleAggregateFunction(max, UUID) COMMENT 'Its id',
    time SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Log time of sending' CODEC(Delta, ZSTD(1)),
    origin_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When it was first said; 1970 for not given' CODEC(Delta, ZSTD(1)),
    sender SimpleAggregateFunction(max, String) COMMENT 'Who sent it',
    service SimpleAggregateFunction(max, String) COMMENT 'The service that sent it for them',
    device SimpleAggregateFunction(max, String) COMMENT 'The sender''s device',
    client_version SimpleAggregateFunction(max, String) COMMENT 'The version of the sender''s client',
    reply_to SimpleAggregateFunction(max, UInt64) COMMENT 'The message it replies to, 0 for none',
    thread SimpleAggregateFunction(max, UInt64) COMMENT 'The first message of its thread, 0 for none',
    mentions SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Whom it calls',
    mention_all SimpleAggregateFunction(max, UInt8) COMMENT '1: it calls all',
    priority SimpleAggregateFunction(max, UInt8) COMMENT '0 ordinary, 1 low, 2 high',
    body SimpleAggregateFunction(max, Tuple(seq UInt64, kind String, text String)) COMMENT 'What it says, by the seq of the event that said so' CODEC(ZSTD(3)),
    overrides SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) COMMENT 'The events that replaced its body',
    overridden_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Log time of the last of them',
    revoked SimpleAggregateFunction(max, Tuple(seq UInt64, time DateTime64(3, 'UTC'), who String)) COMMENT 'The event that revoked it',
    deleted SimpleAggregateFunction(max, Tuple(seq UInt64, time DateTime64(3, 'UTC'), who String, reason String)) COMMENT 'The event that deleted it for all',
    pinned SimpleAggregateFunction(max, UInt64) COMMENT 'The last event that pinned it',
    unpinned SimpleAggregateFunction(max, UInt64) COMMENT 'The last event that unpinned it',
    reacted SimpleAggregateFunction(maxMap, Map(String, UInt64)) COMMENT 'By person, a space and emoji the last event that put the reaction',
    unreacted SimpleAggregateFunction(maxMap, Map(String, UInt64)) COMMENT 'By person, a space and emoji the last event that took it back',
    reporters SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Who reported it'
)
ENGINE = {{engine "AggregatingMergeTree" ""}}
ORDER BY (session, seq)
COMMENT 'What single outcomes say of messages';

CREATE TABLE IF NOT EXISTS {{.Database}}.marker_rows{{.OnCluster}}
(
    session String COMMENT 'The session',
    user String COMMENT 'Whose marker it is',
    kind Enum8('read' = 1, 'delivered' = 2) COMMENT 'What it marks',
    seq UInt64 COMMENT 'Up to where',
    time DateTime64(3, 'UTC') COMMENT 'Log time of the event that moved it there'
)
ENGINE = {{engine "ReplacingMergeTree" "seq"}}
ORDER BY (session, user, kind)
COMMENT 'How far people have read and got; the highest of a key holds';

CREATE TABLE IF NOT EXISTS {{.Database}}.member_rows{{.OnCluster}}
(
    session String COMMENT 'The session',
    user String COMMENT 'Who',
    seq UInt64 COMMENT 'The event',
    step Enum8('in' = 1, 'out' = 2, 'role' = 3) COMMENT 'What it did: let in, let out, or another role',
    event LowCardinality(String) COMMENT 'The event''s name',
    role Enum8('none' = 0, 'member' = 1, 'admin' = 2, 'owner' = 3, 'unknown' = 127) COMMENT 'The role from then on',
    actor String COMMENT 'Who did it',
    time DateTime64(3, 'UTC') COMMENT 'Log time',
    origin_time DateTime64(3, 'UTC') COMMENT 'When it first happened, of what was imported; 1970 for not given'
)
ENGINE = {{engine "ReplacingMergeTree" ""}}
ORDER BY (session, user, seq)
COMMENT 'Steps of membership';

CREATE TABLE IF NOT EXISTS {{.Database}}.session_rows{{.OnCluster}}
(
    session String COMMENT 'The session',
    base SimpleAggregateFunction(max, UInt64) COMMENT 'The number before the first seq',
    created SimpleAggregateFunction(max, Tuple(seq UInt64, time DateTime64(3, 'UTC'), who String)) COMMENT 'The event that opened it',
    closed SimpleAggregateFunction(max, Tuple(seq UInt64, time DateTime64(3, 'UTC'), who String)) COMMENT 'The event that closed it',
    head SimpleAggregateFunction(max, UInt64) COMMENT 'The last seq',
    messages SimpleAggregateFunction(max, UInt64) COMMENT 'The last index',
    last_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Log time of the last event with a seq',
    last_message_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Log time of the last message',
    facts SimpleAggregateFunction(maxMap, Map(String, Tuple(seq UInt64, value String))) COMMENT 'What it says of itself, and its policy, each by the seq of the event that said so'
)
ENGINE = {{engine "AggregatingMergeTree" ""}}
ORDER BY session
COMMENT 'What single outcomes say of sessions';

CREATE TABLE IF NOT EXISTS {{.Database}}.contact_rows{{.OnCluster}}
(
    session String COMMENT 'The direct session',
    a SimpleAggregateFunction(max, String) COMMENT 'The first of the two, by their ids',
    b SimpleAggregateFunction(max, String) COMMENT 'The second',
    state SimpleAggregateFunction(max, Tuple(seq UInt64, state String, who String, text String, time DateTime64(3, 'UTC'))) COMMENT 'What they are, by the event that made it so',
    blocked SimpleAggregateFunction(maxMap, Map(String, UInt64)) COMMENT 'By person the last event by which they blocked the other one',
    unblocked SimpleAggregateFunction(maxMap, Map(String, UInt64)) COMMENT 'By person the last event by which they ended that'
)
ENGINE = {{engine "AggregatingMergeTree" ""}}
ORDER BY session
COMMENT 'What single outcomes say of two people';

CREATE TABLE IF NOT EXISTS {{.Database}}.progress_rows{{.OnCluster}}
(
    partition Int32 COMMENT 'A partition of annal.events',
    archived UInt64 COMMENT 'Every record below this offset is archived, if it counts',
    log_end UInt64 COMMENT 'The offset after the last record when that was so',
    time DateTime64(3, 'UTC') COMMENT 'Log time of the last outcome archived',
    at DateTime64(3, 'UTC') COMMENT 'When that was so, by the archiver''s clock'
)
ENGINE = {{engine "ReplacingMergeTree" "at"}}
ORDER BY partition
COMMENT 'How far the archiver is; the newest of a partition holds';
