import json
import sys

question = json.load(sys.stdin)
inputs = question["inputs"]  # validated, with defaults filled in

said = []
for i in range(inputs["times"]):
    said.append(inputs["text"])
    # A JSON line on standard error reports progress; other lines are logs.
    print(json.dumps({"progress": i + 1, "total": inputs["times"], "message": "at work"}), file=sys.stderr, flush=True)

# Any JSON is the output. A failure is {"status": "failed", "error": "…",
# "error_type": "validation_error", "field": "text"}.
json.dump({"said": said}, sys.stdout)
