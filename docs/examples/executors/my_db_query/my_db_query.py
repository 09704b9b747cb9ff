import json
import sqlite3
import sys

inputs = json.load(sys.stdin)["inputs"]

# A real program connects to a database here, as a user that may only read.
db = sqlite3.connect(":memory:")
db.row_factory = sqlite3.Row
db.executescript("""
    create table orders (id integer primary key, customer text, total real);
    insert into orders (customer, total) values ('Ada', 20), ('Grace', 12), ('Ada', 5.5);
    pragma query_only = on;
""")
# Allow only reading: no attached files, no pragmas.
reading = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
db.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY)

try:
    rows = [dict(row) for row in db.execute(inputs["query"], inputs["params"]).fetchmany(1000)]
    answer = {"status": "completed", "rows": rows, "count": len(rows)}
except sqlite3.Error as problem:
    answer = {"status": "failed", "error": str(problem), "error_type": "database_error", "field": "query"}
print(json.dumps(answer))
