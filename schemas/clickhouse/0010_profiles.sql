-- What users say of themselves, and whom they let see and do what: of their own sessions.

CREATE OR REPLACE VIEW {{.Database}}.sessions{{.OnCluster}}
(
    session String COMMENT 'The session',
    kind LowCardinality(String) COMMENT 'direct, group, self or channel',
    title String COMMENT 'Its title',
    avatar String COMMENT 'Where its picture is',
    notice String COMMENT 'Its notice',
    description String COMMENT 'Its description',
    custom Map(String, String) COMMENT 'Fields of the applications',
    profile String COMMENT 'What the user of a self session says of themselves, as JSON; empty for nothing',
    privacy String COMMENT 'Whom the user of a self session lets do what, as JSON; empty for what everybody has who said nothing',
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
    r.facts['profile'].2 AS profile, r.facts['privacy'].2 AS privacy,
    r.facts['policy'].2 AS policy, r.created.time AS created_at, r.created.who AS created_by,
    r.closed.seq > 0 AS closed, if(r.closed.seq = 0, NULL, r.closed.time) AS closed_at, base, head, messages, r.last_time AS last_at,
    if(r.last_message_time = 0, NULL, r.last_message_time) AS last_message_at
FROM (SELECT * FROM {{.Database}}.session_rows FINAL) AS r
WHERE r.created.seq > 0
COMMENT 'Sessions as they are now, each once';

CREATE OR REPLACE VIEW {{.Database}}.profiles{{.OnCluster}}
(
    user String COMMENT 'The user',
    name String COMMENT 'What they call themselves',
    avatar String COMMENT 'Where their picture is',
    status String COMMENT 'Their status',
    custom Map(String, String) COMMENT 'Fields of the applications',
    last_seen LowCardinality(String) COMMENT 'Whom they let see when they were last there: everyone, contacts or nobody',
    add_me LowCardinality(String) COMMENT 'Whom they let add them to groups and channels',
    write_first LowCardinality(String) COMMENT 'Whom they let write to them first'
)
AS SELECT
    s.created_by AS user, JSONExtractString(s.profile, 'name') AS name, JSONExtractString(s.profile, 'avatar') AS avatar,
    JSONExtractString(s.profile, 'status') AS status, JSONExtract(s.profile, 'custom', 'Map(String, String)') AS custom,
    if(s.privacy = '', 'everyone', JSONExtractString(s.privacy, 'last_seen')) AS last_seen,
    if(s.privacy = '', 'everyone', JSONExtractString(s.privacy, 'add_me')) AS add_me,
    if(s.privacy = '', 'everyone', JSONExtractString(s.privacy, 'write_first')) AS write_first
FROM {{.Database}}.sessions AS s
WHERE s.kind = 'self' AND (s.profile != '' OR s.privacy != '')
COMMENT 'Users who say something of themselves or let not everybody do everything, each once';

CREATE OR REPLACE VIEW {{.Database}}_v1.profiles{{.OnCluster}}
(
    user String COMMENT 'The user',
    name String COMMENT 'What they call themselves',
    avatar String COMMENT 'Where their picture is',
    status String COMMENT 'Their status',
    custom Map(String, String) COMMENT 'Fields of the applications',
    last_seen LowCardinality(String) COMMENT 'Whom they let see when they were last there: everyone, contacts or nobody',
    add_me LowCardinality(String) COMMENT 'Whom they let add them to groups and channels',
    write_first LowCardinality(String) COMMENT 'Whom they let write to them first'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT user, name, avatar, status, custom, last_seen, add_me, write_first FROM {{.Database}}.profiles AS x
COMMENT 'Users who say something of themselves or let not everybody do everything, each once';
