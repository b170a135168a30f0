-- How the archive is built anew beside itself (annal rebuild archive). Whoever writes to the archive looks here, each second: while a rebuild
-- says so, rows go to the tables of the same names with _next behind them as well.

CREATE TABLE IF NOT EXISTS {{.Database}}.rebuilds{{.OnCluster}}
(
    id UInt64 COMMENT 'The rebuild: 1, 2 and so on',
    version UInt64 COMMENT 'Its id times 100 and its phase: 10 writers are told to write twice, 20 filling, 30 swapping, 40 writers are told to stop that, 50 done, 90 being abandoned, 91 abandoned',
    holder String COMMENT 'Who is at it',
    ends Map(Int32, UInt64) COMMENT 'Up to where partitions of the log are filled in',
    news Map(String, String) COMMENT 'By table the UUID of the one that was made new',
    at DateTime64(3, 'UTC') COMMENT 'Since when it is in that phase'
)
ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY id
COMMENT 'Rebuilds of the archive; the highest version of each holds';

CREATE TABLE IF NOT EXISTS {{.Database}}.rebuild_fills{{.OnCluster}}
(
    id UInt64 COMMENT 'The rebuild',
    partition Int32 COMMENT 'A partition of annal.events',
    offset UInt64 COMMENT 'Everything below this offset is filled in',
    progress String COMMENT 'The reader''s state there',
    outcomes UInt64 COMMENT 'How many outcomes counted below it',
    refused UInt64 COMMENT 'How many of them ClickHouse refused'
)
ENGINE = {{engine "ReplacingMergeTree" "offset"}}
ORDER BY (id, partition)
COMMENT 'How far rebuilds are; the highest offset of each holds';

CREATE TABLE IF NOT EXISTS {{.Database}}.writers{{.OnCluster}}
(
    name String COMMENT 'A process that writes to the archive',
    number UInt64 COMMENT 'How often it said something',
    seen UInt64 COMMENT 'The version of a rebuild that all its insertions under way go by',
    until DateTime64(3, 'UTC') COMMENT 'No insertion that goes by it is under way after this'
)
ENGINE = {{engine "ReplacingMergeTree" "number"}}
ORDER BY name
COMMENT 'Who writes to the archive, and what they know of rebuilds';
