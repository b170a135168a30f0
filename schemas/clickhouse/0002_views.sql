-- The ordinary names: one row for each thing, at any moment, however often it was written.
--
-- A part of a tuple or map that is read from a table with FINAL is not put together as the whole is, but some row's. So tables
-- that have such columns are read whole in a query within, and their parts taken outside.

CREATE OR REPLACE VIEW {{.Database}}.events{{.OnCluster}}
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
    detail String COMMENT 'More about a refusal',
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
    address String COMMENT 'The asker''s network address',
    time DateTime64(3, 'UTC') COMMENT 'Log time: when the broker took the command',
    origin_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first said, of what was imported',
    prev_hash String COMMENT 'SHA-256 of the session''s outcome before, in hex; zeros for the first',
    hash String COMMENT 'SHA-256 of bytes, in hex',
    bytes String COMMENT 'The record''s value as it stands in the log',
    archived_at DateTime64(3, 'UTC') COMMENT 'When it was archived'
)
AS SELECT
    session, transform(left(session, 2), ['d_', 'g_', 's_', 'c_'], ['direct', 'group', 'self', 'channel'], '') AS session_kind,
    partition, offset, command, owner, outcome, event, code, detail, seq, `index`, target, people, id, actor, service, client_id, device,
    client_version, address, time, if(r.origin_time = 0, NULL, r.origin_time) AS origin_time, lower(hex(r.prev_hash)) AS prev_hash,
    lower(hex(r.hash)) AS hash, bytes, archived_at
FROM {{.Database}}.event_rows AS r FINAL
COMMENT 'Every outcome that counts, refusals and answers too, each once';

CREATE OR REPLACE VIEW {{.Database}}.messages{{.OnCluster}}
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
    reports UInt64 COMMENT 'How many people reported it'
)
AS SELECT
    session, transform(left(session, 2), ['d_', 'g_', 's_', 'c_'], ['direct', 'group', 'self', 'channel'], '') AS session_kind,
    seq, `index`, id, time, if(m.origin_time = 0, NULL, m.origin_time) AS origin_time, sender, service, device, client_version,
    m.body.kind AS kind, if(revoked OR deleted, '', m.body.text) AS text, 1 + length(m.overrides) AS versions,
    if(m.overridden_at = 0, NULL, m.overridden_at) AS overridden_at,
    m.revoked.seq > 0 AS revoked, m.revoked.who AS revoked_by, if(m.revoked.seq = 0, NULL, m.revoked.time) AS revoked_at,
    m.deleted.seq > 0 AS deleted, m.deleted.who AS deleted_by, if(m.deleted.seq = 0, NULL, m.deleted.time) AS deleted_at,
    m.deleted.reason AS delete_reason,
    m.pinned > m.unpinned AND NOT (revoked OR deleted) AS pinned,
    if(revoked OR deleted, map(), arrayReduce('sumMap', arrayMap(k -> map(substring(k, position(k, ' ') + 1), toUInt64(1)),
        mapKeys(mapFilter((k, v) -> v > m.unreacted[k], m.reacted))))) AS reactions,
    reply_to, thread, arraySort(m.mentions) AS mentions, m.mention_all > 0 AS mention_all,
    ['ordinary', 'low', 'high'][m.priority + 1] AS priority, length(m.reporters) AS reports
FROM (SELECT * FROM {{.Database}}.message_rows FINAL) AS m
WHERE m.`index` > 0
COMMENT 'Messages as they are now, each once';

CREATE OR REPLACE VIEW {{.Database}}.markers{{.OnCluster}}
(
    session String COMMENT 'The session',
    user String COMMENT 'Whose marker it is',
    read UInt64 COMMENT 'The seq up to which they read: what they sent and what was before they came counts as read',
    read_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the event that moved it there',
    delivered UInt64 COMMENT 'The seq up to which their devices said that they got it, 0 for none',
    delivered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the event that moved it there'
)
AS SELECT
    session, user, maxIf(r.seq, kind = 'read') AS read, if(read = 0, NULL, maxIf(r.time, kind = 'read')) AS read_at,
    maxIf(r.seq, kind = 'delivered') AS delivered, if(delivered = 0, NULL, maxIf(r.time, kind = 'delivered')) AS delivered_at
FROM {{.Database}}.marker_rows AS r FINAL
GROUP BY session, user
COMMENT 'How far people have read and got, one row for each person of a session';

CREATE OR REPLACE VIEW {{.Database}}.stays{{.OnCluster}}
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
AS SELECT
    session, transform(left(session, 2), ['d_', 'g_', 's_', 'c_'], ['direct', 'group', 'self', 'channel'], '') AS session_kind,
    user, (stay.1).1 AS `from`, (stay.1).3 AS from_time, if((stay.1).4 = 0, NULL, (stay.1).4) AS from_origin_time, (stay.1).5 AS came_by, (stay.1).6 AS let_in_by,
    (stay.2).1 AS `to`, if(`to` = 0, NULL, (stay.2).3) AS to_time, if(`to` = 0 OR (stay.2).4 = 0, NULL, (stay.2).4) AS to_origin_time,
    (stay.2).5 AS went_by, (stay.2).6 AS let_out_by
