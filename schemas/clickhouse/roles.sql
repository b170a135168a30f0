-- Who may see what: an analyst the views of {{.Database}}_v1 with masked texts, within limits; who is granted the texts as well,
-- messages_with_texts. Applied again with every migration; what an operator changed of the profile stays.

CREATE ROLE IF NOT EXISTS {{.Database}}_analyst{{.OnCluster}};
CREATE ROLE IF NOT EXISTS {{.Database}}_texts{{.OnCluster}};
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.* TO {{.Database}}_analyst;
REVOKE{{.OnCluster}} SELECT ON {{.Database}}_v1.messages_with_texts FROM {{.Database}}_analyst;
GRANT{{.OnCluster}} SELECT ON {{.Database}}_v1.messages_with_texts TO {{.Database}}_texts;
CREATE SETTINGS PROFILE IF NOT EXISTS {{.Database}}_analyst{{.OnCluster}} SETTINGS
    readonly = 2 CONST, max_execution_time = 60 MAX 60, max_memory_usage = 4000000000 MAX 4000000000, max_result_rows = 10000000 MAX 10000000
    TO {{.Database}}_analyst;
