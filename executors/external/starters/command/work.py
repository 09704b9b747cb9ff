import json
import sys

question = json.load(sys.stdin)
inputs = question["inputs"]  # valid, and with defaults filled in

said = []
for i in range(inputs["times"]):
    said.append(inputs["text"])
    # Progress is a line of JSON on standard error; other lines are notes.
    print(json.dumps({"progress": i + 1, "total": inputs["times"], "message": "at work"}), file=sys.stderr, flush=True)

# Any JSON is the output. A failure is {"status": "failed", "error": "…",
# "error_type": "validation_error", "field": "text"}.
json.dump({"said": said}, sys.stdout)