FROM
(
    -- By person, so that a question about a session reads that session alone: a window would read all of them.
    SELECT session, user, arraySort(groupArray((seq, step = 'in', time, origin_time, toString(event), actor))) AS steps
    FROM (SELECT * FROM {{.Database}}.member_rows FINAL WHERE step != 'role')
    GROUP BY session, user
)
ARRAY JOIN arrayFilter(s -> (s.1).2, arrayZip(steps, arrayShiftLeft(steps, 1))) AS stay
COMMENT 'From coming to going, one row for each time that somebody was in';

CREATE OR REPLACE VIEW {{.Database}}.members{{.OnCluster}}
(
    session String COMMENT 'The session',
    session_kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    user String COMMENT 'Who is in it',
    role LowCardinality(String) COMMENT 'member, admin or owner',
    since UInt64 COMMENT 'The seq of the event by which they came in',
    since_time DateTime64(3, 'UTC') COMMENT 'Its log time'
)
AS SELECT
    session, transform(left(session, 2), ['d_', 'g_', 's_', 'c_'], ['direct', 'group', 'self', 'channel'], '') AS session_kind,
    user, toString(argMax(r.role, r.seq)) AS role, maxIf(r.seq, r.step = 'in') AS since, maxIf(r.time, r.step = 'in') AS since_time
FROM {{.Database}}.member_rows AS r FINAL
GROUP BY session, user
HAVING argMax(r.step, r.seq) != 'out'
COMMENT 'Who is in which session now';

CREATE OR REPLACE VIEW {{.Database}}.sessions{{.OnCluster}}
(
    session String COMMENT 'The session',
    kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    title String COMMENT 'Its title',
    avatar String COMMENT 'Where its picture is',
    notice String COMMENT 'Its notice',
    description String COMMENT 'Its description',
    custom Map(String, String) COMMENT 'Fields of the applications',
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
AS SELECT
    session, transform(left(session, 2), ['d_', 'g_', 's_', 'c_'], ['direct', 'group', 'self', 'channel'], '') AS kind,
    r.facts['title'].2 AS title, r.facts['avatar'].2 AS avatar, r.facts['notice'].2 AS notice, r.facts['description'].2 AS description,
    mapApply((k, v) -> (substring(k, 8), v.2), mapFilter((k, v) -> startsWith(k, 'custom ') AND v.2 != '', r.facts)) AS custom,
    r.facts['policy'].2 AS policy, r.created.time AS created_at, r.created.who AS created_by,
    r.closed.seq > 0 AS closed, if(r.closed.seq = 0, NULL, r.closed.time) AS closed_at, base, head, messages, r.last_time AS last_at,
    if(r.last_message_time = 0, NULL, r.last_message_time) AS last_message_at
FROM (SELECT * FROM {{.Database}}.session_rows FINAL) AS r
WHERE r.created.seq > 0
COMMENT 'Sessions as they are now, each once';

CREATE OR REPLACE VIEW {{.Database}}.contacts{{.OnCluster}}
(
    session String COMMENT 'The direct session of the two',
    a String COMMENT 'One of the two: the first by their ids',
    b String COMMENT 'The other one',
    state LowCardinality(String) COMMENT 'contacts, asked or none',
    asked_by String COMMENT 'Who asked, while it is asked',
    asked_with String COMMENT 'What they asked with',
    since DateTime64(3, 'UTC') COMMENT 'Since when, by log time',
    a_blocks_b Bool COMMENT 'The first has blocked the other one',
    b_blocks_a Bool COMMENT 'The other one has blocked the first'
)
AS SELECT
    session, a, b, r.state.2 AS state, if(r.state.2 = 'asked', r.state.3, '') AS asked_by, if(r.state.2 = 'asked', r.state.4, '') AS asked_with,
    r.state.5 AS since, r.blocked[a] > r.unblocked[a] AS a_blocks_b, r.blocked[b] > r.unblocked[b] AS b_blocks_a
FROM (SELECT * FROM {{.Database}}.contact_rows FINAL) AS r
WHERE a != ''
COMMENT 'Who is whose contact, one row for each two';

CREATE OR REPLACE VIEW {{.Database}}.freshness{{.OnCluster}}
(
    partition Int32 COMMENT 'A partition of the log',
    archived UInt64 COMMENT 'Everything below this offset is archived',
    log_end UInt64 COMMENT 'Where the log ended when the archiver looked last',
    behind UInt64 COMMENT 'How many records were not archived then',
    newest Nullable(DateTime64(3, 'UTC')) COMMENT 'Log time of the newest outcome that is archived',
    looked_at DateTime64(3, 'UTC') COMMENT 'When the archiver looked last; long ago: it does not run',
    looked_seconds_ago Float64 COMMENT 'How long ago that was'
)
AS SELECT
    partition, archived, log_end, if(log_end > archived, log_end - archived, 0) AS behind, if(r.time = 0, NULL, r.time) AS newest, r.at AS looked_at,
    dateDiff('millisecond', r.at, now64(3, 'UTC')) / 1000 AS looked_seconds_ago
FROM {{.Database}}.progress_rows AS r FINAL
COMMENT 'How far the archive is behind the log, by partition';
