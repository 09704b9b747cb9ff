import json
import signal
import sys
import threading

# A cancelled call sends SIGTERM, and kills the program after five seconds.
cancelled = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: cancelled.set())

inputs = json.load(sys.stdin)["inputs"]
answer = {"status": "completed", "result": "done"}
for step in range(inputs["steps"]):
    print(json.dumps({"progress": step, "total": inputs["steps"], "message": "working"}), file=sys.stderr, flush=True)
    if cancelled.wait(inputs["seconds"]):
        answer = {"status": "cancelled", "message": "Task was cancelled", "progress": step}
        break
print(json.dumps(answer))
