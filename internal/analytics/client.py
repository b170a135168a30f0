"""An analyst's work through clickhouse-connect. Reads what to do from standard input as JSON, and prints what came of it."""

import datetime
import json
import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

task = json.load(sys.stdin)


def connect(compress=True, user=task["user"], **settings):
    return clickhouse_connect.get_client(dsn=task["url"], username=user, compress=compress, **settings)


def value(kind, text):
    """What the client is given for a parameter: a Python value of the parameter's type."""
    if kind.startswith("UInt"):
        return int(text)
    if kind == "Date":
        return datetime.date.fromisoformat(text)
    return text


def cell(v):
    """A value as TSV has it."""
    if v is None:
        return "\\N"
    if isinstance(v, bool):
        return str(v).lower()
    if isinstance(v, datetime.datetime):
        return v.strftime("%Y-%m-%d %H:%M:%S.") + f"{v.microsecond // 1000:03}"
    if isinstance(v, float) and v.is_integer():
        return str(int(v))
    return str(v).replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t").replace("\n", "\\n")


def answer(client, question):
    parameters = {p["name"]: value(p["type"], p["value"]) for p in question["parameters"]}
    result = client.query(question["sql"], parameters=parameters)
    return "".join("\t".join(line) + "\n" for line in [result.column_names, *([cell(v) for v in row] for row in result.result_rows)])


def stream(client):
    """The rows of a large result and their sum, block by block."""
    rows, total, blocks = 0, 0, 0
    with client.query_row_block_stream(task["stream"]) as stream:
        for block in stream:
            blocks += 1
            rows += len(block)
            total += sum(row[0] for row in block)
    return {"rows": rows, "sum": total, "pieces": blocks}


def error(do):
    try:
        do()
    except DatabaseError as e:
        return {"code": e.code or 0, "text": str(e)}
    return {"code": 0, "text": "no error"}


def drain(client, sql):
    with client.query_rows_stream(sql) as rows:
        for _ in rows:
            pass


def insert(codec):
    """Writes rows, as one who may, and says what is there then."""
    client = connect(codec, user=task["writer"])
    table = f"{task['scratch']}.{codec}"
    client.command(f"CREATE TABLE {table} (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    client.insert(table, [[n, f"é {n}"] for n in range(task["insert"])], column_names=["n", "s"])
    return [int(v) for v in client.query(f"SELECT count(), sum(n), countIf(s = concat('é ', toString(n))) FROM {table}").result_rows[0]]


# Requests of one client are a session of their own, without being told to.
client = connect()
client.command(f"SET max_threads = {task['setting']}")
print(json.dumps({
    "answers": {q["name"]: answer(client, q) for q in task["questions"]},
    "echo": client.query("SELECT {echo:String}, {list:Array(String)}", parameters={"echo": task["echo"], "list": [task["echo"]]}).result_rows[0],
    "settings": [int(client.query("SELECT getSetting('max_threads')").result_rows[0][0]),
                 int(client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": task["setting"]}).result_rows[0][0])],
    "streams": {codec: stream(connect(codec)) for codec in task["codecs"]},
    "errors": {name: error(lambda sql=sql: drain(client, sql)) for name, sql in task["mistakes"].items()}
    | {"a write": error(lambda: client.command(task["write"]))},
    "inserts": {codec: insert(codec) for codec in task["codecs"]},
}))
