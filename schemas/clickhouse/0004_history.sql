-- People's history is read by seq, in the order of the sessions' events. Those without a seq lie between the others, so that the lowest
-- seq of a granule is mostly 0: the second index tells it without them. A query that bounds both reads few granules.

ALTER TABLE {{.Database}}.event_rows{{.OnCluster}} ADD INDEX IF NOT EXISTS by_seq seq TYPE minmax GRANULARITY 1;

ALTER TABLE {{.Database}}.event_rows{{.OnCluster}} ADD INDEX IF NOT EXISTS by_seq_from if(seq = 0, 18446744073709551615, seq) TYPE minmax GRANULARITY 1;

ALTER TABLE {{.Database}}.event_rows{{.OnCluster}} MATERIALIZE INDEX by_seq;

ALTER TABLE {{.Database}}.event_rows{{.OnCluster}} MATERIALIZE INDEX by_seq_from;
