-- What analysts query: {{.Database}}_v1, whose names, columns and meanings stay as they are. A change that a query could notice makes a v2
-- beside it (docs/analytics.md). Texts are masked, but for messages_with_texts, which is granted apart.

CREATE OR REPLACE VIEW {{.Database}}_v1.events{{.OnCluster}}
(
    session String COMMENT 'The session, by its id; for a command that could not be decoded the record''s key',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    partition Int32 COMMENT 'Where the record stands in annal.events',
    offset UInt64 COMMENT 'Where the record stands in its partition; with it the identity of the row',
    command UInt64 COMMENT 'The offset of its command in the same partition of annal.commands',
    owner LowCardinality(String) COMMENT 'The process that decided it, as its fence names it',
    outcome LowCardinality(String) COMMENT 'accepted, rejected, answered; unreadable for one of a newer program',
    event LowCardinality(String) COMMENT 'What happened (sent, revoked, added, read …), or what was asked for where it was refused (send, revoke …); empty for answers',
    code LowCardinality(String) COMMENT 'Why it was refused, or how it was answered: docs/errors.md',
    seq UInt64 COMMENT 'The place in the timeline; 0 for refusals, answers and markers',
    `index` UInt64 COMMENT 'A message''s number among messages, 0 for none',
    target UInt64 COMMENT 'The seq that it is about: the message that was revoked, or up to where was read; 0 for none',
    people Array(String) COMMENT 'Whom else it is about: let in, let out, muted',
    id UUID COMMENT 'The outcome''s id, and for a message the message''s',
    actor String COMMENT 'Who asked',
    service LowCardinality(String) COMMENT 'The service that acted for them; empty when they did',
    client_id String COMMENT 'The asker''s own id of the command',
    device String COMMENT 'The asker''s device',
    client_version LowCardinality(String) COMMENT 'The version of the asker''s client',
    time DateTime64(3, 'UTC') COMMENT 'Log time: when the broker took the command',
    origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first said, of what was imported',
    archived_at DateTime64(3, 'UTC') COMMENT 'When it was archived'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, partition, offset, command, owner, outcome, event, code, seq, `index`, target, people, id, actor, service, client_id,
    device, client_version, time, origin_time, archived_at
FROM {{.Database}}.events AS x
COMMENT 'Every outcome that counts, refusals and answers too, each once';

CREATE OR REPLACE VIEW {{.Database}}_v1.messages{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    seq UInt64 COMMENT 'The message''s place in the timeline; with the session its identity',
    `index` UInt64 COMMENT 'Its number among messages, dense from 1',
    id UUID COMMENT 'Its id',
    time DateTime64(3, 'UTC') COMMENT 'Log time of sending',
    origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first said, of what was imported',
    sender String COMMENT 'Who sent it',
    service String COMMENT 'The service that sent it for them; empty when they did',
    device String COMMENT 'The sender''s device',
    client_version String COMMENT 'The version of the sender''s client',
    kind LowCardinality(String) COMMENT 'text, image, file, audio, video, location, card, forward, custom or sealed',
    text String COMMENT 'What it says now: a text, a caption, a name or custom JSON; empty once it is revoked or deleted; every sign but spaces a *',
    versions UInt64 COMMENT 'How many versions there were, the first included',
    overridden_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the last override',
    revoked Bool COMMENT 'It was taken back',
    revoked_by String COMMENT 'Who took it back',
    revoked_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of that',
    deleted Bool COMMENT 'It was deleted for all',
    deleted_by String COMMENT 'Who deleted it',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of that',
    delete_reason String COMMENT 'The reason that was given; every sign that is no space a *',
    pinned Bool COMMENT 'It is pinned',
    reactions Map(String, UInt64) COMMENT 'How many people react with each emoji, words left out; empty once it is revoked or deleted',
    reply_to UInt64 COMMENT 'The seq of the message it replies to, 0 for none',
    thread UInt64 COMMENT 'The seq of the first message of its thread, 0 for none',
    mentions Array(String) COMMENT 'Whom it calls',
    mention_all Bool COMMENT 'It calls all',
    priority LowCardinality(String) COMMENT 'low, ordinary or high',
    reports UInt64 COMMENT 'How many people reported it',
    text_length UInt64 COMMENT 'How many characters the text has'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, seq, `index`, id, time, origin_time, sender, service, device, client_version, kind,
    replaceRegexpAll(x.text, '\\S', '*') AS text, versions, overridden_at, revoked, revoked_by, revoked_at, deleted, deleted_by, deleted_at,
    replaceRegexpAll(x.delete_reason, '\\S', '*') AS delete_reason, pinned, mapFilter((k, v) -> NOT match(k, '[\\pL\\pN]{2}'), x.reactions) AS reactions, reply_to, thread, mentions, mention_all, priority, reports, lengthUTF8(x.text) AS text_length
FROM {{.Database}}.messages AS x
COMMENT 'Messages as they are now, each once; their texts are masked';

CREATE OR REPLACE VIEW {{.Database}}_v1.messages_with_texts{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    seq UInt64 COMMENT 'The message''s place in the timeline; with the session its identity',
    `index` UInt64 COMMENT 'Its number among messages, dense from 1',
    id UUID COMMENT 'Its id',
    time DateTime64(3, 'UTC') COMMENT 'Log time of sending',
    origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first said, of what was imported',
    sender String COMMENT 'Who sent it',
    service String COMMENT 'The service that sent it for them; empty when they did',
    device String COMMENT 'The sender''s device',
    client_version String COMMENT 'The version of the sender''s client',
    kind LowCardinality(String) COMMENT 'text, image, file, audio, video, location, card, forward, custom or sealed',
    text String COMMENT 'What it says now: a text, a caption, a name or custom JSON; empty once it is revoked or deleted',
    versions UInt64 COMMENT 'How many versions there were, the first included',
    overridden_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the last override',
    revoked Bool COMMENT 'It was taken back',
    revoked_by String COMMENT 'Who took it back',
    revoked_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of that',
    deleted Bool COMMENT 'It was deleted for all',
    deleted_by String COMMENT 'Who deleted it',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of that',
    delete_reason String COMMENT 'The reason that was given',
    pinned Bool COMMENT 'It is pinned',
    reactions Map(String, UInt64) COMMENT 'How many people react with each emoji; empty once it is revoked or deleted',
    reply_to UInt64 COMMENT 'The seq of the message it replies to, 0 for none',
    thread UInt64 COMMENT 'The seq of the first message of its thread, 0 for none',
    mentions Array(String) COMMENT 'Whom it calls',
    mention_all Bool COMMENT 'It calls all',
    priority LowCardinality(String) COMMENT 'low, ordinary or high',
    reports UInt64 COMMENT 'How many people reported it',
    text_length UInt64 COMMENT 'How many characters the text has'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, seq, `index`, id, time, origin_time, sender, service, device, client_version, kind, text, versions, overridden_at, revoked,
    revoked_by, revoked_at, deleted, deleted_by, deleted_at, delete_reason, pinned, reactions, reply_to, thread, mentions, mention_all, priority,
    reports, lengthUTF8(x.text) AS text_length
FROM {{.Database}}.messages AS x
COMMENT 'Messages as they are now, each once, with their texts';

CREATE OR REPLACE VIEW {{.Database}}_v1.markers{{.OnCluster}}
(
    session String COMMENT 'The session',
    user String COMMENT 'Whose marker it is',
    read UInt64 COMMENT 'The seq up to which they read: what they sent and what was before they came counts as read',
    read_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the event that moved it there',
    delivered UInt64 COMMENT 'The seq up to which their devices said that they got it, 0 for none',
    delivered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the event that moved it there'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, user, read, read_at, delivered, delivered_at
FROM {{.Database}}.markers AS x
COMMENT 'How far people have read and got, one row for each person of a session';

CREATE OR REPLACE VIEW {{.Database}}_v1.stays{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    user String COMMENT 'Who was in it',
    `from` UInt64 COMMENT 'The seq of the event by which they came in; with session and user the identity of the row',
    from_time DateTime64(3, 'UTC') COMMENT 'Its log time',
    from_origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When they first came, of what was imported',
    came_by LowCardinality(String) COMMENT 'created, added or joined',
    let_in_by String COMMENT 'Who let them in',
    `to` UInt64 COMMENT 'The seq of the event by which they went, 0 while they are in',
    to_time Nullable(DateTime64(3, 'UTC')) COMMENT 'Its log time',
    to_origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When they first went, of what was imported',
    went_by LowCardinality(String) COMMENT 'left or removed; empty while they are in',
    let_out_by String COMMENT 'Who let them out'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, user, `from`, from_time, from_origin_time, came_by, let_in_by, `to`, to_time, to_origin_time, went_by, let_out_by
FROM {{.Database}}.stays AS x
COMMENT 'From coming to going, one row for each time that somebody was in';

CREATE OR REPLACE VIEW {{.Database}}_v1.members{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    user String COMMENT 'Who is in it',
    role LowCardinality(String) COMMENT 'member, admin or owner',
    since UInt64 COMMENT 'The seq of the event by which they came in',
    since_time DateTime64(3, 'UTC') COMMENT 'Its log time'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, user, role, since, since_time
FROM {{.Database}}.members AS x
COMMENT 'Who is in which session now';

CREATE OR REPLACE VIEW {{.Database}}_v1.sessions{{.OnCluster}}
(
    session String COMMENT 'The session',
    kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    title String COMMENT 'Its title',
    avatar String COMMENT 'Where its picture is',
    policy String COMMENT 'Its policy as JSON',
    created_at DateTime64(3, 'UTC') COMMENT 'Log time of its first event',
    created_by String COMMENT 'Who created it',
    closed Bool COMMENT 'It was dismissed, or everybody went',
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of that',
    base UInt64 COMMENT 'The number before the first seq',
    head UInt64 COMMENT 'The last seq',
    messages UInt64 COMMENT 'How many messages were sent, those revoked and deleted too',
    last_at DateTime64(3, 'UTC') COMMENT 'Log time of the last event with a seq',
    last_message_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the last message'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, kind, title, avatar, policy, created_at, created_by, closed, closed_at, base, head, messages, last_at, last_message_at
FROM {{.Database}}.sessions AS x
COMMENT 'Sessions as they are now, each once';

CREATE OR REPLACE VIEW {{.Database}}_v1.contacts{{.OnCluster}}
(
    session String COMMENT 'The direct session of the two',
    a String COMMENT 'One of the two: the first by their ids',
    b String COMMENT 'The other one',
    state LowCardinality(String) COMMENT 'contacts, asked or none',
    asked_by String COMMENT 'Who asked, while it is asked',
    since DateTime64(3, 'UTC') COMMENT 'Since when, by log time',
    a_blocks_b Bool COMMENT 'The first has blocked the other one',
    b_blocks_a Bool COMMENT 'The other one has blocked the first'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, a, b, state, asked_by, since, a_blocks_b, b_blocks_a
FROM {{.Database}}.contacts AS x
COMMENT 'Who is whose contact, one row for each two';

CREATE OR REPLACE VIEW {{.Database}}_v1.freshness{{.OnCluster}}
(
    partition Int32 COMMENT 'A partition of the log',
    archived UInt64 COMMENT 'Everything below this offset is archived',
    log_end UInt64 COMMENT 'Where the log ended when the archiver looked last',
    behind UInt64 COMMENT 'How many records were not archived then',
    newest Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the newest outcome that is archived',
    looked_at DateTime64(3, 'UTC') COMMENT 'When the archiver looked last; long ago: it does not run',
    looked_seconds_ago Float64 COMMENT 'How long ago that was'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    partition, archived, log_end, behind, newest, looked_at, looked_seconds_ago
FROM {{.Database}}.freshness AS x
COMMENT 'How far the archive is behind the log, by partition';

CREATE OR REPLACE VIEW {{.Database}}_v1.activity_per_hour{{.OnCluster}}
(
    hour DateTime('UTC') COMMENT 'The hour in UTC, by log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent then',
    people UInt64 COMMENT 'People who sent some',
    sessions UInt64 COMMENT 'Sessions in which some were sent'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toStartOfHour(time) AS hour, session_kind, count() AS messages, uniqExact(sender) AS people, uniqExact(session) AS sessions
FROM {{.Database}}.messages
GROUP BY hour, session_kind
COMMENT 'Messages and active people per hour and kind of session, by log time';

CREATE OR REPLACE VIEW {{.Database}}_v1.activity_per_hour_by_origin{{.OnCluster}}
(
    hour DateTime('UTC') COMMENT 'The hour in UTC, by the time when it was first said, or else log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent then',
    people UInt64 COMMENT 'People who sent some',
    sessions UInt64 COMMENT 'Sessions in which some were sent'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toStartOfHour(coalesce(origin_time, time)) AS hour, session_kind, count() AS messages, uniqExact(sender) AS people, uniqExact(session) AS sessions
FROM {{.Database}}.messages
GROUP BY hour, session_kind
COMMENT 'Messages and active people per hour and kind of session, by the time when it was first said, or else log time';

CREATE OR REPLACE VIEW {{.Database}}_v1.activity_per_day{{.OnCluster}}
(
    day Date COMMENT 'The day in UTC, by log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent then',
    people UInt64 COMMENT 'People who sent some',
    sessions UInt64 COMMENT 'Sessions in which some were sent'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(time, 'UTC') AS day, session_kind, count() AS messages, uniqExact(sender) AS people, uniqExact(session) AS sessions
FROM {{.Database}}.messages
GROUP BY day, session_kind
COMMENT 'Messages and active people per day and kind of session, by log time';

CREATE OR REPLACE VIEW {{.Database}}_v1.activity_per_day_by_origin{{.OnCluster}}
(
    day Date COMMENT 'The day in UTC, by the time when it was first said, or else log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent then',
    people UInt64 COMMENT 'People who sent some',
    sessions UInt64 COMMENT 'Sessions in which some were sent'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(coalesce(origin_time, time), 'UTC') AS day, session_kind, count() AS messages, uniqExact(sender) AS people, uniqExact(session) AS sessions
FROM {{.Database}}.messages
GROUP BY day, session_kind
COMMENT 'Messages and active people per day and kind of session, by the time when it was first said, or else log time';

CREATE OR REPLACE VIEW {{.Database}}_v1.activity_per_session{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent in it',
    people UInt64 COMMENT 'People who sent some',
    days UInt64 COMMENT 'Days in UTC on which some were sent',
    first DateTime64(3, 'UTC') COMMENT 'When the first was sent, by log time',
    last DateTime64(3, 'UTC') COMMENT 'When the last was sent, by log time'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, count() AS messages, uniqExact(sender) AS people, uniqExact(toDate(time, 'UTC')) AS days, min(time) AS first, max(time) AS last
FROM {{.Database}}.messages
GROUP BY session, session_kind
COMMENT 'Messages and active people per session, by log time';

CREATE OR REPLACE VIEW {{.Database}}_v1.activity_per_session_by_origin{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent in it',
    people UInt64 COMMENT 'People who sent some',
    days UInt64 COMMENT 'Days in UTC on which some were sent',
    first DateTime64(3, 'UTC') COMMENT 'When the first was sent, by the time when it was first said, or else log time',
    last DateTime64(3, 'UTC') COMMENT 'When the last was sent, by the time when it was first said, or else log time'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, count() AS messages, uniqExact(sender) AS people, uniqExact(toDate(coalesce(origin_time, time), 'UTC')) AS days, min(coalesce(origin_time, time)) AS first, max(coalesce(origin_time, time)) AS last
FROM {{.Database}}.messages
GROUP BY session, session_kind
COMMENT 'Messages and active people per session, by the time when it was first said, or else log time';

CREATE OR REPLACE VIEW {{.Database}}_v1.responses{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    seq UInt64 COMMENT 'The message that responds',
    sender String COMMENT 'Who responds',
    time DateTime64(3, 'UTC') COMMENT 'Log time of that message',
    origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first said, of what was imported',
    responds_to UInt64 COMMENT 'The message just before it',
    responds_to_sender String COMMENT 'Whose message that is',
    seconds Float64 COMMENT 'The time between the two, by log time',
    seconds_by_origin Nullable(Float64) COMMENT 'The time between the two, by when they were first said; where neither was imported by log time, and nothing where one was'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    session, session_kind, seq, sender, m.time AS time, m.origin_time AS origin_time, lagInFrame(m.seq) OVER w AS responds_to, lagInFrame(m.sender) OVER w AS responds_to_sender,
    dateDiff('millisecond', lagInFrame(m.time) OVER w, m.time) / 1000 AS seconds,
    if(isNull(m.origin_time) = isNull(lagInFrame(m.origin_time) OVER w),
        dateDiff('millisecond', lagInFrame(coalesce(m.origin_time, m.time)) OVER w, coalesce(m.origin_time, m.time)) / 1000, NULL) AS seconds_by_origin
FROM {{.Database}}.messages AS m
WINDOW w AS (PARTITION BY session ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
QUALIFY responds_to > 0 AND responds_to_sender != m.sender
COMMENT 'Messages that follow on one of another member, and how long after it they came';

CREATE OR REPLACE VIEW {{.Database}}_v1.read_latency{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    reader String COMMENT 'Who read',
    seq UInt64 COMMENT 'The newest message that they then had read',
    seconds Float64 COMMENT 'How long it had been there, by log time'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    r.session AS session, m.session_kind AS session_kind, r.actor AS reader, m.seq AS seq, dateDiff('millisecond', m.time, r.time) / 1000 AS seconds
FROM (SELECT session, actor, target, time FROM {{.Database}}.events WHERE outcome = 'accepted' AND event = 'read') AS r
ASOF INNER JOIN (SELECT session, session_kind, seq, time FROM {{.Database}}.messages) AS m ON r.session = m.session AND r.target >= m.seq
COMMENT 'Moves of read markers, and how long the newest message read had been there';

CREATE OR REPLACE VIEW {{.Database}}_v1.read_latency_per_day{{.OnCluster}}
(
    day Date COMMENT 'The day in UTC on which the messages were sent, by log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    reads UInt64 COMMENT 'Moves of read markers',
    p50 Float64 COMMENT 'Half of them came within so many seconds of the newest message read',
    p90 Float64 COMMENT 'Nine of ten',
    p99 Float64 COMMENT '99 of 100'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(m.time, 'UTC') AS day, l.session_kind AS session_kind, count() AS reads, quantileExact(0.5)(l.seconds) AS p50, quantileExact(0.9)(l.seconds) AS p90,
    quantileExact(0.99)(l.seconds) AS p99
FROM {{.Database}}_v1.read_latency AS l
INNER JOIN (SELECT session, seq, time FROM {{.Database}}.messages) AS m ON l.session = m.session AND l.seq = m.seq
GROUP BY day, session_kind
COMMENT 'How long messages waited to be read, in percentiles';

CREATE OR REPLACE VIEW {{.Database}}_v1.changes_per_day{{.OnCluster}}
(
    day Date COMMENT 'The day in UTC, by log time of sending',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    messages UInt64 COMMENT 'Messages sent on it',
    overridden UInt64 COMMENT 'Of these the ones that were overridden since',
    revoked UInt64 COMMENT 'Of these the ones that were revoked since',
    deleted UInt64 COMMENT 'Of these the ones that were deleted since',
    override_rate Float64 COMMENT 'overridden / messages',
    revoke_rate Float64 COMMENT 'revoked / messages',
    delete_rate Float64 COMMENT 'deleted / messages'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(m.time, 'UTC') AS day, session_kind, count() AS messages, countIf(m.versions > 1) AS overridden, countIf(m.revoked) AS revoked, countIf(m.deleted) AS deleted,
    overridden / messages AS override_rate, revoked / messages AS revoke_rate, deleted / messages AS delete_rate
FROM {{.Database}}.messages AS m
GROUP BY day, session_kind
COMMENT 'How many of the messages of a day were overridden, revoked or deleted';

CREATE OR REPLACE VIEW {{.Database}}_v1.growth_per_day{{.OnCluster}}
(
    day Date COMMENT 'The day in UTC, by log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    came UInt64 COMMENT 'How often somebody came into a session',
    went UInt64 COMMENT 'How often somebody went from one',
    members Int64 COMMENT 'How many memberships there were at the end of the day',
    churn Float64 COMMENT 'went / memberships at its beginning; 0 where there were none'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    day, session_kind, d.came AS came, d.went AS went, sum(d.came - d.went) OVER w AS members,
    if(members - d.came + d.went = 0, 0, d.went / (members - d.came + d.went)) AS churn
FROM
(
    SELECT toDate(s.at, 'UTC') AS day, session_kind, toInt64(countIf(s.step = 1)) AS came, toInt64(countIf(s.step = -1)) AS went
    FROM
    (
        SELECT session_kind, arrayJoin(if(to = 0, [(from_time, 1)], [(from_time, 1), (assumeNotNull(to_time), -1)])) AS change, change.1 AS at, change.2 AS step
        FROM {{.Database}}.stays
    ) AS s
    GROUP BY day, session_kind
) AS d
WINDOW w AS (PARTITION BY session_kind ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
COMMENT 'Growth and churn: who came and went, by day and kind of session';

CREATE OR REPLACE VIEW {{.Database}}_v1.rejections_per_day{{.OnCluster}}
(
    day Date COMMENT 'The day in UTC, by log time',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    event LowCardinality(String) COMMENT 'What was asked for',
    code LowCardinality(String) COMMENT 'Why it was refused: docs/errors.md',
    times UInt64 COMMENT 'How often',
    people UInt64 COMMENT 'How many people it happened to'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT toDate(e.time, 'UTC') AS day, session_kind, event, code, count() AS times, uniqExact(e.actor) AS people
FROM {{.Database}}.events AS e
WHERE e.outcome = 'rejected'
GROUP BY day, session_kind, event, code
COMMENT 'Refusals by what was asked for and why';
