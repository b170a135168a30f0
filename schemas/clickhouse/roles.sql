-- Who may see what: an analyst the views of {{.Database}}_v1 with masked texts, within limits; who is granted the texts as well,
-- messages_with_texts. Applied again with every migration; what an operator changed of the profile stays. Views are granted by name, so that at
-- no moment there is more than what is meant. The least a limit may be is 1, since 0 would be none.

CREATE ROLE IF NOT EXISTS {{.Database}}_analyst{{.OnCluster}};
CREATE ROLE IF NOT EXISTS {{.Database}}_texts{{.OnCluster}};
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.events TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.messages TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.markers TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.stays TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.members TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.sessions TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.contacts TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.freshness TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.activity_per_hour TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.activity_per_hour_by_origin TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.activity_per_day TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.activity_per_day_by_origin TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.activity_per_session TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.activity_per_session_by_origin TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.responses TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.read_latency TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.read_latency_per_day TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.changes_per_day TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.growth_per_day TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.rejections_per_day TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.profiles TO {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.messages_with_texts TO {{.Database}}_texts;
CREATE SETTINGS PROFILE IF NOT EXISTS {{.Database}}_analyst{{.OnCluster}} SETTINGS
    readonly = 2 CONST, max_execution_time = 60 MIN 1 MAX 60, max_memory_usage = 4000000000 MIN 1 MAX 4000000000, max_result_rows = 10000000 MIN 1 MAX 10000000
    TO {{.Database}}_analyst;
